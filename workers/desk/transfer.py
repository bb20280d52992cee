"""`transfer`: Art. 20(2): the data go straight to another controller: an HTTPS PUT, or any fsspec URL."""

from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from shared.domain.errors import Final, RightsdeskError, Unsure
from shared.domain.outcome import Outcome
from workers.delivery import content_of, count_sent, once, put
from workers.desk import DeskVerb, Job
from workers.package import PackageFile, zipped

# ways that are encrypted, or do not leave our own machines
_ENCRYPTED = frozenset({"sftp", "ssh", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "file"})


def run(job: Job) -> Outcome:
    """Stream a ZIP archive of the data and their schemas to `url`."""
    outcome, url = Outcome(), str(job.args["url"])
    files = [one for one in job.files() if one.name.startswith(("data/", "files/"))]
    if urlsplit(url).scheme in ("https", "http"):
        state = once(job, "transfer", url, lambda message_id: _put(job, url, files, message_id))
    else:
        target = _Target(url, job)
        state = once(
            job, "transfer", url, lambda message_id: target.write(job, files, message_id),
            extra={"new": not target.exists()},
        )  # fmt: skip
    count_sent(outcome, "transfer", state)
    return outcome


def _put(job: Job, url: str, files: list[PackageFile], message_id: str) -> None:
    content = zipped(job.packages, job.ticket, job.key, files)
    put(url, content, kind="application/zip", message_id=message_id)


class _Target:
    """A place below an fsspec URL; a URL that ends with a slash names a folder. Errors do not quote it."""

    def __init__(self, url: str, job: Job) -> None:
        self._scheme = scheme = urlsplit(url).scheme
        if scheme not in _ENCRYPTED or "::" in url:
            raise Final("a transfer goes over https, sftp, s3, gs, az or a file URL; correct `transfer_to`")
        try:
            # an instance of its own: a transaction is the instance's state
            self._fs, path = fsspec.core.url_to_fs(url, skip_instance_cache=True)
        except ImportError:
            raise Final(f"no driver for {scheme}:// is installed; install it, then retry") from None
        except Exception as error:  # noqa: BLE001 - drivers connect here, and raise what they like
            raise _refusal(error) from None
        self._path = f"{path.rstrip('/')}/{job.ticket}.zip" if url.endswith("/") else path

    def exists(self) -> bool:
        """Say whether something stands there."""
        try:
            return bool(self._fs.exists(self._path))
        except Exception as error:  # noqa: BLE001 - drivers raise what they like
            raise _refusal(error) from None

    def write(self, job: Job, files: list[PackageFile], message_id: str) -> None:
        """Write the archive so that it is there as a whole, or not at all; never over what was there before us."""
        if not content_of(job, message_id)["new"]:
            raise Final("something stands already where the transfer should go; name another place")
        try:
            if isinstance(self._fs, LocalFileSystem) or self._scheme in ("sftp", "ssh"):
                self._write_beside(job, files)
            else:
                with self._fs.transaction:
                    self._write_at(self._path, job, files)
        except RightsdeskError:
            raise
        except Exception as error:  # noqa: BLE001 - drivers raise what they like
            raise _refusal(error) from None

    def _write_beside(self, job: Job, files: list[PackageFile]) -> None:
        """Write beside the place and move: a transaction would leave the data in a public temporary folder."""
        partial = f"{self._path}.part"
        try:
            self._write_at(partial, job, files)
            self._fs.mv(partial, self._path)
        finally:
            if self._fs.exists(partial):
                self._fs.rm_file(partial)

    def _write_at(self, path: str, job: Job, files: list[PackageFile]) -> None:
        with self._fs.open(path, "wb") as target:
            for chunk in zipped(job.packages, job.ticket, job.key, files):
                target.write(chunk)


def _refusal(error: Exception) -> RightsdeskError:
    if isinstance(error, PermissionError | FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return Final(f"the transfer's target refused ({type(error).__name__}); correct `transfer_to`, or retry")
    return Unsure(f"the transfer's target did not take the data ({type(error).__name__})", after=30)


VERB = DeskVerb("transfer", run)
