"""How fast raw scans are read and prepared, side by side with other tools in one run."""
