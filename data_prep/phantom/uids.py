"""DICOM UIDs that are the same for the same phantom."""

from __future__ import annotations

import uuid

from pydicom.uid import UID

__all__ = ["make_uid"]

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "medseg.phantom")


def make_uid(*parts: object) -> UID:
    """Derive a UID under 2.25, the root for UUIDs (PS3.5 B.2), from what it stands for."""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, parts))).int}")
