"""The layouts of raw folders that can be read."""

from data_prep.layouts.folder_pairs import LAYOUT as FOLDER_PAIRS
from data_prep.layouts.mask_suffix import LAYOUT as MASK_SUFFIX
from data_prep.layouts.object_masks import LAYOUT as OBJECT_MASKS
from data_prep.layouts.tiff_stack import LAYOUT as TIFF_STACK
from data_prep.sources import Layout

__all__ = ["LAYOUTS"]

LAYOUTS: tuple[Layout, ...] = (FOLDER_PAIRS, MASK_SUFFIX, OBJECT_MASKS, TIFF_STACK)
