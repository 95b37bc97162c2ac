"""`opskit redrive-dlq` at a terminal: the question, and the line that shows how far it is."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import EmbeddedAws
from consumers import Post, settle
from redrive_calls import depth, fill

ROOT = Path(__file__).parents[1]
PATIENCE_S = 60.0


@dataclass
class Terminal:
    """A process whose stdin and stderr are a terminal, and whose stdout is a pipe."""

    process: subprocess.Popen[bytes]
    screen: int
    seen: str = field(default="", init=False)

    def wait_for(self, text: str) -> None:
        """Read the screen until a text is on it."""
        until = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            assert time.monotonic() < until, self.seen
            assert self._read(), self.seen

    def end(self) -> tuple[int, str]:
        """Read until the process ends; its exit code and stdout."""
        while self._read():
            pass
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out.decode()

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def _read(self) -> bool:
        ready, _, _ = select.select([self.screen], [], [], PATIENCE_S)
        try:
            more = os.read(self.screen, 65536) if ready else b""
        except OSError:  # Linux says so when nobody has the terminal open any more
            more = b""
        self.seen += more.decode()
        return bool(more)


@pytest.fixture
def post(embedded_aws: EmbeddedAws, tmp_path: Path) -> Post:
    made = settle(embedded_aws, tmp_path)
    fill(embedded_aws, made, 12)
    return made


@pytest.fixture
def terminal(post: Post, tmp_path: Path) -> Iterator[Terminal]:
    screen, theirs = pty.openpty()
    environ = {
        **os.environ, "PYTHONPATH": str(ROOT), "OPSKIT_WORKERS_DIR": str(post.workers_dir), "COLUMNS": "72",
        "OPSKIT_STATE_DIR": str(tmp_path / "state"), "TERM": "xterm",
    }  # fmt: skip
    words = ["redrive-dlq", post.dead, "--apply", "--force", "--rate", "8", "--ramp", "0s"]
    process = subprocess.Popen(
        [sys.executable, "-m", "opskit", *words], stdin=theirs, stderr=theirs, stdout=subprocess.PIPE,
        env=environ, cwd=tmp_path,
    )  # fmt: skip
    os.close(theirs)
    yield Terminal(process, screen)
    if process.poll() is None:
        process.kill()
        process.wait(PATIENCE_S)
    os.close(screen)


def test_who_says_yes_gets_a_line_that_changes_and_a_receipt(
    embedded_aws: EmbeddedAws, post: Post, terminal: Terminal
) -> None:
    question = f"Move dead letters of {post.dead} to {post.source}? [y/N]: "
    terminal.wait_for(question)
    before, _, _ = terminal.seen.partition(question)
    assert "TO BE DONE: " in before
    assert "DRY RUN" not in before
    _, _, plan = before.rpartition("opskit: TO BE DONE")
    assert all(len(line) <= 72 or "opskit " in line for line in plan.splitlines()), plan
    assert "then: no canary (--force)" in before
    assert depth(embedded_aws, post.dead_url) == 12
    terminal.type("y\n")
    code, out = terminal.end()
    assert (code, depth(embedded_aws, post.dead_url)) == (0, 0)
    assert out.startswith(f"DONE: {post.dead} -> {post.source}, run ")
    shown = [line for line in re.split(r"[\r\n]+", terminal.seen) if "opskit: moved " in line]
    assert len(shown) >= 2
    assert all(len(line) <= 72 for line in shown)
    assert re.search(r"opskit: moved \d+ of about 12, [\d.]+ a second", terminal.seen)
    assert terminal.seen.rstrip(" ").endswith("\r"), "the line is taken back"
    assert terminal.seen.rsplit("\r", 2)[-2].strip() == ""


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_who_does_not_say_yes_moves_nothing(
    embedded_aws: EmbeddedAws, post: Post, terminal: Terminal, answer: str
) -> None:
    terminal.wait_for("[y/N]: ")
    terminal.type(answer)
    code, out = terminal.end()
    assert (code, out) == (2, "")
    assert terminal.seen.replace("\r", "").endswith("opskit: nothing was moved\n")
    assert depth(embedded_aws, post.dead_url) == 12
    (state,) = [post.workers_dir.parent / "state"]
    assert not list(state.rglob("*.sqlite3"))
