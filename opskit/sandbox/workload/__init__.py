"""A small model of the workload: parameters in, what AWS would have measured out. Pure, seeded, no clock.

`params` says what can be set and when it changes, `stream` is the queueing of a stream's consumer,
`telemetry` turns its history into CloudWatch series and log lines. The laws and their sources are in
`docs/workload-model.md`.
"""
