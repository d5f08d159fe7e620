"""``dataset.json`` as the Medical Segmentation Decathlon and nnU-Net write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.layouts.few import few
from medseg.errors import MedsegError

__all__ = ["NAME", "PATIENTS_UNKNOWN", "label_names", "only_modality", "read_dataset_json", "read_if_there"]

NAME = "dataset.json"
PATIENTS_UNKNOWN = (
    "the files do not say which scans are of one patient, so each counts as a patient of its own; give --groups if a"
    " patient has several"
)

# What the two write for modalities, as DICOM calls them; other texts, such as nnU-Net's noNorm, are none.
_MODALITIES = {
    **dict.fromkeys(("ct",), "CT"),
    **dict.fromkeys(("mr", "mri", "t1", "t1w", "t1gd", "t2", "t2w", "flair", "adc", "dwi"), "MR"),
    **dict.fromkeys(("pt", "pet"), "PT"),
    **dict.fromkeys(("us", "ultrasound"), "US"),
}


def read_if_there(root: Path) -> dict[str, Any] | None:
    """The entries, none where :func:`read_dataset_json` refuses them; None where there is no such file."""
    if not (root / NAME).is_file() and not _inner(root):
        return None
    try:
        return read_dataset_json(root)[1]
    except MedsegError:
        return {}


def read_dataset_json(root: Path) -> tuple[Path, dict[str, Any]]:
    """The entries, and the file's folder: the one given, or the one in it into which an archive was unpacked.

    Raises:
        MedsegError: If there are several files, or it is damaged, or describes a data set that was prepared here.
    """
    inner = [root] if (root / NAME).is_file() else _inner(root)
    if len(inner) > 1:
        names = few([folder.name for folder in inner])
        raise MedsegError(f"{root}: must hold one data set with {NAME}, got {names}; give the folder of one of them")
    home = inner[0] if inner else root
    return home, _read(home / NAME)


def _inner(root: Path) -> list[Path]:
    return [path.parent for path in sorted(root.glob(f"[!.]*/{NAME}")) if path.is_file()]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise MedsegError(f"{path}: must be readable, got {error.strerror}; copy the data set again") from error
    except (ValueError, RecursionError) as error:
        raise MedsegError(f"{path}: must be JSON, got {error}; copy the file again") from error
    if isinstance(content, dict) and "medseg" in content:
        raise MedsegError(f"{path}: RAW must hold sources, but is already prepared; use the folder as it is")
    if not isinstance(content, dict):
        raise MedsegError(f"{path}: must hold an object, got {type(content).__name__}; copy the file again")
    return content


def only_modality(path: Path, channels: object) -> str | None:
    """The modality of images of one channel, as DICOM calls it; None where the text is none that is known.

    Args:
        path: The file, for messages.
        channels: Names by number, as ``modality`` and ``channel_names`` have them.

    Raises:
        MedsegError: If there is not one channel.
    """
    if not isinstance(channels, Mapping) or not channels:
        raise MedsegError(f'{path}: must name the images\' channels as {{"0": "CT"}}, got {channels!r:.60}')
    if len(channels) > 1:
        names = ", ".join(str(name) for name in channels.values())
        raise MedsegError(
            f"{path}: images must have one channel, got {len(channels)} ({names:.80}); multi-modal images cannot be"
            " prepared, make a data set of one of the channels"
        )
    return _MODALITIES.get(str(next(iter(channels.values()))).strip().lower())


def label_names(path: Path, labels: object) -> tuple[tuple[int, str], ...]:
    """What label values mean, by ``{"1": "liver"}`` or ``{"liver": 1}``, without the background.

    Args:
        path: The file, for messages.
        labels: Its entry.

    Raises:
        MedsegError: If labels are regions of several values, or to be ignored, or are no values and names.
    """
    if not isinstance(labels, Mapping):
        raise MedsegError(f'{path}: labels must be as {{"background": 0, "liver": 1}}, got {labels!r:.60}')
    found = dict[int, str]()
    for key, item in labels.items():
        numbered = key.isdecimal() and isinstance(item, str) and not item.isdecimal()
        value, name = (int(key), item) if numbered else (item, key)
        if isinstance(value, list):
            raise MedsegError(
                f"{path}: labels must have one value each, got the region {name} of {value!r:.60}; name each value and"
                " join them with --foreground"
            )
        if isinstance(value, str) and value.isdecimal():
            value = int(value)
        if not isinstance(value, int) or value in found:
            raise MedsegError(f"{path}: labels must have a value each of its own, got {value!r:.60} for {name}")
        found[value] = name
    ignored = [value for value, name in found.items() if name.strip().lower() == "ignore"]
    if ignored:
        raise MedsegError(
            f"{path}: labels must not be ignored, got the value {ignored[0]} for ignore; what nobody labelled would"
            " count as background: label it, or give the value another name and choose with --foreground"
        )
    return tuple(sorted((value, name) for value, name in found.items() if value != 0))
