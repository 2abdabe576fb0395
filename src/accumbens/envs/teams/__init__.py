"""Environments of several agents: on the device as pure functions, or on the host."""
