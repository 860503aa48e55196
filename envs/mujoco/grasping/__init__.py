"""Robots that grasp."""
