"""What `opskit logs` does with AWS: find where lines are, read them at once, follow them, find a story."""
