"""Worlds made of words: arrays of state, a table of commands, sentences for whoever reads."""
