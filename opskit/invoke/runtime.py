"""What stands in the place of Lambda's runtime: imports a handler, calls it once, says how that went.

It runs as a file in a process of its own and imports nothing but the standard library, so that the time and
the memory it tells of are the worker's. The request comes on standard input, the answers go to the file
descriptor in the arguments as lines of JSON; both standard outputs belong to the worker's log.

Error documents: Lambda Developer Guide, "Understanding failed invocations"; their types are those of
awslambdaric, the runtime client for Python.
"""

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import TracebackType
from typing import Any

LARGEST_BYTES = 6_291_556
"""What Lambda takes of an answer, by the words in which it refuses a larger one (Lambda quotas: 6 MB)."""


class Context:
    """What a handler is given beside its event, with the names that Lambda's Python runtime has."""

    def __init__(self, request_id: str, function_arn: str, deadline: float) -> None:
        """`deadline` is the moment of `time.monotonic` at which the function is ended."""
        self.aws_request_id = request_id
        self.invoked_function_arn = function_arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still run."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class Invocation:
    """One invocation, told about step by step."""

    def __init__(self, asked: Mapping[str, Any], answers: int) -> None:
        self._asked = asked
        self._answers = answers
        self._stage = "init"
        self._began = time.perf_counter()

    def perform(self) -> None:
        """Import the handler, call it, and tell of both; what it raises is left to `failed`."""
        handler = self._imported()
        self._tell({"readyMs": self._passed_ms()})
        event = json.loads(self._asked["event"])
        self._stage, self._began = "handler", time.perf_counter()
        deadline = time.monotonic() + self._asked["timeoutS"]
        result = handler(event, Context(self._asked["requestId"], self._asked["functionArn"], deadline))
        took_ms = self._passed_ms()
        self._stage = "result"
        text = json.dumps(result, ensure_ascii=False, default=_plain)
        if len(text.encode()) > LARGEST_BYTES:
            raise ResultTooLargeError(
                f"Response payload size exceeded maximum allowed payload size ({LARGEST_BYTES} bytes)."
            )
        self._tell({"result": json.loads(text), "tookMs": took_ms, "memoryMb": memory_mb()})

    def failed(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Tell of what ended the invocation, in the log and to who asked, as Lambda does."""
        name, message = self._named(kind, error)
        frames = traceback.format_list([one for one in traceback.extract_tb(trace) if _is_the_workers(one)])
        said = {"errorType": name, "errorMessage": message, "requestId": self._asked["requestId"]}
        self._log({**said, "stackTrace": frames})
        took = {} if self._stage == "init" else {"tookMs": self._passed_ms()}
        self._tell({"error": {**said, "stackTrace": frames}, "memoryMb": memory_mb(), **took})
        leave()

    def _imported(self) -> Callable[[Any, Context], Any]:
        module, _, name = self._asked["handler"].rpartition(".")
        sys.path.insert(0, self._asked["root"])
        _import_from(self._asked["root"], module.partition(".")[0])
        found: Any = getattr(importlib.import_module(module), name, None)
        if not callable(found):
            raise HandlerNotFoundError(f"Handler '{name}' missing on module '{module}'")
        return found  # type: ignore[no-any-return]  # it was just seen to be callable

    def _named(self, kind: type[BaseException], error: BaseException) -> tuple[str, str]:
        if isinstance(error, ResultTooLargeError):
            return "Function.ResponseSizeTooLarge", str(error)
        if self._stage == "result":
            return "Runtime.MarshalError", f"Unable to marshal response: {error}"
        module = self._asked["handler"].rpartition(".")[0]
        if self._stage == "init" and isinstance(error, ImportError):
            return "Runtime.ImportModuleError", f"Unable to import module '{module}': {error}"
        if self._stage == "init" and isinstance(error, SyntaxError):
            return "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {error}"
        if isinstance(error, HandlerNotFoundError):
            return "Runtime.HandlerNotFound", str(error)
        return kind.__name__, str(error)

    def _log(self, said: Mapping[str, Any]) -> None:
        if os.environ["AWS_LAMBDA_LOG_FORMAT"] == "JSON":
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            text = json.dumps({"timestamp": stamp, "log_level": "ERROR", **said}, ensure_ascii=False)
        else:
            trace = "".join(said["stackTrace"]).rstrip()
            text = f"[ERROR] {said['errorType']}: {said['errorMessage']}"
            text += f"\nTraceback (most recent call last):\n{trace}" if trace else ""
        sys.stdout.write(f"{text}\n")

    def _passed_ms(self) -> float:
        return (time.perf_counter() - self._began) * 1000

    def _tell(self, said: Mapping[str, Any]) -> None:
        rest = memoryview(json.dumps(said).encode() + b"\n")
        while rest:
            rest = rest[os.write(self._answers, rest) :]


def _import_from(root: str, package: str) -> None:
    """Import a package from the root alone; what is not there the handler's own import tells.

    Of a folder without __init__.py an installed package of the same name takes precedence, wherever it is on
    the path: another worker's code would run.
    """
    spec = PathFinder.find_spec(package, [root])
    if spec:
        sys.modules[package] = module_from_spec(spec)
        if spec.loader:
            spec.loader.exec_module(sys.modules[package])


class HandlerNotFoundError(Exception):
    """The module has no such function."""


class ResultTooLargeError(Exception):
    """Lambda would not take the result."""


def _plain(value: object) -> int | float:
    """Return a Decimal, of which a table's numbers are, as the number that Lambda's runtime writes."""
    from decimal import Decimal  # noqa: PLC0415 - the worker's own time and memory are told

    if not isinstance(value, Decimal):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    return int(value) if value.is_finite() and value.as_tuple().exponent == 0 else float(value)


def _is_the_workers(frame: traceback.FrameSummary) -> bool:
    """Tell a line of the worker or its libraries from this file's and the import system's."""
    return frame.filename not in (__file__, importlib.__file__) and not frame.filename.startswith("<frozen")


def memory_mb(process: str = "self") -> float | None:
    """Return the most memory that a running process has held; None where the system does not say.

    Not getrusage: on Linux that begins with what the parent held (getrusage(2), execve(2)).
    """
    status = Path(f"/proc/{process}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peak_kb = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)
    return None if peak_kb is None else peak_kb / 1024


def leave() -> None:
    """End this process at once: what still runs in it is frozen in Lambda too."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    invocation = Invocation(json.load(sys.stdin), int(sys.argv[1]))
    sys.excepthook = invocation.failed
    invocation.perform()
    leave()
