"""The Terraform files: well formed, every name in them declared, every argument one that the provider has."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from terraforming import INFRA, SCHEMA, Block, folders, labelled, load, terraform, text

from opskit.inventory.reader import read_all
from opskit.settings import ENVIRONMENTS
from workers import libraries, package

AWS = json.loads(SCHEMA.read_text("utf-8"))
META = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"}
STACKS = sorted(path.parent for path in INFRA.glob("stacks/*/versions.tf"))
MODULES = pytest.mark.parametrize("folder", folders(), ids=lambda folder: str(folder.relative_to(INFRA)))


def test_the_files_have_the_form_that_terraform_gives_them(tmp_path: Path) -> None:
    for folder in (INFRA, SCHEMA.parent):
        assert not terraform(folder, tmp_path, "fmt", "-check", "-recursive", "-diff")


# --- names -------------------------------------------------------------------------------------------


@MODULES
def test_every_variable_and_local_is_declared_and_used(folder: Path) -> None:
    declared = {name for (name,), _ in labelled(folder, "variable")}
    assert declared == set(re.findall(r"\bvar\.(\w+)", text(folder)))
    named = {name for block in load(folder).get("locals", ()) for name in block}
    assert named == set(re.findall(r"\blocal\.(\w+)", text(folder)))


@MODULES
def test_every_variable_and_output_says_what_it_is(folder: Path) -> None:
    for kind in ("variable", "output"):
        for (name,), body in labelled(folder, kind):
            assert body["description"].endswith("."), name


def _source(folder: Path, call: Block) -> Path:
    return (folder / call["source"]).resolve()


@MODULES
def test_a_modules_inputs_are_those_that_it_declares(folder: Path) -> None:
    for (name,), call in labelled(folder, "module"):
        variables = dict(labelled(_source(folder, call), "variable"))
        given = set(call) - META - {"source", "providers"}
        needed = {key for (key,), body in variables.items() if "default" not in body}
        assert given <= {key for (key,) in variables}, name
        assert needed <= given, name


@MODULES
def test_a_modules_outputs_are_those_that_it_has(folder: Path) -> None:
    calls = {name: _source(folder, call) for (name,), call in labelled(folder, "module")}
    for name, output in re.findall(r"\bmodule\.(\w+)(?:\[[^\]]*\])?\.(\w+)", text(folder)):
        assert output in {key for (key,), _ in labelled(calls[name], "output")}, f"module.{name}.{output}"


@MODULES
def test_what_is_read_of_a_resource_is_there(folder: Path) -> None:
    pattern = r"(?<![\w.])(data\.)?(aws_\w+)\.(\w+)(?:\[[^\]]*\])?(?:\.(\w+))?"
    for is_data, kind, name, attribute in re.findall(pattern, text(folder)):
        where = "data" if is_data else "resource"
        assert (kind, name) in {labels for labels, _ in labelled(folder, where)}, f"{kind}.{name}"
        assert not attribute or attribute in AWS[where][kind]["attributes"], f"{kind}.{name}.{attribute}"


@MODULES
def test_what_was_moved_is_gone_here_and_is_there(folder: Path) -> None:
    for block in load(folder).get("moved", ()):
        of, to = (block[end].strip("${}").split(".") for end in ("from", "to"))
        assert tuple(of) not in {labels for labels, _ in labelled(folder, "resource")}
        _, name, *address = to
        inside = _source(folder, dict(labelled(folder, "module"))[(name,)])
        assert tuple(address) in {labels for labels, _ in labelled(inside, "resource")}, block["to"]


# --- arguments ---------------------------------------------------------------------------------------


@MODULES
def test_arguments_are_those_of_the_provider(folder: Path) -> None:
    for where in ("resource", "data"):
        for (kind, name), body in labelled(folder, where):
            _check(body, AWS[where][kind]["arguments"], f"{kind}.{name}", META)


def _check(body: Block, schema: Mapping[str, Any], at: str, meta: set[str]) -> None:
    inner = dict(_blocks(body))
    values = {key for key in body if key not in meta and key != "dynamic"} - set(inner)
    assert values | set(inner) <= set(schema), (
        f"{at}: the provider knows no {(values | set(inner)) - set(schema)}"
    )
    assert not {key for key in values if isinstance(schema[key], dict)}, f"{at}: blocks, not values"
    needed = {key for key, rule in schema.items() if rule == "required" or _is_needed(rule)}
    assert needed <= values | set(inner), f"{at}: without {needed - values - set(inner)}"
    for key, blocks in inner.items():
        assert isinstance(schema[key], dict), f"{at}.{key}: a value, not a block"
        for block in blocks:
            _check(block, schema[key]["block"], f"{at}.{key}", set())


def _is_needed(rule: Any) -> bool:
    return isinstance(rule, dict) and rule["required"]


def _blocks(body: Block) -> Mapping[str, list[Block]]:
    """Return a body's inner blocks by name, those that `dynamic` makes among them."""
    found: dict[str, list[Block]] = {}
    for key, value in body.items():
        if key not in META and isinstance(value, list) and value and isinstance(value[0], Block):
            for block in value:
                made = block.items() if key == "dynamic" else ((key, block),)
                for name, one in made:
                    found.setdefault(name, []).extend(one["content"] if key == "dynamic" else [one])
    return found


# --- what holds for all of it ------------------------------------------------------------------------


def test_every_stack_of_the_manifests_has_its_folder() -> None:
    files = read_all(package.WORKERS, "workers", ENVIRONMENTS)
    assert {next(iter(file.by_env.values())).stack for file in files} == {folder.name for folder in STACKS}


@pytest.mark.parametrize("folder", STACKS, ids=lambda folder: folder.name)
def test_a_stack_is_bound_to_one_account_pins_its_provider_and_tags_for_costs(folder: Path) -> None:
    (settings,) = load(folder)["terraform"]
    assert settings["required_providers"][0]["aws"]["version"] == SCHEMA.stem.removeprefix("aws-")
    assert settings["backend"] == [{"http": {}}]
    for _, provider in labelled(folder, "provider"):
        assert provider["allowed_account_ids"] == ["${var.account_id}"]
        assert provider["default_tags"] == [{"tags": "${local.tags}"}]
    (tags,) = (block["tags"] for block in load(folder)["locals"] if "tags" in block)
    assert set(tags) == {"project", "env", "stack", "cost_center", "managed_by"}


@pytest.mark.parametrize("env", ["qa", "prod"])
@pytest.mark.parametrize("folder", STACKS, ids=lambda folder: folder.name)
def test_an_environments_values_are_of_declared_variables(folder: Path, env: str) -> None:
    names = re.findall(r"(?m)^(\w+)\s*=", (folder / f"{env}.tfvars").read_text("utf-8"))
    variables = {name for (name,), _ in labelled(folder, "variable")}
    assert set(names) <= variables
    assert {"env", "cost_center"} <= set(names)


def test_no_secret_stands_in_a_file() -> None:
    for path in INFRA.rglob("*"):
        if path.suffix in (".tf", ".tfvars"):
            assert not re.search(
                r"AKIA[A-Z0-9]{16}|xox[bp]-|hooks\.slack|events\.pagerduty", path.read_text("utf-8")
            )
    for folder in folders():
        for (name,), body in labelled(folder, "variable"):
            assert bool(body.get("sensitive")) == (name == "pagerduty_endpoint"), name


def test_what_holds_data_is_not_destroyed_by_a_plan() -> None:
    stateful = {"aws_dynamodb_table", "aws_kinesis_stream", "aws_sqs_queue"}
    seen = set()
    for folder in folders():
        for (kind, name), body in labelled(folder, "resource"):
            if kind in stateful:
                seen.add(kind)
                assert body["lifecycle"][0]["prevent_destroy"] is True, f"{kind}.{name}"
    assert seen == stateful


def test_the_function_runs_what_the_package_is_built_for() -> None:
    (body,) = (
        body
        for labels, body in labelled(INFRA / "modules" / "function", "resource")
        if labels[0] == "aws_lambda_function"
    )
    assert body["runtime"] == f"python{libraries.PYTHON}"
    assert body["architectures"] == [package.ARCHITECTURE]
    assert body["handler"] == "workers.${var.worker.folder}.handler.handle"


def test_the_addresses_in_the_guide_are_those_of_resources() -> None:
    guide = (INFRA.parent.parent / "docs" / "deployment.md").read_text("utf-8")
    addresses = re.findall(r"\bto = (\S+)", guide)
    assert len(addresses) > 3
    for address in addresses:
        *path, kind, name = address.split(".")
        folder = INFRA / "stacks" / "scoring"
        for module in path[1::2]:
            folder = _source(folder, dict(labelled(folder, "module"))[(module,)])
        assert (kind, name) in {labels for labels, _ in labelled(folder, "resource")}, address
