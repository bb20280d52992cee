"""Raw YAML beside Fideslang's models: what they would drop or take in silence stops the load, with its neighbour."""

import re
from difflib import get_close_matches
from functools import cache
from typing import Any, get_args

from fideslang.default_taxonomy import DEFAULT_TAXONOMY
from fideslang.models import DatasetField
from fideslang.validation import DATA_TYPE_NAMES
from pydantic import BaseModel

from shared.datamap.ours import CollectionExt, DatasetExt, FieldExt
from shared.domain.errors import UsageError
from shared.domain.identifier import EMAIL, PHONE
from shared.nearest import near

_FORMER = {"fidesops_meta": "fides_meta"}  # a former name, which Fideslang still reads
_OURS: dict[str, type[BaseModel]] = {
    "Dataset": DatasetExt, "DatasetCollection": CollectionExt, "DatasetField": FieldExt,
}  # fmt: skip
_REFUSED = {
    "custom_request_field": "state `identity` for people, `rightsdesk: {scope: …}` for tenants",
    "redact": "the person's package shows the names as they are (Art. 15), so take it out",
}
ALSO = {"phone": PHONE}  # as Fides users write it
_NAMES = {
    EMAIL: {"email", "mail", "emails", "mails"},
    PHONE: {"phone", "telephone", "tel", "mobile", "cell", "cellphone", "msisdn", "fax", "phones", "telefon"},
}
_BESIDE = {"", "e", "address", "addresses", "number", "numbers", "no", "nr", "user", "contact", "customer", "work"}
_VALUES: dict[str, tuple[str, ...]] = {"direction": ("from", "to")}


def only_known(raw: Any, model: type[BaseModel], place: str) -> None:
    """Walk raw YAML beside a Fideslang model."""
    if not isinstance(raw, dict):
        return
    fields = model.model_fields
    known = {field.alias or name for name, field in fields.items()} | ({"rightsdesk"} & _own(model))
    for written, value in raw.items():
        key = _FORMER.get(written, written)
        if key not in known:
            raise UsageError(f"{place}: unknown key {key}{near(str(key), known)}")
        _check_value(key, value, place)
        if key == "rightsdesk":
            _our_own(value, _OURS[model.__name__], f"{place}.rightsdesk")
        elif below := _model_in(fields[key].annotation):
            for number, one in enumerate(value if isinstance(value, list) else [value]):
                name = one.get("name", number) if isinstance(one, dict) else number
                only_known(one, below, f"{place}.{key}.{name}" if isinstance(value, list) else f"{place}.{key}")


def _own(model: type[BaseModel]) -> set[str]:
    return {"rightsdesk"} if model.__name__ in _OURS else set()


def _our_own(raw: Any, model: type[BaseModel], place: str) -> None:
    if not isinstance(raw, dict):
        return
    known = {field.alias or name for name, field in model.model_fields.items()}
    for key, value in raw.items():
        if key not in known:
            raise UsageError(f"{place}: unknown key {key}{near(str(key), known)}")
        if below := _model_in(next(f for n, f in model.model_fields.items() if key in (n, f.alias)).annotation):
            for one in value if isinstance(value, list) else [value]:
                _our_own(one, below, f"{place}.{key}")
        if key == "paths" and isinstance(value, dict):
            for path, one in value.items():
                only_known(one, DatasetField, f"{place}.paths.{path}")


def _check_value(key: str, value: Any, place: str) -> None:
    if key == "data_categories":
        for category in value if isinstance(value, list) else [value] if value else ():
            if not isinstance(category, str) or category not in categories():
                raise UsageError(f"{place}: unknown data category {category}{near(str(category), categories())}")
    if key in _REFUSED and value:
        raise UsageError(f"{place}: {key} is not supported; {_REFUSED[key]}")
    if key == "data_type" and value and str(value).removesuffix("[]") not in DATA_TYPE_NAMES:
        raise UsageError(f"{place}: unknown data type {value}{near(str(value), DATA_TYPE_NAMES)}")
    if key in _VALUES and value is not None and value not in _VALUES[key]:
        known = " or ".join(_VALUES[key])
        raise UsageError(f"{place}: {key} is {known}, not {value}{near(str(value), _VALUES[key])}")
    if (
        key == "identity"
        and isinstance(value, str)
        and value not in ALSO
        and (meant := _meant(value)) not in (None, value)
    ):
        raise UsageError(f"{place}: unknown identity {value}; did you mean {meant}?")


def _meant(identity: str) -> str | None:
    """Return which of the two kinds that are normalised someone meant who wrote another name."""
    words = set(re.split(r"[^a-z]+", identity.lower()))
    for kind, names in _NAMES.items():
        if words & names and words <= names | _BESIDE:
            return kind
    close = get_close_matches(identity.lower(), [EMAIL, PHONE], n=1, cutoff=0.8)
    return close[0] if close else None


@cache
def categories() -> frozenset[str]:
    """Return the keys of Fideslang's data categories."""
    return frozenset(one.fides_key for one in DEFAULT_TAXONOMY.data_category)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model_in(one))), None)
