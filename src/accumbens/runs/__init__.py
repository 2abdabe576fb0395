"""The spine: what is true of every run, whatever its kind."""
