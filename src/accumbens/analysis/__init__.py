"""Looking at runs: curves and statistics."""
