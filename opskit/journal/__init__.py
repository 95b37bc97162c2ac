"""What was run and found, when and by whom: one SQLite file on this machine."""

from opskit.journal.store import Entry, Journal, JournalError, folder

__all__ = ["Entry", "Journal", "JournalError", "folder"]
