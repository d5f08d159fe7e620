"""Raw scans and images to a prepared data set."""
