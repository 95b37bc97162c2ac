"""What one worker sends the next can read: from the announcement to the score."""

import json
import re
from datetime import UTC, datetime

import pytest
from cold_imports import ROOT, handlers
from workers_kit import META, fan_event, kinesis

from workers.common.events import record_carried
from workers.common.settings import load
from workers.handle_event import events as handled
from workers.handle_event.settings import HandleSettings
from workers.handle_event.stream import Activity
from workers.score_users import records
from workers.score_users.settings import ScoreSettings

NAME = re.compile(r"prd2011-\{env\}-\{region\}-[a-z-]+")
NOW = datetime(2026, 1, 5, 10, 0, 1, tzinfo=UTC)


@pytest.fixture(params=["local-dev", "qa", "prod"])
def rules(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> handled.Events:
    monkeypatch.setenv("CONFIG_ENV", request.param)
    return load("handle_event", HandleSettings).events


def test_every_activity_that_is_routed_to_the_stream_is_scored(rules: handled.Events) -> None:
    assert set(rules.activities) == set(load("score_users", ScoreSettings).scoring.activities)


def test_what_handle_event_puts_score_users_reads_with_its_ids(rules: handled.Events) -> None:
    body = json.dumps(fan_event(1, data={"order": 7}))
    entry = Activity(handled.read(body, rules, NOW), META).entry()
    (record,) = kinesis(entry["Data"])["Records"]
    event = records.read(record, future_s=300)
    assert (event.event_id, event.kind, event.user_id) == ("event-0001", "ticket.purchased", "fan-1")
    assert event.occurred == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert entry["PartitionKey"] == event.user_id
    assert record_carried(record).meta() == META


@pytest.mark.parametrize("folder", handlers())
def test_every_resource_in_a_workers_settings_is_named_in_its_manifest(folder: str) -> None:
    home = ROOT / "workers" / folder
    named = set(NAME.findall((home / "config" / "base.toml").read_text()))
    assert named
    assert named <= set(NAME.findall((home / "worker.yaml").read_text()))
