"""Errors a user can act on: what is wrong, where, what to do, in one line, with its exit code."""

from opskit.exits import Exit


class OpskitError(Exception):
    """A fault with one line for the user; `hint` says what to do next."""

    exit = Exit.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class UsageError(OpskitError):
    """The command line, a configuration file or a manifest is wrong."""

    exit = Exit.USAGE


class ChannelError(OpskitError):
    """A channel (PagerDuty, Slack) did not take the message."""


class CannotLookError(OpskitError):
    """Nothing could be asked at all: no credentials, no endpoint."""

    exit = Exit.UNDETERMINED
