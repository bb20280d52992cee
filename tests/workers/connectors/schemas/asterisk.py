"""Asterisk's tables: cdr and cel as FreePBX creates them in `asteriskcdrdb`, voicemail_messages as Asterisk does.

FreePBX keeps them in MariaDB; PostgreSQL takes the same columns. cdr has no primary key anywhere.
"""

import sqlalchemy as sa

METADATA = sa.MetaData()


def _text(length, *names):
    return [sa.Column(name, sa.String(length), nullable=False, server_default="") for name in names]


def _number(*names):
    return [sa.Column(name, sa.Integer, nullable=False, server_default="0") for name in names]


CDR = sa.Table(
    "cdr", METADATA,
    sa.Column("calldate", sa.DateTime, nullable=False),
    *_text(80, "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata"),
    *_number("duration", "billsec"), *_text(45, "disposition"), *_number("amaflags"),
    *_text(20, "accountcode"), *_text(32, "uniqueid"), *_text(255, "userfield"), *_text(50, "did"),
    *_text(255, "recordingfile"), *_text(40, "cnum", "cnam", "outbound_cnum", "outbound_cnam", "dst_cnam"),
    *_text(32, "linkedid"), *_text(80, "peeraccount"), *_number("sequence"),
)  # fmt: skip
CEL = sa.Table(
    "cel", METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    *_text(30, "eventtype"), sa.Column("eventtime", sa.DateTime, nullable=False),
    *_text(80, "cid_name", "cid_num", "cid_ani", "cid_rdnis", "cid_dnid", "exten", "context", "channame", "appname",
           "appdata"),
    *_number("amaflags"), *_text(20, "accountcode"), *_text(32, "uniqueid", "linkedid"), *_text(80, "peer"),
    *_text(255, "userdeftype", "eventextra", "userfield"),
)  # fmt: skip
VOICEMAIL = sa.Table(
    "voicemail_messages", METADATA,
    sa.Column("dir", sa.String(255), primary_key=True),
    sa.Column("msgnum", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("context", sa.String(80)), sa.Column("macrocontext", sa.String(80)),
    sa.Column("callerid", sa.String(80)), sa.Column("origtime", sa.Integer), sa.Column("duration", sa.Integer),
    sa.Column("recording", sa.LargeBinary(2**32 - 1)), sa.Column("flag", sa.String(30)),
    sa.Column("category", sa.String(30)), sa.Column("mailboxuser", sa.String(30)),
    sa.Column("mailboxcontext", sa.String(30)), sa.Column("msg_id", sa.String(40)),
)  # fmt: skip
sa.Table("alembic_version", METADATA, sa.Column("version_num", sa.String(32), primary_key=True))


def create(engine: sa.Engine) -> None:
    """Create all of it in an empty database."""
    METADATA.create_all(engine)
