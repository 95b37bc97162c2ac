"""A worker's settings: files under variables, every key and type checked, one line for what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from workers.common import settings
from workers.common.settings import Settings, SettingsError, load


@dataclass(frozen=True, kw_only=True)
class Table:
    name: str
    retries: int = 3


@dataclass(frozen=True, kw_only=True)
class Shape(Settings):
    table: Table
    weights: Mapping[str, float]
    features: Mapping[str, bool]
    types: tuple[str, ...] = ()
    url: str | None = None


BASE = """
types = ["a", "b"]
[table]
name = "prd2011-{env}-{region}-fan-scores"
[weights]
login = 1
[features]
announce = false
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = tmp_path / "one" / "config"
    config.mkdir(parents=True)
    (config / "base.toml").write_text(BASE)
    (config / "local-dev.toml").write_text("")
    (config / "prod.toml").write_text("[features]\nannounce = true\n[table]\nretries = 5\n")
    monkeypatch.setattr(settings, "_WORKERS", tmp_path)
    for name in ("CONFIG_ENV", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    settings._load.cache_clear()
    return config


def loaded(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Shape:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load("one", Shape)


def test_the_environments_file_lies_over_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(monkeypatch, CONFIG_ENV="prod", AWS_REGION="us-west-2")
    assert found.table == Table(name="prd2011-prod-us-west-2-fan-scores", retries=5)
    assert found.features == {"announce": True}
    assert found.weights == {"login": 1.0}
    assert found.types == ("a", "b")


def test_without_variables_it_is_local_dev_in_us_east_1(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch).table.name == "prd2011-local-dev-us-east-1-fan-scores"


def test_a_variable_overrides_one_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(
        monkeypatch,
        WORKER_TABLE__RETRIES="7",
        WORKER_URL="http://127.0.0.1:8080",
        WORKER_FEATURES__ANNOUNCE="true",
    )
    assert (found.table.retries, found.url, found.features["announce"]) == (7, "http://127.0.0.1:8080", True)


def test_a_changed_variable_is_seen_by_the_next_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch).reserve_ms == 1000
    assert loaded(monkeypatch, WORKER_RESERVE_MS="5").reserve_ms == 5


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("[tabel]\nname = 'x'", 'unknown setting "tabel"; did you mean "table"?'),
        ("[table]\nretries = 'x'", "table: retries: expected a whole number, got text"),
        ("[table]\nretries = true", "table: retries: expected a whole number, got true or false"),
        ("[weights]\nlogin = 'x'", "weights.login: expected a number, got text"),
        ("[features]\nannounce = 1", "features.announce: expected true or false, got a whole number"),
        ("types = 'a'", "types: expected a list, got text"),
        ("url = 3", "url: expected text, got a whole number"),
        ("table = 3", "table: expected a section, got a whole number"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, written: str, line: str
) -> None:
    (folder / "qa.toml").write_text(written)
    with pytest.raises(SettingsError) as raised:
        loaded(monkeypatch, CONFIG_ENV="qa")
    assert str(raised.value) == f"workers/one/config/qa.toml: {line}"


def test_a_wrong_value_of_a_variable_is_not_laid_on_the_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as raised:
        loaded(monkeypatch, WORKER_FEATURES__ANNOUNCE="perhaps")
    where = "workers/one/config/local-dev.toml under WORKER_FEATURES__ANNOUNCE"
    assert str(raised.value) == f"{where}: features.announce: expected true or false, got text"


def test_a_missing_setting_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "base.toml").write_text(BASE.replace("[table]\nname", "[table]\n#"))
    with pytest.raises(SettingsError, match='table: "name" is missing'):
        loaded(monkeypatch)


def test_an_unknown_environment_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match='has no "stage"; there are: local-dev, prod'):
        loaded(monkeypatch, CONFIG_ENV="stage")


def test_a_file_that_is_no_toml_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "prod.toml").write_text("a = ")
    with pytest.raises(SettingsError, match=r"prod\.toml: not TOML"):
        loaded(monkeypatch, CONFIG_ENV="prod")


def test_a_variable_into_what_is_no_section_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match='WORKER_TYPES__X: "types" is no section'):
        loaded(monkeypatch, WORKER_TYPES__X="1")


def test_a_wrong_value_is_not_shown_for_it_may_be_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as raised:
        loaded(monkeypatch, WORKER_TABLE__RETRIES='"hunter2"')
    assert "hunter2" not in str(raised.value)
