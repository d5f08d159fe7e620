"""A folder of images beside a folder of labels, at the top or in subfolders such as ``train`` and ``val``."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from data_prep.image_sources import Picture
from data_prep.label_sources import PictureMasks
from data_prep.layouts.mask_names import strip_mask_suffix
from data_prep.sources import FindChoices, Found, Layout, SourceCase, is_image, natural_key, relative, stem, walk

__all__ = ["IMAGE_FOLDERS", "LABEL_FOLDERS", "LAYOUT", "subfolders_called"]

IMAGE_FOLDERS = frozenset({"image", "images", "img", "imgs", "input", "inputs", "x"})
LABEL_FOLDERS = frozenset(
    {
        "label", "labels", "mask", "masks", "gt", "groundtruth", "ground_truth", "seg", "segmentation", "segmentations",
        "annotation", "annotations", "target", "targets", "y",
    }
)  # fmt: skip


def detect(root: Path) -> bool:
    """Whether the folder, or a subfolder that is more than one image, has a folder of images beside one of labels."""
    return any((home == root or not _is_one_image(home)) and _holds_pictures(home) for home in _homes(root))


def find(root: Path, _choices: FindChoices | None = None) -> Found:
    """Pair images and labels by name; a label's name may end in ``_mask``, ``_label`` or ``_seg``."""
    cases: list[SourceCase] = []
    errors: list[str] = []
    used: set[Path] = set()
    for home in _homes(root):
        images, labels = subfolders_called(home, IMAGE_FOLDERS), subfolders_called(home, LABEL_FOLDERS)
        if len(images) > 1 or len(labels) > 1:
            found = ", ".join(relative(folder, root) for folder in (*images, *labels))
            errors.append(f"{home}: must have one folder of images and one of labels, got {found}")
            continue
        here, wrong = _pair(root, home, images[0], labels[0])
        cases += here
        errors += wrong
        used |= {path for folder in (images[0], labels[0]) for path in walk(folder) if is_image(path)}
    cases.sort(key=lambda case: natural_key(case.name))
    return Found(tuple(cases), tuple(errors), frozenset(used))


def subfolders_called(folder: Path, names: frozenset[str]) -> list[Path]:
    """Folders directly below ``folder`` whose name, in any case and with any separator, is one of ``names``."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_dir() and path.name.lower().replace("-", "_").replace(" ", "_") in names
    ]


def _homes(root: Path) -> list[Path]:
    """Folders that hold a folder of images and one of labels: the root alone, or subfolders of it."""
    folders = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    if _is_home(root):
        return [root]
    return [folder for folder in folders if _is_home(folder)]


def _is_home(folder: Path) -> bool:
    return bool(subfolders_called(folder, IMAGE_FOLDERS) and subfolders_called(folder, LABEL_FOLDERS))


def _holds_pictures(home: Path) -> bool:
    """Whether the images are pictures, or all missing; volumes and DICOM files are other layouts'."""
    images = [path for folder in subfolders_called(home, IMAGE_FOLDERS) for path in walk(folder)]
    return not images or any(is_image(path) for path in images)


def _is_one_image(home: Path) -> bool:
    """Whether ``<id>/images`` holds no more than the image ``<id>.png``, as in the layout object-masks."""
    return {*_by_name(subfolders_called(home, IMAGE_FOLDERS)[0])} <= {home.name}


def _pair(root: Path, home: Path, images: Path, labels: Path) -> tuple[list[SourceCase], list[str]]:
    image_files = _by_name(images)
    label_files = _by_name(labels)
    by_image: dict[str, list[Path]] = defaultdict(list)
    for name, paths in label_files.items():
        # A label may repeat its image's name, or add a suffix to it.
        key = name if name in image_files else strip_mask_suffix(name)
        by_image[key] += paths
    errors = [f"{path}: label has no image" for key in by_image.keys() - image_files.keys() for path in by_image[key]]
    prefix = "" if home == root else relative(home, root) + "/"
    cases = []
    for name, paths in image_files.items():
        masks = by_image.get(name, [])
        if len(paths) > 1:
            errors.append(f"{paths[1]}: image names must differ, got {paths[0].name} beside it")
        elif not masks:
            errors.append(f"{paths[0]}: image has no label in {labels.name}")
        elif len(masks) > 1:
            errors.append(f"{paths[0]}: image must have one label, got {', '.join(path.name for path in masks)}")
        else:
            cases.append(SourceCase(prefix + name, Picture(paths[0]), PictureMasks((masks[0],))))
    return cases, sorted(errors)


def _by_name(folder: Path) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = defaultdict(list)
    for path in walk(folder):
        if is_image(path):
            files[stem(relative(path, folder))].append(path)
    return files


LAYOUT = Layout(
    name="folder-pairs",
    looks_for="a folder of images (image, images, img, imgs) beside one of labels (label, mask, gt, ground_truth)",
    detect=detect,
    find=find,
)
