"""Which letters of a plan go, and where to."""

from collections.abc import Callable
from pathlib import Path

from opskit.aws.session import Aws
from opskit.redrive.choosing import Decision
from opskit.redrive.destinations import BATCHES, EVENTS, ByKind
from opskit.redrive.kinds import kind_of
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Destination
from opskit.redrive.plan import Plan
from opskit.redrive.route import Route, to_queues
from opskit.redrive.sinks import FileSink
from opskit.redrive.sorting import Choose

OF_FUNCTIONS = EVENTS | BATCHES
FOREIGN = "a function gave it up, and no queue: say --to-function NAME or --to-file FILE"
"""Why a letter stays in a queue that takes the dead letters of functions, and of queues or of SNS."""
UNTOLD = "a function gave it up, which was not looked at: say --to-function NAME or --to-file FILE"
WHY_NOT = {Decision.LEFT: "not chosen", Decision.UNJUDGED: "whether it is chosen cannot be told"}


def destination_of(aws: Aws, planned: Plan, *, again: bool) -> Destination:
    """Return where a plan's letters go; `again` goes on with its file.

    UsageError if the file cannot be written.
    """
    queues = to_queues(aws, planned.queues, named=planned.named) if planned.queues else None
    terms = planned.terms
    if queues is not None and not planned.by_kind:
        return queues
    file = FileSink(Path(terms.to_file), append=again) if terms.to_file else None
    return ByKind(
        aws,
        planned.box.arn,
        queue=queues,
        function=terms.to_function,
        file=file,
        any_count=terms.any_count,
        functions=None if terms.forced else planned.functions,
        subscribers=planned.subscribed.endpoints if planned.subscribed else None,
    )


def choose_by(plan: Plan, destination: Destination, group_of: Callable[[Letter], str]) -> Choose:
    """Return what tells of a letter its group by cause, and why it stays, "" if it goes."""
    choice = plan.terms.choice
    route = destination if isinstance(destination, Route) else None

    def choose(letter: Letter) -> tuple[str, str]:
        group = group_of(letter)
        decision = choice.decide(letter, group)
        if decision is not Decision.TAKEN:
            return group, WHY_NOT[decision]
        if kind_of(letter) in OF_FUNCTIONS and (plan.homewards or plan.untold):
            return group, FOREIGN if plan.homewards else UNTOLD
        return group, route.why_not(letter) if route is not None else ""

    return choose
