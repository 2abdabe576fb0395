"""Agents: a cell, a readout, a credit and a learner put together."""
