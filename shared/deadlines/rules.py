"""The rules in their versions: a ticket is counted by those in force when it was received."""

from dataclasses import dataclass
from datetime import date

from shared.domain.errors import UsageError


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What a version of the law sets; `rest_days` are weekdays as in `date.weekday`."""

    valid_from: date
    source: str
    rest_days: frozenset[int]
    least_working_days: int


RULES: tuple[RuleSet, ...] = (
    RuleSet(
        valid_from=date(1971, 7, 1),
        source="Regulation (EEC, Euratom) No 1182/71",
        rest_days=frozenset({5, 6}),
        least_working_days=2,
    ),
)


def in_force(on: date, rules: tuple[RuleSet, ...] = RULES) -> RuleSet:
    """Return the rules valid on that day."""
    valid = [one for one in rules if one.valid_from <= on]
    if not valid:
        raise UsageError(f"no rules for {on}: the first are valid from {min(one.valid_from for one in rules)}")
    return max(valid, key=lambda one: one.valid_from)
