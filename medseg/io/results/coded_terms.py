"""Names of foreground classes as coded terms.

A code is a statement that other systems act on, so a name that is not known gets none: it is refused, and a table of
one's own makes it known. Built-in terms are those of the context groups that pydicom carries (DICOM PS3.16), by their
keywords there: the category from CID 7150, the side from CID 244.

A table is a CSV file with a header, or a JSON list of objects, with the same keys::

    name,category,code,meaning,scheme,side
    liver cyst,morphologically abnormal structure,367643001,Cyst,SCT,
    left kidney,anatomical structure,64033007,Kidney,SCT,left

``name``, ``category``, ``code`` and ``meaning`` must be there; ``scheme`` is SCT where it is empty, ``side`` none. A
table's names go before the built-in ones.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from medseg.errors import UsageError
from medseg.io.results.segment import Segment, check_text

__all__ = ["segment_for"]

_CATEGORIES = {
    "anatomical structure": codes.SCT.AnatomicalStructure,
    "morphologically abnormal structure": codes.SCT.MorphologicallyAbnormalStructure,
    "tissue": codes.SCT.Tissue,
    "physical object": codes.SCT.PhysicalObject,
    "body substance": codes.SCT.BodySubstance,
}
_SIDES = {"left": codes.SCT.Left, "right": codes.SCT.Right, "both": codes.SCT.Bilateral}
_ANATOMY = {
    **{"adrenal gland": "AdrenalGland", "aorta": "Aorta", "artery": "Artery", "bladder": "Bladder", "bone": "Bone"},
    **{"brain": "Brain", "breast": "Breast", "cell": "Cell", "cell nucleus": "Nucleus", "colon": "Colon"},
    **{"duodenum": "Duodenum", "esophagus": "Esophagus", "eye": "Eye", "femur": "Femur", "gallbladder": "Gallbladder"},
    **{"heart": "Heart", "hippocampus": "Hippocampus", "inferior vena cava": "InferiorVenaCava", "kidney": "Kidney"},
    **{"liver": "Liver", "lung": "Lung", "lymph node": "LymphNode"},
    **{"muscle": "Muscle", "pancreas": "Pancreas", "portal vein": "PortalVein", "prostate": "Prostate"},
    **{"rectum": "Rectum", "skin": "Skin", "small intestine": "SmallIntestine", "spinal cord": "SpinalCord"},
    **{"spleen": "Spleen", "stomach": "Stomach", "thyroid": "Thyroid", "trachea": "Trachea", "uterus": "Uterus"},
    **{"vein": "Vein", "vertebra": "Vertebra"},
}
_ABNORMAL = {"cyst": "Cyst", "edema": "Edema", "lesion": "Lesion", "mass": "Mass", "nodule": "Nodule", "tumor": "Tumor"}
_SAME = {
    **{"cells": "cell", "nucleus": "cell nucleus", "nuclei": "cell nucleus", "cell nuclei": "cell nucleus"},
    **{"tumour": "tumor", "neoplasm": "tumor", "oesophagus": "esophagus", "oedema": "edema"},
    **{"urinary bladder": "bladder", "kidneys": "both kidney", "lungs": "both lung"},
}
_REQUIRED = ("name", "category", "code", "meaning")
_KEYS = (*_REQUIRED, "scheme", "side")
_FORMAT = f"a CSV file or JSON list with {', '.join(_KEYS)}"
_MOST_CODE = 16


def segment_for(name: str, terms_file: Path | None = None) -> Segment:
    """The coded term of a foreground class.

    Args:
        name: Of the class, in any case, words parted by blanks, ``_`` or ``-``; ``left``, ``right`` and ``both`` may
            stand before or behind, as in ``kidney_left``.
        terms_file: ``--terms``: a table of one's own.

    Raises:
        UsageError: If the name is unknown, or the table is missing or breaks a rule.
    """
    own = {} if terms_file is None else _read_terms(terms_file)
    plain = _plain(name)
    if plain in own:
        return own[plain]
    side, rest = _parted(_SAME.get(plain, plain))
    rest = _SAME.get(rest, rest)
    category = "anatomical structure" if rest in _ANATOMY else "morphologically abnormal structure"
    keyword = _ANATOMY.get(rest) or _ABNORMAL.get(rest)
    if keyword is None:
        raise UsageError(
            f"foreground {name!r} must have a coded term in DICOM, got none for it; say which with --terms FILE,"
            f" {_FORMAT}"
        )
    return Segment(name, _CATEGORIES[category], getattr(codes.SCT, keyword), _SIDES.get(side))


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _parted(plain: str) -> tuple[str, str]:
    """Side, empty where there is none, and the name without it."""
    first, *others = plain.split(" ")
    if not others:
        return "", plain
    if first in _SIDES:
        return first, " ".join(others)
    return (others[-1], " ".join([first, *others[:-1]])) if others[-1] in _SIDES else ("", plain)


def _read_terms(path: Path) -> dict[str, Segment]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = json.loads(text) if path.suffix.lower() == ".json" else list(csv.DictReader(text.splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"{path}: --terms must be {_FORMAT}, got {type(error).__name__}: {error}") from error
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{path}: --terms must be {_FORMAT}, got no rows")
    terms = [_term(path, number, row) for number, row in enumerate(rows, 1)]
    own = {_plain(term.label): term for term in terms}
    if len(own) != len(terms):
        raise UsageError(f"{path}: names must differ, got {len(terms)} of which {len(own)} do; take the others out")
    return own


def _term(path: Path, number: int, row: Mapping[Any, Any]) -> Segment:
    """A row of the table."""
    where = f"{path}: term {number}"
    unknown = [str(key) for key in row if key not in _KEYS]
    if unknown:
        raise UsageError(f"{where} must have the keys {', '.join(_KEYS)}, got {', '.join(unknown)}")
    texts = {key: str(row.get(key) or "").strip() for key in _KEYS}
    missing = [key for key in _REQUIRED if not texts[key]]
    if missing:
        raise UsageError(f"{where} must have {', '.join(_REQUIRED)}, got no {', '.join(missing)}")
    category = _choice(where, "category", texts["category"], _CATEGORIES)
    side = _choice(where, "side", texts["side"], _SIDES) if texts["side"] else None
    scheme = texts["scheme"] or "SCT"
    for key, text in (("code", texts["code"]), ("scheme", scheme)):
        if len(text) > _MOST_CODE or "\\" in text or not text.isprintable():
            raise UsageError(f"{where}: {key} must be 1 to {_MOST_CODE} characters, got {text!r}")
    if scheme == "SCT" and not texts["code"].isdecimal():
        raise UsageError(f"{where}: code must be digits in SNOMED CT (SCT), got {texts['code']!r}; name its scheme")
    check_text(f"{where}: meaning", texts["meaning"])
    return Segment(texts["name"], category, Code(texts["code"], scheme, texts["meaning"]), side)


def _choice(where: str, key: str, text: str, choices: Mapping[str, Code]) -> Code:
    found = choices.get(_plain(text))
    if found is None:
        raise UsageError(f"{where}: {key} must be one of {', '.join(choices)}, got {text!r}")
    return found
