"""The queue that a command line means: by its name, whole or as people call it, by its URL or its ARN."""

from dataclasses import replace

from opskit import inventory
from opskit.cli import out
from opskit.dlq.found import by_manifest
from opskit.drift.chosen import prefix_of
from opskit.errors import UsageError
from opskit.inventory import Inventory, Worker
from opskit.inventory.queue_name import QueueName, parse_queue
from opskit.settings import Settings


def meant(text: str, settings: Settings, option: str = "QUEUE") -> tuple[QueueName, Inventory]:
    """Return the queue that is meant, and the fleet of its region, whose settings have that region.

    UsageError if it is no queue's name, or --region says another region.
    """
    name = parse_queue(text, option)
    fleet = inventory.load(_placed(name, settings, option))
    return named(name, fleet), fleet


def named(name: QueueName, fleet: Inventory) -> QueueName:
    """Return a queue by its full name where people left environment and region away; not of a URL or ARN."""
    known = {queue for worker in fleet.workers for queue in _queues(worker)}
    if name.account or name.name in known:
        return name
    longer = [f"{prefix_of(worker)}{name.name}" for worker in fleet.workers]
    return next((replace(name, name=one) for one in longer if one in known), name)


def short_names(fleet: Inventory) -> tuple[str, ...]:
    """Return the dead-letter queues of the manifests as people call them."""
    found = (queue.removeprefix(prefix_of(one)) for one in fleet.workers for queue in by_manifest(one))
    return tuple(dict.fromkeys(found))


def _queues(worker: Worker) -> tuple[str, ...]:
    read = (source.name for source in worker.sources if source.trigger == "sqs")
    return (*by_manifest(worker), *read)


def _placed(name: QueueName, settings: Settings, option: str) -> Settings:
    if not name.region or name.region == settings.region:
        return settings
    if "region" in settings.flags:
        raise UsageError(f"--region {settings.region} contradicts {option}, whose region is {name.region}")
    out.note(f"region {name.region}, as {option} says")
    return replace(settings, region=name.region)
