"""A campaign's list: what goes out is what came in, without those whom the gate denies."""

import io
import resource
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import RightsdeskError
from tests.small import ADA, BOB
from workers.gate import Gate
from workers.gate.lists import Listed, filter_csv, filter_json

EMAIL = (("email", "email"),)


@pytest.fixture(scope="module")
def gate(line):
    """A gate over the store."""
    with Gate(line.office.settings) as made:
        yield made


def passed(gate, text, run=filter_csv, **more):
    """Return what went out of a list, and who was denied."""
    out = io.StringIO()
    listed = Listed("acme", "direct-marketing", **{"columns": EMAIL} | more)
    found = run(gate, listed, io.StringIO(text, newline=""), out)
    return out.getvalue(), dict(found.denied)


def test_rows_go_out_as_they_came_in(gate):
    """Quotes, line ends and bytes of another encoding included; the last line ends."""
    head, bob = '\ufeff"name",email\r\n', f'"Other; ""Bob""\nx\udce9", {BOB} \r\n'
    ada, last = f"Ada,{ADA.upper()}\r\n", f"Bo,{BOB}"
    out, denied = passed(gate, head + ada + bob + "\r\n" + last)
    assert (head + bob + last + "\n", {"objection": 1}) == (out, denied)


def test_what_cannot_be_read_is_denied(gate):
    """No address, an empty one, a row whose columns are shifted."""
    rows = ["nobody,1", ",2", f"{BOB},3,4", f"{BOB}", "\udcff@x.example,5"]
    out, denied = passed(gate, "\n".join(["email,n", *rows, ""]))
    assert ("email,n\n", {"unreadable": 5}) == (out, denied)


def test_each_identifier_of_a_row_counts(gate):
    """An address that is allowed does not help a number that is denied; one that is not given is no hindrance."""
    columns = (("email", "email"), ("phone_number", "phone"))
    rows = [f"{BOB},030 231250001", f"{BOB},", f"{BOB},12"]
    out, denied = passed(gate, "\n".join(["email,phone", *rows]), columns=columns)
    assert (f"email,phone\n{BOB},\n", {"objection": 1, "unreadable": 1}) == (out, denied)


def test_json_lines_are_filtered_too(gate):
    """A key in place of a column; what is no text is unreadable."""
    rows = [f'{{"email": "{ADA}"}}', f'{{"a": 1, "email":"{BOB}"}}', '{"email": ["x"]}', "{}", ""]
    out, denied = passed(gate, "\n".join(rows), filter_json)
    assert (rows[1] + "\n", {"objection": 1, "unreadable": 2}) == (out, denied)


def test_consent_is_asked_for_where_it_is_needed(gate):
    """Nobody has given any."""
    assert ("email\n", {"no consent is on record": 1}) == passed(gate, f"email\n{BOB}\n", needs_consent=True)


@pytest.mark.parametrize(
    ("text", "run", "said"),
    [
        ("", filter_csv, "the list is empty"),
        ("mail\n", filter_csv, "the list has 0 columns of the name given"),
        ("email,email\n", filter_csv, "the list has 2 columns of the name given"),
        (f'email\n"{BOB}\n', filter_csv, "is not CSV"),
        ("email\n" + "x" * 2_000_000, filter_csv, "longer than"),
        ("email,x\n" + 'a,"\n",' * 400_000, filter_csv, "longer than"),
        ("[1]\n", filter_json, "line 1 is not a JSON object"),
        ('{"email": "x"\n', filter_json, "line 1 is not a JSON object"),
    ],
)
def test_a_list_that_cannot_be_read_to_its_end_is_an_error(gate, text, run, said):
    """It names the line, and no value."""
    with pytest.raises(RightsdeskError, match=said) as caught:
        passed(gate, text, run)
    assert BOB not in str(caught.value)


@given(st.lists(st.sampled_from([ADA, BOB, "nobody", "", '"', "a,b", "x\ny"]), max_size=20))
def test_only_who_is_allowed_goes_out(gate, cells):
    """Whatever stands in the list, in the list's order."""
    import csv

    text = io.StringIO(newline="")
    csv.writer(text).writerows([["email", "n"], *([cell, str(n)] for n, cell in enumerate(cells))])
    out, denied = passed(gate, text.getvalue())
    rows = list(csv.reader(io.StringIO(out, newline="")))
    assert [["email", "n"], *([BOB, str(n)] for n, cell in enumerate(cells) if cell == BOB)] == rows
    assert len(cells) == len(rows) - 1 + sum(denied.values())


class Endless(io.TextIOBase):
    """A list that is made while it is read."""

    def __init__(self, rows):
        self.rows = chain(["email\n"], repeat(f"{BOB}\n", rows))

    def readline(self, _=-1):
        return next(self.rows, "")


class Nowhere(io.TextIOBase):
    def write(self, text):
        return len(text)


def test_the_memory_does_not_grow_with_the_list(gate):
    """Ten times the rows, no more memory."""
    listed = Listed("acme", "direct-marketing", EMAIL)
    filter_csv(gate, listed, Endless(2_000), Nowhere())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert 20_000 == filter_csv(gate, listed, Endless(20_000), Nowhere()).rows
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096


@pytest.fixture
def command(line, monkeypatch, run):
    """Run `rightsdesk gate filter` over the store."""
    for name, value in (("HOME", line.office.settings.home), ("SYSTEMS", line.office.settings.systems)):
        monkeypatch.setenv(f"RIGHTSDESK_{name}", str(value))
    words = "gate", "filter", "--client", "acme", "--purpose", "direct-marketing", "--column", "email"
    return lambda *more, stdin="": run(*words, *more, stdin=stdin)


def test_the_command_reads_and_writes_streams_and_files(command, tmp_path):
    """Who is denied is counted on standard error, never shown."""
    text = f"email\n{ADA}\n{BOB}\n"
    said = command(stdin=text)
    assert (0, f"email\n{BOB}\n", "1 rows passed, 1 denied: objection 1\n") == said
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(text.replace(",", ";"))
    assert (0, "") == command(source, "--out", out, "--delimiter", ";")[:2]
    assert f"email\n{BOB}\n" == out.read_text()
    assert 0o600 == out.stat().st_mode & 0o777


def test_a_failure_leaves_no_file(command, tmp_path, monkeypatch):
    """Neither half of it, nor in place of the former one; and the exit code says so."""
    out = tmp_path / "out.csv"
    out.write_text("before")
    code, _, error = command("--out", out, stdin=f'email\n{BOB}\n"open\n')
    assert (1, "rightsdesk: line 3 is not CSV: a quote is not closed, or a field too long\n") == (code, error)
    monkeypatch.setenv("RIGHTSDESK_DATABASE_URL", "postgresql+psycopg://x@127.0.0.1:1/y")
    code, _, error = command("--out", out, stdin=f"email\n{BOB}\n")
    assert (4, "rightsdesk: the store cannot be reached; nobody is let through\n") == (code, error)
    assert (["out.csv"], "before") == ([one.name for one in tmp_path.iterdir()], out.read_text())
