from __future__ import annotations

import pytest

from data_prep.implausible import implausible_ct, implausible_foreground


class TestImplausibleCt:
    @pytest.mark.parametrize("lowest", [-1024.0, -1.0])
    def test_air_or_fat_is_fine(self, lowest: float) -> None:
        assert implausible_ct(lowest) == ()

    @pytest.mark.parametrize("lowest", [0.0, 24.0])
    def test_neither_is_a_warning(self, lowest: float) -> None:
        (warning,) = implausible_ct(lowest)
        assert warning == "CT without a value below 0 HU, as air and fat have: are the values shifted or windowed?"


class TestImplausibleForeground:
    @pytest.mark.parametrize(
        ("mean_hu", "names"),
        [
            (141.0, ("liver",)),  # CHAOS, portal venous phase
            (-820.0, ("left lung",)),
            (-820.0, ("Lung_upper_lobe_left", "lung_lower_lobe_left")),
            (60.0, ("1",)),
            (900.0, ()),
            (40.0, ("Liver Tumor",)),
        ],
    )
    def test_what_an_organ_may_have_is_fine(self, mean_hu: float, names: tuple[str, ...]) -> None:
        assert implausible_foreground(mean_hu, names) == ()

    @pytest.mark.parametrize(
        ("mean_hu", "names", "what"),
        [
            (-300.0, ("liver",), "liver, which lies between -20 and 260 HU"),
            (400.0, ("Liver",), "liver, which lies between -20 and 260 HU"),
            (50.0, ("lung",), "lung, which lies between -980 and -300 HU"),
            (-900.0, ("1",), "foreground, which lies between -300 and 1800 HU"),
            (-200.0, ("liver", "tumor"), "liver and tumor, which lies between -100 and 300 HU"),
        ],
    )
    def test_what_none_has_is_a_warning(self, mean_hu: float, names: tuple[str, ...], what: str) -> None:
        (warning,) = implausible_foreground(mean_hu, names)
        assert warning.startswith(f"mean of the foreground is absurd for {what}: is the label flipped")
