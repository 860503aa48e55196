"""Robots that avoid."""
