"""One look at the workers of one account and region: ask twice, judge each worker, add it all up."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from opskit.diagnose import Asks
from opskit.errors import CannotLookError
from opskit.health import alarms, asking, growth, judging
from opskit.health.model import Health, Place
from opskit.inventory import arns, round0
from opskit.inventory.lookup import refuse_other_account
from opskit.inventory.worker import Worker
from opskit.model import Cost, Describe, Reading, Readings, Signal, Status
from opskit.settings import Settings

SQS = "https://sqs.{region}.{suffix}"
PAST_AT_ONCE = 250
"""Workers whose eight days of hours are held at once: about a thousand series of 169 datapoints."""
SUFFIXES = {"cn-": "amazonaws.com.cn"}


def look(
    workers: Sequence[Worker],
    place: Place,
    gatherer: Asks,
    settings: Settings,
    past: Callable[[], Asks] | None = None,
) -> Health:
    """Look at all of `workers` in `place`; with `past` also at what is unusual for this hour.

    `past` makes a gatherer of the days before (`growth.window`).
    CannotLookError when nothing could be asked at all, such as without credentials; UsageError when they
    are of another account than the environment is bound to.
    """
    each = [one for worker in workers for one in asking.split(worker)]
    listed = len(each) >= asking.LISTED_FROM
    common = {**asking.shared(), **alarms.signals(gatherer.window)}
    named = [{**common, **asking.settings(worker, listed=listed)} for worker in each]
    early = _early(gatherer, each, named, place) if listed else ()
    first = _read(gatherer, named, describes_only=True, beside=early)
    if gatherer.blocked:
        raise CannotLookError(gatherer.blocked)
    place = replace(place, account=_account(first, place, settings))
    url = queue_url(place)
    about = _about(workers, each, first)
    heard = alarms.more_signals(first[0], about)
    named = [
        {**names, **asking.measures(worker, readings, url, place.endpoint)}
        for worker, names, readings in zip(each, named, first, strict=True)
    ]
    *second, of_alarms = _read(gatherer, [*named, {**common, **heard}])
    second = _dead_letters(gatherer, each, second, url)
    rows = tuple(judging.row(worker, place, readings) for worker, readings in zip(each, second, strict=True))
    health = Health(
        places=(place,),
        window=gatherer.window,
        rows=rows,
        findings=judging.ranked(
            (*judging.findings(rows), *judging.of_alarms(alarms.judge(of_alarms, about), rows))
        ),
        gaps=(*judging.gaps(rows), *alarms.gaps(of_alarms)),
        cost=gatherer.cost,
        alarms=alarms.told(of_alarms, about),
    )
    return health if past is None else _with_unusual(health, each, named, past)


def _early(
    gatherer: Asks, each: Sequence[Worker], named: Sequence[Mapping[str, Signal]], place: Place
) -> tuple[Signal, ...]:
    """Return what is measured of a large fleet that is known before it is described.

    AWS allows only so many describe calls a second: meanwhile the rest is read. Queues are known by the
    account.
    """
    identity = round0.identity()
    whose = gatherer.gather([identity])[identity]
    if gatherer.blocked:
        raise CannotLookError(gatherer.blocked)  # thousands of calls would each find out for themselves
    account = whose.document["account"] if whose.status is Status.OK else place.account
    url = queue_url(replace(place, account=str(account)))
    unread = Reading(Status.FAILED, "not asked yet", "NotAsked")
    wanted: dict[Signal, None] = {}
    for worker, names in zip(each, named, strict=True):
        nothing = Readings(names, dict.fromkeys(names.values(), unread), window=gatherer.window)
        wanted |= dict.fromkeys(asking.measures(worker, nothing, url, place.endpoint).values())
    return tuple(wanted)


def _with_unusual(
    health: Health,
    workers: Sequence[Worker],
    named: Sequence[Mapping[str, Signal]],
    past: Callable[[], Asks],
) -> Health:
    """Return the look with what is unusual for this hour, and what it cost to ask for the days before."""
    costs = [health.cost]

    def days() -> Iterator[tuple[Worker, Readings]]:
        for start in range(0, len(workers), PAST_AT_ONCE):
            some, gatherer = slice(start, start + PAST_AT_ONCE), past()
            yield from zip(
                workers[some],
                _read(gatherer, [growth.signals(names) for names in named[some]]),
                strict=True,
            )
            costs.append(gatherer.cost)

    unusual = growth.judge(days(), health.places[0])
    return replace(
        health,
        findings=judging.ranked((*health.findings, *unusual.findings)),
        gaps=(*health.gaps, *unusual.gaps),
        notes=(*health.notes, *unusual.notes),
        cost=sum(costs, Cost()),
    )


def _dead_letters(
    gatherer: Asks, each: Sequence[Worker], readings: Sequence[Readings], url: str
) -> list[Readings]:
    """Ask for the dead-letter queues that only the queues themselves name; mostly there are none."""
    more = [asking.dead_letters(worker, read, url) for worker, read in zip(each, readings, strict=True)]
    if not any(more):
        return list(readings)
    named = [{**read.named, **late} for read, late in zip(readings, more, strict=True)]
    return _read(gatherer, named)


def _about(workers: Sequence[Worker], each: Sequence[Worker], first: Sequence[Readings]) -> alarms.About:
    """Return whose alarms are meant: those that name a resource of these workers."""
    ids = {
        worker.name: asking.api_id(worker, readings)
        for worker, readings in zip(each, first, strict=True)
        if worker.trigger in asking.APIS
    }
    return alarms.About(tuple(workers), api_ids=ids)


def _read(
    gatherer: Asks,
    named: Sequence[Mapping[str, Signal]],
    *,
    describes_only: bool = False,
    beside: Iterable[Signal] = (),
) -> list[Readings]:
    """Ask for every worker's signals together, equal ones once, and for what is wanted `beside` them.

    Metrics can wait for the second round.
    """
    wanted = dict.fromkeys(
        signal
        for names in named
        for signal in names.values()
        if isinstance(signal, Describe) or not describes_only
    )
    answers: dict[Signal, Reading] = dict(gatherer.gather([*wanted, *beside]))
    shared = Readings({}, answers, window=gatherer.window)
    return [replace(shared, named=_asked(names, answers), read=set()) for names in named]


def _asked(names: Mapping[str, Signal], answers: Mapping[Signal, Reading]) -> dict[str, Signal]:
    return {key: signal for key, signal in names.items() if signal in answers}


def _account(first: Sequence[Readings], place: Place, settings: Settings) -> str:
    """Return whose account it is: by the credentials, else by the ARN of a function; "" if nothing tells."""
    identity = first[0].reading(round0.IDENTITY)
    if identity.status is Status.OK:
        refuse_other_account(settings, identity.document)
        return str(identity.document["account"])
    functions = (readings.reading(round0.FUNCTION).document or {} for readings in first)
    arn = next((one["arn"] for one in functions if one.get("arn")), "")
    refuse_other_account(settings, {"account": arns.account_of(arn), "arn": arn})
    return place.account or arns.account_of(arn)


def queue_url(place: Place) -> str:
    """Return where the account's queues stand, "" if it is not known: SQS finds a queue by its URL's path."""
    if not place.account:
        return ""
    suffix = next((s for start, s in SUFFIXES.items() if place.region.startswith(start)), "amazonaws.com")
    host = place.endpoint.rstrip("/") or SQS.format(region=place.region, suffix=suffix)
    return f"{host}/{place.account}"
