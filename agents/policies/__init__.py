"""Networks of our own for Stable-Baselines3's policies."""
