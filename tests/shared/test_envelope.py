"""Sealing: opens with its key, in its place, unchanged; and with nothing else."""

import io
import struct
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.errors import UsageError
from shared.domain.identifier import Identifier
from shared.envelope import (
    Encrypting,
    SealError,
    decrypt_stream,
    public_pem,
    read_public_pem,
    seal,
    seal_json,
    subkey,
    unseal,
    unseal_json,
)
from shared.vault import open_vault

KEY, OTHER, AAD = b"k" * 32, b"o" * 32, b"place"
MIB = 1024 * 1024
JSON = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()))


@pytest.fixture(scope="module")
def vault(tmp_path_factory):
    """A vault with fresh keys."""
    return open_vault(tmp_path_factory.mktemp("home"))


@given(st.binary(), st.binary())
def test_what_is_sealed_opens(content, aad):
    """Any content opens with its key in its place, and never twice as the same bytes."""
    assert content == unseal(KEY, seal(KEY, content, aad=aad), aad=aad)
    assert seal(KEY, content, aad=aad) != seal(KEY, content, aad=aad)


@given(JSON)
def test_json_that_is_sealed_opens(value):
    """Any JSON value comes back as it was."""
    assert value == unseal_json(KEY, seal_json(KEY, value, aad=AAD), aad=AAD)


@settings(max_examples=50)
@given(st.binary(min_size=1), st.data())
def test_a_changed_byte_does_not_open(content, data):
    """Nonce, content and tag: one flipped bit anywhere, or a cut, is an error."""
    sealed = bytearray(seal(KEY, content, aad=AAD))
    place = data.draw(st.integers(0, len(sealed) - 1))
    for bad in (sealed[:place], sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]):
        with pytest.raises(SealError):
            unseal(KEY, bytes(bad), aad=AAD)


def test_another_key_or_place_does_not_open():
    """Content is bound to its key and its place."""
    sealed = seal(KEY, b"content", aad=AAD)
    for key, aad in ((OTHER, AAD), (KEY, b"elsewhere"), (KEY, b"")):
        with pytest.raises(SealError, match="sealed content does not open with this key"):
            unseal(key, sealed, aad=aad)


def test_a_use_has_a_key_of_its_own():
    """Keys derived for two uses, or from two keys, differ."""
    made = [subkey(KEY, "a"), subkey(KEY, "b"), subkey(OTHER, "a"), KEY]
    assert 4 == len(set(made))
    assert {32} == {len(one) for one in made}


def test_a_tickets_key_is_wrapped_for_it(vault):
    """The data key opens for its ticket, with its vault, and for no other."""
    ticket = uuid4()
    key, wrapped = vault.new_key(ticket)
    assert key == vault.unwrap(ticket, wrapped)
    assert key not in wrapped
    with pytest.raises(SealError):
        vault.unwrap(uuid4(), wrapped)


def test_the_blind_index_tells_clients_and_kinds_apart(vault, tmp_path):
    """One identifier has one digest at one client in one installation."""
    ada = Identifier("email", "ada@example.org")
    digests = [
        vault.blind("acme", ada), vault.blind("globex", ada), vault.blind("acme", Identifier("visitor", ada.value)),
        vault.blind("acme", Identifier("email", "bob@example.org")), open_vault(tmp_path).blind("acme", ada),
        vault.fingerprint(b"ada@example.org"),
    ]  # fmt: skip
    assert 6 == len(set(digests))
    assert digests[0] == vault.blind("acme", ada)


def stream(content, *, aad=AAD, pieces=100_000):
    """Encrypt content piece by piece."""
    sink = io.BytesIO()
    made = Encrypting(sink, KEY, aad=aad)
    for start in range(0, len(content), pieces):
        assert len(content[start : start + pieces]) == made.write(content[start : start + pieces])
    made.finish()
    assert len(content) == made.size
    return sink.getvalue()


def opened(sealed, *, key=KEY, aad=AAD):
    """Decrypt a stream to its end."""
    return b"".join(decrypt_stream(key, io.BytesIO(sealed), aad=aad))


def chunks(sealed):
    """Cut a stream into its chunks, each with its length."""
    found = []
    while sealed:
        end = 4 + struct.unpack(">I", sealed[:4])[0]
        found.append(sealed[:end])
        sealed = sealed[end:]
    return found


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 5])
def test_a_stream_opens(size):
    """Of any size, about the chunks' limits too."""
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    sealed = stream(content)
    assert content == opened(sealed)
    assert max(1, -(-size // MIB)) == len(chunks(sealed))


def test_a_stream_that_was_touched_does_not_open():
    """Cut within a chunk or between two, reordered, doubled, lengthened, flipped, of another place or key."""
    sealed = stream(bytes(2 * MIB + 10))
    one, two, three = chunks(sealed)
    other = chunks(stream(bytes(2 * MIB + 10), aad=b"elsewhere"))
    bad = [
        b"", one, one + two, two + three, one + three, two + one + three, one + one + two + three, sealed + three,
        sealed[:-1], sealed + b"\0", sealed[:3], one + other[1] + three, one[:-1] + bytes([one[-1] ^ 1]) + two + three,
        b"\xff\xff\xff\xff" + sealed[4:], stream(b"")[:2],
    ]  # fmt: skip
    for each in bad:
        with pytest.raises(SealError):
            opened(each)
    for how in ({"aad": b"elsewhere"}, {"key": OTHER}):
        with pytest.raises(SealError):
            opened(sealed, **how)


def test_a_stream_that_was_never_finished_does_not_open():
    """A writer that died leaves nothing that could be taken for a file."""
    sink = io.BytesIO()
    Encrypting(sink, KEY, aad=AAD).write(bytes(2 * MIB + 10))
    with pytest.raises(SealError):
        opened(sink.getvalue())


def test_a_public_key_goes_through_a_file(vault, tmp_path):
    """What `keys show --public` prints is read again; it holds no private part."""
    path = tmp_path / "public.pem"
    path.write_bytes(public_pem(vault.signer))
    assert [vault.signer.public_key()] == read_public_pem(path)
    assert b"PRIVATE" not in path.read_bytes()


def test_what_is_no_public_key_is_said(vault, tmp_path):
    """A missing file, another text and another kind of key each get a line."""
    path = tmp_path / "key.pem"
    with pytest.raises(UsageError, match=r"cannot read the public key key\.pem"):
        read_public_pem(path)
    path.write_text("-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n")
    with pytest.raises(UsageError, match="is not a public key in PEM form"):
        read_public_pem(path)
    other = X25519PrivateKey.generate().public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(other.public_bytes(serialization.Encoding.PEM, form))
    with pytest.raises(UsageError, match="is not an Ed25519 key"):
        read_public_pem(path)


def test_two_tickets_never_share_a_key(vault):
    """Each ticket's data key is fresh."""
    keys = {vault.new_key(UUID(int=number))[0] for number in range(20)}
    assert 20 == len(keys)
