"""Executors of code steps. Nothing here imports the sandbox before the first step runs."""

from __future__ import annotations

from ael.code.safe import SafeExecutor

__all__ = ["SafeExecutor"]
