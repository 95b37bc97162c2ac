"""Dead letters back to work, losing none: read, choose, canary, ramp, receipt."""
