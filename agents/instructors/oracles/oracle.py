"""What an oracle is: it says the next instruction, and carries out any that its world knows."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from ....envs.core import Arrays, World
from ....envs.instructions import Instruction, parse


class Oracle(ABC):
    """Of one world. vocabulary: the instructions that can be told, by number; NONE: what nobody here can carry out.

    A script starts from where its instruction makes sense: who is told to put down what is not in hand stays idle.
    So a goal that takes several steps is not reached by being told the goal.
    """

    NONE = -1

    def __init__(self, world: World):
        self.world = world
        self.vocabulary: list[Instruction] = [i for skill in world.skills for i in skill.instructions()]
        self._places = {(i.skill.name, i.arguments): n for n, i in enumerate(self.vocabulary)}
        self._read: dict[str, int] = {}
        self.goals = np.array([self.place(goal) for goal in world.goals])

    def place(self, instruction: Instruction) -> int:
        """The number of an instruction in the vocabulary, however it is worded; NONE where it is not there."""
        return self._places.get((instruction.skill.name, instruction.arguments), self.NONE)

    def named(self, skill: str, **arguments: str) -> int:
        """The number of a skill with its arguments."""
        return self._places.get((skill, tuple(sorted(arguments.items()))), self.NONE)

    def understand(self, text: str) -> int:
        """The number of the instruction that text says."""
        if text not in self._read:
            try:
                self._read[text] = self.place(parse(text, self.world.skills))
            except ValueError:
                self._read[text] = self.NONE
        return self._read[text]

    @abstractmethod
    def next(self) -> np.ndarray:
        """(num_envs, agents) int: what each agent should do now towards its copy's goal."""

    @abstractmethod
    def act(self, told: np.ndarray) -> Arrays:
        """Actions that carry out told (num_envs, agents) int: agent -> (num_envs, ...)."""
