"""Connections to an IMAP server: made, secured, logged in, and their errors as our two families.

A server's own words may quote a name, an address or a folder, so of an error only its response code (RFC 5530) is
read.
"""

import logging
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from imaplib import IMAP4
from pathlib import Path

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import CapabilityError, LoginError, ProtocolError

from shared.domain.errors import Final, Retryable
from workers.connectors.imap.settings import Account, ImapSettings

_TIMEOUT = SocketTimeout(connect=20, read=180)  # seconds; a search in a large folder takes its time
_IDLE = 60.0  # seconds, after which a connection is asked whether it still stands
_CODE = re.compile(r"\[([A-Z-]+)[ \]]")
_LATER = frozenset({"UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT", "EXPUNGEISSUED"})
_FINAL = {
    "OVERQUOTA": "a mailbox is full, and a redacted copy needs room before the original goes: give it more quota",
    "NOPERM": "the mail server denies a right: give the login l, r, s, w, i, k, t, e (RFC 4314) on all folders",
    "PRIVACYREQUIRED": 'the mail server asks for encryption; write tls = "tls" or "starttls" in the inventory',
    "EXPIRED": "the login's password has expired; set a new one",
    "CONTACTADMIN": "the mail server refuses, and asks that its administrator be called",
}
# At DEBUG the library writes whatever comes and goes, messages too.
logging.getLogger("imapclient").setLevel(logging.WARNING)


@contextmanager
def reachable() -> Iterator[None]:
    """Turn what goes wrong on the wire into our two families, without the server's words."""
    try:
        yield
    except ssl.SSLCertVerificationError:
        raise Final("the mail server's certificate is not trusted; check host, or name its issuer as tls_ca") from None
    except IMAP4.readonly:
        raise Final(_FINAL["NOPERM"]) from None
    except CapabilityError:
        raise Final("the mail server lacks an extension that is needed; see docs/mail.md") from None
    except (IMAP4.abort, OSError, EOFError):
        raise Retryable("the connection to the mail server was lost") from None
    except (ProtocolError, IMAP4.error) as error:
        raise _refused(error) from None
    except UnicodeError:
        raise Final("a folder's name is not in modified UTF-7 (RFC 3501, 5.1.3); rename it on the server") from None


def code_of(error: BaseException) -> str:
    """Return the response code (RFC 5530) in a server's refusal; empty if it gave none."""
    match = _CODE.search(str(error))
    return match[1] if match else ""


def _refused(error: BaseException) -> Final | Retryable:
    code = code_of(error)
    if code in _FINAL:
        return Final(_FINAL[code])
    return Retryable(f"the mail server refused a command{f' ({code})' if code else ''}")


class Sessions:
    """One connection at a time: a mailbox is worked through before the next is opened."""

    def __init__(self, settings: ImapSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._open: tuple[Account, IMAPClient] | None = None
        self._asked = 0.0

    def of(self, account: Account) -> IMAPClient:
        """Return the connection of an account; a new one if another is open, or if it was idle and is lost."""
        if self._open and (self._open[0] != account or not self._stands(self._open[1])):
            self.close()
        if not self._open:
            self._open = (account, self._connected(account))
        self._asked = time.monotonic()
        return self._open[1]

    def close(self) -> None:
        """Log out."""
        if self._open:
            with suppress(Exception):  # it may be lost already
                self._open[1].logout()
            with suppress(Exception):
                self._open[1].shutdown()
            self._open = None

    def _stands(self, client: IMAPClient) -> bool:
        if time.monotonic() - self._asked < _IDLE:
            return True
        try:
            client.noop()
        except (IMAP4.error, OSError):
            return False
        return True

    def _connected(self, account: Account) -> IMAPClient:
        try:
            with reachable():
                client = self._dialled()
        except Retryable:
            raise Retryable("the mail server cannot be reached", after=15) from None
        try:
            with reachable():
                _log_in(client, account)
        except BaseException:
            with suppress(Exception):
                client.shutdown()
            raise
        client.folder_encode = False  # names as they are on the wire: a name that is not decodable has to be openable
        client.normalise_times = False  # with their time zone
        return client

    def _dialled(self) -> IMAPClient:
        settings, secure = self._settings, self._settings.tls == "tls"
        context = None if settings.tls == "none" else self._context()
        client = IMAPClient(settings.host, settings.at, ssl=secure, ssl_context=context, timeout=_TIMEOUT)
        if settings.tls == "starttls":
            try:
                client.starttls(context)
            except BaseException:
                with suppress(Exception):
                    client.shutdown()
                raise
        return client

    def _context(self) -> ssl.SSLContext:
        if self._settings.tls_ca is None:
            return ssl.create_default_context()
        try:
            return ssl.create_default_context(cafile=str(self._folder / self._settings.tls_ca))
        except OSError:
            raise Final("the file of certificates cannot be read; check tls_ca in the inventory") from None


def _log_in(client: IMAPClient, account: Account) -> None:
    """Log in; PLAIN (RFC 4616) where it is offered, since LOGIN takes ASCII only."""
    password = account.password.get_secret_value()
    try:
        if client.has_capability("AUTH=PLAIN"):
            client.plain_login(account.username, password)
        else:
            client.login(account.username, password)
    except IMAP4.abort:
        raise
    except LoginError as error:
        if code_of(error) in _LATER:
            raise
        raise Final(
            f"the mail server refused the login of mailbox {account.number} of the inventory's list; "
            "check username and password"
        ) from None
    except UnicodeError:
        raise Final("this mail server takes usernames and passwords in ASCII only; change them") from None
