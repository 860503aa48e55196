"""Script: the oracle. Says the goal, and after a failure says it again in the same words; it needs no model.

Where a world offers the goal among its feasible instructions it is taken; where not, the feasible instruction that
shares most words with the goal is.
"""

from __future__ import annotations


class Script:
    def instruct(self, briefings, states):
        return [self._choose(b.goal, b.feasible) for b in briefings], list(states)

    @staticmethod
    def _choose(goal: str, feasible: tuple[str, ...]) -> str:
        if goal in feasible or not feasible:
            return goal
        words = set(goal.lower().split())
        return max(feasible, key=lambda text: len(words & set(text.lower().split())))
