"""Event source mappings, wholly ours: moto's consume what they map (or call Docker) and keep no state.

A mapping here never reads its source: what a workload does to a queue or a stream is told by metrics and
logs. Its state moves as AWS's does, and its last result is set through the admin route.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opskit.sandbox.control.common import (
    FunctionName,
    datetime_of,
    function_arn,
    function_name,
    limited,
    page,
    regional,
)
from opskit.sandbox.control.functions import Functions
from opskit.sandbox.control.sources import Sources, source_kind
from opskit.sandbox.control.validate import check_mapping, with_defaults
from opskit.sandbox.front import ACCOUNT, Call, Handlers, RefusedError

PAGE = 100
"""Mappings in one answer, whatever MaxItems asks."""

SETTLE_S = 1.0
"""How long a change of state takes here; AWS takes up to a minute."""

SETTABLE = frozenset({"State", "StateTransitionReason", "LastProcessingResult", "LastModified"})
"""What the admin route may set on a mapping; no AWS call can."""

_NOT_KEPT = {"FunctionName", "Enabled", "UUID", "Tags"}
"""Members of the calls that are no member of the mapping."""


@dataclass(slots=True)
class Mapped:
    """One event source mapping."""

    arn: str
    settings: dict[str, Any]
    """As the answers carry them, without the state."""
    goal: str
    """Enabled, Disabled or Gone."""
    via: str
    """The state on the way to the goal: Creating, Enabling, Disabling, Updating, Deleting."""
    created_s: float
    changed_s: float
    reason: str
    result: str | None
    told: dict[str, Any] = field(default_factory=dict)
    """What the admin route set; it stands until the next change."""

    def state(self, now_s: float) -> str:
        """Return the state at a time."""
        if "State" in self.told:
            return str(self.told["State"])
        return self.via if now_s - self.changed_s < SETTLE_S else self.goal


@dataclass(frozen=True, slots=True)
class Known:
    """A mapping as it is now; times are epoch seconds."""

    uuid: str
    function_arn: str
    source_arn: str
    settings: Mapping[str, Any]
    """As GetEventSourceMapping returns them, without the state."""
    state: str
    created_s: float
    changed_s: float


def _known(mapped: Mapped, now_s: float) -> Known:
    return Known(
        uuid=mapped.settings["UUID"],
        function_arn=mapped.settings["FunctionArn"],
        source_arn=mapped.arn,
        settings=dict(mapped.settings),
        state=mapped.state(now_s),
        created_s=mapped.created_s,
        changed_s=mapped.changed_s,
    )


class Mappings:
    """The event source mappings of every region."""

    def __init__(self, now: Callable[[], float], functions: Functions, sources: Sources) -> None:
        self._now = now
        self._functions = functions
        self._sources = sources
        self._stores: dict[tuple[str, str], dict[str, Mapped]] = {}
        self.new_id: Callable[[], str] = lambda: str(uuid.uuid4())
        """Makes the UUID of the next mapping."""

    def handlers(self) -> Handlers:
        """Return the five operations on mappings."""
        return {
            ("lambda", "CreateEventSourceMapping"): self.create,
            ("lambda", "GetEventSourceMapping"): self.get,
            ("lambda", "ListEventSourceMappings"): self.list,
            ("lambda", "UpdateEventSourceMapping"): self.update,
            ("lambda", "DeleteEventSourceMapping"): self.delete,
        }

    def create(self, call: Call) -> Mapping[str, Any]:
        """CreateEventSourceMapping: source and function exist, fit each other and are not mapped yet."""
        params = call.params
        function = self._functions.find(call)
        source = params.get("EventSourceArn", "")
        check_mapping(source_kind(source), params)
        self._sources.check(call, source, function.timeout)
        arn = function_arn(call, function_name(call))
        self._check_free(call, source, arn)
        identifier, now_s = self.new_id(), self._now()
        own_arn = f"arn:aws:lambda:{call.region}:{call.account}:event-source-mapping:{identifier}"
        kept = {name: value for name, value in params.items() if name not in _NOT_KEPT}
        settings = {
            "UUID": identifier,
            "EventSourceMappingArn": own_arn,
            "FunctionArn": arn,
            **with_defaults(source_kind(source), kept),
        }
        goal = "Enabled" if params.get("Enabled", True) else "Disabled"
        stream = source_kind(source) != "sqs"
        self._store(call)[identifier] = mapped = Mapped(
            arn=source,
            settings=settings,
            goal=goal,
            via="Creating",
            created_s=now_s,
            changed_s=now_s,
            reason="User action" if stream else "USER_INITIATED",
            result="No records processed" if stream else None,
        )
        return self._described(mapped)

    def get(self, call: Call) -> Mapping[str, Any]:
        """GetEventSourceMapping."""
        return self._described(self._find(call))

    def list(self, call: Call) -> Mapping[str, Any]:
        """ListEventSourceMappings of a function, of a source, or all; at most 100 to a page."""
        found = list(self._alive(call).values())
        source = call.params.get("EventSourceArn")
        if source:
            found = [mapped for mapped in found if mapped.arn == source]
        if call.params.get("FunctionName"):
            wanted = self._named(call)
            found = [mapped for mapped in found if mapped.settings["FunctionArn"] == wanted]
        size = limited(call.params.get("MaxItems"), PAGE)
        rows, marker = page(found, call.params.get("Marker"), size)
        answer: dict[str, Any] = {"EventSourceMappings": [self._described(row) for row in rows]}
        return {**answer, "NextMarker": marker} if marker else answer

    def update(self, call: Call) -> Mapping[str, Any]:
        """UpdateEventSourceMapping: refused while an earlier change is under way."""
        mapped = self._settled(call)
        params = call.params
        check_mapping(source_kind(mapped.arn), params, {**mapped.settings, **params})
        if params.get("FunctionName"):
            function = self._functions.find(call)
            self._sources.check(call, mapped.arn, function.timeout)
            mapped.settings["FunctionArn"] = self._named(call)
        mapped.settings |= {name: value for name, value in params.items() if name not in _NOT_KEPT}
        self._move(mapped, params.get("Enabled"))
        return self._described(mapped)

    def delete(self, call: Call) -> Mapping[str, Any]:
        """DeleteEventSourceMapping."""
        mapped = self._settled(call)
        mapped.goal, mapped.via, mapped.changed_s, mapped.told = "Gone", "Deleting", self._now(), {}
        return self._described(mapped)

    def set(self, call: Call, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Set what only the admin route can (SETTABLE; LastModified in epoch seconds)."""
        unknown = sorted(set(changes) - SETTABLE)
        if unknown:
            problem = f"not settable: {', '.join(unknown)}; settable: {', '.join(sorted(SETTABLE))}"
            raise RefusedError("ValidationException", problem)
        mapped = self._find(call)
        told = dict(changes)
        mapped.result = told.pop("LastProcessingResult", mapped.result)
        mapped.changed_s = told.pop("LastModified", mapped.changed_s)
        mapped.told |= told
        if changes.get("State") in {"Enabled", "Disabled"}:
            mapped.goal = changes["State"]
        return self._described(mapped)

    def known(self, region: str = "us-east-1", account: str = ACCOUNT) -> tuple[Known, ...]:
        """Return a region's mappings as they are now, in the order of their creation; no deleted ones."""
        now_s = self._now()
        mappings = tuple(self._stores.get((account, region), {}).values())
        return tuple(_known(mapped, now_s) for mapped in mappings if mapped.state(now_s) != "Gone")

    def settings_of(
        self, name: str, region: str = "us-east-1", account: str = ACCOUNT
    ) -> Mapping[str, Any] | None:
        """Return the settings of the mapping with this UUID or ARN, None if there is none."""
        wanted = name.rpartition(":")[2]
        return next((known.settings for known in self.known(region, account) if known.uuid == wanted), None)

    def set_results(
        self, results: Mapping[str, str], region: str = "us-east-1", account: str = ACCOUNT
    ) -> None:
        """Set the last results of many mappings by UUID; of those that are gone it is no matter."""
        store = self._stores.get((account, region), {})
        for identifier, result in results.items():
            if identifier in store:
                store[identifier].result = result

    def shift(self, seconds: float) -> None:
        """Let every change be `seconds` longer ago."""
        for store in self._stores.values():
            for mapped in store.values():
                mapped.created_s -= seconds
                mapped.changed_s -= seconds

    def _move(self, mapped: Mapped, enabled: bool | None) -> None:  # noqa: FBT001  # AWS's own tristate
        goal = mapped.goal if enabled is None else "Enabled" if enabled else "Disabled"
        way = {"Enabled": "Enabling", "Disabled": "Disabling"}[goal] if goal != mapped.goal else "Updating"
        mapped.goal, mapped.via, mapped.changed_s, mapped.told = goal, way, self._now(), {}

    def _settled(self, call: Call) -> Mapped:
        mapped = self._find(call)
        state = mapped.state(self._now())
        if state not in {"Enabled", "Disabled"}:
            problem = f"The operation cannot be performed at this time: the event source mapping is {state}."
            raise RefusedError("ResourceInUseException", problem, Type="User")
        return mapped

    def _check_free(self, call: Call, source: str, arn: str) -> None:
        function = arn.split(":")[6]
        for identifier, mapped in self._alive(call).items():
            if mapped.arn == source and mapped.settings["FunctionArn"] == arn:
                problem = (
                    f'The event source arn (" {source} ") and function (" {function} ") provided mapping '
                    f"already exists. Please update or delete the existing mapping with UUID {identifier}"
                )
                raise RefusedError("ResourceConflictException", problem, 409, Type="User")

    def _find(self, call: Call) -> Mapped:
        found = self._alive(call).get(call.params["UUID"])
        if not found:
            problem = "The resource you requested does not exist."
            raise RefusedError("ResourceNotFoundException", problem, 404, Type="User")
        return found

    @staticmethod
    def _named(call: Call) -> str:
        name = function_name(call)
        return function_arn(call, FunctionName(name.name, name.qualifier))

    def _store(self, call: Call) -> dict[str, Mapped]:
        return self._stores.setdefault(regional(call), {})

    def _alive(self, call: Call) -> dict[str, Mapped]:
        store, now_s = self._store(call), self._now()
        for identifier in [key for key, mapped in store.items() if mapped.state(now_s) == "Gone"]:
            del store[identifier]
        return dict(store)

    def _described(self, mapped: Mapped) -> dict[str, Any]:
        answer = {
            **mapped.settings,
            "State": mapped.state(self._now()),
            "StateTransitionReason": mapped.reason,
            "LastProcessingResult": mapped.result,
            "LastModified": datetime_of(mapped.changed_s),
            **mapped.told,
        }
        return {name: value for name, value in answer.items() if value is not None}
