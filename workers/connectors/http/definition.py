"""What a REST system offers: its calls, its resources, whose a record is (docs/http.md has the YAML)."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.datamap import categories
from shared.domain.errors import UsageError
from shared.masking import strategy
from shared.nearest import near
from workers.connectors.http.paths import first, steps

Scalar = str | int | bool | None


def _is_path(value: str) -> str:
    steps(value)
    return value


def _is_list(value: str) -> str:
    if not value.endswith("[]"):
        raise ValueError("the path of a list ends with []")
    return _is_path(value)


def _is_plain(value: str) -> str:
    if "[" in value:
        raise ValueError("a path without [] is needed: a value is written there")
    return _is_path(value)


def _is_category(value: str) -> str:
    if value not in categories():
        raise ValueError(f"unknown data category {value}{near(value, categories())}")
    return value


def _is_strategy(value: str) -> str:
    try:
        strategy(value)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return value


At = Annotated[str, AfterValidator(_is_path)]
ListAt = Annotated[str, AfterValidator(_is_list)]
PlainAt = Annotated[str, AfterValidator(_is_plain)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Auth(_Model):
    """How the system knows us; what is named are keys of `credentials` in the inventory."""

    scheme: Literal["none", "header", "bearer", "oauth2"] = "none"
    name: Annotated[str, Field(pattern=r"^[\w!#$%&'*+.^`|~-]*$")] = ""  # of the header (RFC 9110 5.6.2)
    secret: str = ""
    token_path: str = ""  # OAuth2 client credentials (RFC 6749 4.4): a path below `url`, or a whole URL
    client_id: str = ""
    client_secret: str = ""
    scope: str = ""
    style: Literal["basic", "body"] = "basic"  # RFC 6749 2.3.1

    @model_validator(mode="after")
    def _whole(self) -> Self:
        needed = {
            "none": (),
            "header": ("name", "secret"),
            "bearer": ("secret",),
            "oauth2": ("token_path", "client_id", "client_secret"),
        }
        if lacking := [name for name in needed[self.scheme] if not getattr(self, name)]:
            raise ValueError(f"{self.scheme} needs {', '.join(lacking)}")
        return self

    @property
    def credentials(self) -> tuple[str, ...]:
        """The keys that the inventory must give."""
        return tuple(one for one in (self.secret, self.client_id, self.client_secret) if one)


class Pages(_Model):
    """How a list goes on: a number (`page`), a `cursor` that stands at `next`, or a Link header (RFC 8288)."""

    page: str | None = None
    first: int = 1
    cursor: str | None = None
    next: At | None = None
    link: bool = False
    repeats: bool = False  # beyond the last page the last one comes again: that is the end

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.page is not None) + (self.cursor is not None) + self.link != 1:
            raise ValueError("give one of page, cursor and link")
        if (self.cursor is None) != (self.next is None):
            raise ValueError("a cursor needs `next`, the path at which the next one stands")
        return self


class Job(_Model):
    """Work that goes on after the answer: polled at `path` (or at the answer's Location) until its state is `done`."""

    id: At | None = None  # in the answer
    path: str | None = None
    state: At
    done: tuple[Scalar, ...]
    failed: tuple[Scalar, ...] = ()
    within: timedelta = timedelta(hours=1)

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.id is None) != (self.path is None):
            raise ValueError("give `id` and `path` together, or neither for the answer's Location")
        return self


class Busy(_Model):
    """An answer that means: not now; tried again until `within` has passed."""

    status: int
    because: str
    within: timedelta = timedelta(days=3)


class Call(_Model):
    """One request below `url`."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: Annotated[str, Field(pattern="^/[!-~]*$")]
    query: dict[str, str] = Field(default_factory=dict)
    body: Any = Field(default=None, alias="json")


class Listing(Call):
    """A call that lists records; `most` is what it gives at most where it cannot go on."""

    by: str | None = None
    items: ListAt
    pages: Pages | None = None
    most: int | None = None

    @model_validator(mode="after")
    def _linked(self) -> Self:
        if self.pages and self.pages.link and self.method != "GET":
            raise ValueError("a Link header leads on with GET; page or cursor go with other methods")
        return self


class Read(Call):
    """A call that gives one record, at `item`."""

    item: At | None = None


class Act(Call):
    """A call that changes a record."""

    busy: Busy | None = None
    job: Job | None = None


class Delete(Act):
    """A call that deletes; where it overwrites, `leaves` is what then stands in the record."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "DELETE"
    leaves: dict[At, Scalar] = Field(default_factory=dict)


class Patch(Act):
    """A call that writes fields: `{changes}` is the object of what changes."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "PATCH"
    body: Any = Field(default="{changes}", alias="json")


class FieldSpec(_Model):
    """What a value says of whom."""

    categories: tuple[Annotated[str, AfterValidator(_is_category)], ...] = ()
    identity: str | None = None
    widen: bool = True
    provided: bool | Literal["true", "observed", "inferred"] | None = None
    mask: Annotated[str, AfterValidator(_is_strategy)] = "null"

    @property
    def personal(self) -> bool:
        """Whether it holds data of the person."""
        return any(one.split(".")[0] == "user" for one in self.categories)


class Author(_Model):
    """Where `when` holds, the record is of whoever's id stands at `id`, a record of `of`."""

    when: dict[At, Scalar] = Field(default_factory=dict)
    id: At
    of: str


class Resource(_Model):
    """One kind of record."""

    within: str = ""
    id: At = "id"
    find: tuple[Listing, ...] = ()
    list: Listing | None = None
    read: Read | None = None
    delete: Delete | None = None
    patch: Patch | None = None
    goes_with_parent: bool = False
    fields: dict[At, FieldSpec] = Field(default_factory=dict)
    provided: bool | Literal["true", "observed", "inferred"] | None = None
    others: tuple[PlainAt, ...] = ()
    scope: dict[At, Scalar] = Field(default_factory=dict)
    author: Author | None = None
    restrict: dict[PlainAt, Scalar] = Field(default_factory=dict)
    at: At | None = None
    until: At | None = None

    @property
    def calls(self) -> Iterator[tuple[str, Call]]:
        """Every call with its name."""
        for one in self.find:
            yield f"find by {one.by}" if one.by else "find", one
        for name in ("list", "read", "delete", "patch"):
            if (call := getattr(self, name)) is not None:
                yield name, call

    @property
    def unsearched(self) -> frozenset[str]:
        """The kinds of identifier that a root's records bear, and by which none of its calls finds them."""
        borne = {one.identity for one in self.fields.values() if one.identity}
        return frozenset() if self.within else frozenset(borne - {one.by for one in self.find})

    @property
    def maskable(self) -> dict[str, FieldSpec]:
        """The fields that a mask overwrites."""
        return {path: one for path, one in self.fields.items() if one.personal}


class Definition(_Model):
    """One REST system."""

    system: str
    auth: Auth = Auth()
    parameters: tuple[str, ...] = ()
    settles_within: timedelta = timedelta(minutes=1)
    resources: dict[str, Resource]

    def above(self, name: str) -> tuple[str, ...]:
        """Return a resource's ancestors, the root first."""
        parent = self.resources[name].within
        return (*self.above(parent), parent) if parent else ()

    def below(self, name: str) -> tuple[str, ...]:
        """Return the resources straight below one."""
        return tuple(other for other, one in self.resources.items() if one.within == name)

    @property
    def deepest_first(self) -> tuple[str, ...]:
        """The resources, children before their parents."""
        return tuple(sorted(self.resources, key=lambda name: -len(self.above(name))))

    @property
    def verbs(self) -> frozenset[str]:
        """What can be done with such a system: a verb is there if some resource has its call."""
        every = self.resources.values()
        has = {
            "delete": any(one.delete for one in every),
            "mask": any((one.patch and one.maskable) or (one.delete and one.delete.leaves) for one in every),
            "rectify": any(one.patch and one.maskable for one in every),
            "restrict": any(one.restrict for one in every),
            "lift": any(one.restrict for one in every),
            "subjects": any(one.list for one in every),
        }
        return frozenset({"locate", "export", "absent"} | {verb for verb, there in has.items() if there})


def matches(document: Mapping[str, Any], wanted: Mapping[str, Scalar]) -> bool:
    """Say whether a record has these values at these paths."""
    return all(first(document, path) == value for path, value in wanted.items())
