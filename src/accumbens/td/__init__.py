"""What the error is: targets, losses and the exploration that produces the data."""
