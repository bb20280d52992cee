"""Our own extension: what stands under `rightsdesk:` on a dataset, a collection or a field."""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Scalar = str | int | bool
Provided = Literal["true", "observed", "inferred"]
_ROOT = re.compile(r"[.\[]")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Info(_Model):
    """What Art. 15(1)(a)-(h) asks for about a collection."""

    purpose: str | None = None
    legal_basis: str | None = None
    source: str | None = None
    recipients: tuple[str, ...] = ()
    retention: str | None = None
    safeguard: str | None = None
    automated_decisions: str | None = None


class Retain(_Model):
    """A retention duty: rows are kept (and restricted) until it ends."""

    period: str = Field(alias="for")  # ISO 8601, e.g. P8Y
    from_: str = Field(alias="from")  # the column whose date starts it
    starts: Literal["event", "end_of_year"] = "event"
    ground: str  # e.g. "§ 257 HGB"


class EdgeExt(_Model):
    """A conditional reference of this collection, such as a polymorphic pair.

    `also` makes a composite one: this collection's field → the other's that must be equal, too.
    """

    field: str
    to: str  # collection.field
    when: dict[str, Scalar] = Field(default_factory=dict)  # on this collection's row
    also: dict[str, str] = Field(default_factory=dict)


class FileExt(_Model):
    """A column that names a file below the system's `files` URL.

    `path`: where it stands there, made of this collection's columns and ending with that name, such as
    `{calldate:%Y/%m/%d}/{recordingfile}` or `{key[0]}{key[1]}/{key}`; a name with a slash is a path already.
    """

    column: str
    path: str | None = None

    @field_validator("path")
    @classmethod
    def _formed(cls, path: str | None) -> str | None:
        try:
            list(Formatter().parse(path or ""))
        except ValueError:
            raise ValueError("no path of columns in braces, such as {calldate:%Y/%m/%d}/{recordingfile}") from None
        return path

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of which the path is made."""
        parts = Formatter().parse(self.path or "")
        return (self.column, *(_ROOT.split(name)[0] for _, name, _, _ in parts if name is not None))

    def of(self, row: Mapping[Any, Any]) -> str:
        """Return the path that a row names; a ValueError if it has none of this form."""
        name = str(row[self.column])
        if self.path is None or "/" in name:
            return name
        try:
            return self.path.format_map({column: row[column] for column in self.columns})
        except (LookupError, TypeError) as error:
            raise ValueError("its file's path cannot be made of the row") from error


class CollectionExt(_Model):
    """What stands under `rightsdesk:` on a collection.

    `author`: the row belongs to the record that it points to; if that is not the person's, the row is someone
    else's and is left alone (mentions in its free text are redacted). `scope`: every query has these conditions.
    `at`: the column with the record's time (breach windows). `restrict`: columns to set when restricted.
    `statement`: the column that takes a completing statement (Art. 16), behind what stands there.
    """

    info: Info | None = None
    provided: Provided | bool | None = None
    scope: dict[str, Scalar] = Field(default_factory=dict)
    edges: tuple[EdgeExt, ...] = ()
    author: EdgeExt | None = None
    on_erasure: Literal["delete", "mask", "keep"] = "delete"
    retain: Retain | None = None
    restrict: dict[str, Scalar] = Field(default_factory=dict)
    files: tuple[FileExt, ...] = ()
    at: str | None = None
    statement: str | None = None


class FieldExt(_Model):
    """What stands under `rightsdesk:` on a field.

    `others`: another person's data (the other party of a call): masked in exports, left alone otherwise.
    `widen`: whether an identifier found here may widen the search. `free_text`: identifiers stand inside.
    `about`: the field of this collection in which the number or address stands of whom this one speaks (the caller's
    name beside the caller's number; a party of a call names itself). Where that is not the subject's, it is another
    person's: masked in exports, left alone otherwise; and it is a record of what was, never rectified.
    `owner`: whether the person whom this field references owns the row too (false: an agent, who only handles it).
    `owns`: whether what this field references is this row's alone (an attachment's blob), not something shared.
    `paths`: the fields of the document in this column, each as a Fideslang field without its name.
    """

    mask: str | dict[str, Any] | None = None
    widen: bool = True
    free_text: bool = False
    provided: Provided | bool | None = None
    others: bool = False
    about: str | None = None
    owner: bool = True
    owns: bool = False
    paths: dict[str, dict[str, Any] | None] = Field(default_factory=dict)


class DatasetExt(_Model):
    """What stands under `rightsdesk:` on a dataset: defaults for its collections.

    `unmapped`: tables, columns as `table.column`, and schemas of PostgreSQL, that are left out of the map on purpose
    (they hold nobody's data, or only staff's), so that `systems check` does not ask about them.
    """

    info: Info | None = None
    provided: Provided | bool | None = None
    scope: dict[str, Scalar] = Field(default_factory=dict)
    unmapped: tuple[str, ...] = ()
