"""The functions that get the letters of a queue which no queue fills: as said, by manifest, by Lambda."""

from collections.abc import Iterable, Sequence

from opskit.diagnose import Asks
from opskit.errors import UsageError
from opskit.inventory import Inventory, Worker, arns, round0
from opskit.inventory.candidate import NOT_FOUND
from opskit.inventory.lookup import discovered
from opskit.model import Describe, Gap, Reading, Status
from opskit.redrive.consumer import Consumer, Found
from opskit.redrive.place import Letterbox
from opskit.settings import show

_FUNCTIONS = Describe(
    "lambda",
    "ListFunctions",
    (),
    "Functions[?DeadLetterConfig.TargetArn].{arn: FunctionArn, to: DeadLetterConfig.TargetArn}",
)
_MAPPINGS = Describe(
    "lambda",
    "ListEventSourceMappings",
    (),
    "EventSourceMappings[?DestinationConfig.OnFailure.Destination]"
    ".{arn: FunctionArn, to: DestinationConfig.OnFailure.Destination}",
)
UNTOLD = "who gets a letter is told by the letter alone, which is not read before the run begins"


def find(box: Letterbox, function: str, inventory: Inventory, gatherer: Asks) -> Found:
    """Return the functions whose failures go to a queue; `function` is the one that the user named, or "".

    Without any a gap says so: destinations of asynchronous invocations are found by what their letters say.
    UsageError for a named function that does not exist.
    """
    gaps: list[Gap] = []
    # Also of whom no manifest says so: each function that gets a letter is looked at before.
    told = [function] if function else _as_lambda_says(box, gatherer, gaps)
    named = told if function else [*_by_manifest(box, inventory), *told]
    looked = _looked_at(named, inventory, gatherer)
    if function and any(answer.code == NOT_FOUND for _, answer in looked):
        raise UsageError(f"--to-function: no function {show(function)} in region {box.region}")
    found = tuple(_consumer(*one) for one in looked)
    if not found:
        gaps.append(Gap(f"the function of {box.name}", UNTOLD, ("whether it is well",)))
    return Found(found, gaps=tuple(gaps))


def consumers(functions: Iterable[str], inventory: Inventory, gatherer: Asks) -> tuple[Consumer, ...]:
    """Return functions by their names, with where their lines are."""
    return tuple(_consumer(*one) for one in _looked_at(functions, inventory, gatherer))


def _looked_at(names: Iterable[str], inventory: Inventory, gatherer: Asks) -> list[tuple[Worker, Reading]]:
    workers = [_worker(name, inventory) for name in dict.fromkeys(names)]
    asked = {worker.function: round0.function(worker.function) for worker in workers}
    answers = gatherer.gather(list(asked.values()))
    return [(worker, answers[asked[worker.function]]) for worker in workers]


def _by_manifest(box: Letterbox, inventory: Inventory) -> list[str]:
    return [
        worker.function
        for worker in inventory.workers
        if worker.deployed_here
        and worker.trigger != "sqs"  # whose dead letters its queue gives up, not Lambda
        and box.name in (worker.dead_letter_queue, worker.expected.get("on_failure"))
    ]


def _as_lambda_says(box: Letterbox, gatherer: Asks, gaps: list[Gap]) -> list[str]:
    names: list[str] = []
    answers = gatherer.gather([_FUNCTIONS, _MAPPINGS])
    for asked, about in ((_FUNCTIONS, "functions"), (_MAPPINGS, "event source mappings")):
        reading = answers[asked]
        if reading.status is Status.FAILED:
            gaps.append(Gap(about, reading.reason, (f"whose letters {box.name} has",)))
        else:
            names += _named(reading.document or (), box.arn)
    return names


def _named(rows: Iterable[dict[str, str]], queue_arn: str) -> Sequence[str]:
    return [arns.parse_function(row["arn"]).name for row in rows if row["to"] == queue_arn]


def _worker(function: str, inventory: Inventory) -> Worker:
    known = {worker.function: worker for worker in inventory.workers}
    return known.get(function) or discovered(function, inventory.settings)


def _consumer(worker: Worker, function: Reading) -> Consumer:
    document = function.document if function.status in (Status.OK, Status.PARTIAL) else None
    group = (document or {}).get("log_group") or worker.log_group or f"/aws/lambda/{worker.function}"
    return Consumer(worker, group)
