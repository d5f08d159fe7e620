"""How each phantom patient is scanned: planes in DICOM's patient coordinates, and what the scanner writes about them.

Patients differ in what real series differ in without being wrong: position on the table, direction cosines, order of
the instance numbers, file names, spacing, overlap, signedness and rescale intercept, transfer syntax.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_prep.phantom.anatomy import Body
from data_prep.phantom.shapes import Triple

__all__ = ["Acquisition", "Plane", "plan"]


@dataclass(frozen=True)
class Plane:
    """Where one image lies, in mm along DICOM's axes: left, back, head (PS3.3 C.7.6.2).

    Attributes:
        position_mm: Centre of the first pixel, ImagePositionPatient (0020,0032).
        row: Direction in which the column index grows, first half of ImageOrientationPatient (0020,0037).
        column: Direction in which the row index grows, its second half.
        pixel_mm: Side of a pixel.
        size_px: Columns and rows.
        number: InstanceNumber (0020,0013).
        acquisition: AcquisitionNumber (0020,0012).
    """

    position_mm: Triple
    row: Triple
    column: Triple
    pixel_mm: float
    size_px: tuple[int, int]
    number: int
    acquisition: int = 1

    @property
    def normal(self) -> NDArray[np.float64]:
        """Direction along which the slices are stacked: row x column."""
        return np.cross(self.row, self.column)

    @property
    def width_mm(self) -> float:
        """Width of the field of view."""
        return round(self.size_px[0] * self.pixel_mm, 3)

    @property
    def centre_mm(self) -> NDArray[np.float64]:
        """Middle of the image."""
        half = (np.asarray(self.size_px) - 1) / 2 * self.pixel_mm
        centre: NDArray[np.float64] = (
            np.asarray(self.position_mm) + half[0] * np.asarray(self.row) + half[1] * np.asarray(self.column)
        )
        return centre

    def places_mm(self) -> NDArray[np.float64]:
        """Centres of all pixels, ``(3, columns, rows)``."""
        columns, rows = (np.arange(size) * self.pixel_mm for size in self.size_px)
        places: NDArray[np.float64] = (
            np.asarray(self.position_mm)[:, None, None]
            + np.asarray(self.row)[:, None, None] * columns[None, :, None]
            + np.asarray(self.column)[:, None, None] * rows[None, None, :]
        )
        return places


@dataclass(frozen=True)
class Acquisition:
    """One series.

    Attributes:
        patient: Number of the patient, from 1.
        seed: Seed of everything that is drawn.
        identity: What UIDs are made of, besides patient, series and instance.
        series: SeriesNumber (0020,0011).
        planes: Images, sorted along their normal.
        body_mm: Where the body's own origin lies in patient coordinates.
        position: PatientPosition (0018,5100).
        gap_mm: Distance between slices.
        thickness_mm: SliceThickness (0018,0050); may exceed the gap.
        noise_hu: Standard deviation of the noise.
        kernel: ConvolutionKernel (0018,1210).
        intercept_hu: RescaleIntercept (0028,1052).
        signed: PixelRepresentation (0028,0103).
        bits_stored: BitsStored (0028,0101).
        implicit_vr: Transfer syntax is Implicit VR Little Endian instead of Explicit.
        plain_names: Files are named by instance number, else without meaning.
        tilt_degrees: GantryDetectorTilt (0018,1120).
        padding: Stored value outside the circle of reconstruction, PixelPaddingValue (0028,0120); None for no circle.
        enhanced: One multi-frame Enhanced CT image instead of one file a slice.
    """

    patient: int
    seed: int
    identity: str
    series: int
    planes: tuple[Plane, ...]
    body_mm: Triple
    position: str
    gap_mm: float
    thickness_mm: float
    noise_hu: float
    kernel: str
    intercept_hu: int
    signed: bool
    bits_stored: int
    implicit_vr: bool
    plain_names: bool
    tilt_degrees: float = 0.0
    padding: int | None = None
    enhanced: bool = False

    @property
    def patient_id(self) -> str:
        """PatientID (0010,0020)."""
        return f"PHANTOM-{self.patient:02d}"


@dataclass(frozen=True)
class _Kind:
    """A habit of scanning; patients take them in turn."""

    position: str
    row: Triple
    column: Triple
    order: str
    more_slices: int
    overlap: float
    kernel: str
    intercept_hu: int
    signed: bool
    bits_stored: int
    implicit_vr: bool = False
    plain_names: bool = True


_L, _R, _A, _P = (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 1.0, 0.0)
_KINDS = (
    _Kind("HFS", _L, _P, "down", 0, 1.0, "B30f", -1024, False, 12),
    # Feet first and not turned back for display: the slices' normal points to the feet.
    _Kind("FFS", _R, _P, "up", 2, 1.0, "STANDARD", -1024, True, 16),
    _Kind("HFP", _R, _A, "up", -1, 1.25, "B40f", 0, True, 16),
    _Kind("HFS", _L, _P, "shuffled", 1, 1.0, "FC08", 0, True, 16, plain_names=False),
    _Kind("FFS", _L, _P, "down", -2, 1.5, "B", -1000, False, 16, implicit_vr=True),
    _Kind("FFP", _L, _A, "down", 0, 2.0, "B31s", -1024, False, 12),
)
_LEAST_SLICES = 3


def plan(patient: int, *, slices: int, size_px: int, seed: int, identity: str) -> tuple[Body, Acquisition]:
    """Draw a patient and how he or she is scanned, from the lower lungs to below the liver.

    Args:
        patient: Number, from 1.
        slices: Slices, give or take two.
        size_px: Columns and rows.
        seed: The same seed gives the same patient.
        identity: What UIDs are made of, besides patient, series and instance.

    Returns:
        The body, and a series without faults.
    """
    rng = np.random.default_rng([seed, patient])
    kind = _KINDS[(patient - 1) % len(_KINDS)]
    body = Body.of(rng, prone=kind.position.endswith("P"))
    count = max(_LEAST_SLICES, slices + kind.more_slices)
    top_mm, bottom_mm = rng.uniform(14, 26), rng.uniform(-212, -196)
    gap_mm = round(body.scale[2] * (top_mm - bottom_mm) / (count - 1), 2)
    body_mm = (round(rng.uniform(-6, 6), 1), round(rng.uniform(-190, -150), 1), round(rng.uniform(-400, 900), 1))
    acquisition = Acquisition(
        patient=patient,
        seed=seed,
        identity=identity,
        series=2,
        planes=_planes(rng, kind, body, body_mm, count, size_px, gap_mm, body.scale[2] * top_mm),
        body_mm=body_mm,
        position=kind.position,
        gap_mm=gap_mm,
        thickness_mm=round(gap_mm * kind.overlap, 2),
        noise_hu=rng.uniform(14, 24),
        kernel=kind.kernel,
        intercept_hu=kind.intercept_hu,
        signed=kind.signed,
        bits_stored=kind.bits_stored,
        implicit_vr=kind.implicit_vr,
        plain_names=kind.plain_names,
    )
    return body, acquisition


def _planes(
    rng: np.random.Generator,
    kind: _Kind,
    body: Body,
    body_mm: Triple,
    count: int,
    size_px: int,
    gap_mm: float,
    top_mm: float,
) -> tuple[Plane, ...]:
    pixel_mm = round(body.width_mm * rng.uniform(1.06, 1.18) / size_px, 4)
    half = (size_px - 1) / 2 * pixel_mm
    corner = np.asarray(body_mm) - half * np.asarray(kind.row) - half * np.asarray(kind.column)
    corner[:2] += rng.uniform(-5, 5, size=2)
    heights = [top_mm - gap_mm * index for index in range(count)]
    if np.cross(kind.row, kind.column)[2] > 0:
        heights.reverse()
    numbers = _numbers(rng, kind, heights)
    x, y, z = (round(float(value), 3) for value in corner)
    return tuple(
        Plane((x, y, round(z + height, 2)), kind.row, kind.column, pixel_mm, (size_px, size_px), number)
        for height, number in zip(heights, numbers, strict=True)
    )


def _numbers(rng: np.random.Generator, kind: _Kind, heights: list[float]) -> list[int]:
    """Instance numbers of the slices: from the head down, from the feet up, or in no order at all."""
    count = len(heights)
    if kind.order == "shuffled":
        return [int(number) + 1 for number in rng.permutation(count)]
    downwards = heights[0] > heights[-1]
    rising = downwards == (kind.order == "down")
    return list(range(1, count + 1)) if rising else list(range(count, 0, -1))
