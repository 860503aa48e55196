"""Continual-learning methods, by name."""
