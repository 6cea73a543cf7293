"""The networks: one Transformer and what is built from it. Knows no training."""
