"""The affine of a NIfTI header, which may hold two (qform and sform) and a third set of voxel sizes (pixdim).

https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h, methods 1 to 3. Method 1, voxel sizes without orientation,
is refused: readers fill the gap in different ways. Where several affines are given they must say the same:

- voxel sizes within 0.1 %;
- directions within 0.1 degrees: a quaternion in float32 is no better near half a turn (0.07 degrees were seen);
- the first voxel's place within 5 % of a voxel.

Then the sform counts, which has more digits. Otherwise a person must say which of them is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from medseg.errors import SourceError
from medseg.io.affine import check_affine, spacing_mm
from medseg.io.file_choices import TrustAffine

__all__ = ["NiftiGeometry", "nifti_geometry"]

_SIZE = 0.001
_DEGREES = 0.1
_PLACE = 0.05

_UNITS_MM = {1: 1000.0, 2: 1.0, 3: 0.001}
_UNIT_NAMES = {1: "metres", 3: "micrometres"}
_LAST_CODE = 5  # NIFTI_XFORM_TEMPLATE_OTHER


@dataclass(frozen=True, eq=False)
class NiftiGeometry:
    """Where a NIfTI file's voxels lie.

    Attributes:
        affine_mm: 4 x 4, voxel indices to RAS+ mm.
        warnings: What is odd.
        decisions: What was settled by choice.
    """

    affine_mm: NDArray[np.float64]
    warnings: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()


def nifti_geometry(
    where: object, header: Any, shape: tuple[int, int, int], trust: TrustAffine | None = None
) -> NiftiGeometry:
    """Read the affine.

    Args:
        where: File, for messages.
        header: nibabel's NIfTI-1 or NIfTI-2 header.
        shape: ``(x, y, z)``.
        trust: Which affine counts where the two contradict each other.

    Raises:
        SourceError: If there is no affine, it is not valid, or two contradict each other and ``trust`` says nothing.
    """
    scale, warnings = _units(where, header)
    # NumPy warns of damaged numbers, which are refused by name.
    with np.errstate(invalid="ignore", over="ignore"):
        name, decisions = _choose(where, header, shape, trust)
        affine = _affine(where, header, name)
    affine[:3] *= scale
    check_affine(where, affine, shape, f"{name} (code {header[name + '_code']})")
    return NiftiGeometry(affine, warnings, decisions)


def _choose(
    where: object, header: Any, shape: tuple[int, int, int], trust: TrustAffine | None
) -> tuple[str, tuple[str, ...]]:
    """Name of the affine that counts, and the decision where that was one."""
    qform_code, sform_code = _codes(where, header)
    conflict = _conflict(header, qform_code, sform_code)
    if not conflict:
        return "sform" if sform_code else "qform", ()
    if trust is None:
        _refuse_tilt(where, header, shape)
    return _settle(where, conflict, qform_code, sform_code, trust)


def _units(where: object, header: Any) -> tuple[float, tuple[str, ...]]:
    """Millimetres of the header's unit."""
    code = int(header["xyzt_units"]) & 0b111
    if code == 0:
        return 1.0, ("xyzt_units names no unit of length; taken as mm",)
    if code not in _UNITS_MM:
        raise SourceError(where, f"xyzt_units must be 1, 2 or 3 (metres, mm, micrometres), got {code}; write 2 for mm")
    unit = _UNIT_NAMES.get(code)
    return _UNITS_MM[code], (f"lengths are in {unit} by xyzt_units; turned into mm",) if unit else ()


def _codes(where: object, header: Any) -> tuple[int, int]:
    codes = int(header["qform_code"]), int(header["sform_code"])
    if not all(0 <= code <= _LAST_CODE for code in codes):
        raise SourceError(
            where,
            f"qform_code and sform_code must be 0 to {_LAST_CODE}, got {codes[0]} and {codes[1]}; write them",
        )
    if not any(codes):
        raise SourceError(
            where,
            "must say where its voxels lie, got qform_code 0 and sform_code 0; take the scan from its source again, or"
            " write its true affine with a code of 1 (nibabel: set_sform)",
        )
    return codes


def _conflict(header: Any, qform_code: int, sform_code: int) -> str:
    """How the header contradicts itself, in its own unit; empty if it doesn't."""
    if not sform_code:
        return ""
    sform = np.asarray(header.get_sform(), dtype=np.float64)
    if not qform_code:
        return _sizes_differ(np.asarray(header["pixdim"][1:4], dtype=np.float64), spacing_mm(sform), "pixdim")
    try:
        qform = _qform(header)
    except ValueError as error:
        return str(error)
    return _forms_differ(qform, sform)


def _forms_differ(qform: NDArray[np.float64], sform: NDArray[np.float64]) -> str:
    if not (np.isfinite(qform).all() and np.isfinite(sform).all()):
        return "" if np.array_equal(qform, sform, equal_nan=True) else "one of the two is not finite"
    sizes_q, sizes_s = spacing_mm(qform), spacing_mm(sform)
    differ = _sizes_differ(sizes_q, sizes_s, "qform")
    if differ:
        return differ
    cosines = np.einsum("ij,ij->j", qform[:3, :3], sform[:3, :3]) / np.maximum(sizes_q * sizes_s, 1e-300)
    degrees = float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).max())
    if degrees > _DEGREES:
        return f"axes differ by up to {degrees:.4g} degrees"
    distance = float(np.linalg.norm(qform[:3, 3] - sform[:3, 3]))
    if distance > _PLACE * sizes_s.min():
        return f"the first voxel's places are {distance:.4g} apart"
    return ""


def _sizes_differ(sizes: NDArray[np.float64], sform: NDArray[np.float64], name: str) -> str:
    # Written so that NaN differs too.
    if (np.abs(sizes - sform) <= _SIZE * sform).all():
        return ""
    ours, theirs = (" x ".join(f"{size:.4g}" for size in triple) for triple in (sizes, sform))
    return f"voxels are {ours} by {name} and {theirs} by sform"


def _refuse_tilt(where: object, header: Any, shape: tuple[int, int, int]) -> None:
    """A tilted gantry is no matter of trust: dcm2niix writes it into the sform, and a qform cannot hold it."""
    sform = np.asarray(header.get_sform(), dtype=np.float64)
    if np.isfinite(sform).all() and np.linalg.matrix_rank(sform[:3, :3]) == 3:
        check_affine(where, sform, shape, f"sform (code {header['sform_code']})")


def _settle(
    where: object, conflict: str, qform_code: int, sform_code: int, trust: TrustAffine | None
) -> tuple[str, tuple[str, ...]]:
    """Name of the affine that a person chose."""
    if trust == "sform" or (trust == "qform" and qform_code):
        return trust, (f"{trust} trusted where qform and sform differ ({conflict})",)
    ways = "--trust-affine qform or --trust-affine sform takes" if qform_code else "--trust-affine sform takes"
    raise SourceError(
        where,
        f"qform (code {qform_code}) and sform (code {sform_code}) must agree, got: {conflict};"
        f" look at the scan in a viewer, then {ways} the one that is right",
    )


def _affine(where: object, header: Any, name: str) -> NDArray[np.float64]:
    if name == "sform":
        return np.array(header.get_sform(), dtype=np.float64)
    try:
        return _qform(header)
    except ValueError as error:
        raise SourceError(where, f"qform must be a rotation and voxel sizes, got: {error}; write it anew") from error


def _qform(header: Any) -> NDArray[np.float64]:
    """Affine of method 2; raises ValueError, naming what is wrong."""
    header = header.copy()
    if header["pixdim"][0] == 0:
        header["pixdim"][0] = 1  # qfac: "if it is 0, use 1"
    try:
        affine = np.array(header.get_qform(), dtype=np.float64)
    except HeaderDataError as error:
        raise ValueError("pixdim[0] (qfac) other than 1 or -1, or negative voxel sizes") from error
    except ValueError as error:
        raise ValueError("the quaternion is longer than 1") from error
    return affine
