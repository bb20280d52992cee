"""What models of files that people write have in common: frozen, strict about keys, and types said in one line."""

from datetime import datetime, time, timedelta
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.deadlines import period
from shared.domain.errors import UsageError


class Written(BaseModel):
    """A part of a file that people write."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _known_period(value: str) -> str:
    try:
        period(value)
    except UsageError:
        raise ValueError("not an ISO 8601 period, such as P3Y, P35D or PT120H") from None
    return value


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("not an IANA time zone") from None
    return value


_T = TypeVar("_T", datetime, time)


def _local(value: _T) -> _T:
    if value.tzinfo is not None:
        raise ValueError("a local time, without an offset: the time zone stands beside it")
    return value


Period = Annotated[str, AfterValidator(_known_period)]
Zone = Annotated[str, AfterValidator(_known_zone)]
LocalDateTime = Annotated[datetime, AfterValidator(_local)]
LocalTime = Annotated[time, AfterValidator(_local)]
Wait = Annotated[timedelta, Field(ge=timedelta(seconds=1), le=timedelta(days=7))]  # ISO 8601 as written: PT30M
