"""From the folders of manifests to checked manifests, one per worker and environment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from opskit import thresholds
from opskit.errors import UsageError
from opskit.inventory import schema
from opskit.inventory.manifest import Manifest, Sqs
from opskit.inventory.yamlfile import Document, Keys, ManifestError, Problem, read
from opskit.settings import nearest, show, suggestion, unknown_environment

FILE_NAME = "worker.yaml"
_FIFO_BATCH = 10
Mistake = tuple[Keys, str]


@dataclass(frozen=True, slots=True)
class WorkerFile:
    """One manifest file: what it says for every environment."""

    file: str
    folder: str
    name_line: int
    by_env: Mapping[str, Manifest]

    @property
    def name(self) -> str:
        """The worker's short name."""
        return next(iter(self.by_env.values())).name


def read_all(folder: Path, shown: str, environments: tuple[str, ...]) -> tuple[WorkerFile, ...]:
    """Return the manifests in the folders of `folder`, by name; `shown` stands for `folder` in messages.

    ManifestError has the mistakes of the first bad file.
    """
    if not folder.is_dir():
        raise UsageError(f"{shown}: no such folder of workers")
    files = [
        read_one(path, f"{shown}/{path.parent.name}/{FILE_NAME}", environments)
        for path in sorted(folder.glob(f"*/{FILE_NAME}"))
    ]
    _check_names(files)
    return tuple(sorted(files, key=lambda file: file.name))


def read_one(path: Path, shown: str, environments: tuple[str, ...]) -> WorkerFile:
    """Return one manifest, checked for every environment; ManifestError with all that is wrong."""
    document = read(path, shown)
    base = _validate(document.values)
    if not isinstance(base, Manifest):
        raise ManifestError(_in_order(_problems(document, (), base)))
    by_env, problems = _per_environment(document, base, environments)
    if problems:
        raise ManifestError(_in_order(problems))
    return WorkerFile(shown, path.parent.name, document.line(("name",)), by_env)


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """Order by line, what is missing last: the cause of `timeout_s: missing` may be a misspelt `timeout`."""
    once = dict.fromkeys(problems)
    return tuple(sorted(once, key=lambda problem: (problem.text.startswith("missing"), problem.line)))


def _check_names(files: list[WorkerFile]) -> None:
    seen: dict[str, WorkerFile] = {}
    for file in files:
        first = seen.setdefault(file.name.lower(), file)
        if first is not file:
            text = f"{file.name} is already the name in {first.file}:{first.name_line}"
            raise ManifestError((Problem(file.file, file.name_line, "name", text),))


def _validate(values: Mapping[str, Any]) -> Manifest | tuple[Mistake, ...]:
    try:
        manifest = Manifest.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False)
        return tuple(_mistake(one) for one in found if one["type"] != "too_short" or not one["input"])
    return manifest


def _per_environment(
    document: Document, base: Manifest, environments: tuple[str, ...]
) -> tuple[dict[str, Manifest], list[Problem]]:
    """Merge each environment's differences over the base, and check the outcome."""
    mistakes = list(_checks(base))
    problems = _problems(document, (), tuple(mistakes))
    by_env: dict[str, Manifest] = {}
    for env in base.environments:
        if env not in environments:
            problems += _problems(
                document, ("environments", env), (((), unknown_environment(env, environments)),)
            )
    for env in environments:
        differs = base.environments.get(env)
        found, wrong = _merged(document, differs) if differs else (base, ())
        new = tuple(mistake for mistake in wrong if mistake not in mistakes)
        problems += _problems(document, ("environments", env), new)
        if found:
            by_env[env] = found
    return by_env, problems


def _merged(document: Document, changes: Mapping[str, Any]) -> tuple[Manifest | None, tuple[Mistake, ...]]:
    """Return the manifest with an environment's changes over it, and what is wrong with it."""
    fixed = tuple(_fixed(changes))
    if fixed:
        return None, fixed
    found = _validate(merge(document.values, changes))
    return (found, tuple(_checks(found))) if isinstance(found, Manifest) else (None, found)


def _fixed(changes: Mapping[str, Any]) -> Iterator[Mistake]:
    """Find what an environment must not change."""
    trigger = changes.get("trigger")
    for keys, there in (
        (("name",), "name" in changes),
        (("stack",), "stack" in changes),
        (("environments",), "environments" in changes),
        (("trigger", "type"), isinstance(trigger, dict) and "type" in trigger),
    ):
        if there:
            yield keys, "cannot differ per environment"


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` over it: mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _problems(document: Document, within: Keys, mistakes: tuple[Mistake, ...]) -> list[Problem]:
    paths = [((*within, *keys), text) for keys, text in mistakes]
    return [
        Problem(document.file, document.line(keys), ".".join(str(key) for key in keys), text)
        for keys, text in paths
    ]


def _mistake(details: ErrorDetails) -> Mistake:
    """Turn pydantic's error into the place in the file and one line of words."""
    keys, node = _place(details["loc"])
    kind, value = details["type"], details["input"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _wrong_tag(keys, details)
    if kind == "missing":
        return keys, f"missing, expected {schema.expectation(node)}"
    if kind == "extra_forbidden":
        near = nearest(str(keys[-1]), schema.fields(_place(details["loc"][:-1])[1]))
        return keys, f"unknown field, {f'did you mean {near}?' if near else 'not one of docs/manifest.md'}"
    if kind == "too_short":
        return keys, "expected at least one, got none"
    if kind == "value_error":
        return keys, f"expected {details['ctx']['error']}, got {show(value)}"
    return keys, f"expected {schema.expectation(node)}, got {show(value)}"


def _wrong_tag(keys: Keys, details: ErrorDetails) -> Mistake:
    tags = ", ".join(schema.tags())
    if details["type"] == "union_tag_not_found":
        return (*keys, "type"), f"missing, expected one of {tags}"
    return (*keys, "type"), f"expected one of {tags}, got {show(details['input'].get('type'))}"


def _place(loc: tuple[int | str, ...]) -> tuple[Keys, schema.Node]:
    """Return where an error is in the file, and that place's schema; a union's tag is no place."""
    keys: Keys = ()
    node = schema.root()
    for step in loc:
        branch = schema.tagged(node, str(step))
        node = schema.child(node, step) if branch is None else branch
        keys = keys if branch is not None else (*keys, step)
    return keys, node


def _checks(manifest: Manifest) -> Iterator[Mistake]:
    """Find what no single field shows: settings that AWS refuses together, limits in the wrong order."""
    if manifest.failover in manifest.regions:
        yield ("failover",), f"expected a region that is not in regions, got {show(manifest.failover)}"
    if isinstance(manifest.trigger, Sqs):
        yield from _queue_checks(manifest.trigger, manifest.timeout_s)
    yield from _limit_checks(manifest)


def _queue_checks(queue: Sqs, timeout_s: int) -> Iterator[Mistake]:
    if queue.visibility_timeout_s < timeout_s:
        yield (
            ("trigger", "visibility_timeout_s"),
            f"expected at least the timeout of {timeout_s} s, got {queue.visibility_timeout_s}",
        )
    if queue.fifo != queue.queue.endswith(".fifo"):
        expected = "a name that ends in .fifo" if queue.fifo else "fifo: true for a name that ends in .fifo"
        yield ("trigger", "queue"), f"expected {expected}, got {show(queue.queue)}"
    if queue.batch_size > _FIFO_BATCH and queue.fifo:
        yield ("trigger", "batch_size"), f"expected at most 10 for a FIFO queue, got {queue.batch_size}"
    elif queue.batch_size > _FIFO_BATCH and not queue.batch_window_s:
        yield ("trigger", "batch_window_s"), "expected at least 1 for a batch_size above 10, got 0"


def _limit_checks(manifest: Manifest) -> Iterator[Mistake]:
    known = thresholds.load()
    for name in manifest.thresholds:
        if name not in known:
            yield ("thresholds", name), f"unknown indicator{suggestion(name, tuple(known))}"
    for name, limit in thresholds.merge(known, changes(manifest)).items():
        if limit.warn is not None and limit.crit is not None and limit.warn > limit.crit:
            yield (
                ("thresholds", name),
                f"expected warn at or below crit, got {limit.warn:g} and {limit.crit:g}",
            )


def changes(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Return what a manifest changes in the table of limits; a severity of null changes nothing."""
    given = {name: limit.model_dump(exclude_unset=True) for name, limit in manifest.thresholds.items()}
    return {
        name: {k: v for k, v in limit.items() if (k, v) != ("severity", None)}
        for name, limit in given.items()
    }
