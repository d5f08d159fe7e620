"""How fast the networks predict a volume, side by side in one run, beside what their arithmetic costs at least."""
