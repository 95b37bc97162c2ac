"""Build a worker's deployment package: the same commit gives the same bytes.

    python -m workers.package scoreUsers --out dist/

The zip has the folders `workers/common` and `workers/<folder>`, with the manifest and the configuration but
without sample events, and beside them the libraries that their `requirements.in` name. boto3 is among them
although Lambda's runtime has one: that one changes on a day that AWS chooses, and then what runs is not what
was tested.
"""

import argparse
import base64
import hashlib
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from opskit.errors import OpskitError, UsageError
from opskit.inventory.reader import WorkerFile, read_all
from opskit.settings import ENVIRONMENTS, printable, suggestion
from workers import bytecode, libraries

WORKERS = Path(__file__).parent
ARCHITECTURE = "arm64"
ZIPPED_LIMIT_B = 50 * 1024 * 1024
"""Lambda's limit of a zip sent in the call itself; from S3 only the next one counts."""
UNZIPPED_LIMIT_B = 250 * 1024 * 1024
_SUFFIXES = (".json", ".py", ".toml", ".yaml")
_LEFT_OUT = ("__pycache__", "events", "tests")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The first time that a zip can hold."""
_MODE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Package:
    """A built package; `code_sha256` is what Lambda calls CodeSha256."""

    worker: str
    path: Path
    code_sha256: str
    zipped_b: int
    unzipped_b: int

    def __str__(self) -> str:
        sizes = f"{_mb(self.zipped_b)} zipped, {_mb(self.unzipped_b)} unzipped"
        return f"{self.worker} {self.path} {self.code_sha256} ({sizes})"


def build(
    worker: str,
    out: Path,
    *,
    installed: bool = False,
    with_bytecode: bool = False,
    architecture: str = ARCHITECTURE,
) -> Package:
    """Write `<out>/<worker>.zip`, libraries included.

    `installed` takes the libraries from the running environment, so they fit its Python and machine only;
    otherwise pip gets the wheels for Lambda's. `with_bytecode` compiles for the running Python, which must be
    the one that will run it. UsageError for what the caller can put right.
    """
    if with_bytecode and not installed and _python() != libraries.PYTHON:
        raise UsageError(f"--bytecode needs Python {libraries.PYTHON}, as Lambda runs, not {_python()}")
    file = _find(worker)
    machine = libraries.ARCHITECTURES[architecture]
    folders = (WORKERS / "common", WORKERS / file.folder)
    needed = libraries.closure(folders, machine)
    pinned = libraries.pins(needed, WORKERS.parent / libraries.LOCK)
    with TemporaryDirectory() as folder:
        theirs = (
            libraries.installed_files(needed)
            if installed
            else libraries.fetched_files(pinned, machine, Path(folder, "wheels"))
        )
        path = out / f"{file.name}.zip"
        files = {**theirs, **own_files(folders)}
        write_zip(bytecode.beside(files, Path(folder, "task")) if with_bytecode else files, path)
    return _checked(file.name, path)


def own_files(folders: Iterable[Path], root: Path = WORKERS) -> dict[str, Path]:
    """Return the workers' own files by their place in a package."""
    found = [root / "__init__.py"]
    for folder in folders:
        found += (path for path in folder.rglob("*") if _is_wanted(path.relative_to(folder)))
    return {f"workers/{path.relative_to(root).as_posix()}": path for path in found}


def write_zip(files: Mapping[str, Path], path: Path) -> None:
    """Write a zip whose bytes depend on nothing but the files' places and contents."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".gz") else zipfile.ZIP_DEFLATED
            entry.external_attr = _MODE
            entry.create_system = 3
            archive.writestr(entry, files[name].read_bytes())


def code_sha256(body: bytes) -> str:
    """Return a zip's hash in the form that Lambda and S3 show and Terraform compares."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what the command line names; one line for each package, or one line that says what is wrong."""
    options = _parser().parse_args(arguments)
    names = options.workers or [file.name for file in _all()]
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for name in names:
            built = build(
                name,
                options.out,
                installed=options.installed,
                with_bytecode=options.bytecode,
                architecture=options.architecture,
            )
            print(built)  # noqa: T201 - the result
    except OpskitError as error:
        print(f"package: {printable(str(error))}", file=sys.stderr)  # noqa: T201
        return int(error.exit)
    except OSError as error:
        print(f"package: {printable(str(error.filename))}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return int(UsageError.exit)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workers.package", description="Build deployment packages."
    )
    parser.add_argument("workers", nargs="*", help="workers by their short names; all when none is given")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="the folder of the zips")
    parser.add_argument(
        "--installed", action="store_true", help="libraries of this environment: for tests, not for Lambda"
    )
    parser.add_argument(
        "--bytecode", action="store_true", help="compiled modules too: cold starts take half as long"
    )
    parser.add_argument("--architecture", choices=libraries.ARCHITECTURES, default=ARCHITECTURE)
    return parser


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _all() -> tuple[WorkerFile, ...]:
    return read_all(WORKERS, WORKERS.name, ENVIRONMENTS)


def _find(worker: str) -> WorkerFile:
    by_name = {file.name: file for file in _all()}
    if worker not in by_name:
        raise UsageError(f"no worker {worker}{suggestion(worker, by_name)}")
    return by_name[worker]


def _is_wanted(file: Path) -> bool:
    return file.suffix in _SUFFIXES and not set(file.parts) & set(_LEFT_OUT)


def _checked(worker: str, path: Path) -> Package:
    with zipfile.ZipFile(path) as archive:
        unzipped_b = sum(entry.file_size for entry in archive.infolist())
    zipped_b = path.stat().st_size
    for form, size_b, limit_b in (
        ("zipped", zipped_b, ZIPPED_LIMIT_B),
        ("unzipped", unzipped_b, UNZIPPED_LIMIT_B),
    ):
        if size_b > limit_b:
            path.unlink()
            raise UsageError(f"{worker}: {_mb(size_b)} {form}, Lambda takes {_mb(limit_b)}; drop a library")
    return Package(worker, path, code_sha256(path.read_bytes()), zipped_b, unzipped_b)


def _mb(size_b: int) -> str:
    return f"{size_b / 1024 / 1024:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
