"""scoreUsers: fans' scores from the stream of their events."""
