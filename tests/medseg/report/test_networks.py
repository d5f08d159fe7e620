from __future__ import annotations

from medseg.network_colours import NETWORK_COLOURS
from medseg.report.networks import looks


class TestLooks:
    def test_known_networks_keep_their_colours(self) -> None:
        assert {name: look.colour for name, look in looks(list(NETWORK_COLOURS)).items()} == NETWORK_COLOURS

    def test_no_two_networks_look_alike_without_colour(self) -> None:
        drawn = looks(["unet", "unet_early_skip", "unet_early_skip_concat", "fcn8s"]).values()
        assert len({look.marker for look in drawn}) == len({look.line for look in drawn}) == 4

    def test_other_networks_get_colours_of_their_own(self) -> None:
        drawn = looks(["unet", "mine", "other"])
        assert len({look.colour for look in drawn.values()}) == 3
