"""What a command's exit code says; findings win over gaps."""

from enum import IntEnum


class Exit(IntEnum):
    """The process exit codes, one meaning each."""

    CLEAN = 0
    """Nothing at or above --fail-on, and everything asked was judged."""
    FINDINGS = 1
    """At least one finding at or above --fail-on."""
    USAGE = 2
    """The command line, the configuration or a manifest is wrong."""
    UNDETERMINED = 3
    """No finding, but something could not be looked at."""
    FAILED = 4
    """opskit itself failed."""
    INTERRUPTED = 130
    """Ctrl-C."""
