"""Warnings that would otherwise come back with every epoch."""

from __future__ import annotations

import logging
from functools import lru_cache

__all__ = ["warn_once"]


@lru_cache(maxsize=4096)
def warn_once(logger: logging.Logger, message: str) -> None:
    """Log a warning the first time that a process has it to tell; loaders read the same files again and again."""
    logger.warning("%s", message)
