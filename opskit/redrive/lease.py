"""One redrive per queue: a lock that the system lets go of when its holder ends, however it ends."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from opskit.errors import OpskitError, UsageError
from opskit.redrive.ledger import FOLDER


@contextmanager
def held(state_folder: Path, queue_arn: str) -> Iterator[None]:
    """Hold a queue while its messages are moved; it holds on this machine only.

    UsageError if another process of this machine has it.
    """
    path = _path(state_folder, queue_arn)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(path, timeout=0, mode=0o600)
        lock.acquire()
    except Timeout as error:
        queue = queue_arn.rpartition(":")[2]
        raise UsageError(
            f"another opskit on this machine is moving the messages of {queue}", "let it end first"
        ) from error
    except OSError as error:
        raise OpskitError(
            f"cannot keep a run in {path.parent}: {error.strerror}; nothing was moved",
            "name a folder that can be written by OPSKIT_STATE_DIR",
        ) from error
    try:
        yield
    finally:
        lock.release()


def refuse_taken(state_folder: Path, queue_arn: str) -> None:
    """Raise UsageError while another process of this machine holds a queue; nothing is made for that."""
    if _path(state_folder, queue_arn).exists():
        with held(state_folder, queue_arn):
            pass


def _path(state_folder: Path, queue_arn: str) -> Path:
    return state_folder / FOLDER / f"{hashlib.sha256(queue_arn.encode()).hexdigest()[:16]}.lock"
