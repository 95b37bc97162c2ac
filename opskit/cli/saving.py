"""`opskit diagnose --save`: what was read goes into a file of the user's."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.cli import out

if TYPE_CHECKING:
    from opskit.record import Snapshot


class Kept:
    """Takes the look that is to be saved; UsageError at once if its file could not be written."""

    def __init__(self, path: Path | None, *, force: bool) -> None:
        from opskit.errors import UsageError
        from opskit.record import file

        if path is None and force:
            raise UsageError("--force is for --save FILE")
        self._path = None if path is None else path.expanduser()
        self._force = force
        self._snapshot: Snapshot | None = None
        if self._path is not None:
            file.check(self._path, force=force)

    def __call__(self, snapshot: "Snapshot") -> None:
        """Take the look."""
        self._snapshot = snapshot

    def save(self, run: str) -> bool:
        """Write it under the journal's run id and say so; False, and a note, if that could not be."""
        if self._path is None:
            return True
        from opskit.record import file, to_text

        if self._snapshot is None:
            out.note(f"nothing was saved to {self._path}: nothing could be asked")
            return True
        try:
            file.write(self._path, to_text(replace(self._snapshot, run=run)), force=self._force)
        except file.SaveError as error:
            out.note(f"not saved: {error}")
            return False
        out.note(f"saved to {self._path}; judge it again: opskit diagnose --replay {self._path}")
        return True
