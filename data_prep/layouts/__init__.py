"""The layouts of raw folders that can be read."""

from data_prep.layouts.chaos import LAYOUT as CHAOS
from data_prep.layouts.dicom_tree import LAYOUT as DICOM_TREE
from data_prep.layouts.folder_pairs import LAYOUT as FOLDER_PAIRS
from data_prep.layouts.ircadb import LAYOUT as IRCADB
from data_prep.layouts.lits import LAYOUT as LITS
from data_prep.layouts.mask_suffix import LAYOUT as MASK_SUFFIX
from data_prep.layouts.msd import LAYOUT as MSD
from data_prep.layouts.nnunet import LAYOUT as NNUNET
from data_prep.layouts.object_masks import LAYOUT as OBJECT_MASKS
from data_prep.layouts.tiff_stack import LAYOUT as TIFF_STACK
from data_prep.layouts.volume_pairs import LAYOUT as VOLUME_PAIRS
from data_prep.sources import Layout

__all__ = ["LAYOUTS"]

# As the documentation lists them: pictures, volumes, and last the general ones.
LAYOUTS: tuple[Layout, ...] = (
    FOLDER_PAIRS,
    MASK_SUFFIX,
    OBJECT_MASKS,
    TIFF_STACK,
    LITS,
    MSD,
    NNUNET,
    CHAOS,
    IRCADB,
    VOLUME_PAIRS,
    DICOM_TREE,
)
