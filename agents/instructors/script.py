"""Script: the oracle of tasks whose goal is one instruction. It says the goal, and needs no model.

Where the goal is not among the feasible instructions, the one that shares most words with it is said.
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
