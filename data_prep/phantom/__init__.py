"""A synthetic abdomen as real DICOM CT series, with the truth: for trying and testing everything without a patient."""

from data_prep.phantom.faults import FAULTS
from data_prep.phantom.write import PhantomSummary, write_phantom

__all__ = ["FAULTS", "PhantomSummary", "write_phantom"]
