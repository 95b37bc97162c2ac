"""Which events are done: Powertools' idempotency records, so that a replay changes nothing.

An event is begun, then done or undone. One that was begun and never ended, because the function was killed,
stands in nobody's way for longer than the function's timeout: its record says until when it counts. The queue
gives the message back later than that (visibility timeout), so it is handled then.

Powertools' decorator wraps one call per event; activities go to the stream many in one call, so the steps are
taken one by one here.
"""

import functools
from typing import Any

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyValidationError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import STATUS_CONSTANTS

from workers.common.worker import Context
from workers.handle_event import settings
from workers.handle_event.events import FanEvent, Poison


class BusyError(Exception):
    """Another invocation handles the event now, or did and was killed; the message comes back later."""


class Handled:
    """The table of events that are done, for one invocation."""

    def __init__(self, dynamodb: Any, rules: settings.Handled, context: Context) -> None:
        self._context = context
        self._store = _store(dynamodb, rules)

    def begin(self, event: FanEvent) -> bool:
        """Return True if the event is now ours to handle, False if it is done; BusyError if it is another's.

        Poison if an event of the same id and another content is done: one of the two would be lost silently.
        """
        try:
            self._store.save_inprogress(_record(event), self._context.get_remaining_time_in_millis())
        except IdempotencyValidationError:
            raise Poison("its id was used before, for another content") from None
        except IdempotencyItemAlreadyExistsError as error:
            if error.old_data_record and error.old_data_record.status == STATUS_CONSTANTS["COMPLETED"]:
                return False
            raise BusyError("the event is being handled by another invocation") from None
        return True

    def done(self, event: FanEvent) -> None:
        """Remember that the event is handled."""
        self._store.save_success(_record(event), {})

    def undone(self, event: FanEvent) -> None:
        """Forget that the event was begun: its next try need not wait."""
        self._store.delete_record(
            _record(event), BusyError("not done")
        )  # of the error, only its name is used


@functools.lru_cache(maxsize=4)
def _store(dynamodb: Any, rules: settings.Handled) -> DynamoDBPersistenceLayer:
    """Return the layer, made once: it adds itself to its client's user agent."""
    made = DynamoDBPersistenceLayer(table_name=rules.table, boto3_client=dynamodb)
    config = IdempotencyConfig(
        event_key_jmespath="id",
        payload_validation_jmespath="content",
        expires_after_seconds=rules.keep_s,
        hash_function="sha256",
        raise_on_no_idempotency_key=True,
    )
    made.configure(config, key_prefix="handleEvent")
    return made


def _record(event: FanEvent) -> dict[str, Any]:
    content = event.document()
    return {"id": content.pop("id"), "content": content}
