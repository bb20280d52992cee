"""The certificate of a closed ticket: what was done where, what the second look saw, what is left and until when."""

import re
from datetime import datetime
from typing import Any

from shared.deadlines import period
from shared.domain.case import Case
from shared.domain.outcome import total
from shared.domain.step import CHANNELS, Taken
from shared.evidence import sign
from shared.masking.freetext import mask, redact
from shared.masking.redact import REDACTED
from shared.store.chain import Chain
from shared.store.tables import TicketRow
from workers.counting import counted
from workers.office import Office
from workflows.holds import is_kept

_NOT_KEPT = ("hit", "rectified")


def certify(office: Office, row: TicketRow, case: Case, chain: Chain, now: datetime) -> dict[str, Any]:
    """Return the signed certificate; its chain head is the entry that closed the ticket."""
    right = office.rights[row.right]
    body = {
        "ticket": str(row.id),
        "client": {"id": row.client, "name": case.client.name},
        "right": row.right,
        "article": f"GDPR Art. {right.article}",
        "instruction": instruction_of(case),
        "received_at": row.received_at.isoformat(),
        "closed_at": now.isoformat(),
        "due_at": row.due_at.isoformat(),
        "in_time": now <= row.due_at,
        "outcome": row.outcome,
        "rests_on": str(case.rests_on) if case.rests_on else None,
        "systems": [_system(case, system.id, system.channel) for system in case.systems],
        "kept": _kept(case),
        "residual": [*_backups(case, now), *_own_backups(office, case, now)],
        "decisions": [
            {
                "step": step.id,
                "about": step.waits or step.key,
                "decision": step.decision,
                "by": step.by,
                "at": _at(step),
            }
            for step in case.steps
            if step.decision
        ],
        "evidence": {"entries": chain.seq, "head": chain.head.hex()},
    }
    return sign(body, office.vault.signer)


def instruction_of(case: Case) -> str | None:
    """Return which instruction it was, without people: the certificate outlives the ticket's key, in the clear."""
    text, subject = case.ticket.instruction, case.ticket.subject
    if text is None:
        return None
    text = mask(redact(text, case.subject), key=b"", regions=(case.client.region,))
    for name in (subject.name or "").split() if subject else ():
        text = re.sub(rf"\b{re.escape(name)}\b", REDACTED, text or "", flags=re.IGNORECASE)
    return text


def _kept(case: Case) -> list[Any]:
    standing = (step for step in case.steps if not case.rest_has_ended(step))
    return [reason for step in standing for reason in step.reasons if reason["outcome"] not in _NOT_KEPT]


def _system(case: Case, system: str, channel: str) -> dict[str, Any]:
    mine = [step for step in case.steps if step.system == system and step.channel in CHANNELS]
    located = [step for step in mine if step.verb == "locate" and step.commitment]
    return {
        "id": system,
        "channel": channel,
        "found_before": [{"step": step.id, "commitment": step.commitment} for step in located],
        "actions": [
            {"step": step.id, "verb": step.verb, "state": step.state, "at": _at(step), "counts": step.counts}
            for step in mine
        ],
        "second_look": _look(mine, kept=is_kept(case, system)),
    }


def _look(steps: list[Taken], *, kept: bool) -> str:
    looks = [step for step in steps if step.verb == "absent"]
    if not looks or looks[-1].state != "done":
        return "not proved" if looks else "none"
    if total(looks[-1].counts, "hit"):
        return "still there"
    return "restricted" if kept else "clean"


def _backups(case: Case, now: datetime) -> list[dict[str, str]]:
    erased = case.total("erased", "masked", "redacted", verb="delete")
    if not case.client.backups or not erased:
        return []
    until = period(case.client.backups).after(now.date())
    return [{"what": "copies in backups", "until": until.isoformat()}]


def _own_backups(office: Office, case: Case, now: datetime) -> list[dict[str, str]]:
    """Where our own backups hold wrapped keys, the ticket's outlives its retention there."""
    if not office.inventory.retention.backups:
        return []
    destroyed = counted(case.client, case.client.retention, now).at.date()
    until = period(office.inventory.retention.backups).after(destroyed)
    return [{"what": "this ticket's own data, sealed, in backups of Rightsdesk", "until": until.isoformat()}]


def _at(step: Taken) -> str | None:
    return step.finished_at.isoformat() if step.finished_at else None
