"""Evaluation: simulations, measures, plots and tables. Trains nothing."""
