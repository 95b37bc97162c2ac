"""Signals, readings and whole snapshots go into a file's text and come back the same; all else is refused."""

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_cases import Case, cases, find

from opskit import inventory
from opskit.diagnose import Look
from opskit.errors import UsageError
from opskit.inventory import round0
from opskit.mask import HIDDEN, mask_document, mask_row, mask_secrets
from opskit.model import Describe, LogQuery, Metric, Probe, Reading, Readings, Signal, Status, Window
from opskit.record import Snapshot, file, from_text, to_text
from opskit.record.codec import masked
from opskit.settings import Settings

TAKEN_AT = 1_795_486_351
TEXT = st.text(max_size=20)
PAIRS = st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple)
NUMBERS = st.floats(allow_nan=False)
PLAIN_METRICS = st.builds(
    Metric, TEXT, TEXT, PAIRS, TEXT, period_s=st.sampled_from([60, 300]), absent=st.none() | st.just(0.0)
)
METRICS = st.builds(lambda one, beside: replace(one, beside=beside), PLAIN_METRICS, st.none() | PLAIN_METRICS)
LOG_QUERIES = st.builds(
    LogQuery,
    st.lists(TEXT, max_size=2).map(tuple),
    TEXT,
    st.lists(TEXT, max_size=2).map(tuple),
    st.integers(1, 100),
)
PARAMS = st.recursive(
    TEXT | st.integers(), lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6
)
DESCRIBES = st.builds(
    Describe, TEXT, TEXT, st.lists(st.tuples(TEXT, PARAMS), max_size=2).map(tuple), select=TEXT
)
PROBES = st.builds(Probe, TEXT, TEXT, TEXT, st.lists(st.integers(100, 599), max_size=2).map(tuple))
SIGNALS: st.SearchStrategy[Signal] = st.one_of(METRICS, LOG_QUERIES, DESCRIBES, PROBES)
TIMES = st.integers(0, 4_000_000_000)
POINTS = st.one_of(
    st.lists(st.tuples(TIMES, NUMBERS), max_size=8).map(tuple),
    st.builds(
        lambda start, values: tuple((start + 60 * i, v) for i, v in enumerate(values) if v is not None),
        TIMES,
        st.lists(st.none() | NUMBERS, max_size=40),
    ),
)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS.filter(lambda n: abs(n) < 1e300) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
READINGS = st.builds(
    Reading,
    st.sampled_from(list(Status)),
    TEXT,
    TEXT,
    POINTS,
    st.lists(st.dictionaries(TEXT, TEXT, max_size=3), max_size=3).map(tuple),
    DOCUMENTS,
).map(masked)
MOMENTS = st.integers(0, 2_000_000_000)


def snapshot_of(case: Case, **more: Any) -> Snapshot:
    return Snapshot("stream-lag", "scoreUsers", Look(((case.target, case.readings),)), TAKEN_AT, **more)


@given(
    answers=st.dictionaries(SIGNALS, READINGS, min_size=1, max_size=6),
    names=st.lists(TEXT, min_size=6, max_size=6, unique=True),
    start=MOMENTS,
    at=st.none() | MOMENTS,
)
@settings(deadline=None)
def test_any_signals_and_readings_come_back_the_same(
    answers: dict[Signal, Reading], names: list[str], start: int, at: int | None
) -> None:
    settled = {signal: reading for signal, reading in answers.items() if masked(reading) == reading}
    named = dict(zip(names, settled, strict=False))
    readings = Readings(named, settled, window=Window(start, start + 60))
    look = Look(((find("healthy").target, readings), (find("healthy-table").target, readings)))
    taken = Snapshot("stream-lag", "f", look, TAKEN_AT, at)
    assert from_text(to_text(taken), "x") == taken


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_every_case_comes_back_the_same(case: Case) -> None:
    taken = snapshot_of(case, at=TAKEN_AT - 60, endpoint="http://127.0.0.1:4620", run="1a2b3c")
    back = from_text(to_text(taken), "x")
    assert back == taken
    limits = [target.limits for target, _ in back.look.by_target]
    assert repr(limits) == repr([dict(case.target.limits)])  # 60 stays 60: a report shows it


@pytest.mark.parametrize("name", [worker.name for worker in inventory.load(Settings()).workers])
def test_every_worker_comes_back_the_same(name: str) -> None:
    lookup = inventory.load(Settings()).find(name)
    (target, *_) = lookup.bind(Readings(lookup.signals(), {}), ())
    asked = {round0.IDENTITY: round0.identity()}
    readings = Readings(asked, {round0.identity(): Reading(Status.EMPTY)})
    taken = Snapshot("stream-lag", name, Look(((target, readings),)), TAKEN_AT)
    ((back, _),) = from_text(to_text(taken), "x").look.by_target
    assert (back, back.expected, back.limits) == (target, target.expected, target.limits)


def test_a_series_is_one_line_of_values_and_silence_is_null() -> None:
    taken = snapshot_of(find("poison-present"))
    document = json.loads(to_text(taken))
    (target,) = document["targets"]
    age = document["signals"][target["names"]["iterator-age"]]
    assert age["metric"]["name"] == "IteratorAge"
    assert age["reading"]["series"]["start"] == "2026-11-23T23:00:00Z"
    assert (age["reading"]["series"]["step_s"], len(age["reading"]["series"]["values"])) == (60, 180)
    lines = to_text(taken).splitlines()
    assert len(lines) == len(document) + len(document["signals"]) + len(document["targets"]) + 4


def test_nothing_unmasked_is_written_whoever_forgot_to_mask_it() -> None:
    call = Describe("lambda", "GetFunction")
    query = LogQuery(("g",), "q", ())
    leaky = {
        call: Reading(Status.OK, document={"note": ["password=hunter2"]}),
        query: Reading(Status.OK, "token=abcdef", rows=({"error": "jo@example.com", "api_key": "k1"},)),
    }
    readings = Readings({"function": call, "texts": query}, leaky)
    text = to_text(Snapshot("stream-lag", "f", Look(((find("healthy").target, readings),)), 0))
    assert not [secret for secret in ("hunter2", "abcdef", "jo@example", "k1") if secret in text]
    assert text.count(HIDDEN) == 4


def _good() -> dict[str, Any]:
    return dict(json.loads(to_text(snapshot_of(find("healthy")))))


def _changed(**changes: Any) -> str:
    return json.dumps({**_good(), **changes})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "x: not a snapshot, or cut off: Expecting value: line 1 column 1 (char 0)"),
        (json.dumps(_good())[:-1], "x: not a snapshot, or cut off: Expecting ',' delimiter"),
        ("[" * 100_000, "x: not a snapshot, or cut off: "),
        ("[]", 'x: not a snapshot of opskit: it has no "snapshot" version'),
        ('{"schema": 1}', 'x: not a snapshot of opskit: it has no "snapshot" version'),
        (_changed(snapshot=True), 'x: not a snapshot of opskit: it has no "snapshot" version'),
        (_changed(snapshot=2, opskit="9.9"), "x: a snapshot of version 2, this opskit knows 1; read it with"),
        (_changed(snapshot=0), "x: a snapshot of version 0, this opskit knows 1; "),
        (_changed(window=None), "x: not a snapshot: window: "),
        (_changed(window={"start": "2026-11-24T02:10:00", "end": "now"}), "x: not a snapshot: window."),
        (_changed(targets=[]), "x: not a snapshot: no target"),
        (_changed(targets=[{"target": {}, "limits": {}, "names": {}}]), "x: not a snapshot: "),
        (_changed(signals=[]), "x: not a snapshot: function names a signal that is not there"),
        (_changed(signals=[{"reading": {"status": "ok"}}]), "x: not a snapshot: a signal must be one of"),
        (
            _changed(signals=[{"describe": {"service": "s", "operation": "o", "params": [["a", {}]]},
                               "reading": {"status": "ok"}}]),
            "x: not a snapshot: ",
        ),
        (_changed(**{"a\n\x1b[2J": 1}), "x: not a snapshot: a\\n\\x1b[2J: Extra inputs"),
        (_changed(more=1), "x: not a snapshot: more: Extra inputs are not permitted"),
    ],
    ids=range(17),
)  # fmt: skip
def test_a_foreign_cut_off_or_newer_file_is_refused_in_one_line(text: str, line: str) -> None:
    with pytest.raises(UsageError) as refused:
        from_text(text, "x")
    assert str(refused.value).startswith(line)
    assert len(str(refused.value).splitlines()) == 1


@given(st.data())
@settings(deadline=None, max_examples=50)
def test_a_file_cut_anywhere_is_refused(data: st.DataObject) -> None:
    text = to_text(snapshot_of(find("healthy")))
    with pytest.raises(UsageError, match="not a snapshot"):
        from_text(text[: data.draw(st.integers(0, len(text) - 2))], "x")


def test_what_a_gather_masked_is_written_as_it_is() -> None:
    for case in cases():
        for reading in case.readings.answers.values():
            assert masked(reading) == reading
            assert mask_secrets(reading.reason) == reading.reason
            assert mask_document(reading.document) == reading.document
            assert [mask_row(row.items()) for row in reading.rows] == list(reading.rows)


# --- the file ---------------------------------------------------------------------------------------


def test_a_file_is_private_from_its_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = file.tempfile.mkstemp

    def watched(*args: Any, **more: Any) -> tuple[int, str]:
        handle, path = real(*args, **more)
        seen.append(stat.S_IMODE(Path(path).stat().st_mode))
        return handle, path

    monkeypatch.setattr(file.tempfile, "mkstemp", watched)
    file.write(tmp_path / "a.json", "x")
    assert seen == [0o600]
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_half_a_character_of_a_log_line_is_written_and_read_back(tmp_path: Path) -> None:
    file.write(tmp_path / "a.json", json.dumps("\xe9 \ud83d", ensure_ascii=False))
    assert json.loads(file.read(tmp_path / "a.json")) == "\xe9 \ud83d"


def test_a_file_is_replaced_only_by_force_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("before")
    with pytest.raises(file.SaveError, match="is there already; --force replaces it"):
        file.write(path, "after")
    assert path.read_text() == "before"
    file.write(path, "after", force=True)
    assert path.read_text() == "after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_written_through_a_link_even_if_it_comes_late(tmp_path: Path, force: bool) -> None:
    path, aim = tmp_path / "a.json", tmp_path / "aim"
    aim.write_text("theirs")
    path.symlink_to(aim)
    with pytest.raises(UsageError, match="is a symbolic link; name the file itself"):
        file.check(path, force=force)
    if force:
        file.write(path, "mine", force=True)
        assert not path.is_symlink()
    else:
        with pytest.raises(file.SaveError):
            file.write(path, "mine")
    assert aim.read_text() == "theirs"


def test_a_dangling_link_is_a_link_too(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is a symbolic link"):
        file.check(tmp_path / "a.json", force=False)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("folder", "is there already, and no file"),
        ("there", "is there already; --force replaces it"),
        ("none/a.json", "none: no such folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before(tmp_path: Path, name: str, line: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "there").touch()
    with pytest.raises(UsageError, match=line):
        file.check(tmp_path / name, force=False)


@pytest.mark.parametrize(
    ("content", "line"),
    [(None, "no such file"), (b"\xff\xfe", "not a snapshot: no UTF-8 text")],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes | None, line: str) -> None:
    if content is not None:
        (tmp_path / "a").write_bytes(content)
    with pytest.raises(UsageError, match=f"a: {line}"):
        file.read(tmp_path / "a")


def test_a_file_that_is_too_large_is_no_snapshot(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as handle:
        handle.truncate(file.MOST_BYTES + 1)
    with pytest.raises(UsageError, match="larger than"):
        file.read(tmp_path / "a")
