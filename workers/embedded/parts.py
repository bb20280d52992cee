"""The parts of the embedded stack."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from shared.inventory import load
from shared.settings import Settings
from workers.embedded import flower, valkey
from workers.embedded.process import Part


def environment(settings: Settings) -> dict[str, str]:
    """Return ours with the settings as they are here: absolute paths, and only what is set."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("FLOWER_")}
    for name in type(settings).model_fields:
        env.pop(f"RIGHTSDESK_{name.upper()}", None)
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    values |= {"home": settings.root, "systems": settings.systems.expanduser().resolve()}
    for name, value in values.items():
        if value is not None:
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            env[f"RIGHTSDESK_{name.upper()}"] = text
    return env | {"PYTHONUNBUFFERED": "1"}


def _without_secrets(env: dict[str, str]) -> dict[str, str]:
    """Return an environment for a part that opens no vault."""
    ours = "RIGHTSDESK_PASSPHRASE", "RIGHTSDESK_SERVER_SECRET", "CREDENTIALS_DIRECTORY"
    return {key: value for key, value in env.items() if not key.startswith(ours)}


def says_ready(file: Path) -> Callable[[int], bool]:
    """Return a test: a part is ready when the file that it writes holds its pid."""

    def ready(pid: int) -> bool:
        with suppress(OSError):
            return file.read_text(encoding="ascii", errors="replace").strip() == str(pid)
        return False

    return ready


def python_part(
    settings: Settings, name: str, command: list[str], where: str, *, orphaned: int = signal.SIGTERM
) -> Part:
    """Return a part of ours; when ready it writes its pid to `run/<name>.ready`."""
    file = settings.run / f"{name}.ready"

    def prepare() -> tuple[int, ...]:
        file.unlink(missing_ok=True)
        return ()

    return Part(name, command, where, says_ready(file), environment(settings), prepare, orphaned=orphaned)


def valkey_part(settings: Settings) -> Part:
    """Return the embedded broker."""
    place, data = settings.socket, settings.root / "valkey"
    return Part(
        "valkey",
        valkey.command(place, data),
        f"unix://{place}",
        lambda _pid: valkey.answers(place),
        {"PATH": os.defpath},
        lambda: (valkey.prepare(place, data),),
        first=True,
    )


def flower_part(settings: Settings, port: int) -> Part:
    """Return the dashboards, on the loopback interface, behind a password."""
    folder = settings.root / "flower"
    return Part(
        "flower",
        [sys.executable, "-m", "celery", "-A", "workers.queues:app", "flower"],
        f"http://127.0.0.1:{port} (user {flower.USER}, password in {flower.password_file(settings)})",
        lambda _pid: flower.asks_for_password(port),
        _without_secrets(environment(settings)) | flower.options(settings, port),
        folder=folder,  # Flower runs a `flowerconfig.py` that it finds where it is started
    )


def console_part(settings: Settings) -> Part:
    """Return the pages behind one-time links and alerts' links; a proxy makes it public as RIGHTSDESK_PUBLIC_URL."""
    where = f"http://127.0.0.1:{settings.console_port} (as {settings.public_url})"
    return python_part(settings, "console", [sys.executable, "-m", "workers.cli", "console"], where)


def gate_part(settings: Settings) -> Part:
    """Return the gate's service, for programs on this machine; a proxy with TLS makes it reachable from others."""
    where = f"http://127.0.0.1:{settings.gate_port}/v1/check"
    return python_part(settings, "gate", [sys.executable, "-m", "workers.cli", "gate", "serve"], where)


def serves_gate(settings: Settings) -> bool:
    """Say whether some client has a token for the gate's service."""
    return any(client.gate_tokens for client in load(settings.systems).clients.values())


def mails_links(settings: Settings) -> bool:
    """Say whether some client has packages delivered by a mailed link."""
    return any(client.deliver == "link" for client in load(settings.systems).clients.values())


def alerts_link(settings: Settings) -> bool:
    """Say whether alerts bear links: where people are named, and an address at which they reach the console."""
    return settings.public_url is not None and bool(load(settings.systems).alerts.people)


def _with(settings: Settings, **values: Any) -> Settings:
    """Return the settings with these values, set for all parts."""
    changed = settings.model_copy(update=values)
    changed.model_fields_set.update(values)
    return changed


def all_parts(settings: Settings, concurrency: int, flower_port: int) -> list[Part]:
    """Return the stack in the order in which it starts; ours of a broker that somebody else runs has no Valkey."""
    ours = [sys.executable, "-m", "workers.cli"]
    linked = mails_links(settings) or alerts_link(settings)
    if linked and settings.public_url is None:
        local = f"http://127.0.0.1:{settings.console_port}"
        settings = _with(settings, public_url=local)
    settings = _with(settings, concurrency=concurrency)
    worker = [*ours, "worker", "--concurrency", str(concurrency)]
    at_a_time = f"{concurrency} steps of a system at a time"
    return [
        *([] if settings.broker_url else [valkey_part(settings)]),
        # SIGTERM lets Celery finish its tasks, for minutes if need be; leases take care of a step that was cut off
        python_part(settings, "worker", worker, at_a_time, orphaned=signal.SIGKILL),
        python_part(settings, "intake", [*ours, "intake"], "takes tickets from rightsdesk:intake"),
        python_part(settings, "beat", [*ours, "beat"], "sweep, clocks and alerts"),
        flower_part(settings, flower_port),
        *([console_part(settings)] if linked else []),
        *([gate_part(settings)] if serves_gate(settings) else []),
    ]
