"""The end of a prediction: masks on their scan's own grid, in the wanted formats, and what was measured in them."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, SaveImaged
from numpy.typing import NDArray

import medseg
from medseg.errors import MedsegError
from medseg.io.affine import spacing_mm
from medseg.io.images import write_grey
from medseg.io.monai_reader import ScanReader, is_nifti
from medseg.io.orient import to_ras
from medseg.io.pictures import write_rgb
from medseg.io.results.nifti import write_like
from medseg.io.volume import Volume
from medseg.meta_keys import SOURCE_FILES
from medseg.once import warn_once
from medseg.predict.domain import domain_warnings
from medseg.predict.find_scans import scan_name
from medseg.predict.formats import Format, check_formats, default_formats, kind_of, parse_formats
from medseg.predict.measurements import Measurement, measure
from medseg.predict.montage import montage
from medseg.predict.results import OutputError, ResultFolder
from medseg.runs import weights_facts
from medseg.transforms import mask_overlay

__all__ = ["SaveImageResultsd"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Result:
    """A scan with its mask, both ``(x, y, z)`` on the source's grid."""

    name: str
    files: tuple[Path, ...]
    volume: Volume
    mask: NDArray[np.uint8]
    probability: NDArray[np.float32] | None


class SaveImageResultsd(SaveImaged):
    """Write the results of a scan, its row of ``measurements.csv``, and warnings about both.

    Masks are ``(1, x, y, z)`` on the grid of the scan that they were predicted from, as ``Invertd`` leaves them.
    ``probability`` beside them is written as NIfTI, whatever the formats. MONAI Label and MONAI Deploy save by
    themselves: they leave out what is a ``SaveImaged``, or called after it.

    Args:
        keys: Key of the masks.
        folder: Where files go.
        formats: ``nifti``, ``png``, ``dicomseg``, ``rtstruct``, as a list or joined by commas; None: pictures give a
            PNG mask and an overlay, scans NIfTI with an overlay and a montage.
        foreground: What the foreground is called.
        weights: The state dict; what it was trained on stands beside it.
        bundle_name: What made the mask, for DICOM.
        reader: Reads the scan once more, for its values.
        window_hu: Window in which pictures of CT are drawn.
        terms: Table of coded terms (CSV or JSON) beside the built-in one, for DICOM SEG.
        allow_missing_keys: As in MONAI.

    Attributes:
        facts: What the weights were trained with; of several where their probabilities were averaged.
        made_by: What decides the files, in JSON types; kept beside them.
    """

    def __init__(
        self,
        keys: KeysCollection,
        folder: str | Path,
        *,
        foreground: str,
        weights: str | Path,
        bundle_name: str,
        reader: ScanReader,
        formats: str | Sequence[str] | None = None,
        window_hu: Sequence[float] | str | None = None,
        terms: str | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)  # SaveImaged would make a writer
        self.results = ResultFolder(folder)
        self.formats = parse_formats(formats)
        self.foreground = foreground
        self.bundle_name = bundle_name
        self.reader = reader
        self.window_hu = None if window_hu is None or isinstance(window_hu, str) else (window_hu[0], window_hu[1])
        self.facts = [self.known_of(weights)]
        self.terms = None if terms is None else Path(terms)
        self.made_by: dict[str, Any] = {}

    def check(self, files: Sequence[Path], formats: Sequence[Format]) -> None:
        """Check, before the work of a prediction, that a scan's results can be written.

        Raises:
            UsageError: If the foreground has no coded term for DICOM SEG.
            MedsegError: If the scan does not allow a format.
        """
        check_formats(files, formats)
        if "dicomseg" in formats or "rtstruct" in formats:
            from medseg.io.results import segment_for
            from medseg.io.results.dicom import series_for_results

            series_for_results(files, self.reader.choices.dicom)
            if "dicomseg" in formats:
                segment_for(self.foreground, self.terms)

    def known_of(self, weights: str | Path) -> dict[str, Any]:
        """What weights were trained with; where they were on pictures, a window that was given counts as theirs."""
        facts = weights_facts(weights)
        if self.window_hu is None or "window" not in facts or facts.get("picture_window_hu") is not None:
            return facts
        return {**facts, "picture_window_hu": self.window_hu, "picture_levels": facts["window"]}

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Save each key's mask; the data pass unchanged.

        Raises:
            MedsegError: If a mask is not on its source's grid, a format does not suit the scan, or a file cannot be
                written.
        """
        out = dict(data)
        for key in self.key_iterator(out):
            self._save(self._result(out[key], out))
        return out

    def _result(self, pred: torch.Tensor, data: Mapping[Hashable, Any]) -> _Result:
        meta: Mapping[str, Any] = pred.meta  # type: ignore[attr-defined]
        files = tuple(map(Path, str(meta.get(SOURCE_FILES) or meta["filename_or_obj"]).split("\n")))
        volume = self.reader.read_volume(files)
        mask = (_channel(pred) > 0.5).astype(np.uint8)
        if mask.shape != volume.voxels.shape:
            raise MedsegError(f"{files[0]}: mask must have the scan's size {volume.voxels.shape}, got {mask.shape}")
        probability = None if "probability" not in data else _channel(data["probability"]).astype(np.float32)
        return _Result(str(data.get("name") or scan_name(files[0])), files, volume, mask, probability)

    def _save(self, result: _Result) -> None:
        formats = self.formats or default_formats(kind_of(result.files))
        check_formats(result.files, formats)
        try:
            made_by = {**self.made_by, "formats": list(formats)}
            self.results.begin(result.name, made_by)
            files = self._write(result, formats)
            measured, odd = self._measure(result)
            self.results.finish(result.name, made_by, files, measured, odd)
        except OSError as error:
            raise OutputError(
                f"{self.results.root}: results of {result.name} must be writable, got {error.strerror or error};"
                " make room or choose another folder, and run it again"
            ) from error

    def _write(self, result: _Result, formats: Sequence[Format]) -> list[Path]:
        files: list[Path] = []
        if "nifti" in formats:
            files.append(self._nifti(result, result.mask, "_mask.nii.gz"))
        if result.probability is not None:
            files.append(self._nifti(result, result.probability, "_probability.nii.gz"))
        if "png" in formats:
            files += self._pictures(result)
        if "dicomseg" in formats or "rtstruct" in formats:
            files += self._dicom(result, formats)
        return files

    def _dicom(self, result: _Result, formats: Sequence[Format]) -> list[Path]:
        # highdicom takes a second to import, and packed bundles run without it.
        from medseg.io.results import Algorithm, segment_for
        from medseg.io.results.dicom import series_for_results, write_dicom_results

        source = series_for_results(result.files, self.reader.choices.dicom)
        return write_dicom_results(
            result.mask,
            source,
            segment=segment_for(self.foreground, self.terms) if "dicomseg" in formats else None,
            algorithm=Algorithm(f"medseg {self.bundle_name}"[:64], medseg.__version__),
            seg=self.results.path(result.name, "_seg.dcm") if "dicomseg" in formats else None,
            rtstruct=self.results.path(result.name, "_rtstruct.dcm") if "rtstruct" in formats else None,
            name=self.foreground,
        )

    def _nifti(self, result: _Result, voxels: NDArray[Any], end: str) -> Path:
        source = result.files[0] if is_nifti(result.files[0]) else None
        path = self.results.path(result.name, end)
        write_like(path, voxels, result.volume.affine_mm, source)
        return path

    def _pictures(self, result: _Result) -> list[Path]:
        overlay = self.results.picture(result.name)
        if kind_of(result.files) == "picture":
            mask = self.results.path(result.name, "_mask.png")
            write_grey(mask, result.mask[..., 0] * np.uint8(255))
            write_rgb(overlay, mask_overlay(result.volume.voxels[..., 0], result.mask[..., 0]))
            return [mask, overlay]
        plane = self.reader.choices.dicom.plane
        turned, orientation = to_ras(result.volume, plane)
        mask_xyz, window = orientation.apply(result.mask), self.window_hu if result.volume.modality == "CT" else None
        best = int(mask_xyz.sum(axis=(0, 1)).argmax())
        # A scanner shows x from R to L and y from A to P.
        grey, inside = (volume[::-1, ::-1, best] for volume in (turned.voxels, mask_xyz))
        write_rgb(overlay, mask_overlay(grey if window is None else np.clip(grey, *window), inside))
        sheet = self.results.picture(result.name, "_montage")
        x, y, z = spacing_mm(turned.affine_mm)
        write_rgb(sheet, montage(turned.voxels, mask_xyz, spacing_mm=(x, y, z), window=window, plane=plane))
        return [overlay, sheet]

    def _measure(self, result: _Result) -> tuple[Measurement, tuple[str, ...]]:
        """What was measured, and what sets the scan apart from the training set; told of as warnings."""
        picture = kind_of(result.files) == "picture"
        measured = measure(
            result.mask,
            result.volume.voxels,
            None if picture else result.volume.affine_mm,
            self.facts[0],
            modality=result.volume.modality,
            orientation=self.reader.orientation if picture else None,
        )
        odd = tuple(
            dict.fromkeys(
                text for facts in self.facts for text in domain_warnings(result.volume, facts, placed=not picture)
            )
        )
        for text in (*odd, *measured.flags):
            warn_once(log, f"{result.name}: {text}")
        return measured, odd


def _channel(img: torch.Tensor) -> NDArray[Any]:
    array: NDArray[Any] = torch.as_tensor(img).detach().cpu().numpy()[0]
    return array
