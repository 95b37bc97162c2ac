"""What every worker runs on: settings, logs, traces, metrics, deadlines, clients and batches."""
