"""Raw folders in each layout, small and seeded, and short ways to what data_prep makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from PIL import Image

from data_prep.choose_layout import choose_layout
from data_prep.conclude import Conclusion
from data_prep.options import Options
from data_prep.prepare import inspect
from data_prep.sources import FindChoices

SIDE_PX = 16


def save(path: Path, rows: Any) -> Path:
    """Write an image ``(H, W)`` or ``(H, W, 3)``; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(rows)).save(path)
    return path


def save_volume(path: Path, seed: int = 0, *, label: bool = False) -> Path:
    """Write NIfTI of 6 x 5 x 4 voxels: noise from -1000 to 999, or a label of 0, 1 and 2; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    low, high, dtype = (0, 3, np.uint8) if label else (-1000, 1000, np.int16)
    voxels = np.random.default_rng(seed).integers(low, high, (6, 5, 4)).astype(dtype)
    nib.save(nib.Nifti1Image(voxels, np.diag([1.0, 1.0, 2.0, 1.0])), path)
    return path


def image_rows(seed: int, dtype: str = "uint8") -> np.ndarray:
    """Noise; another seed gives other pixels."""
    return np.random.default_rng(seed).integers(0, 256, (SIDE_PX, SIDE_PX)).astype(dtype)


def mask_rows(foreground_rows: int = 4, value: int = 255) -> np.ndarray:
    """The first rows are foreground."""
    mask = np.zeros((SIDE_PX, SIDE_PX), dtype=np.uint8)
    mask[:foreground_rows] = value
    return mask


def make_pairs(root: Path, count: int = 6, *, value: int = 255, first_seed: int = 0) -> Path:
    """``image/<n>.png`` and ``label/<n>.png``; the mask of image n has n + 1 rows of foreground."""
    for index in range(count):
        save(root / "image" / f"{index}.png", image_rows(first_seed + index))
        save(root / "label" / f"{index}.png", mask_rows(index + 1, value))
    return root


def make_suffixed(root: Path, names: list[str]) -> Path:
    """``<name>.png`` and ``<name>_mask.png``."""
    for index, name in enumerate(names):
        save(root / f"{name}.png", image_rows(index))
        save(root / f"{name}_mask.png", mask_rows())
    return root


def make_objects(root: Path, names: list[str]) -> Path:
    """``<name>/images/<name>.png`` with two masks that touch but do not overlap."""
    for index, name in enumerate(names):
        save(root / name / "images" / f"{name}.png", image_rows(index))
        upper, lower = mask_rows(2), mask_rows(5)
        lower[:2] = 0
        save(root / name / "masks" / "first.png", upper)
        save(root / name / "masks" / "second.png", lower)
    return root


def save_pages(path: Path, pages: list[np.ndarray]) -> Path:
    """Write a multi-page TIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = [Image.fromarray(page) for page in pages]
    first.save(path, save_all=True, append_images=others)
    return path


def make_stack(root: Path, pages: int = 4, *, block: str = "train", first_seed: int = 0) -> Path:
    """``<block>-volume.tif`` and ``<block>-labels.tif``."""
    save_pages(root / f"{block}-volume.tif", [image_rows(first_seed + page) for page in range(pages)])
    save_pages(root / f"{block}-labels.tif", [mask_rows(page + 1) for page in range(pages)])
    return root


def found_cases(raw: Path, layout: str = "auto") -> dict[str, tuple[str, ...]]:
    """Image and masks of each case, relative to the folder."""
    found = choose_layout(raw, layout).find(raw, FindChoices())
    return {
        case.name: tuple(
            path.relative_to(raw).as_posix()
            for path in (*case.image.paths, *(case.label.paths if case.label is not None else ()))
        )
        for case in found.cases
    }


def found_errors(raw: Path, layout: str = "auto") -> list[str]:
    """Errors of a layout; paths are relative to the folder."""
    return [error.replace(f"{raw}/", "") for error in choose_layout(raw, layout).find(raw, FindChoices()).errors]


def surveyed(raw: Path, **options: Any) -> Conclusion:
    """All that is known about a folder."""
    return inspect(raw, Options(**{"name": "set", **options}))


def surveyed_errors(raw: Path, **options: Any) -> list[str]:
    """Errors about a folder; paths are relative to it."""
    return [error.replace(f"{raw}/", "") for error in surveyed(raw, **options).errors]


def surveyed_warnings(raw: Path, **options: Any) -> list[str]:
    """Warnings about a folder without errors."""
    result = surveyed(raw, **options)
    assert not result.errors
    return result.warnings.for_terminal()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
