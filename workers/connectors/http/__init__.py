"""Any REST system, by a definition in YAML that says what it offers (docs/http.md; `deploy/http` has ready ones).

`url` is where it is, `definition` the YAML file, `credentials` and `parameters` what that file asks for by name.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar

from pydantic import BaseModel

from shared.domain.errors import UsageError
from shared.domain.outcome import Outcome
from shared.inventory import Client, System
from shared.nearest import near
from shared.ports import Affected, Finding, Work
from workers.connectors.http.absent import absent
from workers.connectors.http.auth import Authorisation
from workers.connectors.http.check import check
from workers.connectors.http.definition import Definition
from workers.connectors.http.erase import delete, mask
from workers.connectors.http.export import export
from workers.connectors.http.gateway import Gateway
from workers.connectors.http.load import load
from workers.connectors.http.locate import locate
from workers.connectors.http.records import Records
from workers.connectors.http.rectify import rectify
from workers.connectors.http.restrict import lift, restrict
from workers.connectors.http.settings import HttpSettings
from workers.connectors.http.subjects import subjects

_VERBS: dict[str, Callable[[Records, Work], Outcome]] = {
    "locate": locate, "export": export, "delete": delete, "mask": mask, "rectify": rectify, "restrict": restrict,
    "lift": lift,
}  # fmt: skip


class Http:
    """One REST system. An instance has the verbs that its definition has the calls for, and no others."""

    name: ClassVar[str] = "http"
    Settings: ClassVar[type[BaseModel]] = HttpSettings

    def __init__(self, system: System, client: Client, settings: HttpSettings) -> None:
        definition = load(system.folder / settings.definition)
        _given(system, "credentials", definition.auth.credentials, settings.credentials)
        _given(system, "parameters", definition.parameters, settings.parameters)
        authorisation = Authorisation(definition.auth, settings.credentials, insecure=settings.insecure_http)
        self._client = client
        self._gateway = Gateway(settings.url, authorisation, timeout=settings.timeout, parameters=settings.parameters)
        self._records = Records(definition, self._gateway, settings.parameters)
        own = {"subjects": self._subjects, "absent": self._absent}
        for verb in definition.verbs:
            setattr(self, verb, own.get(verb) or partial(_VERBS[verb], self._records))

    @staticmethod
    def verbs_for(system: System) -> frozenset[str]:
        """Return what a system's definition has the calls for."""
        return _definition_of(system).verbs

    def close(self) -> None:
        """Let go of connections."""
        self._gateway.close()

    def check(self) -> Iterator[Finding]:
        """Try the calls that read, and look for what the definition lacks."""
        return check(self._records)

    def _absent(self, work: Work) -> Outcome:
        """Look again, on a fresh connection."""
        self.close()
        return absent(self._records, work)

    def _subjects(self, work: Work) -> Iterator[Affected]:
        """Stream everyone in the records of a window."""
        return subjects(self._records, work, self._client)


def _definition_of(system: System) -> Definition:
    name: Any = system.settings.get("definition")
    if not isinstance(name, str):
        raise UsageError(f"system {system.id}: definition: missing")
    return load(system.folder / name)


def _given(system: System, what: str, wanted: tuple[str, ...], given: dict[str, Any]) -> None:
    """Refuse a system whose inventory lacks what its definition asks for, or gives what it does not."""
    for name in wanted:
        if name not in given:
            raise UsageError(f"system {system.id}: {what} lacks {name}, which its definition asks for")
    for name in given:
        if name not in wanted:
            raise UsageError(f"system {system.id}: its definition asks for no {what} {name}{near(name, wanted)}")


CONNECTOR = Http
