"""Durations on the command line, and where the shared options may stand."""

from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit import settings
from opskit.cli import main, options
from opskit.cli.options import SharedOptions
from opskit.cli.times import deadline_seconds, since_seconds
from opskit.errors import UsageError
from opskit.model import Severity
from opskit.render.canvas import Output


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90m", 5400), ("3h", 10800), ("1h30m", 5400), ("2d", 172800), ("2 hours", 7200),
        ("1 h 30 min", 5400), ("90 minutes", 5400), ("1D12H", 129600),
        (" 60s ", 60), ("15d", 1296000), ("1d 1h 1m 1s", 90061),
    ],
)  # fmt: skip
def test_since(text: str, seconds: int) -> None:
    assert since_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "10 march 2024", "-5", "-5m", "0", "5", "100y", "1 month", "", " ", "h", "3h ago", "30m1h", "1h1h",
        "1.5h",
        "3h;", "٣h",
        "1e3s", "3h\n2h", "yesterday", "1hm",
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        since_seconds(text)
    assert str(refused.value).startswith("--since: expected a duration such as 90m, 3h, 1h30m or 2d, got "), (
        str(refused.value)
    )


@pytest.mark.parametrize("text", ["0s", "0h", "59s", "16d", "999999d", "15d1s"])
def test_too_short_and_too_long_are_refused_with_the_bounds(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        since_seconds(text)
    assert str(refused.value) == (
        f'--since: expected from 1 min to 15 d, such as 90m, 3h, 1h30m or 2d, got "{text}"'
    )


def test_deadline_has_its_own_bounds() -> None:
    assert deadline_seconds("1s") == 1
    with pytest.raises(UsageError, match="--deadline: expected from 1 s to 15 min"):
        deadline_seconds("1h")


def test_a_long_or_evil_text_is_cut_and_cleaned() -> None:
    with pytest.raises(UsageError) as refused:
        since_seconds("\x1b[2J" + "x" * 10_000)
    assert len(str(refused.value)) < 160
    assert "\x1b" not in str(refused.value)


@given(st.text(max_size=200))
def test_any_text_is_a_duration_or_refused_in_one_line(text: str) -> None:
    with suppress(UsageError):
        assert 60 <= since_seconds(text) <= 15 * 86400
        return
    with pytest.raises(UsageError) as refused:
        since_seconds(text)
    assert len(str(refused.value).splitlines()) == 1


def test_choices_are_those_of_the_model() -> None:
    assert list(get_args(options.OutputName)) == list(Output)
    assert list(Output) == [*settings.OUTPUTS, *settings.ROWS_OUTPUTS, *settings.FLEET_OUTPUTS]
    assert list(get_args(options.SeverityName)) == list(Severity) == list(settings.SEVERITIES)


def test_what_is_said_after_the_command_beats_what_is_said_before() -> None:
    before = SharedOptions(env="qa", region="eu-west-1", no_color=True)
    assert SharedOptions(env="prod", output="json").over(before) == SharedOptions(
        env="prod", region="eu-west-1", output="json", no_color=True
    )


@pytest.mark.parametrize(
    "arguments",
    [["--output", "json", "runbooks"], ["runbooks", "-o", "json"], ["-o", "plain", "runbooks", "-o", "json"]],
)
def test_options_stand_before_or_after_the_command(
    capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == 0
    assert capfd.readouterr()[0].startswith("[\n")


def test_options_reach_through_a_group(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["-o", "json", "sandbox", "incidents"]) == 0
    assert capfd.readouterr()[0].startswith("[\n")


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder whose opskit.toml is wrong; the line that says so."""
    (tmp_path / "opskit.toml").write_text("env = ")
    monkeypatch.chdir(tmp_path)
    return f"{tmp_path / 'opskit.toml'}: not TOML: Invalid value (at end of document)"


def test_a_command_that_asks_no_aws_only_notes_a_wrong_file(
    broken: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSKIT_OUTPUT", "json")
    for command in (["runbooks"], ["sandbox", "incidents"], ["sandbox", "status"]):
        assert main(command) == 0
        out, err = capfd.readouterr()
        assert (out[0], err) == ("[", f"opskit: not needed here, but wrong: {broken}\n")
    monkeypatch.setenv("AWS_REGION", "nowhere")
    assert main(["runbooks"]) == 0


@pytest.mark.usefixtures("broken")
def test_a_wrong_flag_is_refused_beside_a_wrong_file_too(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["runbooks", "--env", "prd"]) == 2
    assert capfd.readouterr()[1] == 'opskit: --env: unknown environment "prd", known: local-dev, qa, prod\n'


def test_a_command_that_asks_aws_refuses_a_wrong_file(broken: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "stream-lag", "--fn", "scoreUsers"]) == 2
    assert capfd.readouterr() == ("", f"opskit: {broken}\n")


@pytest.mark.parametrize("form", settings.FLEET_OUTPUTS)
@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("runbooks", ""), ("query", "--list"), ("logs", "--fn x"), ("diagnose", "stream-lag --fn x"),
        ("find-resources", ""), ("demo", ""), ("sandbox incidents", ""), ("signals", "stream-lag"),
        ("iam-policy", ""), ("cases check", ""),
    ],
)  # fmt: skip
def test_a_form_of_the_fleet_is_refused_by_every_other_command(
    capfd: pytest.CaptureFixture[str], form: str, command: str, more: str
) -> None:
    refused = f"opskit: --output {form} is for opskit health alone, not for opskit {command}\n"
    assert main([*command.split(), *more.split(), "--output", form]) == 2
    assert capfd.readouterr() == ("", refused)
    assert main(["--output", form, *command.split(), *more.split()]) == 2
    assert capfd.readouterr() == ("", refused)


def test_health_refuses_what_it_has_not(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["health", "--output", "csv"]) == 2
    assert capfd.readouterr()[1] == (
        "opskit: --output csv is for rows, and opskit health has none to print\n"
    )
    assert main(["health", "--output", "junit", "--watch", "1m"]) == 2
    assert capfd.readouterr()[1].startswith("opskit: --watch: junit is one document; ")
    monkeypatch.setenv("OPSKIT_OUTPUT", "openmetrics")
    assert main(["health"]) == 2
    assert capfd.readouterr()[1].startswith("opskit: OPSKIT_OUTPUT: expected one of table, plain, json, ")


def test_the_help_of_a_command_names_the_forms_it_has(capfd: pytest.CaptureFixture[str]) -> None:
    forms = {}
    for command in ("health", "query", "diagnose"):
        assert main([command, "--help"]) == 0
        shown = " ".join(capfd.readouterr()[0].replace("│", " ").split())
        forms[command] = [form for form in ("csv", "junit", "openmetrics") if form in shown]
    assert forms == {"health": ["junit", "openmetrics"], "query": ["csv"], "diagnose": []}
