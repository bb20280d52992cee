"""Mail of Ada and of other people, for every kind of mailbox."""

import mailbox
import re
from email.message import EmailMessage

from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject

ADA = "ada@example.org"
SUPPORT = "support@acme.example"
PHONE_NUMBER = "+4930123456"
STANDS = re.compile(r"(?<![\w.+-])ada@example\.org(?![\w.-]*\w)|(?:\+49 ?|0)30[ -/]?12 ?34 ?56(?!\d)", re.IGNORECASE)


def subject(**more):
    """Return Ada, as her client knows her."""
    given = {Identifier(EMAIL, ADA), Identifier(PHONE, PHONE_NUMBER)}
    return Subject(frozenset(given), names=frozenset({"ada example"}), region="DE", **more)


def mail(sender, to, text="Hello.", **headers):
    """Write a message."""
    message = EmailMessage()
    message["From"], message["To"] = sender, to
    message["Date"] = headers.pop("date", "Mon, 04 May 2026 10:00:00 +0200")
    for name, value in {"subject": "A question", **headers}.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def said(raw: bytes) -> str:
    """Return all that a message says, read by the standard library's own modern policy."""
    message = mailbox.MaildirMessage(raw)
    text = []
    for part in message.walk():
        text += [str(value) for value in part.values()]
        text += [part.get_filename() or ""]
        if part.get_content_maintype() in {"text", "application"} and not part.is_multipart():
            text.append((part.get_payload(decode=True) or b"").decode("utf-8", "replace"))
    return "\n".join(text)


def with_html():
    """Write an answer to her, with her address split by a tag."""
    message = mail(f"Acme <{SUPPORT}>", f"Ada Example <{ADA}>", "See the other part.", in_reply_to="<1@example.org>")
    message.add_alternative("<p>Dear ada@<b>example</b>.org, call 030/12 34 56</p>", subtype="html")
    return message


def with_attachments():
    """Write a message of hers with a text and a binary attached."""
    message = mail("=?utf-8?q?Ada_Ex=C3=A4mple?= <ADA@Example.ORG>", SUPPORT, subject="Grüße")
    message.add_attachment("name;mail\nAda;ada@example.org\n", subtype="csv", filename="list.csv")
    message.add_attachment(b"\x00\x01\x02", maintype="application", subtype="octet-stream", filename="raw.bin")
    return message


def forwarded():
    """Write a message of someone else with one of hers inside."""
    message = mail("bob@example.org", SUPPORT, "Fwd")
    message.add_attachment(mail(ADA, "carl@example.org", "Call me: +49 30 123456", cc="bob@example.org"))
    return message
