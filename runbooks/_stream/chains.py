"""Which cause of stream-lag explains which: the causal chains, upstream first, in one table."""

LOSS = ("records-expired", "records-dropped-by-policy")
"""What any trouble that lasts ends in."""

UNREAD = ("replay-backlog", *LOSS)
"""What is left where nothing was read for a while."""

SLOWER = ("consumer-under-capacity", *UNREAD)

EXPLAINS = {
    # Nothing is read: the newest records wait until the oldest expire.
    "stream-recreated": ("esm-disabled", "permission-or-kms-denied", *UNREAD),
    "efo-consumer-inactive": ("esm-disabled", "permission-or-kms-denied", *UNREAD),
    "esm-disabled": UNREAD,
    "permission-or-kms-denied": UNREAD,
    # Something else takes what the consumer needs: it is slowed, times out, is throttled, falls behind.
    "downstream-throttled": (
        "function-timeouts",
        "function-errors-all-shards",
        "reserved-concurrency-throttle",
        "hot-shard",
        *SLOWER,
    ),
    "function-timeouts": ("function-errors-all-shards", "poison-record-shard", *SLOWER),
    "function-errors-all-shards": SLOWER,
    "poison-record-shard": UNREAD,
    "partial-batch-misreport": ("poison-record-shard", *UNREAD),
    "reserved-concurrency-throttle": SLOWER,
    "account-concurrency-exhausted": SLOWER,
    "shared-read-throttle": SLOWER,
    "traffic-surge": ("hot-shard", "shared-read-throttle", *SLOWER),
    "hot-shard": ("shared-read-throttle", *SLOWER),
    "consumer-under-capacity": LOSS,
    # What was given up let the rest go on; the other way round where a backlog was too old to be kept.
    "records-dropped-by-policy": ("replay-backlog",),
    "replay-backlog": ("consumer-under-capacity", "records-expired"),
}


def explained_by(cause: str) -> tuple[str, ...]:
    """Return the causes that are only effects of `cause` where both are found."""
    return EXPLAINS.get(cause, ())
