"""Mail servers, started once for all tests that ask for them."""

import pytest

from tests.mail_servers import dovecot_server, needs_dovecot, pymap_server
from tests.workers.connectors.imap_store import Store


@pytest.fixture(scope="session")
def pymap():
    """A pymap for all tests."""
    with pymap_server() as server:
        yield server


@pytest.fixture(scope="session")
def dovecot():
    """A Dovecot for all tests."""
    needs_dovecot()
    with dovecot_server() as server:
        yield server


@pytest.fixture(params=["pymap", "dovecot"])
def store(request):
    """Fresh mailboxes on each kind of server."""
    with Store(request.getfixturevalue(request.param)) as fresh:
        yield fresh


@pytest.fixture
def on_pymap(pymap):
    """Fresh mailboxes on pymap alone."""
    with Store(pymap) as fresh:
        yield fresh


@pytest.fixture
def on_dovecot(dovecot):
    """Fresh mailboxes on Dovecot alone."""
    with Store(dovecot) as fresh:
        yield fresh
