"""What each ``medseg`` command takes and shows; the work is done elsewhere."""
