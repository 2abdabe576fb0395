"""Environments that speak: observations are texts, and so are actions, some of which are admissible in a state."""
