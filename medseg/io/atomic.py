"""Files that are either complete or absent, also after a kill."""

from __future__ import annotations

import errno
import json
import os
import shutil
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["atomic_path", "write_json", "write_text"]

_NOTHING_LEFT = 1 << 16
"""Bytes, of which a writer that fills a disk may leave some."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that replaces it when the block ends without an error.

    The temporary name keeps the suffix, by which image libraries choose the format, and is hidden.

    Raises:
        OSError: If the disk is full, also where ``torch.save`` calls that a RuntimeError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a write does not know it
        raise
    except RuntimeError as error:
        if shutil.disk_usage(path.parent).free >= _NOTHING_LEFT:
            raise
        _let_go(error)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None
    finally:
        partial.unlink(missing_ok=True)


def _let_go(error: BaseException | None) -> None:
    """Close what failed writers hold open: the space of an unfinished file is free only then."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as indented JSON with a final newline, atomically; keys keep their order.

    Raises:
        ValueError: If it holds NaN or an infinity, which JSON does not know; write None for what is not known.
    """
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
