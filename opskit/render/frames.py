"""A Python stack trace as people need it: the worker's own frames, those of libraries counted; pure.

All of it is in JSON.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

_FRAME = re.compile(r'\s*File "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<name>.+)')
_MARKER = re.compile(r"[\s~^]*")
"""A line that underlines a part of the one above it, or an empty one."""
_INSTALLED = re.compile(r".*/(?:site-packages|dist-packages|lib/python[\d.]+|opt/python)/|<frozen ")
"""Where libraries lie."""
_TASK = "/var/task/"
"""Where Lambda has a function's code with its libraries beside it."""
_BETWEEN = {
    "Traceback (most recent call last):": "",
    "The above exception was the direct cause of the following exception:": "which caused",
    "During handling of the above exception, another exception occurred:": "and while that was handled",
}


@dataclass(frozen=True, slots=True)
class _Line:
    """A line, and the library that it is of; "" is none."""

    text: str
    library: str = ""
    frame: bool = False


def shortened(trace: Sequence[str], package: str) -> list[str]:
    """Return the lines of a trace; `package` is the folder that all of the worker's own code is in."""
    shown: list[str] = []
    for of_library, lines in groupby(_lines(trace, package), lambda one: bool(one.library)):
        if of_library:
            frames = [one.library for one in lines if one.frame]
            names = ", ".join(dict.fromkeys(frames))
            shown.append(f"... {len(frames)} {'frame' if len(frames) == 1 else 'frames'} of {names}")
        else:
            shown += (one.text for one in lines)
    return shown


def _lines(trace: Sequence[str], package: str) -> Iterator[_Line]:
    library, depth = "", None
    for text in trace:
        if found := _FRAME.fullmatch(text):
            library, depth = _library(found["path"], package), _depth(text)
            at = _short(found["path"], package)
            yield _Line(f"{at}:{found['line']} in {found['name']}", library, frame=True)
        elif depth is not None and _depth(text) > depth:  # the frame's source
            if not _MARKER.fullmatch(text):
                yield _Line(f"    {text.strip()}", library)
        elif said := _BETWEEN.get(text.strip(), text.rstrip()):
            depth = None
            yield _Line(said)


def _depth(text: str) -> int:
    return len(text) - len(text.lstrip())


def _library(path: str, package: str) -> str:
    """Return the name of the library that a file is of; "" for the worker's own."""
    installed = _INSTALLED.match(path)
    inside = path[installed.end() :] if installed else path.removeprefix(_TASK)
    top = inside.partition("/")[0].removesuffix(".py").rstrip(">")
    return top if installed or (path.startswith(_TASK) and top != package) else ""


def _short(path: str, package: str) -> str:
    """Return a path from the package on, as it stands in the repository."""
    _, found, inside = path.rpartition(f"/{package}/")
    return f"{package}/{inside}" if found else path
