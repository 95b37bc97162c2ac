"""What the AWS config file says about a profile, as far as opskit must know it before botocore does."""

import configparser
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CONFIG_FILE = "~/.aws/config"
_NESTED_ENDPOINT = re.compile(r"^\s*endpoint_url\s*=\s*(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class AwsConfig:
    """One profile's settings in one file; empty if there is no such file or profile."""

    path: Path
    region: str = ""
    endpoint_urls: tuple[str, ...] = ()
    """The profile's own endpoint and those of its services."""


def read(environ: Mapping[str, str], profile: str | None) -> AwsConfig:
    """Read a profile (None: the default one) of $AWS_CONFIG_FILE, else ~/.aws/config.

    A file that is not there or cannot be read says nothing here: botocore will word what is wrong with it.
    """
    path = Path(environ.get("AWS_CONFIG_FILE") or CONFIG_FILE)
    name = profile or environ.get("AWS_DEFAULT_PROFILE") or "default"
    try:
        path = path.expanduser()
        sections = _sections(path)
    except (OSError, RuntimeError, UnicodeDecodeError, configparser.Error):
        return AwsConfig(path)
    values = sections.get(("profile", name)) or (sections.get(("default",)) if name == "default" else None)
    if not values:
        return AwsConfig(path)
    services = sections.get(("services", values.get("services", "")), {})
    urls = [values.get("endpoint_url", ""), *_NESTED_ENDPOINT.findall("\n".join(services.values()))]
    return AwsConfig(path, values.get("region", ""), tuple(filter(None, urls)))


def _sections(path: Path) -> dict[tuple[str, ...], Mapping[str, str]]:
    """Return the file's sections by the words of their titles, such as ("profile", "ops")."""
    if not path.is_file():
        return {}
    parser = configparser.RawConfigParser(default_section="", strict=False)
    parser.read_string(path.read_text(encoding="utf-8"))
    return {_words(title): parser[title] for title in parser.sections()}


def _words(title: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(title))
    except ValueError:
        return (title,)
