"""Statutory periods: worked examples of others and our own, and what holds for any period."""

import csv
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.deadlines import RULES, Period, RuleSet, due, extended, milestone, period
from shared.deadlines.rules import in_force
from shared.domain.errors import UsageError

EXAMPLES = list(csv.DictReader((Path(__file__).parent / "data" / "deadline_examples.csv").read_text().splitlines()))


def place(calendar):
    """Return the arguments that an example's calendar stands for: a place, a time zone, or neither."""
    if "/" in calendar or calendar == "UTC":
        return {"tz": calendar}
    country, _, subdivision = calendar.partition("-")
    return {} if calendar in {"none", "any"} else {"country": country, "subdivision": subdivision or None}


def outcome(length, start, where):
    """Return what an example expects: the last day, or for hours the moment."""
    if length.startswith("PT"):
        moment = datetime.fromisoformat(start)
        deadline = due(length, moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(where["tz"])), **where)
        return deadline.at
    count = extended if "extended" in length else due
    options = {"period": "P1M"} if "extended" in length else {"period": length.split()[0]}
    return count(start=date.fromisoformat(start), **options, **where).on


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example['id']} {example['rule']}")
def test_published_example(example):
    """Examples of the EDPB, the ICO, the CJEU and other implementations come out as published."""
    read = datetime.fromisoformat if example["period"].startswith("PT") else date.fromisoformat
    assert read(example["expected"]) == outcome(example["period"], example["start"], place(example["calendar"]))


def test_all_examples_are_there():
    """The file of examples was not lost or cut."""
    assert 22 == len(EXAMPLES)


@pytest.mark.parametrize(
    ("length", "start", "calendar", "expected"),
    [
        # Leap years, and the 29th to 31st.
        ("P1M", "2024-01-31", "DE", "2024-02-29"),
        ("P1M", "2023-01-31", "DE", "2023-02-28"),
        ("P1M", "2024-01-30", "DE", "2024-02-29"),
        ("P1M", "2025-01-29", "DE", "2025-02-28"),
        ("P1Y", "2024-02-29", "DE", "2025-02-28"),
        ("P1Y", "2023-02-28", "DE", "2024-02-28"),
        ("P4Y", "2024-02-29", "DE", "2028-02-29"),
        ("P12M", "2024-02-29", "DE", "2025-02-28"),
        # Year ends: 31 January 2026 is a Saturday; 25 and 26 December 2025 are Thursday and Friday.
        ("P1M", "2025-12-31", "DE-BE", "2026-02-02"),
        ("P1M", "2025-12-01", "DE", "2026-01-02"),
        ("P1M", "2025-11-25", "DE", "2025-12-29"),
        ("P1M", "2025-11-25", "FR", "2025-12-26"),
        ("P1W", "2025-12-24", "DE", "2025-12-31"),
        # Subdivisions: 2 January, St Patrick, Corpus Christi, Repentance Day, Women's Day, Good Friday in Alsace.
        ("P1M", "2025-12-02", "GB-SCT", "2026-01-05"),
        ("P1M", "2025-12-02", "GB-ENG", "2026-01-02"),
        ("P1M", "2026-02-17", "GB-NIR", "2026-03-18"),
        ("P1M", "2026-02-17", "GB-ENG", "2026-03-17"),
        ("P1M", "2026-05-04", "DE-BY", "2026-06-05"),
        ("P1M", "2026-05-04", "DE-BE", "2026-06-04"),
        ("P1M", "2026-10-18", "DE-SN", "2026-11-19"),
        ("P1M", "2027-02-08", "DE-BE", "2027-03-09"),
        ("P1M", "2027-02-08", "DE", "2027-03-08"),
        ("P1M", "2026-03-03", "FR-6AE", "2026-04-07"),
        # Substitute days: Christmas 2021 fell on a Saturday, New Year 2022 too.
        ("P1M", "2021-11-27", "GB-ENG", "2021-12-29"),
        ("P1M", "2021-12-03", "GB-ENG", "2022-01-04"),
        # Two working days (3(5)): around Easter and Whitsun 2026; one day needs none.
        ("P3D", "2026-04-02", "DE", "2026-04-08"),
        ("P2D", "2026-05-22", "DE", "2026-05-27"),
        ("P1D", "2026-05-22", "DE", "2026-05-26"),
        ("P2D", "2026-06-08", "DE", "2026-06-10"),
        # Mixed: the longest unit first, a part of a month at thirty days.
        ("P1Y6M", "2024-08-31", "DE", "2026-03-02"),
        ("P1M10D", "2026-01-31", "DE", "2026-03-10"),
        ("P1.5M", "2026-01-15", "DE", "2026-03-02"),
        # The EU's own country codes.
        ("P1M", "2026-03-13", "EL", "2026-04-14"),
        ("P1M", "2023-03-31", "UK-ENG", "2023-05-02"),
        # Without a place only weekends rest.
        ("P1M", "2025-12-01", "none", "2026-01-01"),
    ],
)
def test_days(length, start, calendar, expected):
    """Our own examples of periods not in hours, worked out by hand."""
    assert date.fromisoformat(expected) == outcome(length, start, place(calendar))


@pytest.mark.parametrize(
    ("length", "start", "tz", "expected"),
    [
        ("PT72H", "2026-03-27T12:17+01:00", "Europe/Berlin", "2026-03-30T14:00+02:00"),
        ("PT72H", "2026-03-27T12:17+01:00", "UTC", "2026-03-30T12:00+00:00"),
        ("PT24H", "2026-06-01T12:00+02:00", "Europe/Berlin", "2026-06-02T13:00+02:00"),
        ("PT1H", "2025-12-31T23:59:59.999999+01:00", "Europe/Berlin", "2026-01-01T01:00+01:00"),
        ("PT1H", "2026-06-01T12:10+05:30", "Asia/Kolkata", "2026-06-01T14:00+05:30"),
        ("PT1H", "2026-10-25T02:30+02:00", "Europe/Berlin", "2026-10-25T03:00+01:00"),
        ("PT1H", "2026-10-25T02:30+01:00", "Europe/Berlin", "2026-10-25T04:00+01:00"),
        ("PT72H", "2024-02-28T09:30+00:00", "Europe/London", "2024-03-02T10:00+00:00"),
        ("PT48H", "2026-04-03T00:00+02:00", "Europe/Berlin", "2026-04-05T01:00+02:00"),
    ],
)
def test_hours(length, start, tz, expected):
    """The hour of the event is not counted, then hours are elapsed time, across clock changes and holidays."""
    deadline = due(length, datetime.fromisoformat(start), tz=tz, country="DE")
    assert datetime.fromisoformat(expected) == deadline.at
    assert deadline.on is None
    assert timedelta(hours=int(length[2:-1])) == deadline.strict_at - datetime.fromisoformat(start).astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "tz", "expected"),
    [
        ("2026-03-31T23:30+00:00", "Europe/Berlin", "2026-05-04"),
        ("2026-03-31T23:30+00:00", "UTC", "2026-04-30"),
        ("2026-03-31T23:30+02:00", "Europe/Berlin", "2026-04-30"),
        ("2026-03-01T00:30+01:00", "America/New_York", "2026-03-30"),
    ],
)
def test_the_day_of_receipt_is_local(start, tz, expected):
    """What arrives late in one zone arrives the next day in another."""
    assert date.fromisoformat(expected) == due("P1M", datetime.fromisoformat(start), country="DE", tz=tz).on


@pytest.mark.parametrize(
    ("length", "start", "tz", "at"),
    [
        ("P1M", "2026-02-28", "Europe/Berlin", "2026-03-31T00:00+02:00"),
        ("P1M", "2026-01-15", "Europe/Berlin", "2026-02-17T00:00+01:00"),
        ("P1M", "2026-06-15", "America/New_York", "2026-07-16T00:00-04:00"),
        ("P1D", "2026-04-22", "Africa/Cairo", "2026-04-24T01:00+03:00"),
    ],
)
def test_the_moment_after_the_last_day(length, start, tz, at):
    """A period in days has expired when its last day is over there, even where clocks skip midnight."""
    assert at == due(length, date.fromisoformat(start), tz=tz).at.isoformat(timespec="minutes")


def test_the_strict_reading_ends_without_prolongation():
    """Alerts use the day on which the period would end if nothing prolonged it."""
    deadline = due("P1M", date(2023, 3, 31), country="GB", subdivision="ENG", tz="Europe/London")
    assert date(2023, 5, 2) == deadline.on
    assert "2023-05-01T00:00:00+01:00" == deadline.strict_at.isoformat()


@pytest.mark.parametrize(
    ("rested", "last", "strict"),
    [
        (0, "2026-03-02", "2026-03-01"),  # 28 February is a Saturday
        (5, "2026-03-05", "2026-03-06"),
        (7, "2026-03-09", "2026-03-08"),
        (10, "2026-03-10", "2026-03-11"),
        (34, "2026-04-07", "2026-04-04"),  # Good Friday, and Easter Monday
    ],
)
def test_a_rest_comes_before_the_working_day_rule(rested, last, strict):
    """The period's own end moves by the days of rest; only then is it seen whether that is a working day."""
    found = due("P1M", date(2026, 1, 28), country="DE", tz="Europe/Berlin", rested=rested)
    assert (last, strict) == (str(found.on), str(found.strict_at.date()))
    assert bool(rested) == any("stood still" in told for told in found.trace)


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(0, 400))
def test_a_rest_ends_with_a_working_day_and_never_before_its_days(start, rested):
    """Extended or not: on a working day, no less than the rest after the strict end, which moves by just the rest."""
    for count in (extended, lambda *of, **more: due("P1M", *of, **more)):
        plain, later = (count(start, country="DE", tz="Europe/Berlin", rested=days) for days in (0, rested))
        assert timedelta(days=rested) == later.strict_at.date() - plain.strict_at.date()
        assert later.on.weekday() < 5
        assert later.strict_at <= later.at


def test_hours_do_not_rest():
    """What is counted in hours runs on."""
    with pytest.raises(UsageError, match="only days can rest"):
        due("PT72H", datetime(2026, 1, 1, tzinfo=UTC), rested=1)


def test_the_trace_tells_each_rule():
    """Each rule that acted is told in one sentence, in the order in which it did."""
    assert (
        f"{RULES[0].source}, Art. 3(1): the day of the event (Thursday 2026-04-02 in UTC) is not counted.",
        "Art. 3(2)(b): P3D ends with Sunday 2026-04-05.",
        "Art. 3(4): 2026-04-05 is a Sunday, so it ends with the next working day, Tuesday 2026-04-07.",
        "Art. 3(5): two days or more include two working days, so it ends with Wednesday 2026-04-08.",
    ) == due("P3D", date(2026, 4, 2), country="DE").trace


@pytest.mark.parametrize(
    ("length", "start", "said"),
    [
        ("P1M", "2026-01-31", "Art. 3(2)(c): February 2026 has no day 31, so P1M ends with Saturday 2026-02-28."),
        ("P1Y", "2024-02-29", "Art. 3(2)(c): February 2025 has no day 29, so P1Y ends with Friday 2025-02-28."),
        ("P3W", "1998-03-12", "Art. 3(2)(c): P3W ends with Thursday 1998-04-02, weeks on the same weekday."),
        ("P1M", "2026-03-05", "Art. 3(2)(c): P1M ends with Sunday 2026-04-05, months and years on the same date."),
    ],
)
def test_the_trace_tells_where_it_ends(length, start, said):
    """The sentence on the end names the rule of its unit."""
    assert said == due(length, date.fromisoformat(start)).trace[1]


def test_the_trace_names_the_holiday():
    """A holiday that prolongs is named, for people argue about it."""
    (said,) = [one for one in due("P1M", date(2025, 12, 6), country="DE", subdivision="BY").trace if "3(4)" in one]
    assert "2026-01-06 is a public holiday (Heilige Drei Könige)" in said or "Epiphany" in said


@pytest.mark.parametrize(
    ("start", "options", "on", "strict"),
    [
        ("2025-01-31", {}, "2025-04-30", "2025-04-29"),
        ("2023-11-30", {}, "2024-02-29", "2024-03-01"),
        ("2026-03-05", {}, "2026-06-05", "2026-06-06"),
        ("2025-01-31", {"months": 1}, "2025-03-31", "2025-03-29"),
        ("2026-02-13", {}, "2026-05-13", "2026-05-14"),
        ("2026-01-25", {}, "2026-04-27", "2026-04-26"),
    ],
)
def test_extended(start, options, on, strict):
    """An extension counts from the original start; the strict reading adds it to the end of the first month."""
    deadline = extended(date.fromisoformat(start), country="DE", tz="Europe/Berlin", **options)
    assert date.fromisoformat(on) == deadline.on
    assert date.fromisoformat(strict) == deadline.strict_at.date()


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        (0, "2026-10-23T13:00+02:00"),
        (0.5, "2026-10-25T01:00+02:00"),
        (0.75, "2026-10-25T18:00+01:00"),
        (1, "2026-10-26T12:00+01:00"),
    ],
)
def test_milestones_are_elapsed_time(fraction, expected):
    """Half of the 72 hours is 36 hours later, whatever the clocks do."""
    berlin = ZoneInfo("Europe/Berlin")
    start, end = datetime(2026, 10, 23, 13, tzinfo=berlin), datetime(2026, 10, 26, 12, tzinfo=berlin)
    assert expected == milestone(start, end, fraction).isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P1M", Period(months=1)),
        ("P1Y6M", Period(years=1, months=6)),
        ("P1Y2M3W4D", Period(years=1, months=2, weeks=3, days=4)),
        ("PT72H", Period(hours=72)),
        ("P0.5M", Period(days=15)),
        ("P1,1M", Period(months=1, days=3)),
    ],
)
def test_period(text, expected):
    """Periods are written as in ISO 8601."""
    assert expected == period(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "1M",
        "p1m",
        "P1",
        "P-1M",
        "P0D",
        "PT0H",
        "PT30M",
        "P1DT2H",
        "P1M ",
        "P1.5D",
        "P0.01M",
        "45 days",
        "P1D1M",
        "P1M\n",
        "P\u0661M",
    ],
)
def test_no_period(text):
    """Whatever cannot be counted is refused with an example of what can."""
    with pytest.raises(UsageError, match="P1M means one month"):
        period(text)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("P1M", datetime(2026, 1, 1)), {}, "needs its UTC offset"),  # noqa: DTZ001 - without an offset on purpose
        (("PT72H", date(2026, 1, 1)), {}, "needs the moment"),
        (("P1M", date(2026, 1, 1)), {"tz": "Berlin"}, "no time zone 'Berlin'"),
        (("P1M", date(2026, 1, 1)), {"tz": ""}, "no time zone"),
        (("P1M", date(2026, 1, 1)), {"tz": "../etc/passwd"}, "no time zone"),
        (("P1M", date(2026, 1, 1)), {"tz": "Europe"}, "no time zone"),
        (("P1M", date(2026, 1, 1)), {"country": "XX"}, "country 'XX'"),
        (("P1M", date(2026, 1, 1)), {"country": "DE-BY"}, "write the subdivision by itself"),
        (("P1M", date(2026, 1, 1)), {"country": "DE", "subdivision": "BX"}, "no subdivision 'BX'.*BY"),
        (("P1M", date(2026, 1, 1)), {"subdivision": "BY"}, "needs its country"),
        (("P1M", date(1971, 6, 30)), {}, "no rules for 1971-06-30"),
        (("P9999Y", date(2026, 1, 1)), {}, "beyond the calendar"),
        (("P1M", date(9999, 12, 1)), {}, "beyond the calendar"),
        (("PT1H", datetime(9999, 12, 31, 23, tzinfo=UTC)), {}, "beyond the calendar"),
    ],
)  # fmt: skip
def test_wrong_use(arguments, options, message):
    """Wrong use is answered with what to give instead."""
    with pytest.raises(UsageError, match=message):
        due(*arguments, **options)


@pytest.mark.parametrize("options", [{"months": 0}, {"period": "PT72H"}])
def test_what_cannot_be_extended(options):
    """Hours are not extended, and not by nothing."""
    with pytest.raises(UsageError, match="cannot be extended"):
        extended(date(2026, 1, 1), **options)


@pytest.mark.parametrize("subdivision", ["BY", "Bayern", "DE-BY"])
def test_names_of_a_subdivision(subdivision):
    """A subdivision is known by its code, with or without its country's, and by its name."""
    assert date(2026, 1, 7) == due("P1M", date(2025, 12, 6), country="de", subdivision=subdivision).on


def test_an_old_ticket_keeps_its_rules():
    """The rules are those in force at the start, or on another day if told so."""
    newer = RuleSet(
        valid_from=date(2030, 1, 1), source="a new Regulation", rest_days=frozenset({6}), least_working_days=3
    )
    assert RULES[0] == in_force(date(2029, 12, 31), (*RULES, newer))
    assert newer == in_force(date(2030, 1, 1), (newer, *RULES))
    assert due("P1M", date(2026, 1, 1)) == due("P1M", date(2026, 1, 1), as_of=date(2020, 1, 1))
    with pytest.raises(UsageError, match="no rules"):
        due("P1M", date(2026, 1, 1), as_of=date(1950, 1, 1))


PLACES = st.sampled_from(
    [("DE", "BY"), ("DE", None), ("GB", "SCT"), ("FR", None), ("GR", None), ("PL", None), (None, None)]
)
LENGTHS = st.sampled_from(["P1D", "P2D", "P3D", "P14D", "P1W", "P3W", "P1M", "P2M", "P3M", "P1Y", "P1Y6M"])
DAYS = st.dates(date(2015, 1, 1), date(2040, 12, 31))


@settings(deadline=None)
@given(LENGTHS, DAYS, PLACES)
def test_any_deadline(length, start, where):
    """A deadline is never before its strict reading nor on a weekend, and the next day's is never earlier."""
    country, subdivision = where
    deadline = due(length, start, country=country, subdivision=subdivision, tz="Europe/Berlin")
    later = due(length, start + timedelta(days=1), country=country, subdivision=subdivision, tz="Europe/Berlin")
    assert deadline.strict_at <= deadline.at
    assert deadline.on >= period(length).after(start)
    assert deadline.on.weekday() < 5
    assert deadline.on <= later.on
    assert deadline.on + timedelta(days=1) == deadline.at.date()


@settings(deadline=None)
@given(st.datetimes(datetime(2015, 1, 1), datetime(2040, 1, 1)), st.integers(1, 200))  # noqa: DTZ001 - without an offset on purpose
def test_any_hours(start, hours):
    """Hours end on a full hour, within an hour after the strict reading."""
    deadline = due(f"PT{hours}H", start.replace(tzinfo=UTC), tz="Europe/Berlin")
    assert (0, 0) == (deadline.at.minute, deadline.at.second)
    assert timedelta() < deadline.at.astimezone(UTC) - deadline.strict_at.astimezone(UTC) <= timedelta(hours=1)


def test_importing_is_cheap():
    """The holidays of all countries are loaded when first asked for, not before."""
    loaded = "import sys, shared.deadlines; print(sorted({'holidays', 'celery', 'sqlalchemy'} & set(sys.modules)))"
    assert "[]\n" == subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout
