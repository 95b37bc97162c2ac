"""Scores in their table: one item per fan, read, and written on the condition that nobody wrote it meanwhile.

Single conditional updates, several fans at the same time, rather than TransactWriteItems: a transaction costs
twice the capacity and fails whole, so one contended or throttled fan would hold up 99 others. What a write
did whose answer got lost needs no knowing: the next read shows it, and applying the events again changes
nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from workers.common import carry
from workers.score_users.model import FanEvent, Scoring, State, applied, score
from workers.score_users.settings import Table

Item = Mapping[str, Any]
_SET = "SET score = :score, newestAt = :newestAt, #days = :days, version = :version"
_NAMES = {"#days": "days"}


class ContendedError(Exception):
    """Others wrote a fan's score each time between our read and our write."""


@dataclass(frozen=True)
class Store:
    """The table; `client` is boto3's for DynamoDB."""

    client: Any
    table: Table
    scoring: Scoring

    def apply(self, user_id: str, events: Iterable[FanEvent], carried: carry.Carried) -> Decimal | None:
        """Apply a fan's events and return the score that was written; None if there was nothing to write.

        The item carries the ids on to publishScores. Raises ContendedError after `rounds` tries, and what
        boto3 raises.
        """
        counted = list(events)
        for _ in range(self.table.rounds):
            before, version = self._read(user_id)
            after = applied(before, counted, self.scoring)
            if after == before:
                return None
            points = score(after, self.scoring)
            if self._write(user_id, version, item(after, points) | _texts(carried.meta())):
                return points
        raise ContendedError(
            f"others wrote this fan's score {self.table.rounds} times between read and write"
        )

    def _read(self, user_id: str) -> tuple[State, int]:
        found = self.client.get_item(
            TableName=self.table.name, Key={"userId": {"S": user_id}}, ConsistentRead=True
        ).get("Item", {})
        return state(found), int(found.get("version", {"N": "0"})["N"])

    def _write(self, user_id: str, version: int, values: Item) -> bool:
        """Write an item if it has the version that was read, and tell whether it had."""
        carried = "".join(f", {name} = :{name}" for name in (carry.FIELD, carry.TRACE) if name in values)
        condition = "version = :seen" if version else "attribute_not_exists(version)"
        seen = {":seen": {"N": str(version)}} if version else {}
        try:
            self.client.update_item(
                TableName=self.table.name,
                Key={"userId": {"S": user_id}},
                UpdateExpression=_SET + carried,
                ConditionExpression=condition,
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues={f":{name}": value for name, value in values.items()}
                | {":version": {"N": str(version + 1)}}
                | seen,
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def state(found: Item) -> State:
    """Return what an item keeps of its fan; an empty state of an item that is not there."""
    if "newestAt" not in found:
        return State()
    days = found["days"]["M"]
    return State(
        datetime.fromisoformat(found["newestAt"]["S"]),
        {
            date.fromisoformat(day): {kind: frozenset(ids["BS"]) for kind, ids in types["M"].items()}
            for day, types in days.items()
        },
    )


def item(kept: State, points: Decimal) -> dict[str, Any]:
    """Return the attributes that say what is kept of a fan who has been active, and the score."""
    days = {
        day.isoformat(): {"M": {kind: {"BS": sorted(ids)} for kind, ids in types.items()}}
        for day, types in kept.kept.items()
    }
    newest = kept.newest.isoformat() if kept.newest else ""
    return {"score": {"N": str(points)}, "newestAt": {"S": newest}, "days": {"M": days}}


def _texts(values: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"S": value} for name, value in values.items()}
