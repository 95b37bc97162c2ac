"""What a call that failed means for the letter that it was about."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from opskit.aws.faults import explain, http_status
from opskit.redrive.outcome import Outcome, Status

Found = TypeVar("Found")

_NOT_SENT = frozenset({"EndpointConnectionError", "ConnectTimeoutError", "NoCredentialsError"})
"""Faults before anything reached AWS."""


class UndeliveredError(Exception):
    """A letter whose fate is known before it was handed over."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


def refused(reason: str, code: str) -> UndeliveredError:
    """Return the error for a letter that will never be taken as it is."""
    return UndeliveredError(Outcome(Status.REFUSED, reason=reason, code=code))


def of_fault(error: Exception, service: str, operation: str, never: frozenset[str] = frozenset()) -> Outcome:
    """Return the fate of a letter that was handed over by a call that raised one of `faults.FAULTS`.

    An answer with a status below 500 says that nothing was done, and so does a connection that never was; the
    codes in `never` say that trying again would not help. Of everything else nobody knows.
    """
    fault = explain(error, service, operation)
    status = http_status(error)
    if fault.code in never:
        return Outcome(Status.REFUSED, reason=fault.text, code=fault.code)
    certain = 400 <= status < 500 or fault.code in _NOT_SENT  # noqa: PLR2004 - HTTP's classes
    return Outcome(Status.RETRY if certain else Status.DOUBTFUL, reason=fault.text, code=fault.code)


def unasked(error: Exception, service: str, operation: str) -> UndeliveredError:
    """Return the error for a letter that stays where it is because a look that comes first failed."""
    fault = explain(error, service, operation)
    return UndeliveredError(Outcome(Status.RETRY, reason=fault.text, code=fault.code))


class Decisions(Generic[Found]):
    """What was found out, or refused, once in a run; what could not be read is asked again. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Found | Outcome] = {}

    def get(self, key: str, find: Callable[[], Found]) -> Found:
        """Return what `find` returns for `key`; raises UndeliveredError as it does."""
        with self._lock:
            if key not in self._known:
                self._known[key] = _decided(find)
            known = self._known[key]
        if isinstance(known, Outcome):
            raise UndeliveredError(known)
        return known


def _decided(find: Callable[[], Found]) -> Found | Outcome:
    try:
        return find()
    except UndeliveredError as error:
        if error.outcome.status is not Status.REFUSED:
            raise
        return error.outcome
