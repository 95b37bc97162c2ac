"""All that is to be asked about chosen workers, asked at once, by credentials of the right account."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opskit.aws.session import Aws
from opskit.cli.look import endpoint_of
from opskit.drift.chosen import Chosen
from opskit.gather import Answers, Gatherer, window
from opskit.inventory import round0
from opskit.inventory.lookup import refuse_other_account
from opskit.model import Cost, Reading, Signal


@dataclass(frozen=True, slots=True)
class Answered:
    """What AWS answered; `blocked` says why nothing at all could be asked, "" if something could."""

    answers: Mapping[Signal, Reading]
    account: str
    """As the credentials say, else as the environment is bound, else ""."""
    endpoint: str
    cost: Cost
    blocked: str


def ask(
    chosen: Chosen,
    asking: Callable[[Callable[..., Answers]], Mapping[Signal, Reading]],
    since_s: int,
    deadline_s: int,
    now: Callable[[], float],
) -> Answered:
    """Ask what `asking` asks by the gatherer's `gather`, who we are among it.

    UsageError if the credentials are of another account than the names, or than the environment is bound to.
    """
    settings = chosen.settings
    aws = Aws(settings.region, settings.profile)
    gatherer = Gatherer(aws, window(now(), since_s), deadline_s, now)
    try:
        answers = asking(gatherer.gather)
        endpoint = endpoint_of(aws, settings)
    finally:
        gatherer.close()
        aws.close()
    identity = answers[round0.identity()].document or {}
    account = identity.get("account") or ""
    chosen.refuse(account)
    refuse_other_account(settings, identity)
    return Answered(answers, account or settings.account or "", endpoint, gatherer.cost, gatherer.blocked)
