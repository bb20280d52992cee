"""JSON webhooks: Apprise's own payload, with the message's id, the alerts for machines, and the status as answer."""

from typing import Any

import httpx

from workers.channels import Channel, Message, Undelivered


def send(service: Any, message: Message, timeout: float) -> str:
    """Send the message with an Idempotency-Key; 2xx is success, redirects are not followed."""
    url = httpx.URL(
        scheme="https" if service.secure else "http", host=service.host, port=service.port or None,
        path=service.fullpath or "/",
    )  # fmt: skip
    headers = {"User-Agent": "Rightsdesk", "Idempotency-Key": message.id} | service.headers
    try:
        with httpx.stream(
            service.method, url, params=service.params or None, headers=headers, json=_payload(service, message),
            auth=(service.user, service.password or "") if service.user else None,
            timeout=timeout, verify=service.verify_certificate, trust_env=False,
        ) as answer:  # fmt: skip
            if not answer.is_success:
                raise Undelivered(f"HTTP {answer.status_code}")
            return f"HTTP {answer.status_code}"
    except httpx.TimeoutException:
        raise Undelivered(f"no answer within {timeout:g} s") from None
    except httpx.HTTPError as error:
        raise Undelivered(f"not reached ({type(error).__name__})") from None


def _payload(service: Any, message: Message) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "version": "1.0",
        "title": message.title,
        "message": message.text,
        "attachments": [],
        "type": "failure" if message.urgent else "warning",
        "id": message.id,
        "link": message.link,
        "alerts": list(message.alerts),
    }
    for key, value in service.payload_extras.items():  # as Apprise has it: `:message=text` renames, `:type=` leaves out
        if key not in payload:
            payload[key] = value
            continue
        content = payload.pop(key)
        if value:
            payload[value] = content
    return payload


CHANNEL = Channel("webhook", frozenset({"json", "jsons"}), send)
