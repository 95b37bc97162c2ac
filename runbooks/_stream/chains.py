"""Which cause of stream-lag explains which: the causal chains, upstream first, in one table."""

LOSS = ("records-expired", "records-dropped-by-policy")
"""What any trouble that lasts ends in."""

SLOWER = ("consumer-under-capacity", *LOSS)

EXPLAINS = {
    # Nothing is read: the newest records wait until the oldest expire.
    "stream-recreated": ("esm-disabled", "permission-or-kms-denied", *LOSS),
    "efo-consumer-inactive": ("esm-disabled", "permission-or-kms-denied", *LOSS),
    "esm-disabled": LOSS,
    "permission-or-kms-denied": LOSS,
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
    "poison-record-shard": LOSS,
    "partial-batch-misreport": ("poison-record-shard", *LOSS),
    "reserved-concurrency-throttle": SLOWER,
    "account-concurrency-exhausted": SLOWER,
    "shared-read-throttle": SLOWER,
    "traffic-surge": ("hot-shard", "shared-read-throttle", *SLOWER),
    "hot-shard": ("shared-read-throttle", *SLOWER),
    "consumer-under-capacity": LOSS,
    "replay-backlog": ("consumer-under-capacity", "records-expired"),
}


def explained_by(cause: str) -> tuple[str, ...]:
    """Return the causes that are only effects of `cause` where both are found."""
    return EXPLAINS.get(cause, ())
