"""What the rules of stream-lag share: what to ask, arithmetic, evidence, advice."""
