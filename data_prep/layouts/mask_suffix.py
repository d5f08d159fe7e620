"""``NNN.png`` and ``NNN_mask.png`` in one folder, at the top or in subfolders such as ``train`` and ``val``."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from data_prep.image_sources import Picture
from data_prep.label_sources import PictureMasks
from data_prep.layouts.mask_names import strip_mask_suffix
from data_prep.layouts.tiff_stack import is_stack
from data_prep.sources import FindChoices, Found, Layout, SourceCase, is_image, natural_key, relative, stem, walk

__all__ = ["LAYOUT"]


def detect(root: Path) -> bool:
    """Whether any image has a mask beside it that is named after it."""
    files = [path for path in walk(root) if is_image(path)]
    images = {(path.parent, path.stem) for path in files}
    return any(
        _is_mask(path) and (path.parent, strip_mask_suffix(path.stem)) in images and not is_stack(path)
        for path in files
    )


def find(root: Path, _choices: FindChoices | None = None) -> Found:
    """Pair each image with its mask; names are those below ``root``, such as ``train/000``."""
    images: dict[str, list[Path]] = defaultdict(list)
    masks: dict[str, list[Path]] = defaultdict(list)
    files = [path for path in walk(root) if is_image(path)]
    for path in files:
        name = stem(relative(path, root))
        if _is_mask(path):
            masks[strip_mask_suffix(name)].append(path)
        else:
            images[name].append(path)
    errors = [f"{path}: mask has no image" for name in masks.keys() - images.keys() for path in masks[name]]
    cases = []
    for name, paths in images.items():
        if len(paths) > 1:
            errors.append(f"{paths[1]}: image names must differ, got {paths[0].name} beside it")
        elif len(masks[name]) != 1:
            beside = ", ".join(path.name for path in masks[name]) or "none"
            errors.append(f"{paths[0]}: image must have one mask {paths[0].stem}_mask beside it, got {beside}")
        else:
            cases.append(SourceCase(name, Picture(paths[0]), PictureMasks((masks[name][0],))))
    cases.sort(key=lambda case: natural_key(case.name))
    return Found(tuple(cases), tuple(sorted(errors)), frozenset(files))


def _is_mask(path: Path) -> bool:
    return strip_mask_suffix(path.stem) != path.stem


LAYOUT = Layout(
    name="mask-suffix",
    looks_for="images NNN.png with masks NNN_mask.png in the same folder",
    detect=detect,
    find=find,
)
