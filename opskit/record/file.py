"""Files that hold what was read of an account: private from their first byte, through no link."""

import os
import tempfile
from pathlib import Path

from opskit.errors import OpskitError, UsageError

MOST_BYTES = 256_000_000
"""No snapshot is larger; a longer file is another one."""
_OTHERS = 0o077


class SaveError(OpskitError):
    """What was read could not be written down."""


def check(path: Path, *, force: bool) -> None:
    """Refuse, before anything is asked, a place that could not be written to; UsageError in one line."""
    if path.is_symlink():
        raise UsageError(f"{path}: is a symbolic link", "name the file itself")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: is there already, and no file")
    if path.exists() and not force:
        raise UsageError(f"{path}: is there already", "--force replaces it")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent}: no such folder")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"{path.parent}: the folder cannot be written to")


def write(path: Path, text: str, *, force: bool = False, mode: int = 0o600) -> None:
    """Write a whole file or none, with `mode` from the start; SaveError, also if it exists without `force`.

    What is named `path` is never opened: a link put there meanwhile is replaced or refused, not followed.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            # Half a character, which UTF-8 has not and JSON can say, is spelled as JSON spells it.
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                os.fchmod(handle, mode)
            (os.replace if force else os.link)(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except FileExistsError as error:
        raise SaveError(f"{path}: is there already", "--force replaces it") from error
    except OSError as error:
        raise SaveError(f"{path}: cannot be written: {error.strerror}") from error


def read(path: Path) -> str:
    """Return a file's text; UsageError in one line for what is no readable text file."""
    try:
        if not path.is_file():
            what = "a file is needed, not a folder, device or pipe" if path.exists() else "no such file"
            raise UsageError(f"{path}: {what}")
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path}: not a snapshot: larger than {MOST_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a snapshot: no UTF-8 text") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {getattr(error, 'strerror', error)}") from error


def rights(path: Path) -> str:
    """Return the line that warns of a file which others may read or write; "" if it is private."""
    mode = path.stat().st_mode & 0o777
    if not mode & _OTHERS:
        return ""
    return f"{path} can be read by others (mode {mode:04o}); make it private: chmod 600 {path}"
