"""The notification gateway, an HTTP API of others: asked with a deadline, retries and a circuit breaker."""

import functools
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pybreaker
import stamina

from workers.common import clients, threads, tracing
from workers.handle_event.events import FanEvent
from workers.handle_event.settings import Notify

if TYPE_CHECKING:
    import httpx

PATH = "/v1/notifications"
_PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which the same request may succeed (RFC 9110, RFC 8470, RFC 6585)."""
_PAUSE_S = 0.2
_log = logging.getLogger(__name__)


class GatewayError(Exception):
    """The gateway did not take a notification now; `pause_s` is the Retry-After that it asked for, if any."""

    def __init__(self, message: str, pause_s: float | None = None) -> None:
        super().__init__(message)
        self.pause_s = pause_s


class GatewayOpenError(Exception):
    """The gateway failed too often: it is left alone for a while, and nothing was sent."""


class GatewayRefusedError(Exception):
    """The gateway will not take this notification, however often it is asked."""


class Gateway:
    """The gateway and what is known of it in this execution environment."""

    def __init__(self, rules: Notify) -> None:
        self._rules = rules
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=rules.failures,
            reset_timeout=rules.open_s,
            exclude=[GatewayRefusedError],
            listeners=[_Told()],
            throw_new_error_on_trip=False,
        )

    def tell(self, event: FanEvent, within_s: float) -> None:
        """Tell of an event, in at most `within_s`. Told twice, the gateway knows the event by its key.

        GatewayError, GatewayOpenError or GatewayRefusedError if it did not take it.
        """
        client = clients.http(self._rules.url)  # made at first use, which takes a while of its own
        ends_at = time.monotonic() + within_s
        for attempt in stamina.retry_context(
            functools.partial(self._again, ends_at),
            attempts=self._rules.attempts,
            timeout=within_s,
            wait_initial=_PAUSE_S,
            wait_max=self._rules.longest_pause_s,
            wait_jitter=_PAUSE_S,
        ):
            with attempt:
                self._guarded(functools.partial(self._send, client, event, ends_at))

    def _guarded(self, send: Callable[[], None]) -> None:
        try:
            self._breaker.call(send)
        except pybreaker.CircuitBreakerError:
            raise GatewayOpenError("the notification gateway failed too often and is left alone") from None

    def _again(self, ends_at: float, error: Exception) -> bool | float:
        """Tell whether to try once more, and after which pause; not when that would outlast the time."""
        if not isinstance(error, GatewayError) or self._breaker.current_state == pybreaker.STATE_OPEN:
            return False
        left_s = ends_at - time.monotonic()
        if error.pause_s is None:
            return left_s > self._rules.longest_pause_s
        return error.pause_s if error.pause_s < left_s else False

    def _send(self, client: "httpx.Client", event: FanEvent, ends_at: float) -> None:
        import httpx  # noqa: PLC0415 - half of a cold start, and only profiles need it

        timeout_s = max(0.001, min(self._rules.timeout_s, ends_at - time.monotonic()))
        try:
            answer = threads.within(timeout_s, functools.partial(_post, client, event, timeout_s))
        except (TimeoutError, httpx.TimeoutException) as error:
            raise GatewayError("the notification gateway: no answer in time") from error
        except httpx.HTTPError as error:
            raise GatewayError(f"the notification gateway: {type(error).__name__}") from error
        _check(answer)


def _post(client: "httpx.Client", event: FanEvent, timeout_s: float) -> "httpx.Response":
    """Return the answer, without what it says."""
    headers = {**tracing.carried().headers(), "Idempotency-Key": event.id}
    with client.stream("POST", PATH, json=event.document(), headers=headers, timeout=timeout_s) as answer:
        for _ in answer.iter_raw():
            pass
    return answer


def _check(answer: "httpx.Response") -> None:
    if answer.is_success:
        return
    said = f"the notification gateway answered {answer.status_code}"
    if answer.status_code in _PASSING:
        raise GatewayError(said, pause_s(answer.headers.get("Retry-After", ""), datetime.now(UTC)))
    raise GatewayRefusedError(said)


def pause_s(retry_after: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After asks for, by number or by date; None if it is neither."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        at = parsedate_to_datetime(retry_after)
        return max(0.0, (at - now).total_seconds())
    except (ValueError, TypeError):
        return None


class _Told(pybreaker.CircuitBreakerListener):
    """Writes down when the circuit opens and closes."""

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,  # noqa: ARG002 - the listener's signature
        old_state: pybreaker.CircuitBreakerState | None,
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        before = old_state.name if old_state else "new"
        _log.warning("circuit of the notification gateway: %s, was %s", new_state.name, before)


@functools.lru_cache(maxsize=4)
def gateway(rules: Notify) -> Gateway:
    """Return the gateway of this execution environment: its circuit outlives an invocation."""
    return Gateway(rules)
