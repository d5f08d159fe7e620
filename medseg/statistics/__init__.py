"""Which network is better, and how sure that is, from scores per case alone."""

from medseg.statistics.compare import compare_networks
from medseg.statistics.evidence import About, Evidence, Interval, Missing, NetworkEvidence, PairEvidence, Scope

__all__ = [
    "About",
    "Evidence",
    "Interval",
    "Missing",
    "NetworkEvidence",
    "PairEvidence",
    "Scope",
    "compare_networks",
]
