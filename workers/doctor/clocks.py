"""Timers stand for every clock of every open ticket, are looked at in time, and rest once it is closed."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select

from shared.store.tables import TIMER_RUNS, TicketRow, TimerRow, core
from workers.clocks import timers_of
from workers.doctor import Check, Finding, Visit
from workers.doctor.pages import pages

_m, _t = core(TimerRow).c, core(TicketRow).c
_LATE = timedelta(minutes=1)
_TIMERS = select(_m.ticket_id, _m.clock, _m.milestone)


def look(visit: Visit) -> Iterator[Finding]:
    """Compare the timers of open tickets with their clocks, page by page; look for what is overdue or runs on."""
    with visit.office.store.read(snapshot=True) as session:
        for tickets in pages(session, _t.closed_at.is_(None)):
            ids = [row.id for row in tickets]
            there = {tuple(row) for row in session.execute(_TIMERS.where(_m.ticket_id.in_(ids)))}
            for row in tickets:
                wanted = timers_of(row, row.clocks, visit.office.milestones)
                lacking = [one for one in wanted if (row.id, one["clock"], one["milestone"]) not in there]
                if lacking:
                    names = ", ".join(f"{one['clock']} {one['milestone']}" for one in lacking)
                    yield Finding(f"ticket {row.id}", f"no timer stands for {names}", "run `rightsdesk recount`")
        overdue = select(_m.ticket_id, func.count().over()).where(TIMER_RUNS, _m.due_at < visit.now - _LATE)
        for first, number in session.execute(overdue.order_by(_m.due_at).limit(1)):
            what = f"{number} milestones have passed and nobody looked, this ticket's first"
            yield Finding(f"ticket {first}", what, "see that `rightsdesk beat` runs, and read its log")
        runs_on = select(_m.ticket_id).join(core(TicketRow), _t.id == _m.ticket_id).distinct().order_by(_m.ticket_id)
        for ident in session.scalars(runs_on.where(TIMER_RUNS, _t.closed_at.is_not(None))):
            yield Finding(
                f"ticket {ident}", "it is closed, and a timer of it still runs", "report it; its alarm is void"
            )


CHECK = Check("clocks", look)
