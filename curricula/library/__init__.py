"""Curricula as data."""
