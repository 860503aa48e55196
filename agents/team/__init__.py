"""Several learners, or one against its past: self-play."""
