"""Scans and images in and out: the only place that reads or writes their files."""
