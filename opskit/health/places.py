"""The same look in several accounts and regions at once; what one of them refuses is a gap, not the end."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from opskit import lanes
from opskit.aws.faults import FAULTS
from opskit.aws.session import Aws
from opskit.errors import CannotLookError, UsageError
from opskit.gather import Gatherer
from opskit.health import fleet, growth, judging
from opskit.health.fleet import Choice
from opskit.health.look import look
from opskit.health.model import Health, Place, State, apart
from opskit.inventory import Inventory, Worker
from opskit.inventory.inventory import refuse_other_than
from opskit.model import Cost, Gap, Readings, Window
from opskit.render.safe import clean
from opskit.settings import Settings

ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+")
PLACES = lanes.Lane("places", 8)
FOREIGN = (
    "each of these workers lacks something here, and their manifests are those packaged with opskit: "
    "workers_dir in opskit.toml names the folder of your own; --prefix and --tag find functions without any"
)


@dataclass(frozen=True, slots=True)
class Where:
    """One account and region, by the credentials that lead there."""

    inventory: Inventory
    profile: str = ""
    role_arn: str = ""

    @property
    def called(self) -> str:
        """What leads there, as it was said: a role or a profile; "" for the usual credentials."""
        return self.role_arn or self.profile

    @property
    def region(self) -> str:
        """The region that is looked at."""
        return self.inventory.settings.region


@dataclass(frozen=True, slots=True)
class How:
    """In which time, and how long to wait for AWS in a round."""

    window: Window
    deadline_s: float
    now: Callable[[], float]
    unusual: bool = False
    """Also compare the last hour with the same hour of the days before."""


def wheres(
    inventory: Inventory, choice: Choice, *, all_regions: bool, roles: Sequence[str]
) -> tuple[Where, ...]:
    """Return the places: each profile or role, in this region or in all that the manifests name.

    UsageError for a role that is no ARN of one.
    """
    settings = inventory.settings
    for role in roles:
        if not ROLE.fullmatch(role):
            expected = "an IAM role's ARN such as arn:aws:iam::123456789012:role/oncall"
            raise UsageError(f'--role-arn: expected {expected}, got "{clean(role)}"')
    profiles = [name.strip() for name in (settings.profile or "").split(",")]
    workers = fleet.chosen(choice, inventory) if all_regions else ()
    regions = dict.fromkeys((settings.region, *(region for w in workers for region in w.regions)))
    return tuple(
        Where(
            Inventory(replace(settings, region=region, profile=profile or None), inventory.files),
            profile,
            role,
        )
        for profile in profiles
        for role in (roles or ("",))
        for region in regions
    )


def look_at(places: Sequence[Where], choice: Choice, how: How) -> Health:
    """Look at every place at once and add it up.

    CannotLookError when none of them could be asked anything, UsageError when there is no worker at all.
    """
    futures = lanes.run((PLACES, _task(where, choice, how)) for where in places)
    seen: list[tuple[Where, Health]] = []
    blocked: list[tuple[Where, CannotLookError]] = []
    for where, future in zip(places, futures, strict=True):
        try:
            seen.append((where, future.result()))
        except CannotLookError as error:
            blocked.append((where, error))
    if not seen:
        raise blocked[0][1]
    health = _added(tuple(once_each(seen)), [_blocked(where, error) for where, error in blocked], how.window)
    health = replace(health, asked=choice, unusual=how.unusual)
    for place in health.places:
        refuse_other_than(choice.account, place.account)
    if not health.rows and not health.gaps:
        hint = "; ".join(health.notes) or fleet.none_fits(choice, (place.region for place in health.places))
        raise UsageError("no worker to look at", hint)
    packaged = all(where.inventory.settings.workers_dir is None for where in places)
    return replace(health, notes=(*health.notes, FOREIGN)) if packaged and _foreign(health) else health


def once_each(seen: Iterable[tuple[Where, Health]]) -> Iterator[Health]:
    """Yield one look an account and region, with the fewest gaps: two profiles may lead to one account."""
    groups: dict[tuple[str, str], list[tuple[Where, Health]]] = {}
    for where, health in seen:
        (place,) = health.places
        key = (place.account or f"unknown {len(groups)}", place.region)
        groups.setdefault(key, []).append((where, health))
    for looks in groups.values():
        where, health = min(looks, key=lambda look: len(look[1].gaps))
        if len(looks) > 1:
            who = " and ".join(one.called for one, _ in looks)
            (place,) = health.places
            here = f"{place.account} in {place.region}"
            note = f"{who} lead to one account, {here}: shown once, as by {where.called}"
            health = replace(
                health,
                notes=(*health.notes, note),
                cost=sum((one.cost for _, one in looks), Cost()),
            )
        yield health


def _foreign(health: Health) -> bool:
    """Whether no worker has all that it is configured with: then the manifests are of another fleet."""
    exist = [row.cell("exists") for row in health.rows]
    return bool(exist) and all(cell is not None and cell.state is State.CRIT for cell in exist)


def nothing(places: Sequence[Where], how: How, reason: str) -> Health:
    """Return the look of places that could not be asked anything."""
    settings = [where.inventory.settings for where in places]
    blind = tuple(Place(one.account or "", one.region, one.env, one.endpoint_url or "") for one in settings)
    return Health(blind, how.window, (), (), (Gap("aws", reason),), Cost())


def _task(where: Where, choice: Choice, how: How) -> Callable[[], Health]:
    return lambda: _look(where, choice, how)


def _look(where: Where, choice: Choice, how: How) -> Health:
    settings = where.inventory.settings
    aws = Aws(settings.region, where.profile or None, role_arn=where.role_arn)
    gatherer = Gatherer(aws, how.window, how.deadline_s, how.now)
    try:
        workers, gaps = _workers(where, choice, gatherer)
        workers, notes = fleet.here(workers)
        place = Place(
            settings.account or "", settings.region, settings.env, _endpoint(aws, settings), where.profile
        )
        if not workers:
            return Health((place,), how.window, (), (), gaps, gatherer.cost, notes=notes)
        past = partial(Gatherer, aws, growth.window(how.window), how.deadline_s, how.now)
        health = look(workers, place, gatherer, settings, past if how.unusual else None)
        return replace(health, gaps=(*gaps, *health.gaps), notes=(*notes, *health.notes))
    finally:
        gatherer.close()
        aws.close()


def _workers(where: Where, choice: Choice, gatherer: Gatherer) -> tuple[tuple[Worker, ...], tuple[Gap, ...]]:
    if not choice.lists(where.inventory):
        return fleet.chosen(choice, where.inventory), ()
    asked = choice.fleet.signals()
    readings = Readings(asked, gatherer.gather(list(asked.values())), window=gatherer.window)
    if gatherer.blocked:
        raise CannotLookError(gatherer.blocked)
    return fleet.listed(choice, where.inventory, readings)


def _endpoint(aws: Aws, settings: Settings) -> str:
    try:
        return aws.endpoint()
    except FAULTS:
        return settings.endpoint_url or ""


def _blocked(where: Where, error: CannotLookError) -> Gap:
    return Gap(
        f"{where.region}{f' by {where.called}' if where.called else ''}", str(error), ("all workers there",)
    )


def _added(seen: Sequence[Health], gaps: Iterable[Gap], window: Window) -> Health:
    places = tuple(place for health in seen for place in health.places)
    if len(places) > 1:
        seen = [_placed(health, places) for health in seen]
    return Health(
        places=places,
        window=window,
        rows=tuple(row for health in seen for row in health.rows),
        findings=judging.ranked(finding for health in seen for finding in health.findings),
        gaps=(*(gap for health in seen for gap in health.gaps), *gaps),
        cost=sum((health.cost for health in seen), Cost()),
        alarms="; ".join(filter(None, (health.alarms for health in seen))),
        notes=tuple(dict.fromkeys(note for health in seen for note in health.notes)),
    )


def _placed(health: Health, places: Sequence[Place]) -> Health:
    """Return a look in which what is said of a worker also says where, since there are several places."""
    (place,) = health.places
    here = apart((place.account, place.region), [(one.account, one.region) for one in places])
    return replace(
        health,
        alarms=f"{health.alarms}{here}" if health.alarms else "",
        findings=tuple(replace(found, subject=f"{found.subject}{here}") for found in health.findings),
        gaps=tuple(replace(gap, signal=f"{gap.signal}{here}") for gap in health.gaps),
    )
