"""Flower, closed to whoever lacks the password; nothing secret stands in its command line."""

import secrets
import socket
from pathlib import Path

from shared.domain.errors import UsageError
from shared.private_file import write_private
from shared.settings import Settings
from workers.embedded.folders import private_folder

USER = "rightsdesk"
SAVE_EVERY = 30_000  # milliseconds


def password_file(settings: Settings) -> Path:
    """Return where the password is kept."""
    return settings.root / "flower.password"


def password(settings: Settings) -> str:
    """Read the password, made at the first start."""
    file = password_file(settings)
    if not file.exists():
        write_private(file, secrets.token_urlsafe(24).encode() + b"\n")
    file.chmod(0o600)
    word = file.read_text(encoding="utf-8").strip()
    if not word or "," in word:  # Flower reads a comma as the start of a second login
        raise UsageError(f"{file} holds no password, or one with a comma; remove it to have a new one made")
    return word


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def options(settings: Settings, port: int) -> dict[str, str]:
    """Return Flower's options as environment variables, which other users can not see."""
    return {
        "FLOWER_ADDRESS": "127.0.0.1",
        "FLOWER_PORT": str(port),
        "FLOWER_BASIC_AUTH": f"{USER}:{password(settings)}",
        "FLOWER_UNAUTHENTICATED_API": "false",
        "FLOWER_PERSISTENT": "true",
        "FLOWER_DB": str(private_folder(settings.root / "flower") / "state"),
        "FLOWER_STATE_SAVE_INTERVAL": str(SAVE_EVERY),
    }


def asks_for_password(port: int) -> bool:
    """Say whether Flower listens and turns away whoever brings no password."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return b" 401 " in connection.recv(64)
    except OSError:
        return False
