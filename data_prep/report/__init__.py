"""The quality report of a prepared data set."""

from data_prep.report.facts import ReportFacts
from data_prep.report.page import write_report
from data_prep.report.picture import case_picture

__all__ = ["ReportFacts", "case_picture", "write_report"]
