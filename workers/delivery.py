"""Messages to the outside: sent once, or shown as `maybe twice` with the same id; mail over SMTP, posts over HTTP."""

import smtplib
import ssl
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import httpx
from sqlalchemy import insert, select, update

from shared.domain.errors import Final, Retryable, RightsdeskError, Unsure
from shared.domain.identifier import one_domain
from shared.domain.outcome import Outcome
from shared.envelope import seal_json, unseal_json
from shared.settings import Settings
from shared.store.tables import DeliveryRow
from workers.desk import Job

_TIMEOUT = 20.0
_LOCAL = ("localhost", "127.0.0.1", "::1")


def once(
    job: Job,
    kind: str,
    recipient: str,
    send: Callable[[str], None],
    *,
    part: str = "",
    extra: dict[str, Any] | None = None,
    link_digest: bytes | None = None,
) -> str:
    """Call `send(message_id)` unless this message is known to have gone; return its delivery's state.

    The row is written before the message goes, so a send whose answer was never stored is repeated with the same
    id and says `maybe twice`. `recipient` and `extra` are kept sealed.
    """
    # the ticket's id too: a step's number comes again in another installation
    message_id = ".".join(filter(None, (str(job.ticket), str(job.step), part))) + "@rightsdesk"
    with job.store.write() as session:
        row = session.execute(
            select(DeliveryRow.id, DeliveryRow.state, DeliveryRow.attempts).where(DeliveryRow.message_id == message_id)
        ).one_or_none()
        if row is None:
            session.execute(
                insert(DeliveryRow).values(
                    ticket_id=job.ticket, step_id=job.step, kind=kind, message_id=message_id, state="sending",
                    attempts=1, started_at=datetime.now(UTC), link_digest=link_digest,
                    sealed=seal_json(job.key, {"to": recipient} | (extra or {}), aad=b"delivery"),
                )
            )  # fmt: skip
        elif row.state in ("sent", "maybe twice"):
            return str(row.state)
        else:
            session.execute(
                update(DeliveryRow).where(DeliveryRow.id == row.id).values(state="sending", attempts=row.attempts + 1)
            )
    state = "maybe twice" if row is not None and row.state == "sending" else "sent"
    try:
        send(message_id)
    except Unsure:
        raise
    except (Retryable, Final):
        _note(job, message_id, state="unsent" if state == "sent" else "sending")
        raise
    _note(job, message_id, state=state)
    return state


def _note(job: Job, message_id: str, *, state: str) -> None:
    with job.store.write() as session:
        session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.message_id == message_id)
            .values(state=state, sent_at=datetime.now(UTC))
        )


def content_of(job: Job, message_id: str) -> dict[str, Any]:
    """Return what is kept sealed with a delivery: of a repeated send, what its first attempt was made of."""
    with job.store.read() as session:
        sealed = session.scalars(select(DeliveryRow.sealed).where(DeliveryRow.message_id == message_id)).one()
    content: dict[str, Any] = unseal_json(job.key, sealed or b"", aad=b"delivery")
    return content


def count_sent(outcome: Outcome, collection: str, state: str) -> None:
    """Count a message that went; one that may have gone twice says so."""
    outcome.count(collection, "sent")
    if state == "maybe twice":
        outcome.because(collection, "sent", "maybe twice: the answer to an earlier attempt was never stored")


class Refused(Final):
    """This message cannot go: its recipient, or the message itself, is refused for good."""


class Deferred(Retryable):
    """This message is not taken now; others may be."""


def mail(settings: Settings, *, to: str, subject: str, text: str, message_id: str) -> None:
    """Send one plain-text mail.

    Refused, Deferred and Unsure are about this message; any other Final or Retryable is about the server.
    """
    if settings.smtp_url is None:
        raise Final("no mail server: set RIGHTSDESK_SMTP_URL, e.g. smtp://user:password@host:587, then retry")
    local, _, domain = to.rpartition("@")
    to = f"{local}@{one_domain(domain)}"  # few servers take another form of it
    message = _written(settings.mail_from, to, subject, text, message_id)
    server = _server(urlsplit(settings.smtp_url.get_secret_value()))
    try:
        server.send_message(message, to_addrs=[to])
    except smtplib.SMTPRecipientsRefused as error:
        if all(code < 500 for code, _ in error.recipients.values()):
            raise Deferred("the mail server does not take mail for this recipient now", after=60) from None
        raise Refused("the mail server refuses this recipient") from None
    except smtplib.SMTPNotSupportedError:
        raise Refused("the mail server cannot send to this address (SMTPUTF8)") from None
    except smtplib.SMTPDataError as error:
        if error.smtp_code >= 500:
            raise Refused(f"the mail server refuses this message with {error.smtp_code}; see its log") from None
        raise Deferred(f"the mail server answered {error.smtp_code} to this message", after=10) from None
    except smtplib.SMTPResponseException as error:
        raise _answered(error) from None
    except (smtplib.SMTPException, OSError) as error:
        raise Unsure(f"the mail server did not take the message ({type(error).__name__})", after=10) from None
    finally:
        with suppress(smtplib.SMTPException, OSError):  # it has the message, or not, whatever it says to QUIT
            server.quit()
        server.close()


def _written(sender: str, to: str, subject: str, text: str, message_id: str) -> EmailMessage:
    """Write the mail; Refused unless its header and its envelope both name exactly this address.

    Addresses come from anybody's mails: the standard library reads `a(b@x.example` as `a`, and raises what it likes.
    """
    message = EmailMessage()
    try:
        message["From"], message["To"], message["Subject"] = sender, to, subject
        message["Message-ID"] = f"<{message_id}>"
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        message.as_bytes()
        read_back = [one.addr_spec for one in message["To"].addresses], smtplib.quoteaddr(to)
    except Exception:  # noqa: BLE001 - the header parser raises AttributeError, IndexError, ValueError and more
        raise Refused("this address, or this message, cannot be written as a mail") from None
    if read_back != ([to], f"<{to}>"):
        raise Refused("this address cannot be written in a mail")
    return message


def _server(url: SplitResult) -> smtplib.SMTP:
    """Connect and log in; until then nothing can have been sent."""
    tls = ssl.create_default_context()
    host, local = url.hostname or "localhost", url.hostname in _LOCAL
    try:
        with ExitStack() as stack:
            if url.scheme == "smtps":
                server: smtplib.SMTP = smtplib.SMTP_SSL(host, url.port or 465, timeout=_TIMEOUT, context=tls)
            else:
                server = smtplib.SMTP(host, url.port or 25, timeout=_TIMEOUT)
            stack.callback(server.close)
            if url.scheme != "smtps" and not local:
                server.starttls(context=tls)
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            stack.pop_all()
    except smtplib.SMTPNotSupportedError:
        raise Final("the mail server offers no TLS or no login; correct RIGHTSDESK_SMTP_URL, then retry") from None
    except smtplib.SMTPResponseException as error:
        raise _answered(error) from None
    except (smtplib.SMTPException, OSError) as error:
        raise Retryable(f"the mail server cannot be reached ({type(error).__name__})", after=10) from None
    return server


def _answered(error: smtplib.SMTPResponseException) -> RightsdeskError:
    if error.smtp_code >= 500:
        return Final(f"the mail server refused with {error.smtp_code}; see its log, then retry")
    return Retryable(f"the mail server answered {error.smtp_code}", after=10)


def post(url: str, payload: dict[str, Any], *, message_id: str) -> None:
    """POST JSON with an Idempotency-Key; 2xx is success. HTTPS, or plain HTTP on this machine only."""
    _request("POST", url, message_id, json=payload)


def put(url: str, content: Iterable[bytes], *, kind: str, message_id: str) -> None:
    """PUT a stream with an Idempotency-Key; 2xx is success. HTTPS, or plain HTTP on this machine only."""
    _request("PUT", url, message_id, content=content, headers={"Content-Type": kind})


def _request(method: str, url: str, message_id: str, *, headers: dict[str, str] | None = None, **body: Any) -> None:
    if not _safe(url):
        raise Final("a recipient's URL is not https; correct it, then retry")
    sent = (headers or {}) | {"Idempotency-Key": message_id}
    try:
        answer = httpx.request(method, url, headers=sent, timeout=_TIMEOUT, **body)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Retryable(f"the recipient cannot be reached ({type(error).__name__})", after=10) from None
    except httpx.HTTPError as error:
        raise Unsure(f"the recipient did not answer ({type(error).__name__})", after=10) from None
    if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
        raise Retryable(f"the recipient answered {answer.status_code}", after=10)
    if not answer.is_success:
        raise Final(f"the recipient refused with {answer.status_code}")


def _safe(url: str) -> bool:
    try:
        read = httpx.URL(url)  # by who will send it
    except httpx.InvalidURL:
        return False
    return bool(read.host) and (read.scheme == "https" or (read.scheme == "http" and read.host in _LOCAL))
