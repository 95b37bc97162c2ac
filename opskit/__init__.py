"""Operations toolkit and on-call runbook automation for serverless workers on AWS."""

__version__ = "0.1.0"
