"""Channels: a pure `payload(report)` and a `send` each; which severity goes where is in `channels`."""
