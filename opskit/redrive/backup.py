"""Letters in a file, one JSON line each: safely there before a queue lets go of them, and read back."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from opskit.errors import OpskitError, UsageError
from opskit.redrive.letter import STILL_IN, Letter, from_document, to_text
from opskit.settings import show


class BackupError(OpskitError):
    """The file does not take what must be in it: nothing more may be deleted."""


class Backup:
    """A new file for its owner's eyes (0600). Never one that was there before; an empty one is removed.

    UsageError if it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise exists(path) from error
        except OSError as error:
            raise UsageError(f"--backup: cannot write {path}: {error.strerror}") from error
        self._whole_bytes = 0
        self.count = 0
        """How many letters it has."""
        try:
            _keep_name(path)
        except OSError as error:
            self.close()
            raise UsageError(f"--backup: cannot write {path}: {error.strerror}") from error

    def keep(self, letters: Sequence[Letter]) -> None:
        """Return when the letters are on the disk. BackupError, and none of them in the file, if not."""
        data = "".join(f"{to_text(letter)}\n" for letter in letters).encode()
        before, self._whole_bytes = self._whole_bytes, self._whole_bytes + len(data)
        self.count += len(letters)
        try:
            write(self._file, data)
            os.fsync(self._file)
        except OSError as error:
            self._take_back(before, len(letters))
            raise BackupError(f"backup {self.path}: {error.strerror}") from error

    def _take_back(self, whole_bytes: int, letters: int) -> None:
        self._whole_bytes = whole_bytes
        self.count -= letters
        with suppress(OSError):  # a line cut short is also left out when the file is read
            os.ftruncate(self._file, whole_bytes)

    def close(self) -> None:
        """Close the file, and remove it if nothing was written."""
        os.close(self._file)
        if not self._whole_bytes:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def exists(path: Path) -> UsageError:
    """Return the refusal of a file that is there already."""
    return UsageError(f"--backup: {path} exists, and a backup is never written over", "name another file")


def letters(path: Path) -> Iterator[Letter]:
    """Yield a backup's letters, holding one at a time. UsageError for a file that is no backup.

    A last line without a line break was being written when it all ended: its message was not deleted.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    yield _letter(line, path, number)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _letter(line: bytes, path: Path, number: int) -> Letter:
    try:
        document = json.loads(line.decode())
        still_in = document.get(STILL_IN)
        letter = from_document(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}, line {number}: not a letter of a backup") from error
    if still_in:
        raise UsageError(
            f"{path} is what a peek saved: its messages may still be in {show(str(still_in))}, and there "
            "would be two of each",
            "opskit redrive-dlq moves them",
        )
    if not (letter.message_id and isinstance(letter.body, str)):
        raise UsageError(f"{path}, line {number}: not a letter of a backup")
    return letter


def write(file: int, data: bytes) -> None:
    """Write all of it; after an OSError a part of it may be there."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _keep_name(path: Path) -> None:
    """Let the folder's entry outlive a crash too."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
