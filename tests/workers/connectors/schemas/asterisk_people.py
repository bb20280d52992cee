"""A telephone system's week: every way in which Ada's number is written, and the other people of her calls."""

from tests.workers.connectors.schemas.people import People

ADA = "+4930123456"
BOB = "+4930987654"
CAROL = "+4940765432"
KEYS = {"cdr": ("sequence", "uniqueid"), "alembic_version": ("version_num",)}
DIAL = {"region": "DE", "trunk": ["9", "0"]}

NEAR = {
    "Ada": "the person: +49 30 123456",
    "Ada and Bob": "one call, forwarded from her to him",
    "Ada, by mention": "another's row whose text names her number",
    "Bob": "the second leg of her forwarded call; calls of his own",
    "Carol": "+49 40 765432, in a conference with both",
    "Longer": "+49 30 1234567 begins like hers",
    "Other area": "+49 40 123456 ends like hers",
    "Ines": "extension 101, to whom everybody speaks",
    "the system": "what no person stands in",
}


def populate(people: People) -> None:
    """Fill a database that has Asterisk's tables."""
    people.reflect()
    people.add("the system", "alembic_version", version_num="39428242f7f5")
    _her_calls(people)
    _with_others(people)
    _near(people)
    _voicemail(people)


def _call(people, whose, number, src, dst, leg=0, sequence=None, **more):
    return people.add(
        whose, "cdr", calldate="2026-03-01 12:00:00", src=src, dst=dst, uniqueid=f"1772366400.{number}{leg}",
        sequence=number * 10 + leg if sequence is None else sequence, disposition="ANSWERED", duration=60, billsec=55,
        **{"lastapp": "Dial", "linkedid": f"1772366400.{number}0", **more},
    )  # fmt: skip


def _event(people, whose, number, kind, **more):
    return people.add(whose, "cel", eventtype=kind, eventtime="2026-03-01 12:00:00", uniqueid=f"1772366400.{number}0",
                      linkedid=f"1772366400.{number}0", **more)  # fmt: skip


def _her_calls(people):
    inwards = "in-4930555000-030123456-20260301-120000-1772366400.10.wav"
    people.file("Ada", f"2026/03/01/{inwards}")
    _call(people, "Ada", 1, "030123456", "101", clid='"Ada Example" <030123456>', cnum="030123456", cnam="Ada Example",
          did="4930555000", channel="PJSIP/provider-01", dstchannel="PJSIP/101-02", recordingfile=inwards)  # fmt: skip
    _call(people, "Ada", 1, "030123456", "102", leg=1, clid='"Ada Example" <030123456>', recordingfile=inwards)
    _event(people, "Ada", 1, "CHAN_START", cid_name="Ada Example", cid_num="030123456", exten="101")
    _event(people, "Ada", 1, "ANSWER", cid_num="101", exten="", appname="AppDial", peer="PJSIP/provider-00000001")
    outwards = "out-9030123456-101-20260301-130000-1772366400.20.wav"
    people.file("Ada", f"2026/03/01/{outwards}")
    _call(people, "Ada", 2, "101", "9030123456", clid='"Ines" <101>', cnam="Ines", recordingfile=outwards,
          dstchannel="PJSIP/provider-00000003", lastdata="PJSIP/provider/sip:9030123456@trunk,60")  # fmt: skip
    _event(people, "Ada", 2, "APP_START", cid_num="101", cid_name="Ines", exten="9030123456",
           appdata="PJSIP/provider/sip:9030123456@trunk,60")  # fmt: skip
    for number, dialled in enumerate(("0049 30 123456", "00049 30 123456", "+49 30 123456", "9 0049 30 123456"), 3):
        _call(people, "Ada", number, "101", dialled)
    _call(people, "Ada", 7, "4930123456", "s", clid="4930123456", lastapp="Hangup")


def _with_others(people):
    shared = "2026/03/02/fwd-030123456-030987654-20260302-120000-1772366400.80.wav"
    people.file("Ada and Bob", shared)
    _call(people, "Ada and Bob", 8, "030123456", "9030987654", clid='"Ada Example" <030123456>', cnam="Ada Example",
          dst_cnam="Bob Other", dstchannel="PJSIP/9030987654@provider", lastdata="PJSIP/9030987654@provider,30",
          recordingfile=shared)  # fmt: skip
    _call(people, "Bob", 8, "101", "9030987654", leg=1, clid='"Ines" <101>', recordingfile=shared)
    _event(people, "Ada and Bob", 8, "FORWARD", cid_num="030123456", cid_rdnis="101", exten="9030987654")
    _event(people, "Bob", 8, "CHAN_START", cid_num="030987654", cid_name="Bob Other", exten="s")
    _call(people, "Ada", 9, "030123456", "800", clid="030123456", lastapp="ConfBridge", lastdata="800")
    _call(people, "Bob", 9, "030987654", "800", leg=1, clid='"Bob Other" <030987654>', lastapp="ConfBridge")
    _call(people, "Carol", 9, "040765432", "800", leg=2, clid='"Carol" <040765432>', lastapp="ConfBridge")
    _call(people, "Ada, by mention", 10, "040765432", "101", lastdata="callback 030 123456")


def _near(people):
    _call(people, "Longer", 11, "0301234567", "101")
    _call(people, "Longer", 12, "101", "90301234567")
    _call(people, "Other area", 13, "040123456", "101")
    _call(people, "Ines", 14, "101", "102", clid='"Ines" <101>')
    _call(people, "Ines", 15, "101", "123456", clid='"Ines" <101>')
    _call(people, "Bob", 16, "030987654", "101", clid='"Bob Other" <030987654>')
    # the column's default: two calls without a group are not one call
    _call(people, "Ada", 18, "030123456", "101", linkedid="")
    _call(people, "Ines", 19, "101", "102", linkedid="")
    for path in ("2026/03/01/in-4930555000-0301234567-20260301-120000-1772366400.110.wav",):
        people.file("Longer", path)


def _voicemail(people):
    box = "/var/spool/asterisk/voicemail/default/101/INBOX"
    for whose, number, caller in (
        ("Ada", 0, '"Ada Example" <030123456>'), ("Bob", 1, '"Bob Other" <030987654>'), ("Ada", 2, "9030123456"),
        ("Longer", 3, "0301234567"), ("Ines", 4, '"Ines" <102>'),
    ):  # fmt: skip
        people.add(whose, "voicemail_messages", dir=box, msgnum=number, callerid=caller, origtime=1772366400,
                   duration=7, recording=f"sound {whose}".encode(), mailboxuser="101", mailboxcontext="default",
                   msg_id=f"1772366400-{number}")  # fmt: skip
