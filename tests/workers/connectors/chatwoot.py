"""A server that answers as Chatwoot's application API does, its traps included, with what it heard and holds.

Searching finds substrings; a contact that is online is not deleted (422, with the name in the answer); deleting answers
200 and leaves conversations, messages and notes to jobs that run later; a deleted message is overwritten.
"""

import time
from itertools import count
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

PAGE, MESSAGES, CONVERSATIONS = 15, 20, 20
DELETED = "This message was deleted"


class Chatwoot:
    """Two accounts, 1 and 2, with a token each."""

    def __init__(self, *, jobs_take: float = 0.2) -> None:
        self.jobs_take = jobs_take
        self.tokens = {"token-1": 1, "token-2": 2}
        self.online: set[int] = set()
        self.contacts: dict[int, dict[str, Any]] = {}
        self.conversations: dict[int, dict[str, Any]] = {}
        self.messages: dict[int, dict[str, Any]] = {}
        self.notes: dict[int, dict[str, Any]] = {}
        self.heard: list[str] = []  # method and path with query, as an access log has it
        self.numbers = count(1)
        self.jobs: list[tuple[float, dict[int, dict[str, Any]], int]] = []
        self.app = FastAPI()
        self.app.middleware("http")(self._log)
        self.app.include_router(_Api(self).router)

    async def _log(self, request: Request, answer: Any) -> Any:
        self.heard.append(f"{request.method} {request.url.path}?{request.url.query}")
        self.run_jobs()
        return await answer(request)

    def contact(self, account: int = 1, **what: Any) -> int:
        """Add a contact."""
        number = next(self.numbers)
        empty = {"name": "", "email": None, "phone_number": None, "identifier": None, "thumbnail": "", "blocked": False}
        self.contacts[number] = {
            **empty, "id": number, "account": account, "additional_attributes": {}, "custom_attributes": {},
            "created_at": 1767225600, "last_activity_at": 1772323200, "contact_inboxes": [], **what,
        }  # fmt: skip
        return number

    def conversation(self, contact: int, **what: Any) -> int:
        """Add a conversation of a contact."""
        number = next(self.numbers)
        self.conversations[number] = {
            "id": number, "account_id": self.contacts[contact]["account"], "contact": contact, "status": "open",
            "additional_attributes": {}, "custom_attributes": {}, "labels": [], "created_at": 1767225600, **what,
        }  # fmt: skip
        return number

    def message(self, conversation: int, content: str, *, by: int | None = None, **what: Any) -> int:
        """Add a message: of a contact, or else of an agent."""
        number = next(self.numbers)
        sender = ("contact", by) if by else ("user", 900)
        self.messages[number] = {
            "id": number, "conversation_id": conversation, "content": content, "content_attributes": {},
            "message_type": 0 if by else 1, "private": False, "created_at": 1772323200, "by": sender, **what,
        }  # fmt: skip
        return number

    def note(self, contact: int, content: str) -> int:
        """Add an agent's note about a contact."""
        number = next(self.numbers)
        self.notes[number] = {"id": number, "contact": contact, "content": content, "user": {"name": "Agent"}}
        return number

    def later(self, table: dict[int, dict[str, Any]], number: int) -> None:
        """Destroy a row when its job runs."""
        self.jobs.append((time.monotonic() + self.jobs_take, table, number))

    def run_jobs(self) -> bool:
        """Run the jobs whose time has come; say whether none is left that will ever run."""
        now = time.monotonic()
        due = [job for job in self.jobs if job[0] <= now]
        self.jobs = [job for job in self.jobs if job[0] > now]
        for _, table, number in due:
            table.pop(number, None)
        return all(at == float("inf") for at, _, _ in self.jobs)

    def destroy_contact(self, number: int) -> None:
        """Destroy a contact at once; what hangs on it, and what it has sent anywhere, by jobs."""
        self.contacts.pop(number)
        for one in [one for one in self.notes.values() if one["contact"] == number]:
            self.later(self.notes, one["id"])
        for one in [one for one in self.messages.values() if one["by"] == ("contact", number)]:
            self.later(self.messages, one["id"])
        for one in [one for one in self.conversations.values() if one["contact"] == number]:
            self.destroy_conversation(one["id"])

    def destroy_conversation(self, number: int) -> None:
        """Destroy a conversation with its messages, by jobs."""
        self.later(self.conversations, number)
        for message in [one for one in self.messages.values() if one["conversation_id"] == number]:
            self.later(self.messages, message["id"])

    def shown(self, contact: dict[str, Any]) -> dict[str, Any]:
        """Return a contact as the API does."""
        return {key: value for key, value in contact.items() if key != "account"}

    def shown_message(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a message as the API does, with its sender where that one still stands."""
        kind, number = message["by"]
        sender = {"id": number, "name": "Agent", "type": "user"}
        if kind == "contact":
            found = self.contacts.get(number)
            sender = {**self.shown(found), "type": "contact"} if found else {}
        shown = {key: value for key, value in message.items() if key != "by"}
        return shown | ({"sender": sender} if sender else {})


class _Api:
    """The calls."""

    def __init__(self, chat: Chatwoot) -> None:
        self.chat = chat
        self.router = APIRouter(prefix="/api/v1/accounts/{account}", dependencies=[Depends(self.allowed)])
        one, talk = "/contacts/{number}", "/conversations/{number}"
        for path, call, *methods in (
            ("/contacts", self.index, "GET"),
            ("/contacts/filter", self.narrow, "POST"),
            (one, self.show, "GET"),
            (one, self.update, "PUT"),
            (one, self.destroy, "DELETE"),
            (f"{one}/conversations", self.conversations, "GET"),
            (f"{one}/notes", self.notes, "GET"),
            (one + "/notes/{note}", self.note, "GET", "PATCH", "DELETE"),
            (talk, self.talk, "GET"),
            (talk, self.destroy_talk, "DELETE"),
            (f"{talk}/messages", self.messages, "GET"),
            (talk + "/messages/{message}", self.overwrite, "DELETE"),
        ):
            self.router.add_api_route(path, call, methods=list(methods))

    def allowed(self, account: int, request: Request) -> None:
        if self.chat.tokens.get(request.headers.get("api_access_token", "")) != account:
            raise HTTPException(401, "You are not authorized to do this action")

    def contact(self, account: int, number: int) -> dict[str, Any]:
        return _there(self.chat.contacts, number, account=account)

    def paged(self, found: list[dict[str, Any]], page: int) -> dict[str, Any]:
        part = found[(page - 1) * PAGE : page * PAGE]
        return {"meta": {"count": len(found), "current_page": page}, "payload": [self.chat.shown(one) for one in part]}

    def index(self, account: int, page: int = 1) -> Any:
        return self.paged([one for one in self.chat.contacts.values() if one["account"] == account], page)

    async def narrow(self, account: int, request: Request, page: int = 1) -> Any:
        conditions = (await request.json())["payload"]
        mine = [one for one in self.chat.contacts.values() if one["account"] == account]
        return self.paged([one for one in mine if all(_holds(one, condition) for condition in conditions)], page)

    def show(self, account: int, number: int) -> Any:
        return {"payload": self.chat.shown(self.contact(account, number))}

    async def update(self, account: int, number: int, request: Request) -> Any:
        found, changes = self.contact(account, number), await request.json()
        for name, value in changes.items():
            if name in ("additional_attributes", "custom_attributes"):
                found[name] = {**found[name], **value}  # it merges
            elif name in ("name", "email", "phone_number", "identifier", "blocked"):
                found[name] = value
        return {"payload": self.chat.shown(found)}

    def destroy(self, account: int, number: int) -> Any:
        found = self.contact(account, number)
        if number in self.chat.online:
            return JSONResponse({"message": f"Sorry, {found['name']} is online now."}, 422)
        self.chat.destroy_contact(number)
        return JSONResponse(None)

    def conversations(self, account: int, number: int) -> Any:
        self.contact(account, number)
        mine = [one for one in self.chat.conversations.values() if one["contact"] == number]
        return {"payload": [_plain(one) for one in mine[::-1][:CONVERSATIONS]]}

    def notes(self, account: int, number: int) -> Any:
        self.contact(account, number)
        return [one for one in self.chat.notes.values() if one["contact"] == number]

    async def note(self, account: int, number: int, note: int, request: Request) -> Any:
        self.contact(account, number)
        found = _there(self.chat.notes, note, contact=number)
        if request.method == "PATCH":
            found["content"] = (await request.json())["content"]
        if request.method == "DELETE":
            del self.chat.notes[note]
        return found

    def talk(self, account: int, number: int) -> Any:
        return _plain(_there(self.chat.conversations, number, account_id=account))

    def destroy_talk(self, account: int, number: int) -> Any:
        self.talk(account, number)
        self.chat.destroy_conversation(number)
        return JSONResponse(None)

    def messages(self, account: int, number: int, before: int | None = None) -> Any:
        self.talk(account, number)
        found = [one for one in self.chat.messages.values() if one["conversation_id"] == number]
        older = [one for one in found if before is None or one["id"] < before]
        return {"meta": {}, "payload": [self.chat.shown_message(one) for one in older[-MESSAGES:]]}

    def overwrite(self, account: int, number: int, message: int) -> Any:
        self.talk(account, number)
        found = _there(self.chat.messages, message, conversation_id=number)
        found.update(content=DELETED, content_attributes={"deleted": True}, attachments=[])
        return self.chat.shown_message(found)


def _there(table: dict[int, dict[str, Any]], number: int, **holds: Any) -> dict[str, Any]:
    found = table.get(number)
    if found is None or any(found[name] != value for name, value in holds.items()):
        raise HTTPException(404, "Resource could not be found")
    return found


def _plain(conversation: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in conversation.items() if key != "contact"}


def _holds(contact: dict[str, Any], condition: dict[str, Any]) -> bool:
    stands, wanted = str(contact[condition["attribute_key"]] or "").lower(), condition["values"][0].lower()
    if condition["attribute_key"] == "phone_number":
        wanted = f"+{wanted}"
    return stands == wanted if condition["filter_operator"] == "equal_to" else wanted in stands
