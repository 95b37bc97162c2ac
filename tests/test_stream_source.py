"""What stream-lag keeps of AWS's answers about a stream, in the shapes of the service models."""

import jmespath

from runbooks._stream.source import OPEN_SHARDS, TABLE_STREAM

SHARDS = [
    {"ShardId": "open", "SequenceNumberRange": {"StartingSequenceNumber": "1"}},
    {
        "ShardId": "closed",
        "SequenceNumberRange": {"StartingSequenceNumber": "1", "EndingSequenceNumber": "2"},
    },
]


def test_a_kinesis_streams_open_shards_are_those_without_an_end() -> None:
    assert jmespath.search(OPEN_SHARDS, {"Shards": SHARDS}) == ["open"]


def test_a_tables_stream_counts_its_open_shards_and_none_where_it_has_none() -> None:
    answer = {"StreamDescription": {"StreamStatus": "ENABLED", "Shards": SHARDS}}
    assert jmespath.search(TABLE_STREAM, answer) == {"status": "ENABLED", "open_shards": 1}
    assert (
        jmespath.search(TABLE_STREAM, {"StreamDescription": {"StreamStatus": "ENABLED"}})["open_shards"] == 0
    )
