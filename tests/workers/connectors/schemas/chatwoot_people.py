"""Two accounts of a Chatwoot, and the people in them: whoever is easily taken for Ada stands here."""

from tests.workers.connectors.schemas.people import People

ADA = "ada@acme.test"
ADA_PHONE = "+4930123456"
BOB = "bob@acme.test"
CAROL = "carol@acme.test"

NEAR = {
    "Ada": "the person, in account 1",
    "Ada, by mention": "others' rows that name her: texts are redacted",
    "Ada and Bob": "a picture that both have sent, her conversation with him",
    "Bob": "wrote in her conversation and was sent her mails",
    "Jimbob": "jimbob@acme.test ends like bob@acme.test",
    "Carol": "the same phone number, another address",
    "Ada elsewhere": "the same address in account 2, another client's",
    "Ada, staff elsewhere": "an agent in account 2 with the same address",
    "Ines": "an agent who answered her",
    "the system": "accounts, inboxes, tags, campaigns",
}


def populate(people: People) -> None:
    """Fill a database that has Chatwoot's schema."""
    people.reflect()
    for account in (1, 2):
        people.add("the system", "accounts", id=account, name=f"Account {account}", support_email="help@vendor.test")
        people.add("the system", "channel_email", account_id=account, email=f"in{account}@vendor.test",
                   forward_to_email=f"f{account}@vendor.test")  # fmt: skip
        people.add("the system", "inboxes", id=account, channel_id=account, account_id=account, name="Mail",
                   channel_type="Channel::Email", email_address=f"in{account}@vendor.test")  # fmt: skip
    people.add("the system", "tags", id=1, name="vip", taggings_count=2)
    people.add("the system", "campaigns", id=1, display_id=1, title="Spring", message="Hello", account_id=1, inbox_id=1)
    _staff(people)
    ada, bob = _contacts(people)
    chat, mail, his = _conversations(people, ada, bob)
    _pictures(people, ada, chat, his)
    _beside(people, ada, bob, chat, mail, his)
    _elsewhere(people)


def _staff(people):
    people.add("Ines", "users", id=1, name="Ines", email="ines@vendor.test", uid="ines@vendor.test",
               encrypted_password="x", pubsub_token="p1")  # fmt: skip
    people.add("Ines", "account_users", account_id=1, user_id=1)
    people.add("Ada, staff elsewhere", "users", id=2, name="Ada", email=ADA, uid=ADA, encrypted_password="x")
    people.add("Ada, staff elsewhere", "account_users", account_id=2, user_id=2)


def _contacts(people):
    ada = people.add("Ada", "contacts", id=11, account_id=1, name="Ada", last_name="Example", email="Ada@Acme.test",
                     phone_number=ADA_PHONE, identifier="c-1001", custom_attributes={"plan": "gold"},
                     additional_attributes={"city": "Berlin", "created_at_ip": "192.0.2.7"})  # fmt: skip
    bob = people.add("Bob", "contacts", id=12, account_id=1, name="Bob", email=BOB)
    people.add("Jimbob", "contacts", id=13, account_id=1, name="Jim", email="jimbob@acme.test")
    people.add("Carol", "contacts", id=14, account_id=1, name="Carol", email=CAROL, phone_number=ADA_PHONE)
    people.add("Ada", "contact_inboxes", id=21, contact_id=ada, inbox_id=1, source_id=ADA, pubsub_token="t21")
    people.add("Bob", "contact_inboxes", id=22, contact_id=bob, inbox_id=1, source_id=BOB)
    people.add("Jimbob", "contact_inboxes", id=23, contact_id=13, inbox_id=1, source_id="jimbob@acme.test")
    return ada, bob


def _message(people, whose, conversation, content, sender=None, kind="Contact", **more):
    account = more.pop("account_id", 1)
    return people.add(whose, "messages", account_id=account, inbox_id=account, conversation_id=conversation,
                      message_type=0 if kind == "Contact" else 1, content=content, processed_message_content=content,
                      sender_type=kind if sender else None, sender_id=sender, **more)  # fmt: skip


def _conversations(people, ada, bob):
    chat = people.add("Ada", "conversations", id=31, account_id=1, inbox_id=1, contact_id=ada, contact_inbox_id=21,
                      assignee_id=1, additional_attributes={"referer": "https://acme.test/?mail=" + ADA})  # fmt: skip
    mail = people.add("Ada and Bob", "conversations", id=32, account_id=1, inbox_id=1, contact_id=ada,
                      contact_inbox_id=21, assignee_id=1,
                      additional_attributes={"mail_subject": "Offer for ada@acme.test"})  # fmt: skip
    his = people.add("Bob", "conversations", id=33, account_id=1, inbox_id=1, contact_id=bob, contact_inbox_id=22)
    _message(people, "Ada", chat, f"I am {ADA}, 030 123456", ada, id=41)
    _message(people, "Ada", chat, "Good day, Ada", 1, "User", id=42)
    _message(people, "Ada", chat, "she sounds angry", 1, "User", id=43, private=True)
    _message(people, "Ada", chat, "Conversation was resolved", id=44, kind="System")
    header = {"from": [ADA], "to": ["in1@vendor.test"], "cc": [BOB, CAROL], "subject": "Offer", "message_id": "m1@acme"}
    _message(people, "Ada", mail, "Please answer us both", ada, id=45, source_id="m1@acme",
             content_attributes={"email": {**header, "text_content": {"full": f"Answer {BOB} too"}}})  # fmt: skip
    people.add("Ada", "action_mailbox_inbound_emails", id=51, message_id="m1@acme", message_checksum="c1", status=2)
    _message(people, "Ada", mail, "Here you are", 1, "User", id=46, content_attributes={"cc_emails": [BOB]})
    reply = {"from": [BOB], "to": ["in1@vendor.test"], "cc": [CAROL], "subject": "Re: Offer", "message_id": "m2@acme"}
    _message(people, "Bob", mail, "Thank you, says Bob", bob, id=47, source_id="m2@acme",
             content_attributes={"email": reply})  # fmt: skip
    people.add("Bob", "action_mailbox_inbound_emails", id=52, message_id="m2@acme", message_checksum="c2", status=2)
    _message(people, "Bob", his, "I am Bob", bob, id=48)
    _message(people, "Ada, by mention", his, f"quoting {ADA}: call 030/123456", 1, "User", id=49, private=True)
    _message(people, "Ada", his, "Ada here, I join", ada, id=50)
    return chat, mail, his


def _blob(people, whose, number, record_type, record, name="file"):
    blob = people.add(whose, "active_storage_blobs", id=number, key=f"key{number}", filename=f"{number}.png",
                      content_type="image/png", byte_size=1, service_name="local")  # fmt: skip
    people.file(whose, f"key{number}", f"picture {number}".encode())
    people.add(whose, "active_storage_attachments", name=name, record_type=record_type, record_id=record, blob_id=blob)
    return blob


def _pictures(people, ada, chat, his):
    """A picture with its smaller variant, one that both have sent, her portrait, raw mails, a voice message."""
    hers = people.add("Ada", "attachments", id=61, account_id=1, message_id=41, fallback_title="passport")
    blob = _blob(people, "Ada", 71, "Attachment", hers)
    variant = people.add("Ada", "active_storage_variant_records", id=81, blob_id=blob, variation_digest="d")
    _blob(people, "Ada", 72, "ActiveStorage::VariantRecord", variant, "image")
    both = people.add("Ada", "attachments", id=62, account_id=1, message_id=41)
    shared = people.add("Ada and Bob", "active_storage_blobs", id=73, key="key73", filename="both.png",
                        content_type="image/png", byte_size=1, service_name="local")  # fmt: skip
    people.file("Ada and Bob", "key73")
    people.add(
        "Ada", "active_storage_attachments", name="file", record_type="Attachment", record_id=both, blob_id=shared
    )
    bobs = people.add("Bob", "attachments", id=63, account_id=1, message_id=48)
    people.add(
        "Bob", "active_storage_attachments", name="file", record_type="Attachment", record_id=bobs, blob_id=shared
    )
    his_own = people.add("Bob", "attachments", id=64, account_id=1, message_id=47)
    _blob(people, "Bob", 74, "Attachment", his_own)
    _blob(people, "Ada", 75, "Contact", ada, "avatar")
    _blob(people, "Ada", 76, "ActionMailbox::InboundEmail", 51, "raw_email")
    _blob(people, "Bob", 77, "ActionMailbox::InboundEmail", 52, "raw_email")
    _blob(people, "Ines", 78, "User", 1, "avatar")
    spoken = people.add("Ada", "attachments", id=65, account_id=1, message_id=50,
                        meta={"transcribed_text": f"this is {ADA}"})  # fmt: skip
    _blob(people, "Ada", 79, "Attachment", spoken)


def _beside(people, ada, bob, chat, mail, his):
    people.add("Ada", "notes", account_id=1, contact_id=ada, user_id=1, content="likes tea")
    people.add("Ada, by mention", "notes", account_id=1, contact_id=bob, user_id=1, content=f"friend of {ADA}")
    people.add("Bob", "notes", account_id=1, contact_id=bob, user_id=1, content="likes coffee")
    for whose, contact, conversation, message in (("Ada", ada, chat, 42), ("Bob", bob, his, 48)):
        people.add(whose, "csat_survey_responses", account_id=1, conversation_id=conversation, message_id=message,
                   contact_id=contact, rating=5, assigned_agent_id=1, feedback_message=f"Thanks, {whose}")  # fmt: skip
        people.add(whose, "campaign_messages", campaign_id=1, contact_id=contact, message_id=f"cm-{contact}")
        people.add(whose, "taggings", tag_id=1, taggable_type="Contact", taggable_id=contact, context="labels")
        people.add(whose, "taggings", tag_id=1, taggable_type="Conversation", taggable_id=conversation,
                   context="labels")  # fmt: skip
        people.add(whose, "mentions", user_id=1, account_id=1, conversation_id=conversation,
                   mentioned_at="2026-03-01 12:00:00")  # fmt: skip
        people.add(whose, "conversation_participants", user_id=1, account_id=1, conversation_id=conversation)
        people.add(whose, "notifications", account_id=1, user_id=1, notification_type=1,
                   primary_actor_type="Conversation", primary_actor_id=conversation,
                   meta={"last_message": f"from {contact}"})  # fmt: skip
        people.add(whose, "audits", auditable_type="Conversation", auditable_id=conversation, user_id=1,
                   associated_type="Account", associated_id=1, user_type="User", username="ines@vendor.test",
                   action="destroy", audited_changes={"contact_id": contact}, remote_address="192.0.2.9")  # fmt: skip
        people.add(whose, "applied_slas", account_id=1, sla_policy_id=1, conversation_id=conversation)
    people.add("Ada", "notifications", account_id=1, user_id=1, notification_type=2, primary_actor_type="Conversation",
               primary_actor_id=his, secondary_actor_type="Message", secondary_actor_id=50)  # fmt: skip
    people.add("Ada", "captain_assistant_responses", account_id=1, assistant_id=1, question="When?", answer="Soon",
               documentable_type="Conversation", documentable_id=chat)  # fmt: skip
    people.add("Ada, by mention", "custom_filters", account_id=1, user_id=1, name="hers",
               query={"payload": [{"attribute_key": "email", "values": [ADA]}]})  # fmt: skip
    people.add(
        "Ada, by mention", "copilot_messages", account_id=1, copilot_thread_id=1, message={"content": f"who is {ADA}?"}
    )
    people.add("the system", "reporting_events", name="first_response", value=7.0, account_id=1, conversation_id=chat)


def _elsewhere(people):
    """Another client's account, in which somebody has the same address."""
    her = people.add("Ada elsewhere", "contacts", id=91, account_id=2, name="Ada", email=ADA, phone_number=ADA_PHONE)
    people.add("Ada elsewhere", "contact_inboxes", id=92, contact_id=her, inbox_id=2, source_id=ADA)
    talk = people.add("Ada elsewhere", "conversations", id=93, account_id=2, inbox_id=2, contact_id=her,
                      contact_inbox_id=92)  # fmt: skip
    _message(people, "Ada elsewhere", talk, f"I am {ADA}", her, account_id=2, id=94)
    people.add("Ada elsewhere", "notes", account_id=2, contact_id=her, content=f"{ADA} is kind")
    people.add("Ada elsewhere", "audits", auditable_type="Contact", auditable_id=her, associated_type="Account",
               associated_id=2, action="update", audited_changes={"email": ["x@acme.test", ADA]})  # fmt: skip
    picture = people.add("Ada elsewhere", "attachments", id=95, account_id=2, message_id=94)
    people.add("Ada elsewhere", "active_storage_blobs", id=96, key="key96", filename=f"{ADA}.png", byte_size=1,
               service_name="local")  # fmt: skip
    people.file("Ada elsewhere", "key96")
    people.add("Ada elsewhere", "active_storage_attachments", name="file", record_type="Attachment", record_id=picture,
               blob_id=96)  # fmt: skip
    people.add("Ada elsewhere", "canned_responses", account_id=2, short_code="ada", content=f"Write to {ADA}")
