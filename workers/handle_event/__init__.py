"""handleEvent: fan events from the queue to the stream of activities, or to the fan's profile."""
