"""The networks: one class for each family of rules."""
