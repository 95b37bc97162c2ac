"""What stands in an embedded AWS already under a name that the fleet is about to take."""

from collections.abc import Iterator

from moto.dynamodb.models import dynamodb_backends
from moto.iam.models import iam_backends
from moto.kinesis.models import kinesis_backends

from opskit.sandbox.fleet import Fleet
from opskit.sandbox.front import ACCOUNT, Call, RefusedError
from opskit.sandbox.planes import Planes
from opskit.sandbox.resources import REGION, arn


def check_free(planes: Planes, fleet: Fleet) -> None:
    """Refuse to play over what somebody else has made: nothing of it is changed."""
    there = list(_taken(planes, fleet))
    if there:
        more = f" and {len(there) - 1} more" if there[1:] else ""
        problem = (
            f"this sandbox holds things under names that the incident's fleet takes: {there[0]}{more}; "
            "delete them, or play the incident in a sandbox of its own"
        )
        raise RefusedError("Conflict", problem, 409)


def _taken(planes: Planes, fleet: Fleet) -> Iterator[str]:
    tables = dynamodb_backends[ACCOUNT][REGION].tables
    streams = kinesis_backends[ACCOUNT][REGION].streams
    roles = {role.name for role in iam_backends[ACCOUNT]["aws"].get_roles()}
    functions = {
        one.function_name for one in planes.control.functions.all(Call("lambda", "", {}, REGION, ""))
    }
    yield from (f"table {name}" for name in fleet.tables.values() if name in tables)
    for worker in fleet.workers.values():
        source = worker.sources[0].name
        held = {
            f"function {worker.function}": worker.function in functions,
            f"role {worker.function}-role": f"{worker.function}-role" in roles,
            f"log group {worker.log_group}": planes.logs.has_group(worker.log_group),
            f"stream {source}": worker.trigger == "kinesis" and source in streams,
        }
        for queue in {worker.dead_letter_queue, source if worker.trigger == "sqs" else ""} - {""}:
            held[f"queue {queue}"] = planes.queues.arn_exists(arn("sqs", queue))
        yield from (name for name, is_there in held.items() if is_there)
