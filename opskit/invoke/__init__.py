"""A worker run on one event: here, in a process as Lambda would give it, or where it is deployed."""
