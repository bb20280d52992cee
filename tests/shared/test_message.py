"""Messages: what one seals the intake opens, whoever wrote the code; what was tampered with or is old it does not."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import OKPKey
from jwcrypto import jwe as other_jwe
from jwcrypto import jwk as other_jwk
from jwcrypto import jws as other_jws

from shared import message
from shared.domain.errors import UsageError
from shared.envelope import SealError
from shared.message import (
    LIFETIME,
    TYPE,
    kid_of,
    open_message,
    public_jwk,
    read_intake,
    read_public,
    read_submitter,
    seal_message,
)
from shared.vault import open_vault
from tests.shared.by_hand import b64, unb64, vectors

VECTORS = json.loads((Path(__file__).parents[2] / "docs" / "sealing.json").read_text())


@pytest.fixture(scope="module")
def vault(tmp_path_factory):
    """A vault with fresh keys."""
    return open_vault(tmp_path_factory.mktemp("home"))


def opened(entry, vault, **more):
    """Open a message as an intake that knows this vault's submitter."""
    known = {kid_of(vault.submitter): vault.submitter}
    return open_message(entry, intake=vault.intake, find=known.get, **more)


@settings(max_examples=25)
@given(content=st.binary(max_size=2000))
def test_a_message_opens(vault, content):
    """What the submitter seals the intake opens; the content does not stand in it."""
    entry = seal_message(content, intake=vault.intake, submitter=vault.submitter)
    assert content == opened(entry, vault).content
    assert len(content) < 4 or content not in entry


def test_a_message_shows_no_more_than_its_algorithms(vault):
    """The header in clear holds algorithms and keys, and each message is sealed by a key of its own."""
    entries = [seal_message(b"x", intake=vault.intake, submitter=vault.submitter) for _ in range(2)]
    headers = [json.loads(unb64(one.split(b".")[0].decode())) for one in entries]
    assert {"alg", "enc", "kid", "epk"} == set(headers[0])
    assert ("ECDH-ES", "A256GCM") == (headers[0]["alg"], headers[0]["enc"])
    assert headers[0]["epk"] != headers[1]["epk"]


def test_a_message_signed_by_another_key_is_refused(vault, tmp_path):
    """Sealed to us is not enough: the submitter's signature counts."""
    stranger = open_vault(tmp_path)
    entry = seal_message(b"x", intake=vault.intake, submitter=stranger.submitter)
    with pytest.raises(SealError, match="not signed by a known submitter"):
        opened(entry, vault)


def test_a_message_to_another_intake_is_refused(vault, tmp_path):
    """What is sealed to another installation does not open here."""
    entry = seal_message(b"x", intake=open_vault(tmp_path).intake, submitter=vault.submitter)
    with pytest.raises(SealError, match="not sealed to this intake"):
        opened(entry, vault)


def headed(header):
    """Return a message's first part."""
    return b64(json.dumps(header).encode()).encode()


def hostile(entry):
    """Return entries that somebody who may push could push, made of a good one."""
    head, *rest = entry.split(b".")
    good = json.loads(unb64(head.decode()))
    okp = {"kty": "OKP", "crv": "X25519", "x": "AA"}
    for name, values in {
        "epk": [None, 5, "x", [], {}, okp, okp | {"x": "A" * 43}, okp | {"crv": "X448"}, {"kty": "EC", "crv": "P-256"}],
        "alg": [None, 5, [], "none", "dir", "PBES2-HS256+A128KW", "RSA-OAEP"],
        "enc": [None, 5, [], "A128CBC-HS256"],
        "zip": ["DEF", 5],
        "crit": [["x"], 5],
    }.items():
        for value in values:
            yield b".".join([headed(good | {name: value}), *rest])
    for first in (headed([1]), headed(None), headed("x"), b"", b"=", b"\xff", "é".encode(), headed([[]] * 500)):
        yield b".".join([first, *rest])
    for place in range(0, len(entry), 7):
        yield entry[:place] + bytes([entry[place] ^ 4]) + entry[place + 1 :]
        yield entry[:place]


def test_no_entry_breaks_the_reader(vault):
    """Whatever is pushed, opening it says that it is not sealed to us, and raises nothing else."""
    for entry in hostile(seal_message(b"{}", intake=vault.intake, submitter=vault.submitter)):
        with pytest.raises(SealError):
            opened(entry, vault)


def test_no_inner_text_breaks_the_reader(vault):
    """Who knows our public key can seal anything to us: it is not signed, and raises nothing else."""
    from joserfc import jwe

    reader = OKPKey.import_key(vault.intake)
    unsigned = headed({"alg": "none"}).decode()
    for inner in ("", "x", "a.b.c", "...", f"{unsigned}.e30.", headed({"alg": 5}).decode() + ".e30.AA", "é.é.é"):
        sealed = jwe.encrypt_compact({"alg": "ECDH-ES", "enc": "A256GCM"}, inner, reader, algorithms=message._JWE)
        with pytest.raises(SealError, match="not signed by a known submitter"):
            opened(sealed.encode(), vault)


def by_other(content, vault, *, more=None, outer=None):
    """Seal with another library, jwcrypto, as docs/sealing.md says."""
    signer, reader = (other_jwk.JWK(**one) for one in (vault.submitter, public_part(vault.intake)))
    now = int(time.time())
    header = {
        "alg": "Ed25519", "typ": "rightsdesk-ticket", "kid": signer.thumbprint(), "aud": reader.thumbprint(),
        "iat": now, "exp": now + 3600,
    }  # fmt: skip
    signed = other_jws.JWS(content)
    signed.add_signature(signer, protected=json.dumps({**header, **(more or {})}))
    around = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": reader.thumbprint()} | (outer or {})
    sealed = other_jwe.JWE(signed.serialize(compact=True).encode(), protected=json.dumps(around))
    sealed.add_recipient(reader)
    return sealed.serialize(compact=True).encode()


def public_part(jwk):
    """Return what others may know of a key."""
    return {name: jwk[name] for name in ("kty", "crv", "x")}


@pytest.mark.parametrize("more", [{}, {"cty": "json", "http://acme.example/batch": 7}])
def test_what_another_implementation_seals_opens(vault, more):
    """Made by jwcrypto, with header parameters of its own too (RFC 7515, section 4: they are ignored)."""
    found = opened(by_other(b'{"a": 1}', vault, more=more), vault)
    assert (b'{"a": 1}', kid_of(vault.submitter)) == (found.content, found.kid)


def test_another_implementation_opens_what_we_seal(vault):
    """With jwcrypto: the same bytes, under the same header."""
    entry = seal_message(b"content", intake=vault.intake, submitter=vault.submitter, issued=1_769_850_000)
    outer = other_jwe.JWE(algs=["ECDH-ES", "A256GCM"])
    outer.deserialize(entry.decode(), other_jwk.JWK(**vault.intake))
    inner = other_jws.JWS()
    inner.allowed_algs = ["Ed25519"]
    inner.deserialize(outer.payload.decode(), other_jwk.JWK(**public_part(vault.submitter)))
    assert b"content" == inner.payload
    assert {
        "alg": "Ed25519", "typ": TYPE, "kid": kid_of(vault.submitter), "aud": kid_of(vault.intake),
        "iat": 1_769_850_000, "exp": 1_769_850_000 + LIFETIME,
    } == json.loads(inner.objects["protected"])  # fmt: skip


def test_the_published_vectors_are_true():
    """Written anew from the RFCs, the documented steps give them byte for byte, and both libraries open them."""
    assert vectors() == VECTORS
    known = {VECTORS["kids"]["submitter"]: VECTORS["submitter"]}
    found = open_message(VECTORS["entry"].encode(), intake=VECTORS["intake"], find=known.get, now=1_769_850_001)
    assert VECTORS["ticket"].encode() == found.content
    outer = other_jwe.JWE(algs=["ECDH-ES", "A256GCM"])
    outer.deserialize(VECTORS["entry"], other_jwk.JWK(**VECTORS["intake"]))
    assert VECTORS["jws"].encode() == outer.payload


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"typ": "JWT"}, "signed for something else than this intake"),
        ({"typ": "rightsdesk"}, "signed for something else than this intake"),
        ({"aud": "another"}, "signed for something else than this intake"),
        ({"aud": ["x"]}, "signed for something else than this intake"),
        ({"iat": None}, "its signature says no time, or more than 30 days"),
        ({"iat": True}, "its signature says no time, or more than 30 days"),
        ({"iat": "1"}, "its signature says no time, or more than 30 days"),
        ({"iat": -1, "exp": 5}, "its signature says no time, or more than 30 days"),
        ({"exp": 10**30}, "its signature says no time, or more than 30 days"),
        ({"exp": 5}, "its signature says no time, or more than 30 days"),
        ({"iat": 0, "exp": LIFETIME}, "expired: submit it again"),
        ({"iat": 1 << 40, "exp": (1 << 40) + 1}, "signed in the future: set the submitter's clock"),
        ({"kid": None}, "not signed by a known submitter"),
        ({"kid": ["x"]}, "not signed by a known submitter"),
        ({"kid": "x" * 200}, "not signed by a known submitter"),
        ({"kid": "x" * 42 + "\0"}, "not signed by a known submitter"),
        ({"x": "y" * 600}, "not signed by a known submitter"),
    ],
)
def test_what_is_signed_for_another_place_or_time_is_refused(vault, more, reason):
    """A good signature is not enough; each reason is one line."""
    with pytest.raises(SealError) as caught:
        opened(by_other(b"{}", vault, more=more), vault)
    assert reason == str(caught.value)


def test_only_a_thumbprint_is_looked_up(vault):
    """A key id is made by whoever writes it: a database is asked for none that it cannot hold."""
    asked = []
    for kid in ("a\0b", "x" * 43 + "\n", "\ud800", "é" * 43, "x" * 43):
        with pytest.raises(SealError):
            open_message(by_other(b"{}", vault, more={"kid": kid}), intake=vault.intake, find=asked.append)
    assert ["x" * 43] == asked


def test_a_message_ends_with_its_time(vault):
    """From five minutes before it was issued (clocks differ) until it expires, and not a second longer."""
    entry = seal_message(b"{}", intake=vault.intake, submitter=vault.submitter, issued=1_000_000, lifetime=600)
    for now in (1_000_000 - 300, 1_000_000, 1_000_599):
        assert b"{}" == opened(entry, vault, now=now).content
    for now in (1_000_000 - 301, 1_000_600):
        with pytest.raises(SealError):
            opened(entry, vault, now=now)


def test_a_compressed_message_is_refused(vault):
    """Some kilobytes that would be a hundred megabytes when opened: nothing is decompressed."""
    bomb = by_other(b"0" * 30_000_000, vault, outer={"zip": "DEF"})
    assert len(bomb) < 65_536
    with pytest.raises(SealError, match="not sealed to this intake"):
        opened(bomb, vault)


def test_a_message_has_one_encoding(vault):
    """Unused bits, padding or blanks in base64url would make another entry of the same message: they are refused."""
    entry = seal_message(b"{}", intake=vault.intake, submitter=vault.submitter)
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    varied = [entry[:-1] + bytes([letters[letters.index(entry[-1]) ^ bit]]) for bit in (1, 2, 4, 8)]
    for one in (*varied, entry + b"=", entry + b"==", entry + b"\n", entry.replace(b".", b"=.", 1), b" " + entry):
        with pytest.raises(SealError, match="not sealed to this intake"):
            opened(one, vault)


def test_a_message_sealed_again_is_still_the_same(vault):
    """Its digest is of what was signed, so another envelope makes no other message of it."""
    signed = message._decrypted(seal_message(b"{}", intake=vault.intake, submitter=vault.submitter), vault.intake)
    reader = other_jwk.JWK(**public_part(vault.intake))
    digests = set()
    for _ in range(2):
        sealed = other_jwe.JWE(signed, protected=json.dumps({"alg": "ECDH-ES", "enc": "A256GCM"}))
        sealed.add_recipient(reader)
        digests.add(opened(sealed.serialize(compact=True).encode(), vault).digest)
    assert 1 == len(digests)


def test_keys_go_through_files(vault, tmp_path):
    """As PEM and as JWK, the private one for who submits, the public ones for the others."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(unb64(vault.submitter["d"]))
    public = key.public_key().public_bytes_raw()
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    public_pem = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    path = tmp_path / "key"
    for text in (pem, json.dumps(vault.submitter).encode()):
        path.write_bytes(text)
        assert vault.submitter == read_submitter(path)
        with pytest.raises(UsageError, match="holds a private key, which stays with its submitter"):
            read_public(path)
    for text in (public_pem, json.dumps(public_jwk(public)).encode()):
        path.write_bytes(text)
        assert public == read_public(path)
        with pytest.raises(UsageError, match="key is not a private Ed25519 key"):
            read_submitter(path)
    path.write_text(json.dumps(public_part(vault.intake) | {"kid": "x"}))
    assert public_part(vault.intake) == read_intake(path)


@pytest.mark.parametrize(
    "text", [b"", b"x", b"[1]", b"{}", b"\xff", b'{"kty":"OKP","crv":"Ed25519","x":"AA"}', b"-----BEGIN"]
)
def test_what_is_no_key_is_said(tmp_path, text):
    """One line each, by the file's name."""
    path = tmp_path / "key"
    path.write_bytes(text)
    for read in (read_public, read_intake, read_submitter):
        with pytest.raises(UsageError, match=r"^key is not an? "):
            read(path)
        with pytest.raises(UsageError, match="cannot read the key nowhere"):
            read(tmp_path / "nowhere")
