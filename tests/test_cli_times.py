"""`--at`: a moment of the past on the command line; nothing is misread, and the look ends there."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from asking import diagnose
from conftest import EmbeddedAws
from hypothesis import given
from hypothesis import strategies as st
from render_reports import HEALTHY

from opskit.cli import look, main
from opskit.cli.times import at_seconds, local_zone, parse_moment, start_seconds
from opskit.errors import UsageError
from opskit.render.figures import iso
from opskit.sandbox import stage
from opskit.sandbox.incidents import find as incident

NOW = int(datetime(2026, 11, 24, 9, 30, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24T02:10:00Z", "2026-11-24T02:10:00Z"),
        ("2026-11-24T02:10:30.250Z", "2026-11-24T02:10:30Z"),
        ("2026-11-24 02:10", "2026-11-24T02:10:00Z"),
        ("  2026-11-24   02:10  UTC ", "2026-11-24T02:10:00Z"),
        ("2026-11-24t02:10z", "2026-11-24T02:10:00Z"),
        ("2026-11-24T02:10+01:00", "2026-11-24T01:10:00Z"),
        ("2026-11-23 23:10 -0500", "2026-11-24T04:10:00Z"),
        ("09:14", "2026-11-24T09:14:00Z"),
        ("09:30", "2026-11-24T09:30:00Z"),
        ("09:31", "2026-11-23T09:31:00Z"),
        ("23:59:30", "2026-11-23T23:59:30Z"),
        ("09:14Z", "2026-11-24T09:14:00Z"),
        ("10:14 +01:00", "2026-11-24T09:14:00Z"),
        ("23:30 -09:00", "2026-11-24T08:30:00Z"),
        ("05:00 +14:00", "2026-11-23T15:00:00Z"),
        ("yesterday 14:00", "2026-11-23T14:00:00Z"),
        ("Yesterday  23:30 -09:00", "2026-11-24T08:30:00Z"),
        ("today 09:14", "2026-11-24T09:14:00Z"),
        ("tue 09:14", "2026-11-24T09:14:00Z"),
        ("Tuesday 09:31", "2026-11-17T09:31:00Z"),
        ("mon 23:59", "2026-11-23T23:59:00Z"),
        ("wednesday 02:10:30", "2026-11-18T02:10:30Z"),
        ("thurs 10:00 +01:00", "2026-11-19T09:00:00Z"),
        ("-2h", "2026-11-24T07:30:00Z"),
        ("- 2h", "2026-11-24T07:30:00Z"),
        ("2h ago", "2026-11-24T07:30:00Z"),
        ("2 hours ago", "2026-11-24T07:30:00Z"),
        ("90 minutes AGO", "2026-11-24T08:00:00Z"),
        ("1d 2h ago", "2026-11-23T07:30:00Z"),
    ],
)
def test_a_moment(text: str, moment: str) -> None:
    assert iso(parse_moment(text, "--at", NOW)) == moment


@pytest.mark.parametrize(
    "text",
    [
        "10 march 2024", "1 month ago", "yesterday", "now", "", " ", "2h", "ago", "-", "--2h", "2h ago ago",
        "-2h ago", "2026-11-24", "2026-11-24 2:10", "9:14", "24:00", "09:60", "2026-02-30 10:00",
        "2026-11-24T02:10 CET", "2026-11-24T02:10+25:00", "1764036600", "20261124T0210Z", "2026-W48-2",
        "tue", "tueday 09:14", "tue 9:14", "09:14 tue", "last tue 09:14", "monday 24:00", "mon tue 09:14",
        "tomorrow 09:14", "yesterday14:00", "yesterday 2h ago", "2026-11-24T02:10+01:60",
        "09:14 10:00", "02:10 2026-11-24", "٠٩:١٤", "09:14;", "1.5h ago", "30m1h ago", "10/11/2026 09:14",
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_moment(text, "--at", NOW)
    assert str(refused.value) == (
        '--at: expected a time (UTC) such as "2026-11-24 02:10", 2026-11-24T02:10+01:00, 09:14, "tue 09:14" '
        f'or "2h ago", got "{text}"'
    )


@pytest.mark.parametrize(
    "text", ["2026-11-24 09:31", "today 09:31", "2026-11-24T09:30:01Z", "2027-01-01T00:00Z"]
)
def test_the_future_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--at: 202\d-.*Z is in the future; it is 2026-11-24T09:30:00Z"):
        parse_moment(text, "--at", NOW)


def test_what_cloudwatch_has_forgotten_is_refused_with_how_far_it_goes_back() -> None:
    assert at_seconds("14d 21h ago", NOW, 3 * 3600) == NOW - 15 * 86_400 + 3 * 3600
    with pytest.raises(UsageError) as refused:
        at_seconds("14d 21h 1s ago", NOW, 3 * 3600)
    assert str(refused.value) == (
        "--at: the window of 3 h up to 2026-11-09T12:29:59Z is too old; CloudWatch keeps datapoints of one "
        "minute for 15 days, back to 2026-11-09T09:30:00Z"
    )


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("09:14", "2026-11-24T08:14:00Z"),
        ("10:31", "2026-11-23T09:31:00Z"),
        ("2026-07-01 02:10", "2026-07-01T00:10:00Z"),
        ("yesterday 00:30", "2026-11-22T23:30:00Z"),
        ("09:14Z", "2026-11-24T09:14:00Z"),
        ("2h ago", "2026-11-24T07:30:00Z"),
    ],
)
def test_a_time_without_a_zone_is_one_of_the_zone_in_use(text: str, moment: str) -> None:
    assert iso(parse_moment(text, "--until", NOW, BERLIN)) == moment


@pytest.mark.parametrize("machines", [False, True])
@pytest.mark.parametrize(("text", "times"), [("2026-10-25 02:30", "twice"), ("2026-03-29 02:30", "never")])
def test_a_time_that_the_clock_showed_twice_or_never_is_refused(
    text: str, times: str, *, machines: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    with pytest.raises(UsageError) as refused:
        parse_moment(text, "--until", NOW, local_zone() if machines else BERLIN)
    assert str(refused.value) == (
        f"--until: this zone's clock showed {text} {times}; write the time with its zone, such as 02:30Z or "
        "02:30+01:00"
    )


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("2h", "2026-11-24T06:30:00Z"),
        ("1h30m", "2026-11-24T07:00:00Z"),
        ("30 s", "2026-11-24T08:29:30Z"),
        ("-2h", "2026-11-24T07:30:00Z"),
        ("2 hours ago", "2026-11-24T07:30:00Z"),
        ("07:10", "2026-11-24T07:10:00Z"),
        ("tue 07:10", "2026-11-24T07:10:00Z"),
        ("400 days", "2025-10-20T08:30:00Z"),
    ],
)
def test_a_window_starts_so_long_before_its_end_or_at_a_moment(text: str, start: str) -> None:
    assert iso(start_seconds(text, NOW, NOW - 3600)) == start


@pytest.mark.parametrize("text", ["08:30", "30m ago", "2026-11-24 09:00"])
def test_a_window_that_starts_after_its_end_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--since: .*Z is not before the window's end, 2026-11-24T08:30"):
        start_seconds(text, NOW, NOW - 3600)


@pytest.mark.parametrize(
    "text", ["10 march 2024", "1 month", "1 month ago", "", "0s", "2h 09:14", "9000 days"]
)
def test_a_start_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--since: expected "):
        start_seconds(text, NOW, NOW)


@given(st.text(max_size=40) | st.from_regex(r"\A[0-9 :TZ+\-hmago]{1,24}\Z"))
def test_any_text_is_a_past_moment_or_refused_in_one_line(text: str) -> None:
    with suppress(UsageError):
        assert parse_moment(text, "--at", NOW) <= NOW
        return
    with pytest.raises(UsageError) as refused:
        parse_moment(text, "--at", NOW)
    assert len(str(refused.value).splitlines()) == 1


@given(st.integers(NOW - 10 * 365 * 86_400, NOW))
def test_what_is_printed_is_read_back(moment: int) -> None:
    assert parse_moment(iso(moment), "--at", NOW) == moment


# --- the command ------------------------------------------------------------------------------------

LOOK = ["diagnose", "stream-lag", "--fn", "scoreUsers"]


@pytest.fixture(autouse=True)
def _own_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))


def test_the_moment_reaches_the_look(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[look.Asked] = []

    def looked(_: object, what: look.Asked, **_more: object) -> object:
        asked.append(what)
        return HEALTHY

    monkeypatch.setattr(look, "look", looked)
    now = time.time()
    assert main([*LOOK, "--at", "-2h", "--since", "1h"]) == 0
    (one,) = asked
    assert one.at is not None
    assert one.at == pytest.approx(now - 7200, abs=5)
    assert one.since_s == 3600


def test_a_moment_that_is_none_is_refused_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert main([*LOOK, "--at", "10 march 2024"]) == 2
    assert capfd.readouterr()[1].startswith("opskit: --at: expected a time (UTC) such as ")
    assert main([*LOOK, "--at", "2020-01-01 00:00"]) == 2
    assert "is too old; CloudWatch keeps" in capfd.readouterr()[1]


def test_the_past_is_judged_as_it_was(
    embedded_aws: EmbeddedAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The poison record came an hour and a half ago: before it, the stream was well."""
    stage.play(embedded_aws.planes, incident("poison-record"), seed=7)
    now = diagnose(capsys.readouterr)
    assert now.causes[0] == "poison-record-shard"
    before = diagnose(capsys.readouterr, "scoreUsers", "--at", "4h ago", "--since", "1h")
    assert before.causes == []
    end = datetime.fromisoformat(before.report["window"]["end"]).timestamp()
    assert end == pytest.approx(time.time() - 4 * 3600, abs=90)
    (again,) = before.report["next"]
    assert again.startswith(
        "opskit diagnose stream-lag --fn scoreUsers --env prod --region us-east-1 --at 20"
    )
