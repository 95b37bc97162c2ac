"""The workers as they are deployed, on an AWS that runs them, with eight faults at once."""
