"""Language models in JAX: a decoder-only transformer, its weights from files, tokenizers, and scores of actions."""
