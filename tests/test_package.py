"""A worker's deployment package: the same bytes for the same commit, and all that the handler needs."""

import ast
import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from opskit.errors import OpskitError, UsageError
from workers import bytecode, libraries, package

FOLDERS = sorted(path.parent.name for path in package.WORKERS.glob("*/worker.yaml"))
HANDLERS = [folder for folder in FOLDERS if (package.WORKERS / folder / "handler.py").exists()]
SCORER = package.WORKERS / "score_users"


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> package.Package:
    return package.build("scoreUsers", tmp_path_factory.mktemp("first"), installed=True)


def test_a_second_build_elsewhere_gives_the_same_bytes(scorer: package.Package, tmp_path: Path) -> None:
    again = package.build("scoreUsers", tmp_path / "deeper" / "dist", installed=True)
    assert again.path != scorer.path
    assert again.path.read_bytes() == scorer.path.read_bytes()


def test_a_workers_own_bytecode_is_the_same_each_time(tmp_path: Path) -> None:
    files = package.own_files([package.WORKERS / "common", SCORER])
    one, two = (bytecode.beside(files, tmp_path / folder) for folder in ("one", "two/deeper"))
    assert one.keys() == two.keys()
    assert [name for name in one if "score_users/__pycache__/handler." in name]
    assert all(one[name].read_bytes() == two[name].read_bytes() for name in one)


def test_bytecode_is_the_same_each_time_and_is_what_is_imported(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    names = {f"package/module{index}.py": source / f"module{index}.py" for index in range(4)}
    for index, path in enumerate(names.values()):
        path.write_text(
            f"NAMES = {{'a', 'b', 'c{index}'}}\ndef seen(x):\n    return x in {{'z', 'y', 'x'}}\n"
        )
    built = []
    for folder in ("one", "two/deeper"):
        files = bytecode.beside(names, tmp_path / folder)
        path = tmp_path / folder / "out.zip"
        package.write_zip(files, path)
        built.append(path.read_bytes())
    assert built[0] == built[1]
    assert sum(name.endswith(".pyc") for name in files) == 4
    compiled = next(path for name, path in files.items() if "module0." in name and name.endswith(".pyc"))
    assert b"/var/task/package/module0.py" in compiled.read_bytes()
    assert str(tmp_path).encode() not in compiled.read_bytes()
    assert compiled.read_bytes()[4:8] == b"\x01\x00\x00\x00", "by hash, and never compared with the source"


def test_bytecode_of_another_python_than_lambdas_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries, "PYTHON", "3.99")
    with pytest.raises(UsageError, match=r"--bytecode needs Python 3\.99, as Lambda runs, not 3\."):
        package.build("scoreUsers", tmp_path, with_bytecode=True)


def test_what_does_not_compile_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def (:\n")
    with pytest.raises(OpskitError, match="byte-code: "):
        bytecode.beside({"wrong.py": wrong}, tmp_path / "into")


def test_bytes_do_not_depend_on_times_modes_or_what_was_run(tmp_path: Path) -> None:
    built = []
    for index, folder in enumerate(("one", "two")):
        root = tmp_path / folder / "workers"
        shutil.copytree(SCORER, root / "score_users")
        (root / "__init__.py").write_text("")
        if index:
            os.utime(root / "score_users" / "worker.yaml", (1, 1))
            (root / "score_users" / "worker.yaml").chmod(0o600)
            (root / "score_users" / "__pycache__").mkdir(exist_ok=True)
            (root / "score_users" / "__pycache__" / "handler.pyc").write_bytes(b"x")
        path = tmp_path / folder / "out.zip"
        package.write_zip(package.own_files([root / "score_users"], root), path)
        built.append(path.read_bytes())
    assert built[0] == built[1]
    with zipfile.ZipFile(tmp_path / "one" / "out.zip") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}, "nor on today"


def test_a_change_of_one_file_changes_the_hash(tmp_path: Path) -> None:
    source, path = tmp_path / "a.py", tmp_path / "a.zip"
    hashes = set()
    for text in ("x = 1\n", "x = 2\n"):
        source.write_text(text)
        package.write_zip({"a.py": source}, path)
        hashes.add(package.code_sha256(path.read_bytes()))
    assert len(hashes) == 2


def test_nothing_of_another_worker_and_no_sample_events_are_inside(scorer: package.Package) -> None:
    names = zipfile.ZipFile(scorer.path).namelist()
    assert names == sorted(names)
    ours = [name for name in names if name.startswith("workers/")]
    assert {name.split("/")[1] for name in ours} <= {"__init__.py", "common", "score_users"}
    assert "workers/score_users/worker.yaml" in ours
    assert not [name for name in ours if "/events/" in name or name.endswith(libraries.REQUIREMENTS)]


def test_only_what_the_workers_folders_name_is_inside(scorer: package.Package) -> None:
    names = zipfile.ZipFile(scorer.path).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {"boto3", "botocore", "aws_lambda_powertools", "opentelemetry"} <= tops
    assert not tops & {"httpx", "jwt", "moto", "pydantic", "duckdb", "opskit", "bin", ".."}
    assert not [name for name in names if name.endswith((".pyc", "/RECORD", "/INSTALLER"))]


def test_the_hash_is_the_one_that_lambda_shows(scorer: package.Package) -> None:
    digest = hashlib.sha256(scorer.path.read_bytes()).digest()
    assert scorer.code_sha256 == base64.b64encode(digest).decode()


@pytest.mark.parametrize("folder", HANDLERS)
def test_a_handler_imports_from_its_package_alone(folder: str, tmp_path: Path) -> None:
    name = next(file.name for file in package._all() if file.folder == folder)
    built = package.build(name, tmp_path, installed=True)
    zipfile.ZipFile(built.path).extractall(tmp_path / "task")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'task')!r}); "
        f"from workers.{folder}.handler import handle; import boto3; print(callable(handle), boto3.__file__)"
    )
    environ = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1", "CONFIG_ENV": "local-dev"}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "True"
    assert str(tmp_path) in done.stdout


def _imports(folder: str) -> set[str]:
    """Return the modules of others that a folder's modules import, wherever they do so."""
    found: set[str] = set()
    for path in (package.WORKERS / folder).glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {one for one in found if one.split(".")[0] not in {*sys.stdlib_module_names, "workers"}}


def _declared(folder: str) -> dict[str, set[str]]:
    """Return what a folder declares, and the modules that each of these libraries has."""
    return {
        requirement.name: {
            str(file.parent if file.stem == "__init__" else file.with_suffix("")).replace("/", ".")
            for file in libraries._installed(requirement.name).files or ()
            if file.suffix == ".py"
        }
        for requirement in libraries._declared(package.WORKERS / folder)
    }


@pytest.mark.parametrize("folder", ["common", *HANDLERS])
def test_what_a_worker_imports_is_what_it_declares(folder: str) -> None:
    others = FOLDERS if folder == "common" else ["common"]
    own, declared = _imports(folder), _declared(folder)
    known = {module for one in (folder, *others) for modules in _declared(one).values() for module in modules}
    lacking = {_top(module) for module in own} - {_top(module) for module in known}
    assert not lacking, f"{folder}/{libraries.REQUIREMENTS} lacks what has these"
    used = own.union(*map(_imports, others))
    idle = [name for name, modules in declared.items() if modules.isdisjoint(used)]
    assert not idle, f"{folder}/{libraries.REQUIREMENTS} has what is not imported"


def _top(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("architecture", libraries.ARCHITECTURES)
def test_every_library_is_pinned_by_the_lock(architecture: str) -> None:
    folders = tuple(package.WORKERS / folder for folder in ("common", *FOLDERS))
    needed = libraries.closure(folders, libraries.ARCHITECTURES[architecture])
    pinned = libraries.pins(needed, package.WORKERS.parent / libraries.LOCK)
    assert len(pinned) == len(needed) > 10
    for pin in pinned:
        named, *hashes = pin.split(" ")
        assert str(Requirement(named).specifier).startswith("==")
        assert hashes
        assert all(one.startswith("--hash=sha256:") for one in hashes), pin
    assert {"cryptography", "cffi"} <= set(needed), "an extra's libraries belong to it"
    assert "colorama" not in needed, "what only Windows needs does not"


@pytest.mark.parametrize("machine", libraries.ARCHITECTURES.values())
def test_a_library_of_one_machine_alone_is_needed_there(machine: str) -> None:
    requires = [f'for-{one}; platform_machine == "{one}"' for one in libraries.ARCHITECTURES.values()]
    needed = libraries._needed(SimpleNamespace(requires=requires), set(), machine)  # type: ignore[arg-type]
    assert [one.name for one in needed] == [f"for-{machine}"]


def test_a_library_that_the_lock_lacks_or_has_in_another_version_is_refused(tmp_path: Path) -> None:
    needed = libraries.closure((package.WORKERS / "common",), "aarch64")
    lock = tmp_path / libraries.LOCK
    with pytest.raises(UsageError, match="no such file"):
        libraries.pins(needed, lock)
    lock.write_text("boto3==1.0.0\n")
    with pytest.raises(UsageError, match="aws-lambda-powertools is missing"):
        libraries.pins(needed, lock)
    with pytest.raises(UsageError, match=r"boto3 1\.\d+\.\d+ is installed, requirements.lock says 1.0.0"):
        libraries.pins({"boto3": needed["boto3"]}, lock)


def test_a_library_that_is_not_installed_is_named(tmp_path: Path) -> None:
    (tmp_path / libraries.REQUIREMENTS).write_text("no-such-library-here\n")
    with pytest.raises(UsageError, match="no-such-library-here is not installed"):
        libraries.closure((tmp_path,), "aarch64")


def _wheel(folder: Path, tag: str) -> None:
    info = "dummylib-1.0.dist-info"
    with zipfile.ZipFile(folder / f"dummylib-1.0-py3-none-{tag}.whl", "w") as wheel:
        wheel.writestr("dummylib.py", f"TAG = {tag!r}\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: dummylib\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-{tag}\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_pip_gets_the_wheel_of_lambdas_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for machine in libraries.ARCHITECTURES.values():
        _wheel(wheels, f"manylinux2014_{machine}")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(wheels.iterdir())]
    pin = f"dummylib==1.0 --hash=sha256:{hashes[0]}"
    files = libraries.fetched_files([pin], "aarch64", tmp_path / "into")
    assert sorted(files) == ["dummylib-1.0.dist-info/METADATA", "dummylib-1.0.dist-info/WHEEL", "dummylib.py"]
    assert "aarch64" in files["dummylib.py"].read_text()
    with pytest.raises(OpskitError, match=r"pip could not get the libraries: ERROR: .*dummylib==2.0"):
        libraries.fetched_files([pin.replace("1.0", "2.0")], "aarch64", tmp_path / "again")
    for other in (pin.replace(hashes[0], hashes[1]), "dummylib==1.0"):
        with pytest.raises(OpskitError, match=r"pip could not get the libraries: .*(HASHES|hashes)"):
            libraries.fetched_files([other], "aarch64", tmp_path / "changed")


@pytest.mark.parametrize(("limit", "form"), [("ZIPPED_LIMIT_B", "zipped"), ("UNZIPPED_LIMIT_B", "unzipped")])
def test_a_package_that_lambda_would_refuse_is_not_left_behind(
    limit: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, limit, 10)
    path = tmp_path / "a.zip"
    package.write_zip({"a.py": Path(__file__)}, path)
    with pytest.raises(UsageError, match=rf"^a: 0\.0 MB {form}, Lambda takes 0\.0 MB; drop a library$"):
        package._checked("a", path)
    assert not path.exists()


def test_a_misspelt_worker_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert package.main(["scoreUser"]) == 2
    assert capsys.readouterr().err == "package: no worker scoreUser, did you mean scoreUsers?\n"


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "dist"
    assert package.main(["scoreUsers", "--installed", "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"package: {out}: Not a directory\n"
