"""The demo's inventory and data maps, as a vendor would have them for two clients."""

from pathlib import Path
from typing import Any

import yaml

_MAPS = Path(__file__).parent.parent / "datamaps"
_HEADS = {
    "acme": """\
[clients.acme]
name = "Acme GmbH"
country = "DE"
subdivision = "BE"
timezone = "Europe/Berlin"
language = "de"
phone_region = "DE"
contact = "datenschutz@acme.example"
identity = "attested"
approvals = 0
deliver = "package"
""",
    "globex": """\
[clients.globex]
name = "Globex Ltd"
country = "IE"
timezone = "Europe/Dublin"
language = "en"
phone_region = "IE"
contact = "privacy@globex.example"
identity = "attested"
approvals = 1
deliver = "package"
""",
}
_REGIONS = {"acme": "aws:eu-central-1", "globex": "aws:eu-west-1"}
_SYSTEMS = """
[[systems]]
id = "{client}-chat"
client = "{client}"
channel = "chat"
connector = "sql"
region = "{region}"
url = "sqlite:///{client}/chat.db"
datamap = "datamaps/{client}/chatwoot.yaml"
files = "file://{folder}/{client}/chat-blobs"

[[systems]]
id = "{client}-mail"
client = "{client}"
channel = "email"
connector = "maildir"
region = "{region}"
path = "{client}/mail/"
datamap = "datamaps/{client}/mail.yaml"
shared_messages = "redact"

[[systems]]
id = "{client}-calls"
client = "{client}"
channel = "call"
connector = "sql"
region = "{region}"
url = "sqlite:///{client}/asterisk.db"
datamap = "datamaps/{client}/asterisk.yaml"
files = "file://{folder}/{client}/recordings"

[[systems]]
id = "{client}-crm"
client = "{client}"
channel = "data-center"
connector = "sql"
region = "{region}"
url = "sqlite:///{client}/crm.db"
datamap = "datamaps/{client}/crm.yaml"

[[systems]]
id = "{client}-documents"
client = "{client}"
channel = "data-center"
connector = "objects"
region = "{region}"
url = "file://{folder}/{client}/documents"
datamap = "datamaps/{client}/documents.yaml"
owner = {{ sidecar = ".json", field = "email" }}
"""


def write(folder: Path) -> None:
    """Write `systems.toml` and each client's data maps into a folder."""
    parts = list(_HEADS.values())
    parts += [_SYSTEMS.format(client=client, region=_REGIONS[client], folder=folder.resolve()) for client in _HEADS]
    (folder / "systems.toml").write_text("\n".join(parts), encoding="utf-8")
    maps = {path.name: _read(path) for path in sorted(_MAPS.glob("*.yaml"))}
    for client in _HEADS:
        target = folder / "datamaps" / client
        target.mkdir(parents=True)
        ours = _read(_MAPS / "clients" / f"{client}.yaml")
        for name, raw in maps.items():
            text = yaml.dump(_laid_over(raw, ours), Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False)
            (target / name).write_text(text, encoding="utf-8")


def _read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def _laid_over(raw: Any, ours: dict[str, Any]) -> Any:
    return {
        "dataset": [
            _with(dataset, ours, dataset["fides_key"])
            | {"collections": [_with(one, ours, one["name"]) for one in dataset["collections"]]}
            for dataset in raw["dataset"]
        ]
    }


def _with(part: dict[str, Any], ours: dict[str, Any], name: str) -> dict[str, Any]:
    return part | {"rightsdesk": part.get("rightsdesk", {}) | ours.get(name, {})}
