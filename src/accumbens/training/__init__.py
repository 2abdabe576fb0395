"""Training: the loops, and everything a run leaves on disk."""
