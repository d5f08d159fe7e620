"""A folder an image with one mask per object: ``<id>/images/<id>.png`` and ``<id>/masks/*.png``, as in DSB-2018."""

from __future__ import annotations

from pathlib import Path

from data_prep.image_sources import Picture
from data_prep.label_sources import PictureMasks
from data_prep.layouts.volume_files import is_volume
from data_prep.sources import FindChoices, Found, Layout, SourceCase, is_image, natural_key, walk

__all__ = ["LAYOUT"]

_TRAIN = "stage1_train"


def detect(root: Path) -> bool:
    """Whether the folder, or its ``stage1_train``, holds such folders."""
    folders = _image_folders(_home(root))
    # Several images in each are not this layout, even if one should be called as its folder.
    return any((folder / "masks").is_dir() and len(_images(folder / "images")) < 2 for folder in folders)


def find(root: Path, _choices: FindChoices | None = None) -> Found:
    """Make each folder a case and, since nothing links the images, a group of its own."""
    cases, errors = [], []
    used: set[Path] = set()
    for folder in _image_folders(_home(root)):
        images, masks = _images(folder / "images"), _images(folder / "masks")
        used |= {*images, *masks}
        if len(images) != 1:
            errors.append(f"{folder / 'images'}: must hold one image, got {len(images)}")
        elif not masks:
            errors.append(f"{images[0]}: image has no mask in {folder / 'masks'}")
        else:
            cases.append(SourceCase(folder.name, Picture(images[0]), PictureMasks(tuple(masks)), group=folder.name))
    for folder in _folders(_home(root)):
        if (folder / "masks").is_dir() and not (folder / "images").is_dir():
            masks = _images(folder / "masks")
            used |= set(masks)
            errors.append(f"{folder / 'masks'}: {len(masks)} masks have no image in {folder / 'images'}")
    return Found(tuple(cases), tuple(errors), frozenset(used))


def _home(root: Path) -> Path:
    return root / _TRAIN if not _image_folders(root) and (root / _TRAIN).is_dir() else root


def _image_folders(home: Path) -> list[Path]:
    """Folders with an ``images`` folder that holds the image named after them, or no image at all."""
    return [folder for folder in _folders(home) if (folder / "images").is_dir() and _is_one_image(folder)]


def _is_one_image(folder: Path) -> bool:
    files = [*walk(folder / "images")]
    pictures = [path for path in files if is_image(path)]
    if not pictures:
        return not any(is_volume(path) for path in files)
    return any(path.stem == folder.name for path in pictures)


def _folders(home: Path) -> list[Path]:
    folders = [path for path in home.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(folders, key=lambda path: natural_key(path.name))


def _images(folder: Path) -> list[Path]:
    return [path for path in walk(folder) if is_image(path)] if folder.is_dir() else []


LAYOUT = Layout(
    name="object-masks",
    looks_for="folders <id>/images/<id>.png with a mask per object in <id>/masks, also in stage1_train",
    detect=detect,
    find=find,
)
