"""The `[alerts]` section of the inventory."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from shared.fields import LocalDateTime, LocalTime, Wait, Written, Zone

BREACH = "breach"
DEFAULT = "on-call"
LONGEST_QUIET = timedelta(days=4)  # a weekend with the nights around it, and some
LONGEST_REST = timedelta(minutes=15)  # of a channel that fails


def percent(fraction: float) -> str:
    """Return a milestone's name: 50% for 0.5."""
    return f"{fraction * 100:g}%"


class Quiet(Written):
    """Hours in which nobody is told of what is no breach; over midnight if `until` is before `from`."""

    starts: LocalTime = Field(alias="from")
    until: LocalTime
    weekends: bool = False  # Saturdays and Sundays are quiet as a whole

    @model_validator(mode="after")
    def _some_hours(self) -> Self:
        if self.starts == self.until:
            raise ValueError("quiet hours begin and end at the same time; write two different ones, or none")
        return self


class Override(Written):
    """Somebody else is on call for a while."""

    starts: LocalDateTime = Field(alias="from")
    until: LocalDateTime
    person: str

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.until <= self.starts:
            raise ValueError("an override ends after it begins")
        return self


class Rota(Written):
    """Who is on call: a weekly handover at the weekday and time of `starts`, in `timezone`."""

    team: str = DEFAULT
    timezone: Zone = "UTC"
    starts: LocalDateTime
    people: tuple[str, ...] = Field(min_length=1)
    overrides: tuple[Override, ...] = ()
    quiet: Quiet | None = None


class Alerts(Written):
    """Milestones, people's channels (Apprise URLs, secrets by reference), rota, and how long is waited for what.

    `escalate_after`: for an acknowledgement, before the next is told. `repeat_after`: once everyone was told. `gather`:
    whoever got `burst` messages within it gets the next ones as one digest when it is over. `timeout`: for a channel's
    answer, in seconds.
    """

    milestones: tuple[float, ...] = (0.5, 0.75, 0.9)
    escalate_after: Wait = timedelta(minutes=30)
    repeat_after: Wait = timedelta(hours=1)
    gather: Wait = timedelta(minutes=5)
    burst: Annotated[int, Field(ge=1, le=1000)] = 5
    timeout: Annotated[float, Field(gt=0, le=60)] = 10.0
    people: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    rota: tuple[Rota, ...] = ()

    @field_validator("milestones")
    @classmethod
    def _parts_of_the_time(cls, milestones: tuple[float, ...]) -> tuple[float, ...]:
        for one in milestones:
            if not 0 < one < 1:  # NaN is neither
                raise ValueError(f"{one:g} is no part of the time: write one between 0 and 1, such as 0.5 for 50 %")
        names = [percent(one) for one in milestones]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} stands twice; write each once")
        return milestones

    @model_validator(mode="after")
    def _known_people(self) -> Self:
        for name, urls in self.people.items():
            if not urls:
                raise ValueError(f"{name} has no channel; write at least one Apprise URL")
            if clash := self.people.keys() & set(_names(name, urls)) - {name}:
                raise ValueError(
                    f"{min(clash)} is a person, and the name of a channel of {name}; rename one of the two"
                )
        teams = [one.team for one in self.rota]
        for team in teams:
            if teams.count(team) > 1:
                raise ValueError(f"two rotas are for the team {team}; give each its own")
        for rota in self.rota:
            for name in (*rota.people, *(one.person for one in rota.overrides)):
                if name not in self.people:
                    raise ValueError(f"the rota of {rota.team} names {name}, who is not in [alerts.people]")
        return self

    def team(self, right: str | None) -> Rota | None:
        """Return whose rota it is: the team `breach` for one, if there is one; else `on-call`, else the first."""
        teams = {one.team: one for one in self.rota}
        if right == BREACH and BREACH in teams:
            return teams[BREACH]
        others = [one for one in self.rota if one.team != BREACH]
        return teams.get(DEFAULT) or next(iter(others or self.rota), None)

    @property
    def longest_wait(self) -> timedelta:
        """The longest time for which an alert is made to wait."""
        quiet = LONGEST_QUIET if any(one.quiet for one in self.rota) else timedelta()
        return max(self.escalate_after, self.repeat_after, self.gather, quiet, LONGEST_REST)

    @property
    def channels(self) -> dict[str, tuple[str, str]]:
        """Each channel's name, with whose it is and its URL: `ines` for an only one, else `ines.1` and so on."""
        return {
            name: (person, url)
            for person, urls in self.people.items()
            for name, url in zip(_names(person, urls), urls, strict=True)
        }

    def channels_of(self, person: str) -> tuple[str, ...]:
        """Return the names of a person's channels, in the order in which they are tried."""
        return tuple(name for name, (whose, _) in self.channels.items() if whose == person)


def _names(person: str, urls: tuple[str, ...]) -> list[str]:
    return [person] if len(urls) == 1 else [f"{person}.{number}" for number, _ in enumerate(urls, 1)]
