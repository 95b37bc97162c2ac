"""The control plane: moto, mended where an operator's tool would be misled by it."""

from opskit.sandbox.control.plane import Control

__all__ = ["Control"]
