"""Mail: Apprise reads the URL, we write the message: with our own Message-ID, and with the server's answer kept."""

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import Any

from workers.channels import Channel, Message, Undelivered

_PLAIN = re.compile(r"[^\w .:;=+-]+")
_MOST = 80


def send(service: Any, message: Message, timeout: float) -> str:
    """Send one mail to all of the URL's addresses; delivered if the server takes it for one of them."""
    to = [address for _, address in service.targets]
    everyone = list(dict.fromkeys((*to, *service.cc, *service.bcc)))
    mail = _written(service, message)
    try:
        with _server(service, timeout) as server:
            return _handed_over(server, service.from_addr[1], everyone, mail)
    except smtplib.SMTPResponseException as error:
        raise Undelivered(f"SMTP {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError) as error:
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            raise Undelivered(f"no answer within {timeout:g} s") from None
        raise Undelivered(f"not reached ({type(error).__name__})") from None


def _written(service: Any, message: Message) -> EmailMessage:
    mail = EmailMessage()
    name, address = service.from_addr
    mail["From"] = formataddr((name or "", address))
    mail["To"] = ", ".join(formataddr((name or "", address)) for name, address in service.targets)
    if service.cc:
        mail["Cc"] = ", ".join(sorted(service.cc))
    if service.reply_to:
        mail["Reply-To"] = ", ".join(sorted(service.reply_to))
    mail["Subject"] = message.title
    mail["Message-ID"] = f"<{message.id}@rightsdesk>"
    mail["References"] = f"<{message.thread}@rightsdesk>"  # repetitions stand together
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Auto-Submitted"] = "auto-generated"
    if message.urgent:
        mail["Importance"] = "high"
    for header, value in service.headers.items():
        if header not in mail:
            mail[header] = value
    mail.set_content(message.text)
    return mail


@contextmanager
def _server(service: Any, timeout: float) -> Iterator[smtplib.SMTP]:
    """Connect and log in."""
    tls = ssl.create_default_context()
    if not service.verify_certificate:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    if service.secure_mode == "ssl":
        server: smtplib.SMTP = smtplib.SMTP_SSL(service.smtp_host, service.port, timeout=timeout, context=tls)
    else:
        server = smtplib.SMTP(service.smtp_host, service.port, timeout=timeout)
    try:
        if service.secure_mode == "starttls":
            server.starttls(context=tls)
        server.ehlo_or_helo_if_needed()
        # a local server without logins is met in trials; a URL like mailto://ines@host names the sender only
        if service.user and service.password and (server.has_extn("auth") or service.secure_mode != "insecure"):
            server.login(service.user, service.password)
        yield server
        with suppress(smtplib.SMTPException, OSError):  # it has the mail, whatever it says to QUIT
            server.quit()
    finally:
        server.close()


def _handed_over(server: smtplib.SMTP, sender: str, to: list[str], mail: EmailMessage) -> str:
    code, _ = server.mail(sender)
    if code != 250:
        raise Undelivered(f"SMTP {code}")
    answers = [server.rcpt(one)[0] for one in to]
    refused = [code for code in answers if code not in (250, 251)]
    if len(refused) == len(to):
        raise Undelivered(f"SMTP {refused[0]}: no recipient taken")
    code, said = server.data(mail.as_bytes())
    if code != 250:
        raise Undelivered(f"SMTP {code}")
    partly = f"; {len(refused)} of {len(to)} recipients refused" if refused else ""
    return f"SMTP {code} {_in_short(said)}".strip() + partly


def _in_short(said: bytes) -> str:
    """Keep what names the mail in the server's log, and nothing that looks like an address."""
    text = said.decode("ascii", errors="replace").splitlines()[0] if said else ""
    return _PLAIN.sub("", " ".join(word for word in text.split() if "@" not in word))[:_MOST]


CHANNEL = Channel("mail", frozenset({"mailto", "mailtos"}), send)
