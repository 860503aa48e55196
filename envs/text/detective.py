"""Three detectives, each with one clue about the thief and one about the witness: only all clues together name one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import registry
from ..core import Arrays, World
from ..streams import Draws
from . import layout
from .lexicon import Lexicon, read
from .skills import skill
from .spoken import Spoken
from .world import Rows, TextWorld, one_hot

SHARED = 0.5  # of the way: everybody has heard every clue


class Detective(TextWorld):
    """Every suspect has a value of each trait; agent k knows trait k of each role's person.

    Two who share what they know are left with two suspects at least: others differ from the one wanted in one trait.
    The first name that anybody gives closes the case. talk: whether anything may be said.
    """

    max_episode_steps = 12
    fine = 0.2  # a dearer name, and who learns from nothing never says one

    def __init__(self, num_envs: int, data: dict[str, Any], talk: bool = True, **settings: Any):
        self.data, self.people, self.roles = data, list(data["people"]), list(data["roles"])
        self.traits = [list(values) for values in data["traits"].values()]
        self.count = len(self.traits[0])
        lexicon = Lexicon(data["words"])
        words = [value for values in self.traits for value in values] if talk else []
        verbs = {"accuse": {"person": self.people}}
        find = skill("find", {"role": self.roles}, lexicon, _found, _found_progress)
        goals = [find(role=role) for role in self.roles]
        super().__init__(num_envs, data["agents"], lexicon, verbs, words, [find], goals, **settings)

    def make(self) -> None:
        self.looks = self.row("looks", (len(self.people), 3), np.int64)
        self.who = self.row("who", (len(self.roles),), np.int64)
        self.named = self.row("named", (), np.int64, -1)

    def begin(self, ids: np.ndarray, draw: Draws) -> None:
        self.aim[ids] = self.drawn_aim(draw)
        n, size = len(ids), len(self.people)
        first, shifts, change, order = layout.drawn(draw, (3,), (3,), (2, 3), (size,))
        thief = (first * self.count).astype(np.int64)
        witness = (thief + 1 + (shifts * (self.count - 1)).astype(np.int64)) % self.count
        both = np.stack([thief, witness], axis=1)
        looks = np.repeat(both, 4, axis=1)  # each role's person, then three who differ from it in one trait
        step = 1 + (change * (self.count - 1)).astype(np.int64)
        for role in range(2):
            for trait in range(3):
                spot = looks[:, 4 * role + 1 + trait, trait]
                looks[:, 4 * role + 1 + trait, trait] = (spot + step[:, role, trait]) % self.count
        places = np.argsort(order, axis=1, kind="stable")
        self.looks[ids] = np.take_along_axis(looks, places[:, :, None], axis=1)
        self.who[ids] = np.argsort(places, axis=1)[:, [0, 4]]
        self.named[ids] = np.full(n, -1)

    def clue(self, k: int) -> np.ndarray:
        """(num_envs, roles): the value of trait k of each role's person."""
        return np.take_along_axis(self.looks[:, :, k], self.who, axis=1)

    def encode(self, k: int, rows: Rows) -> list[np.ndarray]:
        looks, clue = self.looks[rows], self.clue(k)[rows]
        return [one_hot(looks, self.count), one_hot(clue, self.count), *self.notes(looks, k, clue, rows)]

    def notes(self, looks: np.ndarray, k: int, clue: np.ndarray, rows: Rows) -> list[np.ndarray]:
        """Whom agent k's own clues fit, (m, people, roles) bool, and the last word of each other agent, (m, people)."""
        words = looks + self.count * np.arange(3)
        heard = [self.heard[rows, k, j, None, None] for j in range(3) if j != k and self.words]
        return [looks[:, :, k, None] == clue[:, None], *((words == word).any(axis=2) for word in heard)]

    def can_accuse(self, k: int) -> np.ndarray:
        return np.repeat((self.named < 0)[:, None], len(self.people), axis=1)

    def do_accuse(self, k: int, rows: np.ndarray, people: np.ndarray) -> None:
        self.named[rows] = people

    def wanted(self) -> np.ndarray:
        """(num_envs,): the person that the episode is about."""
        return self.who[self.every, self.aim]

    def heard_right(self, k: int) -> np.ndarray:
        """(num_envs, agents) bool: of whom agent k has heard (or is) the right clue, about the person wanted."""
        right = [self.clue(j)[self.every, self.aim] + self.count * j for j in range(3)]
        return np.stack([(self.heard[:, k, j] == right[j]) | (j == k) for j in range(3)], axis=1)

    def advance(self, rows: Rows) -> np.ndarray:
        shared = sum(self.heard_right(k).sum(axis=1) - 1 for k in range(3)) / 6
        return np.where(self.named == self.wanted(), 1.0, SHARED * shared)[rows]

    def failed(self) -> np.ndarray:
        return (self.named >= 0) & (self.named != self.wanted())

    def plan(self) -> Arrays:
        """Everybody says the clue about the one wanted; then ann names whoever fits all that she knows."""
        right = [self.clue(j)[self.every, self.aim] for j in range(3)]
        plan = {}
        for k, agent in enumerate(self.agents):
            known = np.stack([self.heard_right(j)[:, k] for j in range(3)], axis=1).all(axis=1)
            tell = self.table.number("say", right[k] + self.count * k) if self.words else np.zeros(self.num_envs, int)
            plan[agent] = np.where(known, 0, tell)
        knows = self.heard_right(0)
        fits = np.ones((self.num_envs, len(self.people)), bool)
        for j in range(3):
            fits &= (self.looks[:, :, j] == right[j][:, None]) | ~knows[:, j, None]
        ready = knows.all(axis=1) | (not self.words)
        plan["ann"] = np.where(ready, self.table.number("accuse", np.argmax(fits, axis=1)), plan["ann"])
        return plan

    def scene(self, env: int, k: int) -> list[str]:
        told = [self._suspect(env, i, self.language) for i in range(len(self.people))]
        for r, role in enumerate(self.roles):
            trait = self.traits[k][self.clue(k)[env, r]]
            told.append(self.lexicon.say("clue", self.language, role=role, trait=trait))
        return told

    def _suspect(self, env: int, i: int, language: str) -> str:
        values = {name: self.traits[j][self.looks[env, i, j]] for j, name in enumerate(self.data["traits"])}
        return self.lexicon.say("suspect", language, person=self.people[i], **values)

    def cards(self, env: int) -> list[tuple[str, list[str]]]:
        cards = []
        for i, person in enumerate(self.people):
            roles = [f"[{role}]" for r, role in enumerate(self.roles) if self.who[env, r] == i]
            cards.append((person, [*roles, *(self.traits[j][self.looks[env, i, j]] for j in range(3))]))
        knows = [f"{a}: " + ", ".join(self.traits[k][c] for c in self.clue(k)[env]) for k, a in enumerate(self.agents)]
        return [*cards, ("what each knows", knows)]


def _found(world: World, arguments: Mapping[str, str]) -> np.ndarray:
    case = world.unwrapped
    assert isinstance(case, Detective)
    return case.named == case.who[:, case.roles.index(arguments["role"])]


def _found_progress(world: World, arguments: Mapping[str, str]) -> np.ndarray:
    case = world.unwrapped
    assert isinstance(case, Detective)
    role = case.roles.index(arguments["role"])
    shared = [
        (case.heard[:, k, j] == case.clue(j)[:, role] + case.count * j) for k in range(3) for j in range(3) if j != k
    ]
    return np.where(_found(world, arguments), 1.0, SHARED * np.mean(shared, axis=0))


@registry.forwards(Detective)
def make(num_envs: int = 1, file: str = "detective", text: bool = False, **settings: Any) -> World:
    """num_envs cases. talk: whether detectives may speak. file: "detective", or a YAML file of your own."""
    world = Detective(num_envs, read(file, agents=list, people=list, roles=list, traits=dict, words=dict), **settings)
    return Spoken(world) if text else world
