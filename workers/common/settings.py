"""A worker's settings: config/base.toml under config/<environment>.toml under WORKER_* variables.

Dataclasses and tomllib only: they cost a cold start almost nothing.
"""

import functools
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from workers.common.shaping import SettingsError, shaped

ENVIRONMENT = "CONFIG_ENV"
OVERRIDE = "WORKER_"
"""Begins a variable that overrides one setting: WORKER_NOTIFY__URL is `url` in `[notify]`."""
DEFAULT_REGION = "us-east-1"
S = TypeVar("S", bound="Settings")
_WORKERS = Path(__file__).parent.parent


@dataclass(frozen=True, kw_only=True)
class Logging:
    """`[logging]`. Lambda's own log level (AWS_LAMBDA_LOG_LEVEL) beats `level`."""

    level: str = "INFO"
    show_user_ids: bool = False
    """Who a fan is, is private: lines name them by a pseudonym unless this is true."""


@dataclass(frozen=True, kw_only=True)
class Aws:
    """`[aws]`: how long one AWS call may take. deadline.py says what the whole call may take."""

    connect_timeout_s: float = 1.0
    read_timeout_s: float = 2.0
    attempts: int = 3
    """The first and its retries."""
    connections: int = 10


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every worker's settings have; a worker's own class adds its sections."""

    env: str
    region: str
    """Where the worker's resources are: the function's own region, or the setting `resources_region`."""
    reserve_ms: int = 1000
    """Kept of the function's timeout for the answer, the log lines, the metrics and the spans."""
    logging: Logging = field(default_factory=Logging)
    aws: Aws = field(default_factory=Aws)


def load(folder: str, shape: type[S]) -> S:
    """Return the settings of workers/<folder> in this environment; SettingsError says what is wrong where.

    Read once, and again only when a variable that they depend on has changed.
    """
    env = os.environ.get(ENVIRONMENT, "local-dev")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
    overrides = tuple(sorted((k, v) for k, v in os.environ.items() if k.startswith(OVERRIDE)))
    return cast("S", _load(folder, shape, env, region, overrides))  # type: ignore[arg-type]  # a class hashes


@functools.cache
def _load(
    folder: str, shape: type[Settings], env: str, region: str, overrides: tuple[tuple[str, str], ...]
) -> Settings:
    config = _WORKERS / folder / "config"
    named = config / f"{env}.toml"
    if not named.is_file():
        known = ", ".join(sorted(one.stem for one in config.glob("*.toml") if one.stem != "base"))
        raise SettingsError(f'{ENVIRONMENT}: workers/{folder}/config has no "{env}"; there are: {known}')
    table = _merged(_read(config / "base.toml"), _read(named))
    for name, text in overrides:
        _override(table, name, text)
    region = str(table.pop("resources_region", "")) or region
    table |= {"env": env, "region": region}
    places = {"{env}": env, "{region}": region}
    return shaped(shape, table, _named(f"workers/{folder}/config/{env}.toml", overrides), places)


def _named(file: str, overrides: tuple[tuple[str, str], ...]) -> str:
    """Return where a wrong setting may be written: the file, and the variables over it by their names."""
    return " under ".join([file, *(name for name, _ in overrides)])


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _override(table: dict[str, Any], variable: str, text: str) -> None:
    *sections, key = variable.removeprefix(OVERRIDE).lower().split("__")
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise SettingsError(f'{variable}: "{section}" is no section of the settings')
    table[key] = _value(text)


def _value(text: str) -> Any:
    """Return a variable's text as TOML reads it, and as text where it reads as nothing."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
