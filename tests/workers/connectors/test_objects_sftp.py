"""The connector of objects over SFTP: the real protocol, whose server has to be the one that is known."""

import pytest

from shared.domain.errors import Final, Retryable
from shared.testing import Desk
from tests.sftp import PASSWORD, USER, sftp_server
from tests.waiting import until
from tests.workers.connectors.objects_store import (
    SCAN,
    SIDECAR,
    Disk,
    InPathWorld,
    ScanWorld,
    SidecarWorld,
    subject,
    with_sidecars,
)


@pytest.fixture(scope="module")
def server():
    """A server."""
    with sftp_server() as one:
        yield one


@pytest.fixture
def disk(server, tmp_path):
    """A folder, read and written on the disk itself; the connector comes by SFTP."""
    disk = Disk("docs", tmp_path)
    disk.url = f"sftp://{USER}@127.0.0.1:{server.port}{tmp_path}/docs"
    disk.options = {"password": PASSWORD, "host_key": server.fingerprint}
    return disk


class TestSidecar(SidecarWorld):
    """Owners beside the objects."""


class TestInPath(InPathWorld):
    """Owners in the paths."""


class TestScan(ScanWorld):
    """Owners in the texts."""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"host_key": "SHA256:another"}, "the SFTP server's key is not the one"),
        ({"known_hosts": "hosts"}, "the SFTP server's key is not the one"),
        ({"password": "wrong"}, "check the rights of the credentials"),
        ({"no_such_option": 1}, "fit no storage driver"),
    ],
)
def test_only_the_known_server_gets_the_password(disk, server, options, said):
    """An unknown or another key, a wrong password or option is told at once, and nobody is sent the password."""
    (disk.folder / "hosts").write_text(server.known_hosts.replace(str(server.port), "22"))
    kept = {} if "known_hosts" in options else {"host_key": server.fingerprint}
    disk.options = {"password": PASSWORD} | kept | options
    with pytest.raises(Final, match=said):
        disk.run(Desk(subject()), "locate", SCAN)


def test_known_hosts_name_the_server(disk, server):
    """A file as ssh writes it says which server it is, beside the inventory."""
    (disk.folder / "hosts").write_text(server.known_hosts)
    disk.options = {"password": PASSWORD, "known_hosts": "hosts"}
    with_sidecars(disk)
    assert 4 == disk.run(Desk(subject()), "locate", SIDECAR).total("found")


def test_connections_are_let_go(disk, server):
    """A connector that is closed holds no connection."""
    with_sidecars(disk)
    before = len(server.transports)
    disk.run(Desk(subject()), "locate", SIDECAR)
    mine = server.transports[before:]
    assert 1 == len(mine)
    until(lambda: not any(one.is_active() for one in mine))


def test_a_lost_connection_is_no_empty_folder(disk, server):
    """What breaks off in the middle is tried again: nothing may be taken as gone."""
    with_sidecars(disk)
    desk = Desk(subject())
    connector = disk.connector(SIDECAR)
    connector.locate(desk.work())
    for one in server.transports:
        one.close()
    for verb in ("delete", "absent"):
        with pytest.raises(Retryable):
            getattr(connector, verb)(desk.work(act="delete"))
    connector.close()
    assert disk.present()


def test_a_redacted_file_keeps_its_rights(disk):
    """Whoever could not read a file before cannot read its redacted copy."""
    disk.put("all.txt", b"bob@example.org ada@example.org")
    path = disk.folder / "docs/all.txt"
    path.chmod(0o600)
    desk = Desk(subject())
    disk.run(desk, "locate", SCAN)
    disk.run(desk, "delete", SCAN)
    assert 0o600 == path.stat().st_mode & 0o777
    assert "bob@example.org [redacted]" == path.read_text()


def test_a_folder_that_is_not_there_is_no_empty_one(disk):
    """A wrong path is told."""
    disk.url += "-elsewhere"
    with pytest.raises(Final, match="does not exist"):
        disk.run(Desk(subject()), "absent", SCAN, act="delete")
