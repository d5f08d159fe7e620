"""Measurements that docs/performance.md records; run from the project's folder."""
