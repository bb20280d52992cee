"""Art. 20: the right to data portability: what the person provided, for the person or for another vendor."""

from collections.abc import Iterator

from pydantic import AnyUrl, field_validator

from shared.domain.case import Case, Right
from shared.domain.step import Step
from shared.domain.ticket import LOOPBACK, Strict
from workflows import stages
from workflows.stages import answer, call_back, confirm, deliver, identify, locate, resolve

ENCRYPTED = ("https", "sftp", "ssh", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "file")


class Details(Strict):
    """Where the data go, if not to the person: an HTTPS URL, or any fsspec URL (sftp, s3)."""

    transfer_to: AnyUrl | None = None

    @field_validator("transfer_to")
    @classmethod
    def _safe(cls, value: AnyUrl | None) -> AnyUrl | None:
        if value is None or (value.scheme == "http" and value.host in LOOPBACK):
            return value
        if value.scheme not in ENCRYPTED:
            raise ValueError("a transfer goes over https, sftp, s3, gs, az or a file URL")
        return value


def export(case: Case) -> Iterator[Step]:
    """Write out what the person provided under consent or contract (Art. 20(1))."""
    return stages.act(case, "export", provided=True)


def describe(case: Case) -> Iterator[Step]:
    """Say in a schema what each file's fields mean: structured and machine-readable (20(1))."""
    if case.taken("export"):
        yield Step("describe")


def transfer(case: Case) -> Iterator[Step]:
    """Art. 20(2): straight from one controller to another; the answer then says whether it went."""
    if case.ticket.details.get("transfer_to"):
        yield Step("transfer", args={"url": case.ticket.details["transfer_to"]})


RIGHT = Right(
    "portability",
    article="20",
    clock="P1M",
    stages=(identify, locate, resolve, confirm, export, describe, transfer, answer, deliver, call_back),
    details=Details,
    links_until="export",
)
