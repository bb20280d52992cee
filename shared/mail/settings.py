"""The keys that every kind of mailbox has in the inventory."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator

Rule = Literal["delete", "redact", "keep"]
Role = Literal["sender", "recipient", "many"]


class Roles(BaseModel):
    """What an erasure does to a message with other people in it, by what the person is in it.

    `sender`: wrote it. `recipient`: is the only person to whom it went. `many`: one of several recipients.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    sender: Rule = "redact"
    recipient: Rule = "redact"
    many: Rule = "redact"

    def of(self, role: Role) -> Rule:
        """Return the rule for one role."""
        return {"sender": self.sender, "recipient": self.recipient, "many": self.many}[role]


class MailSettings(BaseModel):
    """What the inventory may say of mailboxes of any kind.

    `shared_messages`: one rule for all messages with other people in them, or one a role. `own_domains`: whose
    addresses are nobody's but the vendor's and the client's, beside the mailboxes' and the client's contact; never
    the domain of a provider where anybody may have an address. `mask_others`: other people's addresses are taken out
    of the copies that the person gets. `residual`: what is known to stay behind after an erasure (a journal, an
    archive), and until when; each erased message then counts as `residual` too, with this as the ground.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    shared_messages: Roles = Roles()
    restricted_folder: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]*$")] = "Restricted"
    own_domains: tuple[str, ...] = ()
    mask_others: bool = False
    residual: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    datamap: str | None = None

    @field_validator("shared_messages", mode="before")
    @classmethod
    def _one_for_all(cls, rules: Any) -> Any:
        return dict.fromkeys(("sender", "recipient", "many"), rules) if isinstance(rules, str) else rules
