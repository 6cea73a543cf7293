"""Training: recipes, batches, runs, and a short script for every stage."""
