"""A session with AWS for a command that acts on a queue: it is found, of the right account, and metered."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from opskit.aws.faults import FAULTS, explain
from opskit.aws.price import Meter
from opskit.aws.session import Aws
from opskit.cli import out
from opskit.cli.look import endpoint_of
from opskit.errors import CannotLookError, UsageError
from opskit.inventory.queue_name import QueueName
from opskit.loopback import is_loopback
from opskit.redrive import place
from opskit.redrive.place import Letterbox
from opskit.render.envelope import Envelope
from opskit.settings import Settings


@dataclass(frozen=True, slots=True)
class Acting:
    """The session; `settings` are those of the queue's region."""

    aws: Aws
    settings: Settings
    meter: Meter

    def find(self, queue: QueueName) -> Letterbox:
        """Return what is known of a queue; UsageError if it is of an account that one must not act in."""
        box = place.find(self.aws, queue)
        place.refuse_other_place(replace(queue, name=box.name, account=box.account), self.settings)
        return box

    def refuse_account(self, given: str | None, box: Letterbox) -> None:
        """Raise UsageError where nobody has said that this queue's account is meant; `given`: --account."""
        refuse_account(given, box.account, self.settings, endpoint_of(self.aws, self.settings))

    def envelope(self, command: str, box: Letterbox) -> Envelope:
        """Return who acts where, and what it has cost so far."""
        return Envelope(
            command=command,
            account=box.account,
            region=self.settings.region,
            env=self.settings.env,
            endpoint=endpoint_of(self.aws, self.settings),
            cost=self.meter.cost,
        )


@contextmanager
def acting(settings: Settings) -> Iterator[Acting]:
    """Open a session in the region of `settings`, which is the queue's, and close it."""
    aws, meter = Aws(settings.region, settings.profile), Meter()
    try:
        meter.count_calls(aws.client("sqs"), "sqs")
        meter.count_calls(aws.client_once("sqs"), "sqs")
        yield Acting(aws, settings, meter)
    except FAULTS as error:  # what is wrong before a queue is asked for: credentials, region, endpoint
        raise CannotLookError(explain(error, "sqs").text) from error
    finally:
        aws.close()


def refuse_account(
    given: str | None, found: str, settings: Settings, endpoint: str, what: str = "the queue"
) -> None:
    """Refuse to act where nobody has said which account is meant, but for an AWS on this machine.

    `found` is the account that `what` is in, `given` the one of --account.
    """
    if given is not None and given != found:
        raise UsageError(f"--account {given}: {what} is in account {found}")
    if given is None and not settings.account and not is_loopback(endpoint):
        raise UsageError(
            f"opskit.toml binds {settings.env} to no account", f"say which one is meant: --account {found}"
        )


def refuse_unasked(act: str = "move") -> None:
    """Raise UsageError where nobody is at a terminal to be asked."""
    if not (sys.stdin is not None and sys.stdin.isatty()):
        raise UsageError("nobody is there to be asked", f"say --yes to {act} without a question")


def ask(question: str, refused: str = "nothing was moved") -> None:
    """Ask at the terminal; UsageError if the answer is no."""
    if not out.agreed(question):
        raise UsageError(refused)
