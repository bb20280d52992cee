"""Real IMAP servers for tests: pymap (always) and Dovecot (where it is installed)."""

import datetime as dt
import grp
import imaplib
import os
import pwd
import shutil
import socket
import socketserver
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pysasl.hashing import BuiltinHash

from tests.servers import must_live, private_place, running
from tests.waiting import until

PASSWORD = 'geheim: "quoted" \\ pass'
MASTER = "dsr-admin"
_numbers = count(1)


def free_port() -> int:
    """Return a port of the loopback that is free now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@dataclass
class MailServer:
    """A running server in which mailboxes are made; `username` is what the inventory says of it."""

    place: Path
    port: int
    username: str
    kind: str
    hashed: str = ""
    tls_port: int = 0

    def mailbox(self, name: str, domain: str) -> str:
        """Make an empty mailbox and return its address."""
        address = f"{name}@{domain}"
        if self.kind == "pymap":
            home = self.place / "mail"
            with (home / "pymap-etc-passwd").open("a") as users, (home / "pymap-etc-shadow").open("a") as secrets:
                users.write(f"{address}:x::::{address}:\n")
                secrets.write(f"{address}:{self.hashed}:::::::\n")
        return address

    def domain(self) -> str:
        """Return a domain of which there is no mailbox yet."""
        return f"acme{next(_numbers)}.example"

    @contextmanager
    def logged_in(self, address: str) -> Iterator[imaplib.IMAP4]:
        """Yield a connection of the mailbox's owner, by the standard library."""
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=20) as client:
            client.authenticate("PLAIN", lambda _: f"\0{address}\0{PASSWORD}".encode())
            yield client


def answers(port: int) -> bool:
    """Say whether an IMAP server greets."""
    with suppress(OSError, imaplib.IMAP4.error), socket.create_connection(("127.0.0.1", port), timeout=5) as one:
        return one.recv(4) == b"* OK"
    return False


@contextmanager
def pymap_server() -> Iterator[MailServer]:
    """Run a pymap with Maildirs on disk."""
    with private_place("pymap") as place:
        port, log = free_port(), place / "log"
        (place / "mail").mkdir()
        command = [str(Path(sys.executable).with_name("pymap")), "--host", "127.0.0.1", "--port", str(port), "--no-tls"]
        with running([*command, "--no-service", "managesieve", "maildir", str(place / "mail")], log=log) as server:
            until(lambda: must_live(server, log) or answers(port), timeout=20)
            hashed = BuiltinHash(rounds=1).hash(PASSWORD).replace(":", "\\:")
            yield MailServer(place, port, "{mailbox}", "pymap", hashed)


_DOVECOT = """
base_dir = {place}/run
state_dir = {place}/state
log_path = {place}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {internal[0]}
default_login_user = {internal[1]}
default_internal_group = {internal[2]}
first_valid_uid = {uid}
first_valid_gid = {gid}
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_master_user_separator = *
auth_failure_delay = 0
ssl = {ssl}
ssl_cert = <{place}/cert.pem
ssl_key = <{place}/key.pem
passdb {{
  driver = passwd-file
  master = yes
  args = scheme=PLAIN {place}/master
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={place}/mail/%u
}}
mail_location = maildir:~/Maildir
namespace inbox {{
  inbox = yes
  prefix = {prefix}
  separator = {separator}
}}
namespace public {{
  type = public
  prefix = Public{separator}
  separator = {separator}
  location = maildir:{place}/public:INDEX=~/public
  subscriptions = no
  list = children
}}
service imap-login {{
  chroot =
  service_count = 0
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


def needs_dovecot() -> None:
    """Skip where Dovecot is not installed; fail where it must be."""
    if shutil.which("dovecot") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "dovecot is not installed (apt-get install dovecot-imapd)"
        )


@contextmanager
def dovecot_server(*, tls: bool = False, prefix: str = "", separator: str = "/") -> Iterator[MailServer]:
    """Run a Dovecot with Maildirs, whoever asks for one, a master user and a public namespace."""
    with private_place("dovecot") as place:
        port, tls_port = free_port(), free_port() if tls else 0
        if tls:
            certificate(place)
        packed = "{PLAIN.B64}" + b64encode(PASSWORD.encode()).decode()
        me = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())  # mail of root is refused
        group = grp.getgrgid(me.pw_gid).gr_name
        internal = ("dovecot", "dovenull", "dovecot") if os.geteuid() == 0 else (me.pw_name, me.pw_name, group)
        text = _DOVECOT.format(
            place=place, internal=internal, uid=me.pw_uid, gid=me.pw_gid, port=port, tls_port=tls_port,
            prefix=prefix, separator=separator, password=packed, ssl="yes" if tls else "no",
        )  # fmt: skip
        if not tls:
            text = text.replace("ssl_cert", "#").replace("ssl_key", "#")
        (place / "dovecot.conf").write_text(text)
        (place / "master").write_text(f"{MASTER}:{packed}\n")
        for folder in ("mail", "public/.support/cur", "public/.support/new", "public/.support/tmp"):
            (place / folder).mkdir(parents=True)
        place.chmod(0o711)  # its processes run as other users
        for path in (place / "mail", *(place / "public").rglob("*"), place / "public"):
            os.chown(path, me.pw_uid, me.pw_gid)
        command = [str(shutil.which("dovecot")), "-F", "-c", str(place / "dovecot.conf")]
        with running(command, log=place / "out") as server:
            until(lambda: must_live(server, place / "out") or answers(port), timeout=20)
            yield MailServer(place, port, f"{{mailbox}}*{MASTER}", "dovecot", "", tls_port)


def certificate(place: Path) -> None:
    """Write `cert.pem` and `key.pem` for localhost, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    cert = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (place / "cert.pem").write_bytes(cert.public_bytes(pem))
    plain = serialization.NoEncryption()
    (place / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


class _Between(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, hide: bytes, cut_at: bytes, times: int, seen: list[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Pipe)
        self.seen = seen
        self.port, self.hide, self.cut_at, self.left = port, hide, cut_at, times

    def handle_error(self, *_):
        """Say nothing: that connections break is what it is for."""


class _Pipe(socketserver.StreamRequestHandler):
    server: _Between

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.port)) as there:
            for one in (there, self.connection):  # or each answer waits 40 ms for an acknowledgement
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self._back, args=(there,), daemon=True)
            back.start()
            for line in self.rfile:
                self.server.seen.append(line)
                there.sendall(line)
                if self.server.cut_at and self.server.cut_at in line:
                    self.server.left -= 1
                    if self.server.left <= 0:
                        back.join(0.3)  # the server has done it; its answer may be lost, or the command is half sent
                        break
            with suppress(OSError):
                there.shutdown(socket.SHUT_RDWR)
                self.connection.shutdown(socket.SHUT_RDWR)

    def _back(self, there: socket.socket) -> None:
        with suppress(OSError, ValueError), there.makefile("rb") as answers_:
            for line in answers_:
                self.wfile.write(line.replace(self.server.hide, b"") if self.server.hide else line)


@contextmanager
def between(
    port: int, *, hide: bytes = b"", cut_at: bytes = b"", times: int = 1, seen: list[bytes] | None = None
) -> Iterator[int]:
    """Stand between a client and a server, and yield the port.

    `hide` is taken out of what the server says; after `times` lines of the client with `cut_at` in them the
    connection is cut, and so is each later one. `seen` takes all lines of the client.
    """
    with _Between(port, hide, cut_at, times, [] if seen is None else seen) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
