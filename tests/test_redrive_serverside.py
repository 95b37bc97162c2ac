"""AWS's own move task: started, followed and cancelled on the embedded AWS; waiting moves its clock."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from conftest import REGION, EmbeddedAws
from dead_letters import Post, arn, post
from faults import FaultProxy, Rule, denied, expired, reset, throttled

from opskit.aws.session import Aws
from opskit.errors import CannotLookError, UsageError
from opskit.redrive import serverside
from opskit.redrive.move_task import Plan, plan
from opskit.redrive.serverside import Watch, cancel, follow, start

GOES_ON = (
    "the move task goes on at AWS; to see it: opskit redrive-dlq {0} --server-side; "
    "to stop it: opskit redrive-dlq {0} --server-side --cancel"
)


@pytest.fixture(scope="module")
def embedded(shared_aws: EmbeddedAws) -> EmbeddedAws:
    return shared_aws


@pytest.fixture
def aws(embedded: EmbeddedAws) -> Iterator[Aws]:
    session = Aws(REGION)
    yield session
    session.close()


@pytest.fixture
def orders(embedded: EmbeddedAws, request: pytest.FixtureRequest) -> Post:
    name = f"orders{abs(hash(request.node.nodeid)) % 10**8}"
    return post(embedded, name)


class Watched:
    """Collects what is told; waiting moves the embedded AWS's clock."""

    def __init__(self, embedded: EmbeddedAws, interrupt_at: int = 0) -> None:
        self.told: list[str] = []
        self.waits = 0
        self._embedded = embedded
        self._interrupt_at = interrupt_at
        self.watch = Watch(self.told.append, self.told.append, embedded.clock, self._wait)

    def _wait(self, seconds: float) -> None:
        self.waits += 1
        if self.waits == self._interrupt_at:
            raise KeyboardInterrupt
        self._embedded.clock.advance(seconds)


def asked(aws: Aws, orders: Post, rate: int | None = 10) -> Plan:
    return plan(orders.look(aws), None, rate)


def test_all_letters_go_home_at_the_rate_and_progress_is_told(aws: Aws, orders: Post) -> None:
    orders.load(*map(str, range(50)))
    watched = Watched(orders.embedded)
    wanted = asked(aws, orders)
    moved = follow(aws, wanted.box, start(aws, wanted, watched.watch), watched.watch)
    assert (moved.task.status, moved.task.moved, moved.task.to_move) == ("COMPLETED", 50, 50)
    assert moved.left is not None
    assert (moved.left.visible, moved.findings, moved.gaps) == (0, (), ())
    assert 5 <= moved.seconds < 7.5
    assert orders.counts(orders.home) == (50, 0)
    assert watched.told[1].startswith("moved 20 of about 50 (40 %), ")
    assert watched.told[1].endswith(" s left")


def test_letters_go_to_the_queue_that_is_named(aws: Aws, orders: Post, embedded: EmbeddedAws) -> None:
    orders.load("a", "b")
    embedded.queue(f"{orders.name}-other")
    wanted = plan(orders.look(aws), orders.look(aws, f"{orders.name}-other"))
    watched = Watched(embedded)
    moved = follow(aws, wanted.box, start(aws, wanted, watched.watch), watched.watch)
    assert moved.task.destination_arn == arn(f"{orders.name}-other")
    assert orders.bodies(f"{orders.name}-other") == ["a", "b"]
    assert orders.counts(orders.home) == (0, 0)


def test_a_task_that_ended_before_the_first_look_is_known_among_older_ones(aws: Aws, orders: Post) -> None:
    watched = Watched(orders.embedded)
    for number in range(3):
        orders.load(*map(str, range(number + 1)))
        wanted = asked(aws, orders, None)
        started = start(aws, wanted, watched.watch)
        orders.embedded.clock.advance(5)
        moved = follow(aws, wanted.box, started, watched.watch)
        assert (moved.task.moved, moved.task.status) == (number + 1, "COMPLETED")


def test_a_running_task_is_named_and_no_second_one_is_started(aws: Aws, orders: Post) -> None:
    orders.load(*map(str, range(50)))
    watched = Watched(orders.embedded)
    start(aws, asked(aws, orders), watched.watch)
    orders.embedded.clock.advance(1.05)
    with pytest.raises(UsageError) as refused:
        start(aws, asked(aws, orders), watched.watch)
    said = str(refused.value)
    assert f"a move task is already running on {orders.dead}: RUNNING, moved 1" in said
    assert "of about 50, at most 10/s, started " in said
    assert said.endswith(f"to stop it: opskit redrive-dlq {orders.dead} --server-side --cancel")
    assert len(serverside.tasks(aws, orders.look(aws))) == 1


def test_ctrl_c_ends_the_watching_but_not_the_task(aws: Aws, orders: Post) -> None:
    orders.load(*map(str, range(50)))
    watched = Watched(orders.embedded, interrupt_at=2)
    wanted = asked(aws, orders)
    with pytest.raises(KeyboardInterrupt):
        follow(aws, wanted.box, start(aws, wanted, watched.watch), watched.watch)
    assert watched.told[-1] == GOES_ON.format(orders.dead)
    (task,) = serverside.tasks(aws, wanted.box)
    assert task.status == "RUNNING"
    orders.embedded.clock.advance(10)
    assert orders.counts(orders.home) == (50, 0)


def test_a_cancel_says_what_was_moved_and_puts_nothing_back(aws: Aws, orders: Post) -> None:
    orders.load(*map(str, range(50)))
    watched = Watched(orders.embedded)
    wanted = asked(aws, orders)
    start(aws, wanted, watched.watch)
    orders.embedded.clock.advance(2.05)
    moved = cancel(aws, wanted.box, watched.watch)
    count = moved.task.moved
    assert 20 <= count < 40
    assert watched.told == [
        f"cancelled: about {count} messages were moved already, and a cancel does not put them back"
    ]
    assert (moved.task.status, moved.findings) == ("CANCELLED", ())
    assert f"moved {count} of about 50 messages" in moved.summary
    assert moved.summary.endswith("a cancel does not put them back")
    assert (orders.counts(orders.home)[0], orders.counts()[0]) == (count, 50 - count)


def test_without_a_running_task_there_is_nothing_to_cancel(aws: Aws, orders: Post) -> None:
    watched = Watched(orders.embedded)
    with pytest.raises(UsageError, match=rf"^no move task is running on {orders.dead}$"):
        cancel(aws, orders.look(aws), watched.watch)
    orders.load("a")
    wanted = asked(aws, orders)
    follow(aws, wanted.box, start(aws, wanted, watched.watch), watched.watch)
    with pytest.raises(UsageError, match="the last one: COMPLETED, moved 1 of about 1, at most 10/s"):
        cancel(aws, wanted.box, watched.watch)


def test_a_task_cancelled_by_somebody_else_is_a_finding(aws: Aws, orders: Post) -> None:
    orders.load(*map(str, range(50)))
    watched = Watched(orders.embedded)
    wanted = asked(aws, orders)
    started = start(aws, wanted, watched.watch)
    aws.client("sqs").cancel_message_move_task(TaskHandle=started.task.handle)
    (finding,) = follow(aws, wanted.box, started, watched.watch).findings
    assert (finding.cause, finding.severity.value) == ("move-task-cancelled", "medium")


def test_a_letter_of_unknown_origin_fails_the_task_with_its_meaning(aws: Aws, orders: Post) -> None:
    orders.load("sent straight here", source_arn=None)
    watched = Watched(orders.embedded)
    wanted = asked(aws, orders)
    moved = follow(aws, wanted.box, start(aws, wanted, watched.watch), watched.watch)
    (finding,) = moved.findings
    assert finding.cause == "move-task-failed"
    assert "CouldNotDetermineMessageSource: AWS does not know which queue" in finding.summary
    assert finding.fix == ("name the destination: --to QUEUE",)
    assert orders.counts() == (1, 0)


@pytest.fixture
def faulty(embedded: EmbeddedAws) -> Iterator[Callable[..., Aws]]:
    opened: list[Aws] = []
    with FaultProxy(embedded.endpoint) as proxy:

        def through(*rules: Rule) -> Aws:
            proxy.set_rules(*rules)
            opened.append(Aws(REGION, endpoint_url=proxy.endpoint))
            return opened[-1]

        yield through
        for session in opened:
            session.close()


def test_a_denied_start_names_the_right_and_moves_nothing(
    aws: Aws, orders: Post, faulty: Callable[..., Aws]
) -> None:
    orders.load("a")
    watched = Watched(orders.embedded)
    wanted = asked(aws, orders)
    with pytest.raises(CannotLookError, match=r"started no move task.*needs sqs:StartMessageMoveTask"):
        start(faulty(denied("sqs", "StartMessageMoveTask")), wanted, watched.watch)
    assert orders.counts() == (1, 0)


def test_whether_a_task_runs_must_be_readable_before_one_is_started(
    aws: Aws, orders: Post, faulty: Callable[..., Aws]
) -> None:
    orders.load("a")
    wanted = asked(aws, orders)
    with pytest.raises(CannotLookError, match=r"whether a move task is running.*sqs:ListMessageMoveTasks"):
        start(faulty(denied("sqs", "ListMessageMoveTasks")), wanted, Watched(orders.embedded).watch)
    assert serverside.tasks(aws, wanted.box) == []


def test_a_start_whose_answer_is_lost_is_not_sent_twice_and_its_task_is_found(aws: Aws, orders: Post) -> None:
    orders.load(*map(str, range(50)))
    watched = Watched(orders.embedded)
    wanted = asked(aws, orders)
    lose_answers(aws, "StartMessageMoveTask")
    moved = follow(aws, wanted.box, start(aws, wanted, watched.watch), watched.watch)
    assert (moved.task.moved, moved.task.status) == (50, "COMPLETED")
    assert len(serverside.tasks(aws, wanted.box)) == 1


def test_a_start_that_never_arrived_is_said_to_be_in_doubt(
    aws: Aws, orders: Post, faulty: Callable[..., Aws]
) -> None:
    orders.load("a")
    wanted = asked(aws, orders)
    with pytest.raises(CannotLookError, match=r"may have started one.*look before starting another"):
        start(faulty(reset("sqs", "StartMessageMoveTask")), wanted, Watched(orders.embedded).watch)


def test_a_throttled_look_is_tried_again(aws: Aws, orders: Post, faulty: Callable[..., Aws]) -> None:
    orders.load(*map(str, range(20)))
    watched = Watched(orders.embedded)
    wanted = asked(aws, orders)
    started = start(aws, wanted, watched.watch)
    broken = faulty(throttled("sqs", "ListMessageMoveTasks", every=2))
    assert follow(broken, wanted.box, started, watched.watch).task.moved == 20


def test_a_task_that_cannot_be_seen_any_more_goes_on_and_is_said_to(
    aws: Aws, orders: Post, faulty: Callable[..., Aws]
) -> None:
    orders.load(*map(str, range(20)))
    watched = Watched(orders.embedded)
    wanted = asked(aws, orders)
    started = start(aws, wanted, watched.watch)
    with pytest.raises(CannotLookError) as lost:
        follow(faulty(expired("sqs", "ListMessageMoveTasks")), wanted.box, started, watched.watch)
    assert str(lost.value) == (
        "lost sight of the move task: AWS credentials expired: run aws sso login or renew them; "
        + GOES_ON.format(orders.dead)
    )
    assert watched.waits == 0


def test_a_task_that_aws_never_lists_is_given_up(aws: Aws, orders: Post) -> None:
    watched = Watched(orders.embedded)
    wanted = asked(aws, orders)
    unlisted = serverside.Started(serverside.Task("RUNNING"), after_ms=0)
    with pytest.raises(CannotLookError, match="AWS does not list it"):
        follow(aws, wanted.box, unlisted, watched.watch)
    assert watched.waits == serverside.PATIENCE


def test_counts_that_cannot_be_read_afterwards_are_a_gap(
    aws: Aws, orders: Post, faulty: Callable[..., Aws]
) -> None:
    orders.load("a")
    watched = Watched(orders.embedded)
    wanted = asked(aws, orders)
    started = start(aws, wanted, watched.watch)
    moved = follow(faulty(denied("sqs", "GetQueueAttributes")), wanted.box, started, watched.watch)
    assert (moved.left, moved.gaps[0].signal) == (None, "messages left")


def lose_answers(aws: Aws, operation: str) -> None:
    """Let a call be carried out, and its answer be lost."""
    from botocore.exceptions import ReadTimeoutError  # noqa: PLC0415 - of this helper alone

    def lost(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="http://127.0.0.1")

    aws.client_once("sqs").meta.events.register(f"after-call.sqs.{operation}", lost)


def test_a_queue_of_fifo_letters_is_refused_a_standard_destination(
    aws: Aws, embedded: EmbeddedAws, orders: Post
) -> None:
    fifo = post(embedded, f"{orders.name}f", ".fifo")
    with pytest.raises(UsageError) as refused:
        plan(fifo.look(aws), orders.look(aws, orders.home))
    assert str(refused.value) == (
        f"--to: {fifo.dead} is a FIFO queue and {orders.home} is a standard queue; "
        "AWS moves FIFO to FIFO and standard to standard only"
    )
    assert plan(fifo.look(aws), fifo.look(aws, fifo.home)).to is not None


def test_what_aws_would_refuse_is_one_line_before_it_is_asked(aws: Aws, orders: Post) -> None:
    box = orders.look(aws)
    for rate in (0, -1, 501):
        with pytest.raises(UsageError, match=rf"--rate: .* from 1 to 500 messages a second, got {rate}"):
            plan(box, None, rate)
    with pytest.raises(UsageError, match="is where the messages are"):
        plan(box, box)
    with pytest.raises(UsageError, match=f"queue {orders.home} is no queue's dead-letter queue"):
        plan(orders.look(aws, orders.home))
    full = replace(box, depth=replace(box.depth, visible=300_000))
    with pytest.raises(UsageError) as slow:
        plan(full, None, 1)
    assert str(slow.value) == (
        "--rate: at 1/s about 300,000 messages take 3 d 11 h, and AWS ends a move task after 36 h; "
        "ask for 3 or more"
    )
    assert plan(full, None, 3).rate == 3
    assert serverside.tasks(aws, box) == []


def test_a_queue_whose_sources_cannot_be_read_is_not_called_no_dead_letter_queue(
    orders: Post, faulty: Callable[..., Aws]
) -> None:
    box = orders.look(faulty(denied("sqs", "ListDeadLetterSourceQueues")))
    with pytest.raises(CannotLookError, match=r"cannot tell whether .* needs sqs:ListDeadLetterSourceQueues"):
        plan(box)
