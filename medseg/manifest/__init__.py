"""The prepared data set's schema: the one interface between ``data_prep`` and everything that trains or scores.

``dataset.json`` holds nnU-Net v2's keys, the decathlon's ``training`` list, and ours under ``medseg``; folds stand in
``splits_final.json`` as nnU-Net writes them, foreground pixels of each slice in ``slices.csv``.
"""

from medseg.manifest.hashes import VoxelHashes, case_hash, fingerprint, voxel_hashes
from medseg.manifest.read import read_manifest, read_slices
from medseg.manifest.schema import (
    FORMAT_VERSION,
    GREY_LEVELS,
    UNFINISHED,
    Case,
    Fold,
    Intensity,
    Manifest,
    SliceRow,
    Split,
    SplitMethod,
    case_paths,
)
from medseg.manifest.write import described, write_manifest

__all__ = [
    "FORMAT_VERSION",
    "GREY_LEVELS",
    "UNFINISHED",
    "Case",
    "Fold",
    "Intensity",
    "Manifest",
    "SliceRow",
    "Split",
    "SplitMethod",
    "VoxelHashes",
    "case_hash",
    "case_paths",
    "described",
    "fingerprint",
    "read_manifest",
    "read_slices",
    "voxel_hashes",
    "write_manifest",
]
