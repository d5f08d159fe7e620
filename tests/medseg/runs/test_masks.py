from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medseg.errors import MedsegError
from medseg.runs import load_mask, load_masks, save_masks


@pytest.fixture
def masks() -> dict[str, NDArray[np.bool_]]:
    """Of three shapes; the bits of the first do not fill their last byte."""
    rng = np.random.default_rng(0)
    return {f"case_{index}": rng.random(shape) < 0.3 for index, shape in enumerate([(5, 3, 3), (8, 4, 1), (2, 2, 2)])}


class TestMasks:
    def test_come_back_as_they_were(self, masks: dict[str, NDArray[np.bool_]], tmp_path: Path) -> None:
        save_masks(tmp_path / "masks.npz", masks)
        back = load_masks(tmp_path / "masks.npz")
        assert list(back) == list(masks)
        for case, mask in masks.items():
            assert back[case].dtype == np.bool_
            assert np.array_equal(back[case], mask)
            assert np.array_equal(load_mask(tmp_path / "masks.npz", case), mask)

    def test_pairs_are_taken_one_by_one(self, masks: dict[str, NDArray[np.bool_]], tmp_path: Path) -> None:
        save_masks(tmp_path / "masks.npz", (pair for pair in masks.items()))
        assert list(load_masks(tmp_path / "masks.npz")) == list(masks)

    def test_same_masks_give_the_same_bytes(self, masks: dict[str, NDArray[np.bool_]], tmp_path: Path) -> None:
        for name in ("first.npz", "second.npz"):
            save_masks(tmp_path / name, masks)
        assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()

    def test_volume_takes_its_bits_at_most(self, tmp_path: Path) -> None:
        noise = np.random.default_rng(0).random((64, 64, 16)) < 0.5
        save_masks(tmp_path / "noise.npz", {"a": noise})
        assert (tmp_path / "noise.npz").stat().st_size < noise.size / 8 + 1000

    def test_nothing_is_replaced_where_a_mask_cannot_be_made(
        self, masks: dict[str, NDArray[np.bool_]], tmp_path: Path
    ) -> None:
        save_masks(tmp_path / "masks.npz", masks)

        def broken() -> object:
            yield "case_0", masks["case_0"]
            raise RuntimeError("no memory")

        with pytest.raises(RuntimeError, match="no memory"):
            save_masks(tmp_path / "masks.npz", broken())  # type: ignore[arg-type]
        assert len(load_masks(tmp_path / "masks.npz")) == 3
        assert len(list(tmp_path.iterdir())) == 1


class TestDamagedFiles:
    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(MedsegError, match=r"masks\.npz: must be the masks of a training, got .*; train again"):
            load_masks(tmp_path / "masks.npz")

    @pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"])
    def test_no_archive(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "masks.npz").write_bytes(content)
        with pytest.raises(MedsegError, match=r"masks\.npz: must be the masks of a training, got "):
            load_masks(tmp_path / "masks.npz")

    def test_single_array(self, tmp_path: Path) -> None:
        with (tmp_path / "masks.npz").open("wb") as file:
            np.save(file, np.zeros(3))
        with pytest.raises(MedsegError, match="must be the masks of a training, got a single array; train again"):
            load_mask(tmp_path / "masks.npz", "a")

    def test_case_that_is_not_there(self, masks: dict[str, NDArray[np.bool_]], tmp_path: Path) -> None:
        save_masks(tmp_path / "masks.npz", masks)
        with pytest.raises(MedsegError, match=r"must hold the mask of other, got .*; train again"):
            load_mask(tmp_path / "masks.npz", "other")

    def test_entry_that_is_no_mask(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "masks.npz", a=np.zeros(3))
        with pytest.raises(MedsegError, match="must hold the mask of a, got "):
            load_masks(tmp_path / "masks.npz")

    def test_flipped_byte(self, masks: dict[str, NDArray[np.bool_]], tmp_path: Path) -> None:
        save_masks(tmp_path / "masks.npz", masks)
        content = bytearray((tmp_path / "masks.npz").read_bytes())
        content[120] ^= 0xFF
        (tmp_path / "masks.npz").write_bytes(content)
        with pytest.raises(MedsegError, match="must hold the mask of case_0, got "):
            load_masks(tmp_path / "masks.npz")
