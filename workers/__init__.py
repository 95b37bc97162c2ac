"""The workers: one folder each, with the manifest that says what the worker is (`worker.yaml`)."""
