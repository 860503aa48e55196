"""Headless games of our own: worlds in this process, and players for Unity's client on the wire."""
