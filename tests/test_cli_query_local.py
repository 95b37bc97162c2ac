"""`opskit query` without AWS: files instead of log groups, and the library itself."""

import gzip
import io
import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from query_events import text_events
from querying import ROWS, document, line, run


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials, nobody at the endpoint, an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")


def text_file() -> str:
    return "".join(message.removesuffix("\n") + "\n" for _, _, message in text_events())


def test_files_are_asked_without_aws(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "lambda.log").write_text(text_file())
    code, out, err = run(capfd, "memory", "--local", "lambda.log")
    assert (code, out) == (0, f"{ROWS}lambda.log\n")
    untimed = "14 events have no time of their own: each stands with the one before it"
    assert err == line(untimed, "1 row; 8 of 19 events matched")


def test_several_files_folders_and_gzip_are_asked_together(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a.log").write_text(text_file())
    folder = tmp_path / "exported" / "2026-01-01-[$LATEST]0"
    folder.mkdir(parents=True)
    (tmp_path / "exported" / "aws-logs-write-test").write_text("Permission Check Successful")
    lines = "".join(f"2026-01-01T00:00:00.000Z {message}\n" for _, _, message in text_events())
    (folder / "000000.gz").write_bytes(gzip.compress(lines.encode()))
    code, out, _ = run(capfd, "memory", "--local", "a.log", "exported", "-o", "csv")
    assert code == 0
    assert out == (
        "percent,max_mb,p95_mb,size_mb,n,@log\n100,512,374.8,512,8,a.log\n100,512,374.8,512,8,exported\n"
    )


def test_a_file_that_is_one_page_of_an_answer_is_a_gap(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    events = [{"timestamp": 1_767_225_600_000, "message": "[ERROR] KeyError: 'user'"}]
    (tmp_path / "page.json").write_text(json.dumps({"events": events, "NextToken": "x"}, indent=4))
    code, out, err = run(capfd, "errors", "--local", "page.json", "-o", "csv")
    assert (code, out.count("KeyError")) == (3, 1)
    assert "page.json: rows may be missing: it is one page of an answer that has more" in err


def test_stdin_is_a_file_too(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(gzip.compress(text_file().encode()))))
    code, out, _ = run(capfd, "memory", "--local", "-")
    assert (code, out) == (0, f"{ROWS}stdin\n")


def test_a_window_holds_for_files_if_one_is_given(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    now = int(time.time() * 1000)
    old = {"timestamp": now - 7_200_000, "message": "[ERROR] KeyError: 'old'"}
    new = {"timestamp": now - 60_000, "message": "[ERROR] KeyError: 'new'"}
    (tmp_path / "e.jsonl").write_text(f"{json.dumps(old)}\n{json.dumps(new)}\n")
    both, newest = (
        document(run(capfd, "errors", "--local", "e.jsonl", "-o", "json", *more)[1])
        for more in ([], ["--since", "1h"])
    )
    assert [row["error"] for row in both["rows"]] == ["KeyError: 'new'", "KeyError: 'old'"]
    assert [row["error"] for row in newest["rows"]] == ["KeyError: 'new'"]
    assert (both["window"], both["region"], both["files"]) == (None, None, ["e.jsonl"])
    code, out, err = run(capfd, "errors", "--local", "e.jsonl", "--since", "1h", "--until", "5h ago")
    unread = "nothing was read: no event in these files, or none in the window"
    assert (code, out, err) == (3, "", line(unread))
    unseen = document(run(capfd, "errors", "--local", "e.jsonl", "--until", "5h ago", "-o", "json")[1])
    assert (unseen["rows"], unseen["gaps"]) == ([], [{"signal": "logs", "reason": unread}])


def test_what_a_file_says_is_masked_and_steers_no_terminal(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    hostile = "[ERROR] \x1b[2J=cmd() password=hunter2 ada@example.com"
    (tmp_path / "e.log").write_text(f"{hostile}\n")
    for form in ("plain", "csv", "markdown", "table"):
        _, out, _ = run(capfd, "errors", "--local", "e.log", "-o", form)
        assert "\x1b" not in out
        assert "hunter2" not in out
        assert "ada@" not in out
    said = ("=cmd()", "-2+cmd()", "+1-1", "@x", "-2.5")
    (tmp_path / "f.log").write_text("".join(f"[ERROR] {one}\n" for one in said))
    rows = run(capfd, "errors", "--local", "f.log", "-o", "csv")[1].splitlines()[1:]
    assert {row.split(",")[1] for row in rows} == {"'=cmd()", "'-2+cmd()", "'+1-1", "'@x", "-2.5"}


def test_broken_files_are_one_line(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"x" * 1000)[:20])
    (tmp_path / "void").mkdir()
    for name, said in (("cut.gz", "cut.gz is no whole gzip file"), ("void", "no file in the folder void")):
        code, out, err = run(capfd, "errors", "--local", name)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err


def test_without_duckdb_files_cannot_be_asked_and_it_says_what_to_install(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("duckdb", "opskit.insights.local", "opskit.insights.engine"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.delattr("opskit.insights.local", raising=False)
    assert run(capfd, "errors", "--local", "x") == (
        2, "", line("--local needs DuckDB; pip install 'opskit[sandbox]'"),
    )  # fmt: skip


def test_the_library_is_listed_and_shown(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capfd, "--list", "-o", "json")
    listed: list[dict[str, Any]] = document(out)
    assert (code, err) == (0, "")
    assert {"errors", "performance", "request", "error-rate"} <= {one["name"] for one in listed}
    (slowest,) = (one for one in listed if one["name"] == "slowest")
    assert slowest["parameters"] == [
        {"name": "over_ms", "type": "integer", "pattern": r"\d{1,15}", "default": "0"}
    ]
    assert document(run(capfd, "--show", "slowest", "-o", "json")[1]) == slowest
    code, out, err = run(capfd, "--show", "slowest")
    assert (code, err) == (0, "")
    assert out.startswith("slowest: The slowest invocations, the longest first\n")
    assert r"parameter over_ms (integer), default 0; values match \d{1,15}" in out
    assert out.endswith("| display @timestamp, ms, init_ms, used_mb, request, @log, @logStream\n")
