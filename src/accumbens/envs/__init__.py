"""Environments: ours on the device, Gymnasium's on the host."""
