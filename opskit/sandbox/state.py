"""The folder that names the sandboxes of this user and holds their logs."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from platformdirs import user_state_path

from opskit.errors import UsageError

_ROOM_BYTES = 4096
"""With less than this a log cannot be written."""


def state_dir() -> Path:
    """Return the folder of the state files and logs, made if need be: $OPSKIT_STATE_DIR or the platform's.

    UsageError if it cannot be.
    """
    folder = Path(os.environ.get("OPSKIT_STATE_DIR") or user_state_path("opskit"))
    with usable(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Turn a fault of the system into a UsageError that names the folder."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(
            f"the state folder {folder} cannot be used: {reason}", "OPSKIT_STATE_DIR names another"
        ) from error


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait until no other process starts a sandbox here: of two for one port, the second is told so."""
    folder = state_dir()
    with usable(folder):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        with usable(folder):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def private(file: Path) -> IO[bytes]:
    """Open a file for writing, anew, that only its owner can read."""
    with usable(file.parent):
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def last_line(log: Path) -> str:
    """Return the last line of a log that is not empty, else ""."""
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def silent(code: int) -> str:
    """Say what is known of a server that ended with an exit code and nothing in its log."""
    folder = state_dir()
    room = shutil.disk_usage(folder).free
    disk = f"the disk of {folder} is full" if room < _ROOM_BYTES else "its log is empty"
    return f"it ended with exit code {code}; {disk}"
