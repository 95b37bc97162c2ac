"""Which destination takes which kind of dead letter."""

from collections import defaultdict
from collections.abc import Container, Sequence

from opskit.aws.session import Aws
from opskit.redrive.fates import Decisions, UndeliveredError, refused
from opskit.redrive.foreseen import Foreseeing, Foreseen, foreseen
from opskit.redrive.from_stream import FromStream
from opskit.redrive.kinds import Kind, kind_of
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Destination, Outcome
from opskit.redrive.sinks import FileSink, FunctionSink
from opskit.redrive.to_file import ToFile
from opskit.redrive.to_function import ToFunction
from opskit.redrive.to_subscriber import ToSubscriber

EVENTS = frozenset({Kind.ASYNC, Kind.DESTINATION})
BATCHES = frozenset({Kind.KINESIS, Kind.DYNAMODB, Kind.S3})


class ByKind:
    """Hands each letter to the destination of its kind: a queue may hold several kinds.

    Letters of one kind keep their order. A kind that has no destination is refused, with what to say.
    """

    name = "where a letter of each kind goes"

    def __init__(
        self,
        aws: Aws,
        source_arn: str,
        *,
        queue: Destination | None = None,
        function: str = "",
        file: FileSink | None = None,
        any_count: bool = False,
        functions: Container[str] | None = None,
        subscribers: Container[str] | None = None,
    ) -> None:
        """Take the queue or bucket that holds the letters: settings that name it tell whose they are.

        `queue` takes the plain messages; `function` and `file` are what the user said (--to-function,
        --to-file); `functions` are the only ones that get what functions gave up, by their names, and
        `subscribers` those that get letters of SNS, None: all.
        """
        self._aws = aws
        self._source_arn = source_arn
        self._queue = queue
        self._function = function
        self._file = file
        self._any_count = any_count
        self._functions = functions
        self._subscribers = subscribers
        self._made = Decisions[Foreseeing]()

    def of(self, kind: Kind) -> Destination:
        """Return the destination of a kind; raises UndeliveredError if there is none."""
        return self._plain() if kind is Kind.QUEUE else self._made.get(kind, lambda: self._make(kind))

    def foresee(self, letter: Letter) -> Foreseen:
        """Say where a letter would go."""
        kind = kind_of(letter)
        if kind is Kind.QUEUE:
            return foreseen(lambda: Foreseen(self._plain().name))
        return foreseen(lambda: self._made.get(kind, lambda: self._make(kind)).foresee(letter))

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:
        """Hand over letters; one outcome each, in their order."""
        numbers: dict[Kind, list[int]] = defaultdict(list)
        for number, letter in enumerate(letters):
            numbers[kind_of(letter)].append(number)
        outcomes: dict[int, Outcome] = {}
        for kind, some in numbers.items():
            outcomes |= dict(zip(some, self._fates(kind, [letters[n] for n in some], run), strict=True))
        return [outcomes[number] for number in range(len(letters))]

    def _fates(self, kind: Kind, letters: Sequence[Letter], run: str) -> list[Outcome]:
        try:
            return self.of(kind).deliver(letters, run)
        except UndeliveredError as error:
            return [error.outcome for _ in letters]

    def _plain(self) -> Destination:
        self._check_messages(Kind.QUEUE)
        if self._queue is None:
            raise refused("it is a queue's own message: say --to QUEUE", "OtherKind")
        return self._queue

    def _make(self, kind: Kind) -> Foreseeing:
        if kind in BATCHES:
            sink = self._file or FunctionSink(self._aws)
            return FromStream(
                self._aws, self._source_arn, sink,
                function=self._function, only=self._functions, any_count=self._any_count,
            )  # fmt: skip
        if kind in EVENTS:
            file = self._file
            if file:
                return ToFile(file)
            return ToFunction(self._aws, self._source_arn, self._function, self._functions)
        self._check_messages(kind)
        return ToSubscriber(self._aws, self._source_arn, self._subscribers)

    def _check_messages(self, kind: Kind) -> None:
        """Refuse messages where the user named what takes events."""
        if self._function or self._file:
            option = "--to-file" if self._file else "--to-function"
            raise refused(f"{option} takes no letter of kind {kind}", "OtherKind")
