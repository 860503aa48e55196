"""Learning to learn: a start from which new tasks of a family take fewer steps."""
