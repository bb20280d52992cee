"""The broker as plain Redis: the intake list, the receipts, the consumers' lists."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from shared.domain.errors import UsageError
from shared.settings import Settings

INTAKE = "rightsdesk:intake"
WAITING = "rightsdesk:intake:waiting"  # looked through already, and no breach among them
TAKEN = "rightsdesk:intake:taken:"
CONSUMERS = "rightsdesk:intake:consumers"
ALIVE = "rightsdesk:intake:alive:"
RECEIPT = "rightsdesk:receipt:"


def connect(settings: Settings, *, retries: int = 3) -> "redis.Redis":
    """Return a client for the broker; it connects at its first command."""
    retry = Retry(ExponentialBackoff(cap=1.0, base=0.05), retries)
    options: dict[str, Any] = {"retry": retry, "socket_connect_timeout": 5, "health_check_interval": 30}
    # else the driver looks for its version in the packages' files, for each client
    options["driver_info"] = redis.DriverInfo(lib_version=redis.__version__)
    try:
        url = urlsplit(settings.broker)
        if url.scheme in ("redis", "rediss", "unix"):
            return redis.Redis.from_url(settings.broker, **options)
        if url.scheme == "redis+socket":
            database = int(parse_qs(url.query).get("virtual_host", ["0"])[0])
            return redis.Redis(unix_socket_path=url.path, db=database, **options)
    except ValueError:
        raise UsageError("RIGHTSDESK_BROKER_URL is no URL of a Redis, e.g. redis://host:6379/0") from None
    raise UsageError("RIGHTSDESK_BROKER_URL must start with redis://, rediss:// or redis+socket://")
