"""The same cases scored under two splits: what a split that leaks flatters a network by."""
