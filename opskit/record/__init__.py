"""What was asked and answered, kept: snapshots to judge again, and past incidents as tests. No AWS."""

from opskit.record.snapshot import Snapshot, from_text, to_text

__all__ = ["Snapshot", "from_text", "to_text"]
