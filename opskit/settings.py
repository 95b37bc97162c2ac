"""Where to look and how to show it: flags beat environment variables beat `opskit.toml` beat defaults.

Only the standard library is imported, so that `opskit --help` stays quick.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from opskit import aws_config
from opskit.aws_config import AwsConfig
from opskit.errors import UsageError

FILE_NAME = "opskit.toml"
ENVIRONMENTS = ("local-dev", "qa", "prod")
FUNCTION_PATTERN = "prd2011-{env}-{region}-{name}"
OUTPUTS = ("table", "plain", "json", "markdown")
ROWS_OUTPUTS = ("csv",)
"""Forms that only rows have: for one call, never for all of them."""
FLEET_OUTPUTS = ("junit", "openmetrics")
"""Forms that only a look at the fleet has: likewise."""
SEVERITIES = ("low", "medium", "high", "critical")
REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d")
ACCOUNT = re.compile(r"\d{12}")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What every command needs to know before it asks AWS anything."""

    env: str = "prod"
    region: str = "us-east-1"
    profile: str | None = None
    endpoint_urls: tuple[str, ...] = ()
    """What is configured instead of AWS's own endpoints; botocore reads the same by itself."""
    output: str | None = None
    """None: a table on a terminal, plain text in a pipe."""
    fail_on: str = "medium"
    environments: tuple[str, ...] = ENVIRONMENTS
    accounts: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Account id by environment; an environment without one is not bound."""
    function_pattern: str = FUNCTION_PATTERN
    workers_dir: Path | None = None
    """The folder of the manifests' folders; None: those packaged with opskit."""
    slack_webhook_env: str = "OPSKIT_SLACK_WEBHOOK_URL"
    """The environment variable that holds the Slack webhook's address; its value is never kept here."""
    pagerduty_key_env: str = "OPSKIT_PAGERDUTY_ROUTING_KEY"
    """The environment variable that holds the PagerDuty routing key."""
    config_file: Path | None = None
    flags: frozenset[str] = frozenset()
    """The names of the settings that came from the command line."""

    @property
    def endpoint_url(self) -> str | None:
        """The endpoint to name for all of them; None if AWS's own are used."""
        return next(iter(self.endpoint_urls), None)

    @property
    def account(self) -> str | None:
        """The account id that `opskit.toml` binds the environment to; None if it binds none."""
        return self.accounts.get(self.env)


@dataclass(frozen=True, slots=True)
class _Choice:
    """A chosen value and where it was said, for the error message."""

    value: Any
    origin: str


ASKED = (
    "API_GATEWAY",
    "APIGATEWAYV2",
    "CLOUDWATCH",
    "CLOUDWATCH_LOGS",
    "DYNAMODB",
    "DYNAMODB_STREAMS",
    "IAM",
    "KINESIS",
    "LAMBDA",
    "RESOURCE_GROUPS_TAGGING_API",
    "SCHEDULER",
    "SNS",
    "SQS",
    "STS",
)
"""The services that opskit asks, as botocore's endpoint variables name them: another one's endpoint, such as
a local S3, says nothing about where opskit looks."""

_VARIABLES: dict[str, tuple[str, ...]] = {
    "env": ("OPSKIT_ENV",),
    "region": ("OPSKIT_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"),
    "profile": ("OPSKIT_PROFILE", "AWS_PROFILE"),
    "output": ("OPSKIT_OUTPUT",),
    "fail_on": ("OPSKIT_FAIL_ON",),
    "workers_dir": ("OPSKIT_WORKERS_DIR",),
    "function_pattern": ("OPSKIT_FUNCTION_PATTERN",),
}


def load(
    flags: Mapping[str, str | None] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    *,
    with_file: bool = True,
) -> Settings:
    """Return the settings of this call; UsageError in one line when one of the sources is wrong.

    `flags` are the command line's values by the names of `Settings`; None stands for "not given".
    """
    environ = os.environ if environ is None else environ
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    path = _config_file(environ, cwd or Path.cwd()) if with_file else None
    config = _read_config(path) if path else {}
    chosen = {**_from_config(config, path), **_from_environ(environ), **_from_flags(given)}
    aws = aws_config.read(environ, chosen["profile"].value if "profile" in chosen else None)
    if aws.region:
        chosen.setdefault("region", _Choice(aws.region, f"{aws.path}: region"))
    environments = tuple(config.get("environments", ENVIRONMENTS))
    _check(chosen, environments)
    return Settings(
        **{key: choice.value for key, choice in chosen.items()},
        endpoint_urls=_endpoints(environ, aws),
        environments=environments,
        accounts=_accounts(config.get("accounts", {}), environments, path),
        config_file=path,
        flags=frozenset(given),
    )


def _from_flags(given: Mapping[str, str]) -> dict[str, _Choice]:
    choices = {key: _Choice(value, f"--{key.replace('_', '-')}") for key, value in given.items()}
    return {key: _as_path(choice) if key == "workers_dir" else choice for key, choice in choices.items()}


def _from_environ(environ: Mapping[str, str]) -> dict[str, _Choice]:
    """Take the first of a setting's variables that is not empty."""
    found: dict[str, _Choice] = {}
    for key, names in _VARIABLES.items():
        name = next((name for name in names if environ.get(name)), None)
        if name:
            choice = _Choice(environ[name], name)
            found[key] = _as_path(choice) if key == "workers_dir" else choice
    return found


def _from_config(config: Mapping[str, Any], path: Path | None) -> dict[str, _Choice]:
    found = {key: _Choice(value, f"{path}: {key}") for key, value in config.items() if key in _VARIABLES}
    if path and "workers_dir" in found:
        found["workers_dir"] = _Choice(path.parent / found["workers_dir"].value, found["workers_dir"].origin)
    for setting, (table, key) in _NAMES_OF_SECRETS.items():
        if key in config.get(table, {}):
            found[setting] = _Choice(config[table][key], f"{path}: {table}.{key}")
    return found


def _as_path(choice: _Choice) -> _Choice:
    return _Choice(Path(choice.value).expanduser(), choice.origin)


def _endpoints(environ: Mapping[str, str], aws: AwsConfig) -> tuple[str, ...]:
    """Return the endpoints that botocore uses instead of AWS's own; UsageError for one that is no address."""
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return ()
    per_service = sorted(f"AWS_ENDPOINT_URL_{service}" for service in ASKED)
    said = [_Choice(environ.get(name), name) for name in ("AWS_ENDPOINT_URL", *per_service)]
    said += [_Choice(url, f"{aws.path}: endpoint_url") for url in aws.endpoint_urls]
    for choice in said:
        if choice.value and not is_address(choice.value):
            _refuse(choice, "http://host:port")
    return tuple(choice.value for choice in said if choice.value)


def is_address(url: str) -> bool:
    """Whether `url` names a host and, if any, a port that exists, over HTTP or HTTPS."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _config_file(environ: Mapping[str, str], cwd: Path) -> Path | None:
    """Return `$OPSKIT_CONFIG`, else the nearest `opskit.toml` from `cwd` upward."""
    named = environ.get("OPSKIT_CONFIG")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise UsageError(f'OPSKIT_CONFIG: expected the path of an {FILE_NAME}, got "{named}"')
        return path
    folders = (cwd, *cwd.parents)
    return next((folder / FILE_NAME for folder in folders if (folder / FILE_NAME).is_file()), None)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_text(item) for item in value)


_TEXT = (_is_text, "a string")
_NAMES_OF_SECRETS = {
    "slack_webhook_env": ("slack", "webhook_env"),
    "pagerduty_key_env": ("pagerduty", "routing_key_env"),
}
_SHAPE: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(_VARIABLES, _TEXT),
    "environments": (_is_texts, "a list of names"),
}
_TABLES: dict[str, dict[str, tuple[Callable[[Any], bool], str]] | None] = {
    "accounts": None,  # its keys are the environments
    "slack": {"webhook_env": _TEXT},
    "pagerduty": {"routing_key_env": _TEXT},
}


def _read_config(path: Path) -> dict[str, Any]:
    """Read and shape-check an `opskit.toml`; what its values mean is checked with the other sources'."""
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: expected UTF-8 text: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    for key, value in config.items():
        if key in _TABLES:
            _check_table(path, key, value)
        else:
            _check_key(path, key, value, _SHAPE, tuple(_SHAPE) + tuple(_TABLES))
    return config


def _check_table(path: Path, table: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: {table}: expected a table, got {show(value)}")
    shape = _TABLES[table]
    for key, inner in value.items():
        if shape is not None:
            _check_key(path, f"{table}.{key}", inner, {f"{table}.{k}": v for k, v in shape.items()})


def _check_key(
    path: Path,
    key: str,
    value: Any,
    shape: Mapping[str, tuple[Callable[[Any], bool], str]],
    known: tuple[str, ...] = (),
) -> None:
    if key not in shape:
        near = suggestion(key, known or tuple(shape))
        raise UsageError(f"{path}: {printable(key)}: unknown key{near}")
    fits, expectation = shape[key]
    if not fits(value):
        raise UsageError(f"{path}: {key}: expected {expectation}, got {show(value)}")


def _accounts(
    accounts: Mapping[str, Any], environments: tuple[str, ...], path: Path | None
) -> dict[str, str]:
    for env, account in accounts.items():
        if env not in environments:
            raise UsageError(f"{path}: accounts.{printable(env)}: {unknown_environment(env, environments)}")
        if not isinstance(account, str) or not ACCOUNT.fullmatch(account):
            raise UsageError(
                f"{path}: accounts.{env}: expected an account id of 12 digits in quotes, got {show(account)}"
            )
    return dict(accounts)


def _check(chosen: Mapping[str, _Choice], environments: tuple[str, ...]) -> None:
    """Refuse a value that makes no sense, naming where it was said."""
    if "env" in chosen and chosen["env"].value not in environments:
        origin, env = chosen["env"].origin, chosen["env"].value
        raise UsageError(f"{origin}: {unknown_environment(env, environments)}")
    if "region" in chosen and not REGION.fullmatch(chosen["region"].value):
        _refuse(chosen["region"], "a region such as us-east-1")
    flagged = "output" in chosen and chosen["output"].origin == "--output"
    outputs = OUTPUTS + ROWS_OUTPUTS + FLEET_OUTPUTS if flagged else OUTPUTS
    for key, values in (("output", outputs), ("fail_on", SEVERITIES)):
        if key in chosen and chosen[key].value not in values:
            _refuse(chosen[key], f"one of {', '.join(values)}")
    if "function_pattern" in chosen:
        _check_pattern(chosen["function_pattern"])


def _check_pattern(choice: _Choice) -> None:
    names = PLACEHOLDER.findall(choice.value)
    if "name" not in names or set(names) - {"env", "region", "name"}:
        _refuse(choice, "{name}, at most with {env} and {region}")


def _refuse(choice: _Choice, expectation: str) -> None:
    raise UsageError(f"{choice.origin}: expected {expectation}, got {show(choice.value)}")


def unknown_environment(env: str, environments: tuple[str, ...]) -> str:
    """Return the words that refuse an environment."""
    return f"unknown environment {show(env)}, known: {', '.join(environments)}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, in whatever case; None when none is near."""
    by_lower = {item.lower(): item for item in known}
    near = difflib.get_close_matches(name.lower(), list(by_lower), n=1)
    return by_lower[near[0]] if near else None


def suggestion(name: str, known: Collection[str]) -> str:
    """Return `, did you mean x?`, or the list of what is known when nothing is near."""
    near = nearest(name, known)
    return f", did you mean {near}?" if near else f", known: {', '.join(known)}"


def printable(text: str) -> str:
    """Return a text on one line: what a terminal would not print, or obey, is escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def show(value: Any) -> str:
    """Return a configuration value as its author wrote it, cut to one short line."""
    if isinstance(value, str):
        return f'"{printable(value[:60])}{"..." if len(value) > 60 else ""}"'  # noqa: PLR2004 - one short line
    if isinstance(value, bool):
        return str(value).lower()
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = ((dict, "a mapping"), ((list, tuple), "a list"))
    named = next((name for kind, name in kinds if isinstance(value, kind)), None)
    return named or ("nothing" if value is None else str(value))
