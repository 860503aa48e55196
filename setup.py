"""The package list, found rather than kept: every folder with an __init__.py; all else is in pyproject.toml."""

from setuptools import find_packages, setup

ROOTS = ("envs", "agents", "curricula", "assets")

setup(packages=[f"ludus.{root}" for root in ROOTS] + [f"ludus.{r}.{p}" for r in ROOTS for p in find_packages(r)])
