"""The report of a study: a page, tables and figures that say which network is better and how sure that is."""

from medseg.report.log import log_report, log_to_study, study_run
from medseg.report.write import Places, places, write_report

__all__ = ["Places", "log_report", "log_to_study", "places", "study_run", "write_report"]
