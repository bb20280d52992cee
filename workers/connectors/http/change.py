"""One record changed by its calls: deleted, overwritten, masked, written to."""

from collections.abc import Callable, Mapping
from typing import Any

from shared.domain.errors import Final
from shared.masking import strategy
from workers.connectors.http.answers import GONE, Answer
from workers.connectors.http.definition import Act, Busy, Call, Job
from workers.connectors.http.paths import first, put, there
from workers.connectors.http.records import Ids, Record, Records, key_of
from workers.connectors.http.wait import Patience

_NOTHING: tuple[Any, ...] = (None, "", {}, [])


class NotNow(Exception):
    """The system says that a record cannot be changed yet; the step goes on with the others first."""

    def __init__(self, resource: str, busy: Busy) -> None:
        super().__init__(resource)
        self.resource, self.busy = resource, busy


class Change:
    """Makes changes, and sees jobs through."""

    def __init__(self, records: Records, patience: Patience) -> None:
        self._records, self._patience = records, patience

    def delete(self, name: str, ids: Ids) -> None:
        """Delete a record; one that is gone already is success."""
        call = self._records.resource(name).delete
        if call is not None:
            self._act(f"{name}.delete", name, ids, call, {})

    def write(self, name: str, ids: Ids, changes: Mapping[str, Any]) -> bool:
        """Write values at paths; False if the record is gone."""
        call = self._records.resource(name).patch
        if call is None or not changes:
            return call is not None
        document: dict[str, Any] = {}
        for path, value in changes.items():
            put(document, path, value)
        return self._act(f"{name}.patch", name, ids, call, {"changes": document})

    def masked(self, record: Record, key: bytes) -> dict[str, Any]:
        """Return what a mask writes into a record, by path; what is masked already is left out."""
        fields = self._records.resource(record.resource).maskable
        return {
            path: new
            for path, spec in fields.items()
            if "[" not in path
            and (old := first(record.body, path)) not in _NOTHING
            and (new := hidden(old, strategy(spec.mask), key)) != old
        }

    def _act(self, call_name: str, name: str, ids: Ids, call: Act, more: Mapping[str, Any]) -> bool:
        key, values = key_of(ids), {**self._records.values(name, ids), **more}
        job = self._patience.job(key) if call.job else ""
        if not job:
            busy = frozenset({call.busy.status} if call.busy else ())
            answer = self._records.gateway.call(call_name, call, values, accept=GONE | busy)
            if call.busy and answer.status == call.busy.status:
                raise NotNow(name, call.busy)
            if answer.status in GONE:
                return False
            if call.job is None or (call.job.id is None and "location" not in answer.headers):
                return True
            job = self._job_of(call_name, call.job, answer)
            self._patience.began(key, job)
        assert call.job is not None
        self._see_through(call_name, call.job, key, job, values)
        return True

    def _job_of(self, call_name: str, job: Job, answer: Answer) -> str:
        if job.id is None:
            return str(self._records.gateway.follow(answer))
        found = first(answer.document(), job.id)
        if not isinstance(found, str | int):
            raise Final(f"{call_name}.job: the answer names no job at `id`; correct the definition")
        return str(found)

    def _see_through(self, call_name: str, job: Job, key: str, number: str, values: Mapping[str, Any]) -> None:
        def over() -> bool:
            answer = self._look(call_name, job, number, values)
            if answer.status in GONE:
                return True  # a job that has been put away has ended; the second look asks whether it did its work
            document = answer.document()
            if not there(document, job.state):
                raise Final(f"{call_name}.job: the answer has no `state` where the definition says; correct it")
            state = first(document, job.state)
            if state in job.failed:
                raise Final(f"{call_name}.job: the system says that it failed; see there, then retry")
            return state in job.done

        if not self._patience.until(over, job.within, f"{call_name}.job", key=f"{call_name} {key}"):
            raise Final(f"{call_name}.job: not done in time; see there, then retry")

    def _look(self, call_name: str, job: Job, number: str, values: Mapping[str, Any]) -> Answer:
        name, gateway = f"{call_name}.job", self._records.gateway
        if job.path is None:
            return gateway.get(name, number, accept=GONE)
        return gateway.call(name, Call(path=job.path), {**values, "job": number}, accept=GONE)


def hidden(value: Any, mask: Callable[..., str | None], key: bytes) -> Any:
    """Return a value masked; of an object every value is: what is merged into it must name each."""
    if isinstance(value, dict):
        return {name: hidden(one, mask, key) for name, one in value.items()}
    if isinstance(value, list):
        return []
    return None if value is None else mask(str(value), key=key)
