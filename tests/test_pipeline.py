"""The pipeline: its names exist, and nothing reaches production that was not planned and looked at."""

import importlib.util
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from opskit.cli.app import command
from workers.infra import artifacts, live
from workers.package import _parser as package_parser

ROOT = Path(__file__).parent.parent
STACKS = {path.parent.name for path in ROOT.glob("workers/infra/stacks/*/versions.tf")}
KEYWORDS = {
    *(
        "after_script",
        "allow_failure",
        "artifacts",
        "before_script",
        "environment",
        "extends",
        "id_tokens",
        "image",
    ),
    *("interruptible", "needs", "parallel", "resource_group", "retry", "rules", "script", "stage", "timeout"),
    "variables",
}
"""What a job may have (GitLab CI/CD YAML syntax reference); a misspelt one only GitLab would refuse."""
GLOBAL = {"stages", "variables"}


@cache
def document() -> Mapping[str, Any]:
    yaml = YAML(typ="safe")
    yaml.constructor.add_constructor(
        "!reference", lambda loader, node: tuple(loader.construct_sequence(node))
    )
    loaded: Mapping[str, Any] = yaml.load((ROOT / ".gitlab-ci.yml").read_text("utf-8"))
    return loaded


@cache
def resolved(name: str) -> Mapping[str, Any]:
    """Return a job with all that it extends: mappings are merged, everything else is replaced."""
    job = document()[name]
    parents = job.get("extends", [])
    whole: dict[str, Any] = {}
    for parent in [parents] if isinstance(parents, str) else parents:
        whole = _merged(whole, resolved(parent))
    return _merged(whole, job)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def jobs() -> list[str]:
    return [name for name in document() if name not in GLOBAL and not name.startswith(".")]


def scripts(name: str) -> str:
    job = resolved(name)
    lines: list[str] = []
    for line in (*job.get("before_script", ()), *job["script"]):
        lines += document()[line[0]][line[1]] if isinstance(line, tuple) else [line]
    return "\n".join(lines)


def before(name: str) -> set[str]:
    """Return all jobs that a job waits for."""
    needs = set(resolved(name).get("needs", ()))
    return needs.union(*map(before, needs))


# --- names -------------------------------------------------------------------------------------------


def test_jobs_have_a_stage_and_only_keywords_that_gitlab_knows() -> None:
    for name in document():
        if name not in GLOBAL:
            assert set(document()[name]) <= KEYWORDS, name
    for name in jobs():
        assert resolved(name)["stage"] in document()["stages"], name
        assert resolved(name)["script"], name
    assert {resolved(name)["stage"] for name in jobs()} == set(document()["stages"])


def test_a_job_needs_jobs_that_exist_and_do_not_come_later() -> None:
    order = document()["stages"]
    for name in jobs():
        for need in resolved(name).get("needs", ()):
            assert need in jobs(), f"{name} needs {need}"
            assert order.index(resolved(need)["stage"]) <= order.index(resolved(name)["stage"])
        assert name not in before(name)


def test_every_stack_is_planned_and_applied() -> None:
    for name in jobs():
        if "terraform" in scripts(name):
            assert set(resolved(name)["parallel"]["matrix"][0]["STACK"]) == STACKS, name
    assert set(re.findall(r"for stack in ([\w -]+);", scripts("prod:health"))[0].split()) == STACKS


def _commands(module: str) -> Iterator[list[str]]:
    """Yield the arguments of each `python -m module` in the jobs' scripts."""
    for name in jobs():
        for found in re.findall(rf"python -m {re.escape(module)} ([^\n;|]*)", scripts(name)):
            text = re.sub(r"\$REGIONS", document()["variables"]["REGIONS"], found)
            text = re.sub(r'"?\$\{?[A-Za-z_]\w*(?::\?[^}]*)?\}?"?', "x", text)
            yield text.split()


def test_commands_are_taken_by_what_they_call() -> None:
    parsers = {
        "workers.package": package_parser(),
        "workers.infra.artifacts": artifacts._parser(),
        "workers.infra.live": live._parser(),
    }
    for module, parser in parsers.items():
        assert importlib.util.find_spec(module)
        commands = list(_commands(module))
        assert commands, module
        for arguments in commands:
            parser.parse_args(arguments)


def test_opskit_takes_the_gates_options() -> None:
    health = command(completing=False).commands["health"]  # type: ignore[attr-defined]
    known = {option for parameter in health.params for option in parameter.opts}
    for arguments in _commands("opskit"):
        assert arguments[0] == "health"
        assert {one for one in arguments if one.startswith("--")} <= known


def test_scripts_are_what_a_shell_can_read() -> None:
    for name in jobs():
        done = subprocess.run(["sh", "-n"], input=scripts(name), capture_output=True, text=True, check=False)
        assert not done.stderr, f"{name}: {done.stderr}"


# --- what it promises --------------------------------------------------------------------------------


def test_there_are_no_keys() -> None:
    text = (ROOT / ".gitlab-ci.yml").read_text("utf-8")
    assert not re.search(r"AKIA|ACCESS_KEY|SECRET|_TOKEN:\s*\S{20}", text)
    for name in jobs():
        if name not in ("test", "validate"):
            assert resolved(name)["id_tokens"] == {"AWS_ID_TOKEN": {"aud": "sts.amazonaws.com"}}
            assert resolved(name)["variables"]["AWS_ROLE_ARN"] == "$AWS_DEPLOY_ROLE_ARN"
            assert resolved(name)["environment"]["name"] in ("artifacts", "qa", "prod")


def test_packages_are_built_once() -> None:
    assert [name for name in jobs() if "workers.package" in scripts(name)] == ["package"]
    for name in jobs():
        if resolved(name)["stage"] in ("qa", "prod"):
            assert "package" in resolved(name)["needs"], f"{name} has no list of packages"
        if resolved(name)["stage"] == "redeploy" and name != "redeploy:packages":
            assert "redeploy:packages" in resolved(name)["needs"]
            assert "package" not in before(name), "what goes back is what was stored"


@pytest.mark.parametrize("stage", ["qa", "prod", "redeploy"])
def test_only_the_plan_that_could_be_read_is_applied(stage: str) -> None:
    apply = resolved(f"{stage}:apply")
    assert f"{stage}:plan" in apply["needs"]
    assert apply["script"] == ['terraform apply "$STACK.tfplan"']
    assert apply["environment"] == {"name": "prod" if stage == "redeploy" else stage}
    assert resolved(f"{stage}:plan")["environment"] == {**apply["environment"], "action": "prepare"}
    assert apply["resource_group"] == apply["environment"]["name"], "one apply at a time"
    assert "retry" not in apply
    assert not apply.get("interruptible", False)


@pytest.mark.parametrize("job", ["prod:apply", "redeploy:apply", "redeploy:packages"])
def test_production_is_changed_by_hand_only(job: str) -> None:
    assert [rule["when"] for rule in resolved(job)["rules"]] == ["manual"]


def test_production_waits_for_a_healthy_qa() -> None:
    assert {"qa:health", "qa:apply", "qa:plan", "package"} <= before("prod:plan")
    assert "allow_failure" not in resolved("qa:health")
    assert "allow_failure" not in resolved("prod:apply")["rules"][0]


@pytest.mark.parametrize("stage", ["qa", "prod", "redeploy"])
def test_every_apply_is_followed_by_a_look(stage: str) -> None:
    health = f"{stage}:health"
    assert f"{stage}:apply" in resolved(health)["needs"]
    said = scripts(health)
    assert said.index("workers.infra.live") < said.index("sleep") < said.index("opskit health")
    (seconds,) = re.findall(r"sleep (\d+)", said)
    assert int(seconds) >= (5 + 2) * 60, "the judged minutes must lie behind the apply"


def test_only_the_default_branch_is_deployed() -> None:
    for name in jobs():
        if name not in ("test", "validate"):
            assert {rule["if"] for rule in resolved(name)["rules"]} == {
                "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"
            }
