"""Options of ``medseg predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AssumeHu",
    "BatchSize",
    "Bundles",
    "Device",
    "Duplicates",
    "Engine",
    "FillHoles",
    "Formats",
    "Irregular",
    "Largest",
    "MinSize",
    "Modality",
    "Nonfinite",
    "Orientation",
    "Output",
    "Overwrite",
    "Probabilities",
    "Run",
    "Scans",
    "Series",
    "Terms",
    "Threshold",
    "Tilt",
    "TrustAffine",
    "Tta",
    "WindowHu",
]


def _none(text: str, *names: str) -> typer.models.OptionInfo:
    """An option that is not given by default."""
    option: typer.models.OptionInfo = typer.Option(*names, help=text, show_default=False)
    return option


Scans = Annotated[
    list[Path],
    typer.Argument(help="Scans, images, or folders of them: DICOM, NIfTI, NRRD, MetaImage, PNG, TIFF, JPEG, BMP."),
]
Bundles = Annotated[list[str], typer.Option("--bundle", help="Trained bundle, by path or name; several are averaged.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")]
Formats = Annotated[str | None, _none("Of nifti,png,dicomseg,rtstruct. Default: nifti,png; of pictures png.", "--to")]
Run = Annotated[Path | None, _none("Folder of a training whose weights count.")]
Series = Annotated[str, typer.Option(help="DICOM series of each tree: all, only, largest or a UID.")]
Modality = Annotated[str | None, _none("What scans are whose format does not say, such as CT.")]
Tta = Annotated[bool, typer.Option("--tta", help="Average over flips of each slice.")]
Threshold = Annotated[float | None, _none("On the probability; the training's by default.")]
Largest = Annotated[int | None, _none("Keep this many largest components.")]
FillHoles = Annotated[bool, typer.Option("--fill-holes", help="Fill holes in each slice.")]
MinSize = Annotated[int | None, _none("Remove components of fewer voxels.")]
Probabilities = Annotated[bool, typer.Option("--probabilities", help="Write probabilities as NIfTI, too.")]
WindowHu = Annotated[str | None, _none("HU that a network trained on pictures saw as black and white: -100,400.")]
Orientation = Annotated[str | None, _none("Where columns and rows of pictures run, such as LP.")]
Tilt = Annotated[str, typer.Option(help="Tilted gantry: refuse or resample.")]
Irregular = Annotated[str, typer.Option(help="Uneven slice gaps: refuse or resample.")]
Duplicates = Annotated[str, typer.Option(help="Several images at one position: refuse, or take the first.")]
AssumeHu = Annotated[bool, typer.Option("--assume-hu", help="Take CT without rescale tags as Hounsfield units.")]
TrustAffine = Annotated[str | None, _none("NIfTI whose two affines disagree: qform or sform counts.")]
Nonfinite = Annotated[float | None, _none("Value for voxels that are NaN or infinite, such as -1024.")]
Terms = Annotated[Path | None, _none("Table of more coded terms for DICOM SEG.")]
Engine = Annotated[str, typer.Option(help="What runs the network: torch, torchscript, onnx or openvino.")]
BatchSize = Annotated[int | None, _none("Slices at a time.")]
Device = Annotated[str | None, _none("Such as cpu or cuda:0; a GPU where there is one.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Make results anew that are there.")]
