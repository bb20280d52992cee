"""The certificate: it verifies offline, and each changed field shows, in its proof too."""

import copy
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.evidence import (
    GENESIS,
    certificate_digest,
    certificate_leaf,
    chain_leaf,
    check_checkpoint,
    checkpoint_leaf,
    path_of,
    sign,
    sign_checkpoint,
    verify,
    with_proof,
)

KEY = Ed25519PrivateKey.generate()
BODY = {"ticket": "t-1", "outcome": "fulfilled", "systems": [{"id": "chat", "counts": {"erased": 2}}], "in_time": True}
DOCUMENT = sign(BODY, KEY)


def proved(document=DOCUMENT, signer=KEY, index=2):
    """Return the certificate with its proof from a checkpoint over five leaves."""
    leaves = [chain_leaf("t-9", 4, bytes([one] * 32)) for one in range(4)]
    leaves.insert(index, certificate_leaf("t-1", certificate_digest(document)))
    hashes = [checkpoint_leaf(0, GENESIS), *leaves[1:]] if index else leaves
    checkpoint = sign_checkpoint(1, datetime(2026, 1, 31, tzinfo=UTC), GENESIS, hashes, signer)
    return with_proof(document, checkpoint, index, path_of(hashes, index))


PROVED = proved()


def test_a_certificate_verifies_offline():
    """What was signed verifies with the public key, after a way through a file too."""
    document = json.loads(json.dumps(sign(BODY, KEY), indent=2))
    assert verify(document, KEY.public_key()) is None
    assert ("rightsdesk-certificate/1", "pending", "Ed25519") == (
        document["format"], document["proof"], document["signature"]["alg"],
    )  # fmt: skip


def places(value, path=()):
    """Yield the way to every value inside a document."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(one, (*path, key))
    else:
        yield path


@pytest.mark.parametrize("path", list(places(PROVED)), ids=lambda path: ".".join(map(str, path)))
def test_every_changed_field_shows(path):
    """Whichever value is changed or dropped, with or without a proof, verification says so."""
    for drop in (False, True):
        document = copy.deepcopy(PROVED)
        at = document
        for key in path[:-1]:
            at = at[key]
        if drop:
            del at[path[-1]]
        else:
            at[path[-1]] = "changed"
        assert verify(document, KEY.public_key()) is not None


@pytest.mark.parametrize(
    "where",
    [(), ("certificate",), ("signature",), ("proof",), ("proof", "checkpoint"), ("proof", "checkpoint", "signature")],
)
def test_every_added_field_shows(where):
    """Nothing can be added unseen, in the signatures neither."""
    document = copy.deepcopy(PROVED)
    at = document
    for key in where:
        at = at[key]
    at["note"] = "approved"
    assert verify(document, KEY.public_key()) is not None


def test_another_key_does_not_verify():
    """A certificate signed by somebody else says so."""
    said = "the signature does not fit: the certificate was changed, or signed by another key"
    assert said == verify(sign(BODY, Ed25519PrivateKey.generate()), KEY.public_key())


@pytest.mark.parametrize(
    "document",
    [None, 5, "x", [], {}, {"format": "other"}, {"format": "rightsdesk-certificate/1"}, DOCUMENT["certificate"]]
    + [
        DOCUMENT | {"signature": one} for one in (None, 5, "x", [], {}, {"value": 5}, {"value": "é"}, {"value": "AAAA"})
    ],
)
def test_what_is_no_certificate_is_said(document):
    """Anything else gets a sentence, never an exception."""
    assert isinstance(verify(document, KEY.public_key()), str)


@pytest.mark.parametrize("document", [None, 5, "x", [], {}, {"format": "other"}, {"format": "rightsdesk-checkpoint/1"}])
def test_what_is_no_checkpoint_is_said(document):
    """The same for what is said to be a checkpoint."""
    assert isinstance(check_checkpoint(document, KEY.public_key()), str)


def test_a_proof_that_is_taken_away_leaves_a_signed_certificate():
    """The signature stands as it was given at the close; `proof` says what was seen."""
    assert verify(PROVED, KEY.public_key()) is None
    assert verify(PROVED | {"proof": "pending"}, KEY.public_key()) is None
    assert "checkpoint" in PROVED["proof"]


@pytest.mark.parametrize(
    "proof",
    [
        proved(sign(BODY | {"outcome": "partial"}, KEY))["proof"],  # another certificate's
        proved(signer=Ed25519PrivateKey.generate())["proof"],  # a forged checkpoint's
        PROVED["proof"] | {"index": 3}, PROVED["proof"] | {"index": -1}, PROVED["proof"] | {"index": True},
        PROVED["proof"] | {"path": PROVED["proof"]["path"][1:]}, PROVED["proof"] | {"path": []},
        PROVED["proof"] | {"path": ["00" * 32] * 5000}, PROVED["proof"] | {"path": "00"},
        PROVED["proof"] | {"path": [one.upper() for one in PROVED["proof"]["path"]]},
        PROVED["proof"] | {"checkpoint": None}, None, 5, "no", [],
    ],
)  # fmt: skip
def test_a_wrong_proof_shows(proof):
    """What leads elsewhere, to another's checkpoint, or nowhere."""
    assert isinstance(verify(DOCUMENT | {"proof": proof}, KEY.public_key()), str)
