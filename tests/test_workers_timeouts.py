"""Every worker's AWS calls fit into its timeout, in every environment."""

from pathlib import Path
from typing import Any

import pytest
from cold_imports import ROOT, handlers
from ruamel.yaml import YAML

from workers.common.clients import longest_ms
from workers.common.settings import Aws, Settings, _merged, _read
from workers.common.shaping import shaped

ENVIRONMENTS = ("local-dev", "qa", "prod")


def settings_of(folder: Path, env: str) -> dict[str, Any]:
    return _merged(_read(folder / "base.toml"), _read(folder / f"{env}.toml"))


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("folder", handlers())
def test_one_attempt_of_an_aws_call_fits_into_the_timeout_with_the_reserve(folder: str, env: str) -> None:
    found = settings_of(ROOT / "workers" / folder / "config", env)
    aws = shaped(Aws, found.get("aws", {}), folder, {})
    timeout_ms = 1000 * YAML(typ="safe").load(ROOT / "workers" / folder / "worker.yaml")["timeout_s"]
    assert longest_ms(aws) + found.get("reserve_ms", Settings.reserve_ms) < timeout_ms


@pytest.mark.parametrize("folder", handlers())
def test_every_environment_has_its_file(folder: str) -> None:
    found = {one.stem for one in (ROOT / "workers" / folder / "config").glob("*.toml")}
    assert {"base", *ENVIRONMENTS} <= found
