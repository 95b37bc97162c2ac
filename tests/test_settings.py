"""Where a setting comes from, and what a wrong one is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from opskit import settings
from opskit.errors import UsageError
from opskit.settings import Settings


def load(
    tmp_path: Path, toml: str = "", environ: dict[str, str] | None = None, **flags: str | None
) -> Settings:
    if toml:
        (tmp_path / "opskit.toml").write_text(toml)
    return settings.load(flags, {"AWS_CONFIG_FILE": os.devnull, **(environ or {})}, tmp_path)


def test_with_nothing_said_it_reads_prod_in_us_east_1(tmp_path: Path) -> None:
    chosen = load(tmp_path)
    assert (chosen.env, chosen.region, chosen.profile, chosen.account) == ("prod", "us-east-1", None, None)
    assert (chosen.output, chosen.fail_on, chosen.endpoint_url) == (None, "medium", None)


@pytest.mark.parametrize(
    ("flag", "environ", "toml", "region"),
    [
        ("eu-west-1", {"OPSKIT_REGION": "eu-west-2", "AWS_REGION": "eu-west-3"}, "sa-east-1", "eu-west-1"),
        (None, {"OPSKIT_REGION": "eu-west-2", "AWS_REGION": "eu-west-3"}, "sa-east-1", "eu-west-2"),
        (None, {"AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "us-east-2"}, "sa-east-1", "eu-west-3"),
        (None, {"AWS_DEFAULT_REGION": "us-east-2"}, "sa-east-1", "us-east-2"),
        (None, {"AWS_REGION": ""}, "sa-east-1", "sa-east-1"),
        (None, {}, "", "us-east-1"),
    ],
)
def test_the_region_said_nearest_wins(
    tmp_path: Path, flag: str | None, environ: dict[str, str], toml: str, region: str
) -> None:
    chosen = load(tmp_path, f'region = "{toml}"' if toml else "", environ, region=flag)
    assert chosen.region == region
    assert chosen.flags == (frozenset({"region"}) if flag else frozenset())


@pytest.mark.parametrize(
    ("name", "variable", "said"),
    [
        ("env", "OPSKIT_ENV", "qa"),
        ("profile", "AWS_PROFILE", "ops"),
        ("output", "OPSKIT_OUTPUT", "json"),
        ("fail_on", "OPSKIT_FAIL_ON", "high"),
    ],
)
def test_flags_beat_variables_beat_the_file(tmp_path: Path, name: str, variable: str, said: str) -> None:
    other = {"env": "local-dev", "profile": "x", "output": "plain", "fail_on": "low"}[name]
    toml = f'{name} = "{other}"'
    assert getattr(load(tmp_path, toml), name) == other
    assert getattr(load(tmp_path, toml, {variable: said}), name) == said
    assert getattr(load(tmp_path, toml, {variable: other}, **{name: said}), name) == said


def test_the_file_is_searched_upward_and_its_folders_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(
        'env = "qa"\nworkers_dir = "fleet"\n[accounts]\nqa = "123456789012"\n'
    )
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    chosen = settings.load({}, {}, inner)
    assert (chosen.env, chosen.account, chosen.workers_dir) == ("qa", "123456789012", tmp_path / "fleet")
    assert chosen.config_file == tmp_path / "opskit.toml"


def test_a_named_file_beats_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text('env = "qa"')
    named = tmp_path / "other.toml"
    named.write_text(
        'env = "local-dev"\n[slack]\nwebhook_env = "HOOK"\n[pagerduty]\nrouting_key_env = "KEY"\n'
    )
    chosen = settings.load({}, {"OPSKIT_CONFIG": str(named)}, tmp_path)
    assert (chosen.env, chosen.slack_webhook_env, chosen.pagerduty_key_env) == ("local-dev", "HOOK", "KEY")


def test_a_file_may_name_its_own_environments(tmp_path: Path) -> None:
    chosen = load(tmp_path, 'environments = ["dev", "live"]\nenv = "live"\nfunction_pattern = "{name}-{env}"')
    assert (chosen.environments, chosen.env) == (("dev", "live"), "live")


@pytest.mark.parametrize(
    ("environ", "endpoints"),
    [
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_SQS": "http://x"},
            ("http://127.0.0.1:1", "http://x"),
        ),
        ({"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:2"}, ("http://127.0.0.1:2",)),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2"}, ()),
        ({"AWS_ENDPOINT_URL": "http://x", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, ()),
        ({"AWS_ENDPOINT_URL": ""}, ()),
    ],
)
def test_the_endpoints_are_those_that_botocore_will_use(
    tmp_path: Path, environ: dict[str, str], endpoints: tuple[str, ...]
) -> None:
    chosen = load(tmp_path, environ=environ)
    assert chosen.endpoint_urls == endpoints
    assert chosen.endpoint_url == (endpoints[0] if endpoints else None)


def test_the_profiles_region_and_endpoints_stand_below_the_file_of_opskit(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[default]\nregion = eu-west-1\n"
        "[profile ops]\nregion = eu-west-2\nendpoint_url = http://127.0.0.1:1\nservices = local\n"
        "[services local]\nsqs =\n  endpoint_url = http://127.0.0.1:2\n"
    )
    environ = {"AWS_CONFIG_FILE": str(config)}
    assert load(tmp_path, environ=environ).region == "eu-west-1"
    ops = load(tmp_path, environ=environ, profile="ops")
    assert (ops.region, ops.endpoint_urls) == ("eu-west-2", ("http://127.0.0.1:1", "http://127.0.0.1:2"))
    assert load(tmp_path, environ=environ, profile="none").region == "us-east-1"
    assert load(tmp_path, environ={**environ, "AWS_REGION": "us-west-2"}).region == "us-west-2"
    assert load(tmp_path, 'region = "sa-east-1"', environ).region == "sa-east-1"


def test_a_profiles_region_that_is_none_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = Ireland\n")
    with pytest.raises(UsageError) as caught:
        load(tmp_path, environ={"AWS_CONFIG_FILE": str(config)})
    assert str(caught.value) == f'{config}: region: expected a region such as us-east-1, got "Ireland"'


@pytest.mark.parametrize(
    "content", [b"region = eu-west-1", b"\xff\xfe", b"[profile 'x]\nregion=eu-west-1", b""]
)
def test_an_aws_config_file_that_cannot_be_read_is_botocores_to_word(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config").write_bytes(content)
    assert load(tmp_path, environ={"AWS_CONFIG_FILE": str(tmp_path / "config")}).region == "us-east-1"
    assert load(tmp_path, environ={"AWS_CONFIG_FILE": str(tmp_path)}).region == "us-east-1"


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("env = ", "not TOML: Invalid value (at end of document)"),
        ('env = "qa"\nenv = "prod"', "not TOML: Cannot overwrite a value (at end of document)"),
        ("regoin = 'us-east-1'", "regoin: unknown key, did you mean region?"),
        ("region = 1", "region: expected a string, got 1"),
        ('region = "Oregon"', 'region: expected a region such as us-east-1, got "Oregon"'),
        ('env = "stage"', 'env: unknown environment "stage", known: local-dev, qa, prod'),
        ('output = "xml"', 'output: expected one of table, plain, json, markdown, got "xml"'),
        ('fail_on = "never"', 'fail_on: expected one of low, medium, high, critical, got "never"'),
        ("environments = []", "environments: expected a list of names, got a list"),
        ('accounts = "123456789012"', 'accounts: expected a table, got "123456789012"'),
        ("[accounts]\nprod = 123", "accounts.prod: expected an account id of 12 digits in quotes, got 123"),
        (
            '[accounts]\nstage = "123456789012"',
            'accounts.stage: unknown environment "stage", known: local-dev, qa, prod',
        ),
        ("[slack]\nhook = 'x'", "slack.hook: unknown key, did you mean slack.webhook_env?"),
        (
            'function_pattern = "app-{stage}-{name}"',
            'function_pattern: expected {name}, at most with {env} and {region}, got "app-{stage}-{name}"',
        ),
    ],
)
def test_a_wrong_file_is_one_line_with_file_key_and_expectation(tmp_path: Path, toml: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, toml)
    assert str(caught.value) == f"{tmp_path / 'opskit.toml'}: {line}"


@pytest.mark.parametrize(
    ("environ", "flags", "line"),
    [
        ({"OPSKIT_ENV": "stage"}, {}, 'OPSKIT_ENV: unknown environment "stage", known: local-dev, qa, prod'),
        ({}, {"env": "stage"}, '--env: unknown environment "stage", known: local-dev, qa, prod'),
        ({"AWS_REGION": "US"}, {}, 'AWS_REGION: expected a region such as us-east-1, got "US"'),
        ({}, {"fail_on": "x"}, '--fail-on: expected one of low, medium, high, critical, got "x"'),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:99999"},
            {},
            'AWS_ENDPOINT_URL: expected http://host:port, got "http://127.0.0.1:99999"',
        ),
        (
            {"AWS_ENDPOINT_URL_SQS": "http://[::1"},
            {},
            'AWS_ENDPOINT_URL_SQS: expected http://host:port, got "http://[::1"',
        ),
        (
            {"OPSKIT_CONFIG": "/nowhere/x"},
            {},
            'OPSKIT_CONFIG: expected the path of an opskit.toml, got "/nowhere/x"',
        ),
    ],
)
def test_a_wrong_word_names_where_it_was_said(
    tmp_path: Path, environ: dict[str, str], flags: dict[str, str], line: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, environ=environ, **flags)
    assert str(caught.value) == line


def test_a_wrong_word_that_is_beaten_does_no_harm(tmp_path: Path) -> None:
    assert load(tmp_path, 'env = "stage"', env="qa").env == "qa"


def test_settings_need_no_heavy_import() -> None:
    heavy = "botocore pydantic ruamel yaml jmespath rich"
    code = f"import sys, opskit.settings; sys.exit(' '.join(set('{heavy}'.split()) & set(sys.modules)) or 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
