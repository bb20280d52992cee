"""`answer`: every ticket ends with a letter; access and portability with a readable copy of the data, too."""

import json
from typing import Any
from urllib.parse import urlsplit

from shared.domain.case import closing
from shared.domain.outcome import STATEMENT, Outcome
from workers.desk import DeskVerb, Job
from workers.desk.account import account_of
from workers.desk.disclosure import category, disclose
from workers.desk.letters import Letters
from workers.desk.refusal import REFUSALS, refusal_of
from workers.package import PackageFile
from workflows.holds import RESUMED
from workflows.rectification import unwritten

_WITH_DATA = ("access", "portability")
# what templates may ask of any right's details
_NO_DETAILS: dict[str, Any] = {
    "changes": {}, "statement": None, "purposes": [], "exceptions": {}, "lift": None, "transfer_to": None,
    "consent": None, "incident": None,
}  # fmt: skip


def run(job: Job) -> Outcome:
    """Put `letter.html`, `letter.txt`, `index.html` and `manifest.json` into the package."""
    theirs, letters = job.files(), Letters(job)
    said = _said(job)
    page, text = letters.letter(f"letter-{job.right.name}", "letter", **said)
    job.package.put("letter.html", page.encode())
    job.package.put("letter.txt", text.encode())
    job.package.put("index.html", _index(job, letters, [*theirs, *job.package.files], said).encode())
    own = {one.name for one in job.package.files}
    everything = [*(one for one in theirs if one.name not in own | {"manifest.json"}), *job.package.files]
    job.package.put("manifest.json", _manifest(job, everything))
    outcome = Outcome()
    outcome.count("package", "exported", len(everything) + 1)
    return outcome


def _said(job: Job) -> dict[str, Any]:
    """Return what the letter is written from."""
    details = _NO_DETAILS | job.case.detail(job.right.details).model_dump(mode="json", by_alias=True)
    subject = job.case.ticket.subject
    target = urlsplit(details["transfer_to"] or "").hostname or ""
    sent = any(step.state == "done" for step in job.case.taken("transfer"))
    refused = _refused_purposes(job)
    details["purposes"] = [one for one in details["purposes"] if one not in refused]
    names = {key: category(key).name for key in details["changes"]}
    missing = unwritten(job.case)
    details["changes"] = {key: value for key, value in details["changes"].items() if key not in missing}
    details["statement"] = None if STATEMENT in missing else details["statement"]
    return {
        "account": account_of(job.case),
        "outcome": closing(job.case),
        "reason": refusal_of(job) if job.case.verdict in REFUSALS else "",
        "refused_purposes": refused,
        "details": details,
        "names": names,
        "missing": missing,
        "given": [*subject.email, *subject.phone_number, *subject.other.values()] if subject else [],
        "transfer_to": target if sent else "",
        "not_transferred_to": "" if sent else target,
        "today": job.case.today,
        "resumed": job.case.ticket.received_via == RESUMED,
        "has_data": job.right.name in _WITH_DATA,
        "people_told": job.case.total("sent", verb="tell"),
        "people_posted": job.case.total("exported", verb="tell"),
    }


def _refused_purposes(job: Job) -> list[str]:
    """Return the purposes for which alone the ticket was refused."""
    gates = job.right.gates(job.case.ticket) if job.case.verdict == "refused in part" else ()
    return [gate.purpose for gate in gates if not gate.firm]


def _index(job: Job, letters: Letters, files: list[PackageFile], said: dict[str, Any]) -> str:
    unique = list({one.name: one for one in files}.values())
    if job.right.name in _WITH_DATA and job.case.verdict is None:
        return letters.render("index.html.j2", systems=disclose(job, unique), **said)
    shown = sorted((one for one in unique if one.name != "index.html"), key=lambda one: one.name)
    return letters.render("summary.html.j2", files=shown, **said)


def _manifest(job: Job, files: list[PackageFile]) -> bytes:
    """Return what the package holds, from where, and the SHA-256 of each file, for whoever wants to check it."""
    manifest = {
        "ticket": str(job.ticket),
        "client": job.case.ticket.client,
        "right": job.right.name,
        "article": f"GDPR Art. {job.right.article}",
        "made_at": job.now.isoformat(),
        "files": [
            {"name": one.name, "system": one.system, "size": one.size, "sha256": one.sha256}
            for one in sorted(files, key=lambda one: one.name)
        ],
    }
    return json.dumps(manifest, ensure_ascii=False, indent=2).encode() + b"\n"


VERB = DeskVerb("answer", run)
