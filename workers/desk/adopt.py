"""`adopt`: what a ticket about the same has exported becomes this ticket's own copy, under its own key."""

from uuid import UUID

from shared.domain.errors import Final
from shared.domain.outcome import Outcome
from shared.store.tables import TicketRow
from workers.desk import DeskVerb, Job
from workers.package import PackageFile, package_files

_DATA = ("data/", "files/")


def run(job: Job) -> Outcome:
    """Copy the data of ticket `of`, not its letter, file by file."""
    of, outcome = UUID(str(job.args["of"])), Outcome()
    with job.store.read() as session:
        first = session.get_one(TicketRow, of)
        if first.wrapped_key is None or first.package_ended_at is not None:
            raise Final("the package that this answer rests on was deleted; waive this step and submit a new ticket")
        key = job.vault.unwrap(of, first.wrapped_key)
        files = [one for one in package_files(session, key, of) if one.name.startswith(_DATA)]
    for one in files:
        _copy(job, of, key, one)
        outcome.count("package", "exported")
    return outcome


def _copy(job: Job, of: UUID, key: bytes, one: PackageFile) -> None:
    with job.packages.create(job.ticket, job.key, name=one.name, system=one.system) as (sink, described):
        for chunk in job.packages.read(of, key, one):
            sink.write(chunk)
    copied = described()
    if copied.sha256 != one.sha256:
        raise Final("a package file differs from its list")
    job.package.files.append(copied)


VERB = DeskVerb("adopt", run)
