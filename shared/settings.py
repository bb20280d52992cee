"""Settings: read once, at the door, from `RIGHTSDESK_*`; passed in, never imported."""

import os
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.domain.errors import UsageError
from shared.vault.opening import PASSPHRASE, SERVER_SECRET, Given, Secrets


class Settings(BaseSettings):
    """Where this installation keeps things and whom it talks to."""

    model_config = SettingsConfigDict(env_prefix="RIGHTSDESK_", frozen=True, extra="forbid", hide_input_in_errors=True)

    home: Path = Path("~/.rightsdesk")
    database_url: str | None = None
    broker_url: str | None = None
    systems: Path = Path("systems.toml")
    passphrase: SecretStr | None = None  # of the two secrets that open the vault the administrator's,
    passphrase_file: Path | None = None
    server_secret: SecretStr | None = None  # and the server's: itself, a file, or a command that prints it (a KMS's)
    server_secret_file: Path | None = None
    server_secret_command: str | None = None
    submitter_key: Path | None = None  # of who submits from elsewhere: its private key,
    intake_key: Path | None = None  # and the public key of the intake that it submits to
    packages: str | None = None
    packages_region: str | None = None  # provider:region or country:DE; needed where packages are not on this disk
    checkpoints: str | None = None  # an fsspec URL below which checkpoints are published; they name nobody
    checkpoint_seconds: float = Field(default=60.0, gt=0)  # how often what changed is covered by a new one
    smtp_url: SecretStr | None = None  # smtp://user:password@host:port or smtps://…
    mail_from: str = "privacy@localhost"
    letters: Path | None = None  # a folder whose templates replace ours
    public_url: str | None = None  # where people reach the package links, e.g. https://rights.vendor.example
    console_port: int = Field(default=8470, ge=0, le=65535)  # where the console listens, on the loopback interface
    gate_port: int = Field(default=8471, ge=0, le=65535)  # where `gate serve` listens, on the loopback interface
    lease_seconds: float = 15.0
    step_seconds: float = Field(default=3600.0, gt=0)  # how long a step may come no further until it is taken to hang
    memory_mb: int = Field(default=1024, ge=128)  # of data, for each process that performs steps
    concurrency: int = Field(default=2, ge=1, le=64)  # steps of one system at a time; breaches' may be more
    most_places: int = Field(default=32, ge=1, le=512)  # processes of a worker while steps take long
    test: bool = False

    @property
    def root(self) -> Path:
        """The home, absolute."""
        return self.home.expanduser().resolve()

    @property
    def secrets(self) -> Secrets:
        """Where the two secrets that open the vault are given."""
        server = (self.server_secret, self.server_secret_file, self.server_secret_command)
        return Secrets(Given(PASSPHRASE, self.passphrase, self.passphrase_file), Given(SERVER_SECRET, *server))

    @property
    def run(self) -> Path:
        """The folder with what is true only while the stack runs."""
        return self.root / "run"

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the database: SQLite under the home unless one is named."""
        return self.database_url or f"sqlite:///{self.root / 'rightsdesk.sqlite3'}"

    @property
    def broker(self) -> str:
        """The URL of the broker, as Celery writes it: the embedded one unless one is named."""
        return self.broker_url or f"redis+socket://{self.socket}?virtual_host=0"

    @property
    def socket(self) -> Path:
        """The embedded server's socket: in a short private folder, for such paths end at 107 bytes."""
        import hashlib  # noqa: PLC0415 - only the embedded stack needs it

        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        return Path("/tmp") / f"rightsdesk-{os.getuid()}-{name}" / "valkey.sock"  # noqa: S108 - checked: 0700, ours

    @property
    def package_url(self) -> str:
        """The fsspec URL below which packages are kept, encrypted."""
        return self.packages or f"file://{self.root / 'packages'}"


def read() -> Settings:
    """Read the environment; a UsageError names the variable that is wrong."""
    try:
        found = Settings()
        if not next(one for one in (found.root, *found.root.parents) if one.exists()).is_dir():
            raise UsageError(f"RIGHTSDESK_HOME is no folder: {found.root}")
        return found  # noqa: TRY300 - what is read and what is checked fail alike
    except ValidationError as error:
        name = error.errors(include_input=False, include_url=False)[0]["loc"][0]
        raise UsageError(f"RIGHTSDESK_{str(name).upper()} is not valid; see the README") from None
