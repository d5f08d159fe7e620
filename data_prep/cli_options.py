"""The options of ``prepare`` and ``inspect``, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from data_prep.layouts import LAYOUTS
from data_prep.sources import LabelKind
from medseg.io.orient import Plane as OrientPlane
from medseg.manifest import SplitMethod

__all__ = [
    "AssumeHu", "Dask", "Duplicates", "Folds", "Foreground", "Groups", "Irregular", "Labels", "Layout", "Modality",
    "Nonfinite", "Orientation", "Out", "Plane", "Raw", "Seed", "Series", "Spacing", "SplitBy", "Tilt", "TrustAffine",
    "WindowHu", "Workers",
]  # fmt: skip


def _listed(kind: object) -> str:
    return ", ".join(get_args(kind))


Raw = Annotated[Path, typer.Argument(metavar="RAW", help="Folder of raw scans or images with labels; never changed.")]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the prepared data set.")]
Layout = Annotated[str, typer.Option(help=f"auto, {', '.join(layout.name for layout in LAYOUTS)}.")]
Labels = Annotated[str, typer.Option(help=f"Kind of label that counts where there are several: {_listed(LabelKind)}.")]
Foreground = Annotated[
    str | None, typer.Option(help='Label values or names that are foreground, such as "1,2" or "liver,tumor".')
]
Modality = Annotated[
    str | None,
    typer.Option(help="What the images are, such as CT (values are Hounsfield units); files or layout say by default."),
]
Orientation = Annotated[
    str | None, typer.Option(help="Where columns and rows of pictures run, such as LP; for pictures of patients.")
]
WindowHu = Annotated[
    str | None,
    typer.Option(
        metavar="LOW,HIGH",
        help="Pictures are CT that was windowed: HU that became the least and the greatest grey value; with a negative"
        " one as --window-hu=-100,400.",
    ),
]
Plane = Annotated[str, typer.Option(help=f"Plane of the slices: {_listed(OrientPlane)}.")]
Spacing = Annotated[
    str | None, typer.Option(help='Resample to this voxel size in mm: "1" or "0.8,0.8,2"; kept by default.')
]
Series = Annotated[str, typer.Option(help="DICOM series of each folder: only, largest, all or a UID.")]
Tilt = Annotated[str, typer.Option(help="Tilted gantry: refuse or resample.")]
Irregular = Annotated[str, typer.Option(help="Uneven slice gaps: refuse or resample.")]
Duplicates = Annotated[str, typer.Option(help="Several images at one position: refuse, or take the first.")]
AssumeHu = Annotated[
    bool,
    typer.Option("--assume-hu", help="Take CT without rescale tags as Hounsfield units."),
]
TrustAffine = Annotated[
    str | None,
    typer.Option(help="NIfTI whose two affines disagree: qform or sform counts."),
]
Nonfinite = Annotated[float | None, typer.Option(help="Value for voxels that are NaN or infinite, such as -1024.")]
Groups = Annotated[
    str | None,
    typer.Option(help="Patients or blocks: CSV name,group or first,last,group; or a regular expression."),
]
SplitBy = Annotated[str | None, typer.Option("--split", help=f"{_listed(SplitMethod)}.")]
Folds = Annotated[int, typer.Option(help="Number of folds.")]
Seed = Annotated[int, typer.Option(help="Seed of the split.")]
Workers = Annotated[
    int | None,
    typer.Option(
        help="Processes, each of which holds one case in memory; by default up to 4 where there is much to read."
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(help="Address of a Dask scheduler whose workers take the cases."),
]
