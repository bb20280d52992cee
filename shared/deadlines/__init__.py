"""When a statutory period ends, and why: Regulation (EEC, Euratom) No 1182/71, Article 3, in full.

| Article | rule | where |
|---|---|---|
| 3(1) | the hour, or the day, of the event is not counted | `due` |
| 3(2)(a) | hours run whole, through nights, weekends, holidays and clock changes | `due` |
| 3(2)(b), (c) | weeks end on the same weekday, months on the same date or the month's last day | `Period.after` |
| 3(2)(d) | a part of a month is counted at thirty days a month | `period` |
| 3(3) | holidays and weekends inside a period count | nothing to do |
| 3(4) | not in hours, and ending on a Saturday, Sunday or public holiday: ends with the next working day | `due` |
| 3(5) | two days or more include at least two working days | `due` |

Periods in working days, and those counted backwards (to which 3(4) does not apply), do not occur in the GDPR: refused.
"""

from shared.deadlines.count import Deadline, due, extended, milestone
from shared.deadlines.periods import Period, period
from shared.deadlines.rules import RULES, RuleSet

__all__ = ["RULES", "Deadline", "Period", "RuleSet", "due", "extended", "milestone", "period"]
