"""An SFTP server over a folder, by paramiko, on the loopback interface: the real protocol, one user, one password."""

import base64
import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko import SFTPAttributes, SFTPHandle, SFTPServer, SFTPServerInterface

USER, PASSWORD = "rights", "a password"


class _Doors(paramiko.ServerInterface):
    def check_auth_password(self, username, password):
        right = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username):
        return "password"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


class _File(SFTPHandle):
    def stat(self):
        return SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


def _told(act):
    """Turn what the disk says into the protocol's codes."""

    def wrapped(*args):
        try:
            return act(*args)
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)

    return wrapped


class _Folder(SFTPServerInterface):
    """What sftp-server(8) does with files, posix-rename@openssh.com too."""

    @_told
    def list_folder(self, path):
        return [SFTPAttributes.from_stat(one.stat(follow_symlinks=False), one.name) for one in os.scandir(path)]

    @_told
    def stat(self, path):
        return SFTPAttributes.from_stat(Path(path).stat())

    @_told
    def lstat(self, path):
        return SFTPAttributes.from_stat(os.lstat(path))

    @_told
    def open(self, path, flags, attr):
        mode = "r+b" if flags & os.O_RDWR else "wb" if flags & os.O_WRONLY else "rb"
        file = os.fdopen(os.open(path, flags, 0o666), mode)
        handle = _File(flags)
        handle.readfile = handle.writefile = file
        return handle

    @_told
    def remove(self, path):
        Path(path).unlink()
        return paramiko.SFTP_OK

    @_told
    def rename(self, old, new):
        if Path(new).exists():
            return paramiko.SFTP_FAILURE  # as draft-ietf-secsh-filexfer says
        Path(old).rename(new)
        return paramiko.SFTP_OK

    @_told
    def posix_rename(self, old, new):
        Path(old).replace(new)
        return paramiko.SFTP_OK

    @_told
    def mkdir(self, path, attr):
        Path(path).mkdir()
        return paramiko.SFTP_OK

    @_told
    def rmdir(self, path):
        Path(path).rmdir()
        return paramiko.SFTP_OK

    @_told
    def chattr(self, path, attr):
        SFTPServer.set_file_attr(path, attr)
        return paramiko.SFTP_OK


@dataclass
class Sftp:
    """A running server: where it listens, its key's fingerprint, and the connections made to it."""

    port: int
    fingerprint: str
    known_hosts: str
    transports: list[paramiko.Transport] = field(default_factory=list)


@contextmanager
def sftp_server() -> Iterator[Sftp]:
    """Serve the disk to whoever knows the password, until the block ends."""
    secret = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    key = paramiko.Ed25519Key.from_private_key(_Text(secret.decode()))
    printed = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        server = Sftp(port, f"SHA256:{printed}", f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n")
        waiting = threading.Thread(target=_welcome, args=(door, key, server.transports))
        waiting.start()
        try:
            yield server
        finally:
            door.shutdown(socket.SHUT_RDWR)
            waiting.join()
            for one in server.transports:
                one.close()


def _welcome(door, key, transports):
    while True:
        try:
            line, _ = door.accept()
        except OSError:
            return
        transport = paramiko.Transport(line)
        transport.add_server_key(key)
        transport.set_subsystem_handler("sftp", SFTPServer, _Folder)
        transports.append(transport)
        with suppress(paramiko.SSHException, EOFError):  # who turns away after seeing the key
            transport.start_server(server=_Doors())


class _Text:
    """A key as paramiko reads it from a file."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines(keepends=True)

    def readlines(self) -> list[str]:
        return self._lines
