"""Supervised networks whose layers are told about the error in other ways than by backpropagation."""
