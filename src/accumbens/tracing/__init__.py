"""What a traced program's outputs depend on: labels carried through its primitives."""
