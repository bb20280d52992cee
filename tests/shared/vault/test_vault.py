"""The vault: two secrets open it, nothing tells which was wrong, and no key is lost on any way into it."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from shared.domain.errors import Retryable, RightsdeskError, UsageError
from shared.domain.identifier import Identifier
from shared.envelope import SealError, public_pem, seal
from shared.settings import Settings
from shared.vault import Closed, Secrets, file, init, label, open_vault, own_secrets, rekey
from shared.vault.held import held, hold, let_go
from shared.vault.keyring import Key
from shared.vault.opening import PASSPHRASE, SERVER_SECRET, Given, Kdf

LIGHT = Kdf.for_random()
PAIR = b"correct horse battery", b"a secret of the server's own"


def given(passphrase=PAIR[0], server_secret=PAIR[1]):
    """Both secrets, as settings give them."""
    return Secrets(
        Given(PASSPHRASE, SecretStr(passphrase.decode())), Given(SERVER_SECRET, SecretStr(server_secret.decode()))
    )


@pytest.fixture
def root(tmp_path):
    """A home whose vault is opened by two secrets that were given."""
    init(tmp_path, *PAIR, kdf=LIGHT)
    return tmp_path


def plain(root: Path) -> dict[str, bytes]:
    """Keys as they lay before there was a vault."""
    (root / "keys").mkdir(parents=True)
    made = {name: bytes([number]) * 32 for number, name in enumerate(("master", "index", "replay", "signing"))}
    pairs = open_vault(root / "other")
    for name, secret in made.items():
        (root / "keys" / f"{name}.key").write_bytes(secret)
    (root / "keys" / "intake.jwk").write_text(json.dumps(pairs.intake))
    (root / "keys" / "submitter.jwk").write_text(json.dumps(pairs.submitter))
    return made | {"intake": pairs.intake, "submitter": pairs.submitter}


def test_a_home_without_secrets_makes_its_own(tmp_path):
    """Each in a file of its own, 0600 in a folder 0700, apart from the keys; and no key lies there in the clear."""
    vault = open_vault(tmp_path)
    assert {"vault.json", ".lock"} == {one.name for one in (tmp_path / "keys").iterdir()}
    assert {PASSPHRASE, SERVER_SECRET} == {one.name for one in (tmp_path / "secrets").iterdir()}
    for folder in ("keys", "secrets"):
        assert 0o700 == (tmp_path / folder).stat().st_mode & 0o777
        assert {0o600} == {one.stat().st_mode & 0o777 for one in (tmp_path / folder).iterdir()}
    assert vault.ring.masters[0].secret not in (tmp_path / "keys" / "vault.json").read_bytes()
    assert vault.ring == open_vault(tmp_path).ring


def test_a_vault_opened_by_many_at_once_is_the_same(tmp_path):
    """Processes and threads that race for the first opening end with the same keys."""
    script = (
        "import sys; from pathlib import Path; from shared.vault import open_vault; from shared.envelope import "
        "public_pem; print(public_pem(open_vault(Path(sys.argv[1])).signer).decode())"
    )
    words = [sys.executable, "-c", script, str(tmp_path)]
    racing = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(lambda _: open_vault(tmp_path), range(16)))
    shown = {one.communicate(timeout=30)[0].strip() for one in racing}
    assert all(one.ring == vaults[0].ring for one in vaults)
    assert {public_pem(vaults[0].signer).decode().strip()} == shown


@pytest.mark.parametrize(
    "wrong",
    [given(b"another passphrase"), given(server_secret=b"another secret"), given(b"x", b"y"), Secrets(),
     Secrets(given().passphrase), Secrets(server_secret=given().server_secret), given(b"", b"")],
)  # fmt: skip
def test_without_both_secrets_it_does_not_open(root, wrong):
    """One line, the same whichever is wrong or missing; nothing of a secret in it, nor in what led to it."""
    with pytest.raises(Closed) as error:
        open_vault(root, wrong)
    assert file.CLOSED == str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_a_wrong_secret_costs_the_whole_derivation(root, monkeypatch):
    """Whichever of the two is wrong or missing: the passphrase is stretched alike, only the last comparison tells."""
    stretched = []
    key = Kdf.key
    monkeypatch.setattr(Kdf, "key", lambda self, *pair: stretched.append(self) or key(self, *pair))
    wrong_ones = (
        given(b"wrong passphrase"),
        given(server_secret=b"wrong secret"),
        Secrets(given().passphrase),
        Secrets(),
    )
    for wrong in (*wrong_ones, given()):
        with suppress(Closed):
            open_vault(root, wrong)
    assert [LIGHT.memory_kib] * 5 == [one.memory_kib for one in stretched]


def test_secrets_come_from_files_commands_and_systemd(root, tmp_path, monkeypatch):
    """Each place counts; what cannot be read, and a command that fails, is named without its output."""
    (tmp_path / "one").write_bytes(PAIR[0] + b"\n")
    command = f"cat {tmp_path / 'two'}"
    (tmp_path / "two").write_bytes(PAIR[1] + b"\n")
    settings = Settings(home=root, passphrase_file=tmp_path / "one", server_secret_command=command)
    assert open_vault(root, settings.secrets).ring == open_vault(root, given()).ring
    (tmp_path / f"rightsdesk-{PASSPHRASE}").write_bytes(PAIR[0])
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert open_vault(root, Settings(home=root, server_secret_file=tmp_path / "two").secrets).ring
    assert open_vault(root, given(PAIR[0] + b"\n")).ring  # as many a tool ends a variable
    with pytest.raises(RightsdeskError, match="the command that prints the server secret failed"):
        open_vault(root, Settings(home=root, server_secret_command="sh -c 'echo canary >&2; exit 3'").secrets)
    with pytest.raises(UsageError, match="cannot read the server secret"):
        open_vault(root, Settings(home=root, server_secret_file=tmp_path / "none").secrets)


def test_a_passphrase_has_one_form():
    """Composed or not, as keyboards differ; what is no text counts byte by byte."""
    keys = [LIGHT.key(one, PAIR[1]) for one in ("b\u00e4r".encode(), "ba\u0308r".encode(), b"b\xe4r", b"b\xe5r")]
    assert [0, 0, 2, 3] == [keys.index(one) for one in keys]


def test_a_write_that_was_killed_leaves_no_keys(root):
    """Its draft goes with the next write; a link to where the vault lies is followed, not replaced."""
    place = file.place(root)
    elsewhere = place.rename(root / "vault.json")
    place.symlink_to(elsewhere)
    (root / ".vault.json.4711.draft").write_text("keys that are destroyed later")
    ring = open_vault(root, given()).change(lambda now: now.model_copy(update={"credentials": {"a": "b"}}))
    assert place.is_symlink()
    assert {"keys", "vault.json"} == {one.name for one in root.iterdir()}
    assert ring == open_vault(root, given()).ring


def test_given_secrets_make_no_vault_by_themselves(tmp_path):
    """A wrong RIGHTSDESK_HOME in production must not come up with keys that nobody knows."""
    with pytest.raises(UsageError, match="rightsdesk vault init"):
        open_vault(tmp_path, given())
    assert not (tmp_path / "keys").exists()


def test_keys_of_an_older_home_go_into_the_vault(tmp_path):
    """Nothing is lost: what they sealed opens, what they blinded and signed is the same; and the plain files go."""
    made, ticket, ada = plain(tmp_path), uuid4(), Identifier("email", "ada@example.org")
    wrapped = seal(made["master"], b"k" * 32, aad=b"key:" + ticket.bytes)
    vault = open_vault(tmp_path)
    assert b"k" * 32 == vault.unwrap(ticket, wrapped)
    assert (made["replay"], made["intake"], made["submitter"]) == (vault.replay, vault.intake, vault.submitter)
    assert made["signing"] == vault.signer.private_bytes_raw()
    assert {"vault.json", ".lock"} == {one.name for one in (tmp_path / "keys").iterdir()}
    assert vault.blind("acme", ada) == open_vault(tmp_path).blind("acme", ada)
    assert vault.ring.content == vault.ring.index[0].secret == made["index"]


def test_a_new_pair_of_secrets_opens_and_the_old_one_does_not(root):
    """The keys stay; the new vault key is another one, so who knows the old one opens nothing that is written later."""
    before, new = open_vault(root, given()), (b"another passphrase", b"another server secret")
    rekey(root, PAIR, new, kdf=LIGHT)
    assert before.ring == open_vault(root, given(*new)).ring
    with pytest.raises(Closed):
        open_vault(root, given())
    with pytest.raises(Closed):
        rekey(root, PAIR, new, kdf=LIGHT)
    with pytest.raises(SealError):
        file.read(root).ring(before._opened.key)


def test_an_open_vault_follows_what_another_process_changes(root):
    """A key that was made elsewhere is known at the next use; and after `rekey` those at hand still serve."""
    mine, other = open_vault(root, given()), open_vault(root, given())
    ticket = uuid4()
    _, before = mine.new_key(ticket)
    ring = other.change(lambda now: now.model_copy(update={"masters": (*now.masters, Key())}))
    _, after = mine.new_key(ticket)
    assert [label(one) for one in ring.masters] == [before[:8], after[:8]]
    assert mine.unwrap(ticket, before)
    rekey(root, PAIR, (b"another passphrase", b"another server secret"), kdf=LIGHT)
    assert mine.unwrap(ticket, after)


def test_a_vault_with_other_secrets_is_followed_once_they_are_given(root, tmp_path):
    """A process goes on with the keys that it has, and reads the vault again when its secrets are in their place."""
    place, new = tmp_path / "server", (PAIR[0], b"another server secret")
    place.write_bytes(PAIR[1])
    mine = open_vault(root, Settings(home=root, passphrase=PAIR[0].decode(), server_secret_file=place).secrets)
    rekey(root, PAIR, new, kdf=LIGHT)
    ring = open_vault(root, given(*new)).change(lambda now: now.model_copy(update={"credentials": {"a": "b"}}))
    assert {} == mine.ring.credentials
    place.write_bytes(new[1])
    assert {} == mine.ring.credentials  # not tried again at each use
    mine._rests_until = 0
    assert ring == mine.ring


def test_a_key_that_the_vault_does_not_know_is_waited_for(root, tmp_path):
    """A copy of the vault from before a rotation: the step is tried again; what is damaged is never so."""
    vault, ticket = open_vault(root, given()), uuid4()
    _, wrapped = vault.new_key(ticket)
    with pytest.raises(Retryable):
        open_vault(tmp_path / "other").unwrap(ticket, wrapped)
    with pytest.raises(SealError):
        vault.unwrap(ticket, wrapped[:-1] + bytes([wrapped[-1] ^ 1]))


def test_an_unlocked_vault_needs_no_secret(root):
    """Its key lies on a tmpfs until it is let go; a key of before `rekey` opens nothing."""
    opened = open_vault(root, given())
    try:
        where = hold(root, opened._opened.key)
        where.with_name(".vault.key.4711").write_bytes(b"of an unlock that was killed")
        assert (0o600, 0o700) == (where.stat().st_mode & 0o777, where.parent.stat().st_mode & 0o777)
        assert opened.ring == open_vault(root).ring
        rekey(root, PAIR, (b"another passphrase", b"another server secret"), kdf=LIGHT)
        assert opened.ring == open_vault(root).ring
        hold(root, bytes(32))
        with pytest.raises(Closed):
            open_vault(root)
    finally:
        assert let_go(root)
    assert held(root) is None
    assert not let_go(root)


def test_a_forged_header_takes_no_memory(root):
    """Parameters out of bounds are damage; weaker ones make another key."""
    path = file.place(root)
    for change in ({"lanes": 64, "memory_kib": 8}, {"memory_kib": 1 << 21}, {"iterations": 10**9}):
        raw = json.loads(path.read_text())
        raw["kdf"] |= change
        path.write_text(json.dumps(raw))
        with pytest.raises(RightsdeskError, match="damaged"):
            open_vault(root, given())
    raw["kdf"] |= {"memory_kib": 8, "iterations": 1, "lanes": 1}
    path.write_text(json.dumps(raw))
    with pytest.raises(Closed):
        open_vault(root, given())


def test_an_administrators_passphrase_is_stretched_as_the_rfc_says():
    """RFC 9106, section 4, second recommended option: 64 MiB, three passes, four lanes; each salt is new."""
    kdf = Kdf()
    assert ("argon2id", 64 * 1024, 3, 4, 16) == (kdf.name, kdf.memory_kib, kdf.iterations, kdf.lanes, len(kdf.salt))
    assert kdf.salt != Kdf().salt
    key = kdf.key(*PAIR)
    assert key == Kdf.model_validate_json(kdf.model_dump_json()).key(*PAIR)
    assert 3 == len({key, LIGHT.key(*PAIR), LIGHT.key(PAIR[1], PAIR[0])})


def test_nothing_shows_a_key(root):
    """Neither a vault's text, nor a keyring's, nor that of where the secrets are."""
    vault = open_vault(root, given())
    assert "[Vault(…)]" == str([vault])
    assert "Keyring(…)" == repr(vault.ring) == str(vault.ring)
    assert "Key(…)" == repr(vault.ring.masters[0])
    assert PAIR[0].decode() not in repr(given())
    assert datetime.now(UTC) >= vault.ring.masters[0].made_at
    assert own_secrets(root) == own_secrets(root)
