"""What the inventory says of an `imap` system, and the accounts that follow from it."""

import ipaddress
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from shared.mail import MailSettings

_MAILBOX = "{mailbox}"


@dataclass(frozen=True, slots=True)
class Account:
    """One login: the mailbox that it opens, its place in the inventory's list (from 1), and its credentials."""

    mailbox: str
    number: int
    username: str
    password: SecretStr


class ImapSettings(MailSettings):
    """What the inventory says of an `imap` system.

    `tls`: `tls` (from the first byte), `starttls`, or `none`, on the loopback only. `tls_ca`: a file of certificates
    to trust in place of the system's, relative to the inventory. `username`: with `{mailbox}` there is one login for
    each of `mailboxes` (as a master user: `{mailbox}*dsr-admin`); a plain name is one login. `passwords`: the
    mailboxes that have a password of their own; `password` is that of all others.
    """

    host: str
    port: int | None = Field(default=None, ge=1, le=65535)
    tls: Literal["none", "starttls", "tls"] = "tls"
    tls_ca: str | None = None
    username: str = _MAILBOX
    password: SecretStr | None = None
    passwords: dict[str, SecretStr] = Field(default_factory=dict)
    mailboxes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.tls == "none" and not _is_loopback(self.host):
            raise ValueError('tls = "none" is for the loopback only; write tls = "tls" or "starttls"')
        if self.tls_ca and self.tls == "none":
            raise ValueError('tls_ca means nothing with tls = "none"; leave one of them out')
        return self

    @model_validator(mode="after")
    def _logins(self) -> Self:
        if len(set(self.mailboxes)) < len(self.mailboxes):
            raise ValueError("a mailbox is listed twice; list each once")
        if set(self.passwords) - set(self.mailboxes):
            raise ValueError("passwords names a mailbox that is not in mailboxes; list it, or correct its name")
        if _MAILBOX not in self.username and (len(self.mailboxes) > 1 or self.passwords):
            raise ValueError(
                "username is one login, so it opens one mailbox; write {mailbox} into it, or one system a mailbox"
            )
        if _MAILBOX in self.username and not self.mailboxes:
            raise ValueError("mailboxes is empty; list those that are to be searched")
        if self.password is None and (not self.mailboxes or set(self.mailboxes) - set(self.passwords)):
            raise ValueError("a mailbox has no password; write password, or one for each in passwords")
        return self

    @property
    def at(self) -> int:
        """The port."""
        return self.port or (993 if self.tls == "tls" else 143)

    def accounts(self) -> tuple[Account, ...]:
        """Return the logins, in the order of the list."""
        return tuple(
            Account(
                name,
                number,
                self.username.replace(_MAILBOX, name),
                self.passwords.get(name, self.password or SecretStr("")),
            )
            for number, name in enumerate(self.mailboxes or (self.username,), 1)
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"
