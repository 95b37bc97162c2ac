"""The libraries in a worker's package: which ones, in which version, and their files.

A folder's `requirements.in` names what its modules import. All that these libraries need in turn is found in
the metadata of the installed distributions, for the platform that Lambda runs, so that both sources of files
give the same set; `requirements.lock` has the versions, and the hashes of the files that pip may get.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from opskit.errors import OpskitError, UsageError

REQUIREMENTS = "requirements.in"
LOCK = "requirements.lock"
PYTHON = "3.13"
ARCHITECTURES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Lambda's names of its architectures, and those of Python's wheels."""
_PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)")
_LEFT_OUT = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json")
"""What an installer notes about itself: it differs from one environment to the next."""


def closure(folders: tuple[Path, ...], machine: str) -> dict[str, Distribution]:
    """Return the distributions that the folders' modules need, by canonical name.

    `machine` is a value of ARCHITECTURES. UsageError for one that is not installed.
    """
    found: dict[str, Distribution] = {}
    seen: set[str] = set()
    waiting = [one for folder in folders for one in _declared(folder)]
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        distribution = _installed(requirement.name)
        found[canonicalize_name(requirement.name)] = distribution
        waiting += _needed(distribution, requirement.extras, machine)
    return dict(sorted(found.items()))


def pins(distributions: Mapping[str, Distribution], lock: Path) -> list[str]:
    """Return `name==version --hash=...` of each, as `lock` says.

    UsageError for one that it lacks, or that is installed in another version.
    """
    locked = _locked(lock)
    for name, distribution in distributions.items():
        if name not in locked:
            raise UsageError(f"{LOCK}: {name} is missing; run `make lock`")
        version = locked[name].partition("==")[2].partition(" ")[0]
        if distribution.version != version:
            raise UsageError(
                f"{name} {distribution.version} is installed, {LOCK} says {version}; install the lock"
            )
    return [locked[name] for name in distributions]


def installed_files(distributions: Mapping[str, Distribution]) -> dict[str, Path]:
    """Return the files of installed distributions (their RECORD) by their place in a package."""
    return {
        file.as_posix(): Path(str(file.locate()))
        for distribution in distributions.values()
        for file in distribution.files or ()
        if ".." not in file.parts and _belongs(Path(file))
    }


def fetched_files(pinned: list[str], machine: str, into: Path) -> dict[str, Path]:
    """Return the files of wheels for Lambda's platform, which pip gets into the folder `into`.

    OpskitError if there is none, or one that has not the hash of its pin.
    """
    into.mkdir(parents=True, exist_ok=True)
    if pinned:
        _pip(pinned, machine, into)
    return {
        path.relative_to(into).as_posix(): path
        for path in into.rglob("*")
        if path.is_file() and path.relative_to(into).parts[0] != "bin" and _belongs(path.relative_to(into))
    }


def _pip(pinned: list[str], machine: str, into: Path) -> None:
    platform = f"--platform=manylinux2014_{machine}"
    how = ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}", platform]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    target = ["--no-deps", "--no-compile", "--target", str(into)]
    wanted = into.with_name(f"{into.name}.txt")
    wanted.write_text("\n".join(pinned), "utf-8")
    what = ["--require-hashes", "-r", str(wanted)]
    command = [sys.executable, "-m", "pip", "install", *quiet, *how, *target, *what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise OpskitError(f"pip could not get the libraries: {(lines or [done.stderr.strip()])[-1]}")


def _declared(folder: Path) -> Iterator[Requirement]:
    path = folder / REQUIREMENTS
    text = path.read_text("utf-8") if path.exists() else ""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return (Requirement(line) for line in lines if line)


def _installed(name: str) -> Distribution:
    try:
        return Distribution.from_name(name)
    except PackageNotFoundError as error:
        raise UsageError(f"{name} is not installed; install {LOCK} first") from error


def _needed(distribution: Distribution, extras: set[str], machine: str) -> Iterator[Requirement]:
    """Return what a distribution requires on Lambda: its markers are not asked about this computer."""
    on_lambda = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{PYTHON}.0",
        "python_version": PYTHON,
        "sys_platform": "linux",
    }
    for text in distribution.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        wanted = (marker.evaluate({**on_lambda, "extra": extra}) for extra in ("", *extras)) if marker else ()
        if marker is None or any(wanted):
            requirement.marker = None
            yield requirement


def _locked(lock: Path) -> dict[str, str]:
    """Return the pins by canonical name, each with its hashes, without markers and comments."""
    if not lock.is_file():
        raise UsageError(f"{LOCK}: no such file; package from a checkout of the repository")
    lines = lock.read_text("utf-8").replace("\\\n", " ").splitlines()
    pins = ((_PIN.match(line), re.findall(r"--hash=\S+", line)) for line in lines)
    return {canonicalize_name(pin["name"]): " ".join([pin[0], *hashes]) for pin, hashes in pins if pin}


def _belongs(file: Path) -> bool:
    note = file.parent.name.endswith(".dist-info") and file.name in _LEFT_OUT
    return not note and file.suffix not in (".pyc", ".pyi") and "__pycache__" not in file.parts
