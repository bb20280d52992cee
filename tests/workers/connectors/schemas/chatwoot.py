"""Chatwoot's PostgreSQL schema as of 2025-08-16 (`db/schema.rb`, version 2025_08_16_044639): every table and column.

Columns are written `name:type`, with `!` for NOT NULL and `=…` for a default; `stamps` are Rails' two timestamps.
`vector` (pgvector) is kept as real[], and its indexes and those for speed are left out; unique ones are here.
"""

import re

import sqlalchemy as sa

_TYPES = {
    "s": "varchar", "t": "text", "i": "integer", "b": "bigint", "f": "double precision", "bool": "boolean",
    "ts": "timestamp(6)", "ts0": "timestamp", "vector": "real[]", "tt": "text[]",
}  # fmt: skip
_SERIAL = {
    "accounts", "attachments", "canned_responses", "channel_facebook_pages", "channel_web_widgets", "contacts",
    "conversations", "inbox_members", "inboxes", "messages", "taggings", "tags", "telegram_bots", "users",
}  # fmt: skip
_NO_ID = {"portals_members"}

TABLES = """
access_tokens owner_type:s owner_id:b token:s stamps
account_users account_id:b user_id:b role:i=0 inviter_id:b stamps active_at:ts0 availability:i!=0 auto_offline:bool!=true custom_role_id:b agent_capacity_policy_id:b
accounts name:s! stamps locale:i=0 domain:s support_email:s feature_flags:b!=0 auto_resolve_duration:i limits:jsonb='{}' custom_attributes:jsonb='{}' status:i=0 internal_attributes:jsonb!='{}' settings:jsonb='{}'
action_mailbox_inbound_emails status:i!=0 message_id:s! message_checksum:s! stamps
active_storage_attachments name:s! record_type:s! record_id:b! blob_id:b! created_at:ts0!
active_storage_blobs key:s! filename:s! content_type:s metadata:t byte_size:b! checksum:s created_at:ts0! service_name:s!
active_storage_variant_records blob_id:b! variation_digest:s!
agent_bot_inboxes inbox_id:i agent_bot_id:i status:i=0 stamps account_id:i
agent_bots name:s description:s outgoing_url:s stamps account_id:b bot_type:i=0 bot_config:jsonb='{}'
agent_capacity_policies account_id:b! name:s! description:t exclusion_rules:jsonb!='{}' stamps
applied_slas account_id:b! sla_policy_id:b! conversation_id:b! stamps sla_status:i=0
article_embeddings article_id:b! term:t! embedding:vector stamps
articles account_id:i! portal_id:i! category_id:i folder_id:i title:s description:t content:t status:i views:i stamps author_id:b associated_article_id:b meta:jsonb='{}' slug:s! position:i locale:s!='en'
assignment_policies account_id:b! name:s! description:t assignment_order:i!=0 conversation_priority:i!=0 fair_distribution_limit:i!=100 fair_distribution_window:i!=3600 enabled:bool!=true stamps
attachments file_type:i=0 external_url:s coordinates_lat:f=0.0 coordinates_long:f=0.0 message_id:i! account_id:i! stamps fallback_title:s extension:s meta:jsonb='{}'
audits auditable_id:b auditable_type:s associated_id:b associated_type:s user_id:b user_type:s username:s action:s audited_changes:jsonb version:i=0 comment:s remote_address:s request_uuid:s created_at:ts0
automation_rules account_id:b! name:s! description:t event_name:s! conditions:jsonb!='"{}"' actions:jsonb!='"{}"' stamps active:bool!=true
campaign_messages campaign_id:b! contact_id:b! message_id:s status:s!='pending' error_code:s error_description:t sent_at:ts delivered_at:ts read_at:ts stamps
campaigns display_id:i! title:s! description:t message:t! sender_id:i enabled:bool=true account_id:b! inbox_id:b! trigger_rules:jsonb='{}' stamps campaign_type:i!=0 campaign_status:i!=0 audience:jsonb='[]' scheduled_at:ts0 trigger_only_during_business_hours:bool=false template_params:jsonb
canned_responses account_id:i! short_code:s content:t stamps
captain_assistant_responses question:s! answer:t! embedding:vector assistant_id:b! documentable_id:b account_id:b! stamps status:i!=1 documentable_type:s
captain_assistants name:s! account_id:b! description:s stamps config:jsonb!='{}' response_guidelines:jsonb='[]' guardrails:jsonb='[]'
captain_documents name:s external_link:s! content:t assistant_id:b! account_id:b! stamps status:i!=0
captain_inboxes captain_assistant_id:b! inbox_id:b! stamps
captain_scenarios title:s description:t instruction:t tools:jsonb='[]' enabled:bool!=true assistant_id:b! account_id:b! stamps
categories account_id:i! portal_id:i! name:s description:t position:i stamps locale:s='en' slug:s! parent_category_id:b associated_category_id:b icon:s=''
channel_api account_id:i! webhook_url:s stamps identifier:s hmac_token:s hmac_mandatory:bool=false additional_attributes:jsonb='{}'
channel_email account_id:i! email:s! forward_to_email:s! stamps imap_enabled:bool=false imap_address:s='' imap_port:i=0 imap_login:s='' imap_password:s='' imap_enable_ssl:bool=true smtp_enabled:bool=false smtp_address:s='' smtp_port:i=0 smtp_login:s='' smtp_password:s='' smtp_domain:s='' smtp_enable_starttls_auto:bool=true smtp_authentication:s='login' smtp_openssl_verify_mode:s='none' smtp_enable_ssl_tls:bool=false provider_config:jsonb='{}' provider:s
channel_facebook_pages page_id:s! user_access_token:s! page_access_token:s! account_id:i! stamps instagram_id:s
channel_instagram access_token:s! expires_at:ts! account_id:i! instagram_id:s! stamps
channel_line account_id:i! line_channel_id:s! line_channel_secret:s! line_channel_token:s! stamps
channel_sms account_id:i! phone_number:s! provider:s='default' provider_config:jsonb='{}' stamps
channel_telegram bot_name:s account_id:i! bot_token:s! stamps
channel_twilio_sms phone_number:s auth_token:s! account_sid:s! account_id:i! stamps medium:i=0 messaging_service_sid:s api_key_sid:s
channel_twitter_profiles profile_id:s! twitter_access_token:s! twitter_access_token_secret:s! account_id:i! stamps tweets_enabled:bool=true
channel_voice phone_number:s! provider:s!='twilio' provider_config:jsonb! account_id:i! additional_attributes:jsonb='{}' stamps
channel_web_widgets website_url:s account_id:i stamps website_token:s widget_color:s='#1f93ff' welcome_title:s welcome_tagline:s feature_flags:i!=7 reply_time:i=0 hmac_token:s pre_chat_form_enabled:bool=false pre_chat_form_options:jsonb='{}' hmac_mandatory:bool=false continuity_via_email:bool!=true
channel_whatsapp account_id:i! phone_number:s! provider:s='default' provider_config:jsonb='{}' stamps message_templates:jsonb='{}' message_templates_last_updated:ts0
contact_inboxes contact_id:b inbox_id:b source_id:s! stamps hmac_verified:bool=false pubsub_token:s
contacts name:s='' email:s phone_number:s account_id:i! stamps additional_attributes:jsonb='{}' identifier:s custom_attributes:jsonb='{}' last_activity_at:ts0 contact_type:i=0 middle_name:s='' last_name:s='' location:s='' country_code:s='' blocked:bool!=false
conversation_participants account_id:b! user_id:b! conversation_id:b! stamps
conversations account_id:i! inbox_id:i! status:i!=0 assignee_id:i stamps contact_id:b display_id:i! contact_last_seen_at:ts0 agent_last_seen_at:ts0 additional_attributes:jsonb='{}' contact_inbox_id:b uuid:uuid!=gen_random_uuid() identifier:s last_activity_at:ts0!=CURRENT_TIMESTAMP team_id:b campaign_id:b snoozed_until:ts0 custom_attributes:jsonb='{}' assignee_last_seen_at:ts0 first_reply_created_at:ts0 priority:i sla_policy_id:b waiting_since:ts cached_label_list:t
copilot_messages copilot_thread_id:b! account_id:b! message:jsonb!='{}' stamps message_type:i=0
copilot_threads title:s! user_id:b! account_id:b! stamps assistant_id:i
csat_survey_responses account_id:b! conversation_id:b! message_id:b! rating:i! feedback_message:t contact_id:b! assigned_agent_id:b stamps
custom_attribute_definitions attribute_display_name:s attribute_key:s attribute_display_type:i=0 default_value:i attribute_model:i=0 account_id:b stamps attribute_description:t attribute_values:jsonb='[]' regex_pattern:s regex_cue:s
custom_filters name:s! filter_type:i!=0 query:jsonb!='"{}"' account_id:b! user_id:b! stamps
custom_roles name:s description:s account_id:b! permissions:tt='{}' stamps
dashboard_apps title:s! content:jsonb='[]' account_id:b! user_id:b stamps
data_imports account_id:b! data_type:s! status:i!=0 processing_errors:t total_records:i processed_records:i stamps
email_templates name:s! body:t! account_id:i template_type:i=1 locale:i!=0 stamps
folders account_id:i! category_id:i! name:s stamps
inbox_assignment_policies inbox_id:b! assignment_policy_id:b! stamps
inbox_capacity_limits agent_capacity_policy_id:b! inbox_id:b! conversation_limit:i! stamps
inbox_members user_id:i! inbox_id:i! stamps
inboxes channel_id:i! account_id:i! name:s! stamps channel_type:s enable_auto_assignment:bool=true greeting_enabled:bool=false greeting_message:s email_address:s working_hours_enabled:bool=false out_of_office_message:s timezone:s='UTC' enable_email_collect:bool=true csat_survey_enabled:bool=false allow_messages_after_resolved:bool=true auto_assignment_config:jsonb='{}' lock_to_single_conversation:bool!=false portal_id:b sender_name_type:i!=0 business_name:s csat_config:jsonb!='{}'
installation_configs name:s! serialized_value:jsonb!='{}' stamps locked:bool!=true
integrations_hooks status:i=1 inbox_id:i account_id:i app_id:s hook_type:i=0 reference_id:s access_token:s stamps settings:jsonb='{}'
labels title:s description:t color:s!='#1f93ff' show_on_sidebar:bool account_id:b stamps
leaves account_id:b! user_id:b! start_date:date! end_date:date! leave_type:i!=0 status:i!=0 reason:t approved_by_id:b approved_at:ts stamps
macros account_id:b! name:s! visibility:i=0 created_by_id:b updated_by_id:b actions:jsonb!='{}' stamps
mentions user_id:b! conversation_id:b! account_id:b! mentioned_at:ts0! stamps
messages content:t account_id:i! inbox_id:i! conversation_id:i! message_type:i! stamps private:bool!=false status:i=0 source_id:s content_type:i!=0 content_attributes:json='{}' sender_type:s sender_id:b external_source_ids:jsonb='{}' additional_attributes:jsonb='{}' processed_message_content:t sentiment:jsonb='{}'
notes content:t! account_id:b! contact_id:b! user_id:b stamps
notification_settings account_id:i user_id:i email_flags:i!=0 stamps push_flags:i!=0
notification_subscriptions user_id:b! subscription_type:i! subscription_attributes:jsonb!='{}' stamps identifier:t
notifications account_id:b! user_id:b! notification_type:i! primary_actor_type:s! primary_actor_id:b! secondary_actor_type:s secondary_actor_id:b read_at:ts0 stamps snoozed_until:ts last_activity_at:ts=CURRENT_TIMESTAMP meta:jsonb='{}'
platform_app_permissibles platform_app_id:b! permissible_type:s! permissible_id:b! stamps
platform_apps name:s! stamps
portals account_id:i! name:s! slug:s! custom_domain:s color:s homepage_link:s page_title:s header_text:t stamps config:jsonb='{"allowed_locales":["en"]}' archived:bool=false channel_web_widget_id:b ssl_settings:jsonb!='{}'
portals_members portal_id:b! user_id:b!
related_categories category_id:b related_category_id:b stamps
reporting_events name:s value:f account_id:i inbox_id:i user_id:i conversation_id:i stamps value_in_business_hours:f event_start_time:ts0 event_end_time:ts0
sla_events applied_sla_id:b! conversation_id:b! account_id:b! sla_policy_id:b! inbox_id:b! event_type:i meta:jsonb='{}' stamps
sla_policies name:s! first_response_time_threshold:f next_response_time_threshold:f only_during_business_hours:bool=false account_id:b! stamps description:s resolution_time_threshold:f
taggings tag_id:i taggable_type:s taggable_id:i tagger_type:s tagger_id:i context:s created_at:ts0
tags name:s taggings_count:i=0
team_members team_id:b! user_id:b! stamps
teams name:s! description:t allow_auto_assign:bool=true account_id:b! stamps
telegram_bots name:s auth_key:s account_id:i stamps
users provider:s!='email' uid:s!='' encrypted_password:s!='' reset_password_token:s reset_password_sent_at:ts0 remember_created_at:ts0 sign_in_count:i!=0 current_sign_in_at:ts0 last_sign_in_at:ts0 current_sign_in_ip:s last_sign_in_ip:s confirmation_token:s confirmed_at:ts0 confirmation_sent_at:ts0 unconfirmed_email:s name:s! display_name:s email:s tokens:json stamps pubsub_token:s availability:i=0 ui_settings:jsonb='{}' custom_attributes:jsonb='{}' type:s message_signature:t
webhooks account_id:i inbox_id:i url:s stamps webhook_type:i=0 subscriptions:jsonb='[]'
working_hours inbox_id:b account_id:b day_of_week:i! closed_all_day:bool=false open_hour:i open_minutes:i close_hour:i close_minutes:i stamps open_all_day:bool=false
schema_migrations version:s!
ar_internal_metadata key:s! value:s stamps
"""  # noqa: E501 - one table a line

UNIQUE = """
access_tokens token
account_users account_id user_id
action_mailbox_inbound_emails message_id message_checksum
active_storage_attachments record_type record_id name blob_id
active_storage_blobs key
active_storage_variant_records blob_id variation_digest
campaign_messages message_id
channel_email email
contact_inboxes inbox_id source_id
contact_inboxes pubsub_token
contacts email account_id
contacts identifier account_id
conversation_participants user_id conversation_id
conversations account_id display_id
conversations uuid
csat_survey_responses message_id
mentions user_id conversation_id
taggings tag_id taggable_id taggable_type context tagger_id tagger_type
tags name
users pubsub_token
users uid provider
"""

KEYS = [
    ("active_storage_attachments", "blob_id", "active_storage_blobs"),
    ("active_storage_variant_records", "blob_id", "active_storage_blobs"),
    ("campaign_messages", "campaign_id", "campaigns"),
    ("campaign_messages", "contact_id", "contacts"),
    ("inboxes", "portal_id", "portals"),
]

# a conversation's number comes from a sequence of its account's
TRIGGERS = """
CREATE FUNCTION accounts_after_insert_row_tr() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('CREATE SEQUENCE IF NOT EXISTS conv_dpid_seq_%s', NEW.id); RETURN NULL; END $$;
CREATE TRIGGER accounts_after_insert_row_tr AFTER INSERT ON accounts FOR EACH ROW
EXECUTE FUNCTION accounts_after_insert_row_tr();
CREATE FUNCTION conversations_before_insert_row_tr() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.display_id := nextval('conv_dpid_seq_' || NEW.account_id); RETURN NEW; END $$;
CREATE TRIGGER conversations_before_insert_row_tr BEFORE INSERT ON conversations FOR EACH ROW
EXECUTE FUNCTION conversations_before_insert_row_tr()
"""

_COLUMN = re.compile(r"(\w+):(\w+)(!?)(?:=(.*))?")
_STAMPS = ("created_at:ts!", "updated_at:ts!")


def create(engine: sa.Engine) -> None:
    """Create all of it in an empty PostgreSQL database."""
    with engine.begin() as connection:
        for line in TABLES.strip().splitlines():
            connection.exec_driver_sql(_table(*line.split()))
        for line in UNIQUE.strip().splitlines():
            table, *columns = line.split()
            connection.exec_driver_sql(f"CREATE UNIQUE INDEX ON {table} ({', '.join(columns)})")
        for table, column, parent in KEYS:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD FOREIGN KEY ({column}) REFERENCES {parent} (id)")
        connection.execute(sa.text(TRIGGERS.replace(":=", r"\:=")))


def _table(name: str, *columns: str) -> str:
    words = [one for column in columns for one in (_STAMPS if column == "stamps" else (column,))]
    defined = [_column(one) for one in words]
    if name in ("schema_migrations", "ar_internal_metadata"):
        defined[0] += " PRIMARY KEY"
    elif name not in _NO_ID:
        defined.insert(0, f"id {'serial' if name in _SERIAL else 'bigserial'} PRIMARY KEY")
    return f"CREATE TABLE {name} ({', '.join(defined)})"


def _column(word: str) -> str:
    found = _COLUMN.fullmatch(word)
    assert found is not None
    name, kind, required, default = found.groups()
    null = " NOT NULL" if required else ""
    return f'"{name}" {_TYPES.get(kind, kind)}{f" DEFAULT {default}" if default else ""}{null}'
