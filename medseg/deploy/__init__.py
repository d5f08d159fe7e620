"""Networks outside their training: exports, the engines that run them."""

from medseg.deploy.export import ExportResult, export_bundle
from medseg.deploy.formats import FORMATS, Engine
from medseg.deploy.runtimes import network_for

__all__ = ["FORMATS", "Engine", "ExportResult", "export_bundle", "network_for"]
