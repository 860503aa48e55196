"""Questions about another world's episode, and its summary: one saw it and tells, one answers, the state judges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import registry
from ..core import Arrays, World
from ..instructions import Skill
from ..streams import Draws
from . import layout, stories
from .lexicon import Lexicon, read
from .skills import skill
from .spoken import Spoken
from .world import Rows, TextWorld, one_hot

ENOUGH = 0.8  # F1 of the words mentioned that answers a question
STORIES = 512
QUESTIONS = {"where": "thing", "which_room": "person", "who_moved": "thing", "what_made": "thing", "summarise": ""}


class Dialogue(TextWorld):
    """An answer is a set of words; it counts by its F1 against what the state of the story's world says.

    The first agent saw what happened and can only speak; the other knows how it was before, mentions words and
    finishes. Every question is one that the story answers: about things that were handled or changed, and people who
    did something. A summary names the things handled, where they are now, and what was made of them.

    alone: one agent reads and answers. first: seed of the first of the stories, so that others can be kept for tests.
    """

    max_episode_steps = 24

    def __init__(self, num_envs: int, data: dict[str, Any], alone: bool = False, first: int = 0, **settings: Any):
        self.stories = stories.told(str(data["story"]), STORIES, first, layout.span(data["steps"]))
        house = self.stories.house
        self.nouns = [*house.rooms, *house.furniture, *house.agents, *house.things, *house.states]  # spots come first
        lexicon = Lexicon({**house.lexicon.words, **data["words"]})
        slots = {"thing": house.things, "person": list(house.agents)}
        skills = [_question(name, {slot: slots[slot]} if slot else {}, lexicon) for name, slot in QUESTIONS.items()]
        self.asked = [goal for s in skills for goal in s.instructions()]
        answers = np.stack([self._answer(goal.skill.name, dict(goal.arguments)) for goal in self.asked], axis=1)
        may = np.asarray(answers.any(axis=(0, 2)))  # questions that some story answers
        self.asked = [goal for goal, told in zip(self.asked, may, strict=True) if told]
        self.answers = answers[:, may]  # (stories, goals, nouns) bool
        self.fitting = layout.Choices(np.asarray(self.answers.any(axis=2)).T)
        verbs = {"mention": {"word": self.nouns}, "withdraw": {"word": self.nouns}, "finish": {}}
        agents = [data["alone"]] if alone else data["agents"]
        super().__init__(num_envs, agents, lexicon, verbs, self.nouns, skills, self.asked, **settings)

    def _answer(self, question: str, about: Mapping[str, str]) -> np.ndarray:
        """(stories, nouns) bool: what answers a question, from the state; nothing where the story does not tell."""
        house, told = self.stories.house, self.stories
        handled = np.asarray(told.handled.any(axis=1))
        spots, places = np.arange(len(self.nouns)), np.zeros((len(told), len(self.nouns)), bool)
        if question == "which_room":
            k = house.agents.index(about["person"])
            return (house.room[:, k, None] == spots) & (told.events[:, :, 0] == k).any(axis=1, keepdims=True)
        if question == "summarise":
            at = (house.at[:, :, None] == spots) & handled[:, :, None]
            made = np.asarray(told.changed.any(axis=1))
            return (
                at.any(axis=1)
                | _among(places, self.nouns, house.things, handled)
                | _among(places, self.nouns, house.states, made)
            )
        t = house.things.index(about["thing"])
        if question == "where":
            return (house.at[:, t, None] == spots) & handled[:, t, None]
        if question == "who_moved":
            return _among(places, self.nouns, house.agents, told.handled[:, :, t])
        return _among(places, self.nouns, house.states, told.changed[:, t])

    def make(self) -> None:
        self.story = self.row("story", (), np.int64)
        self.mentioned = self.row("mentioned", (len(self.nouns),), bool)
        self.finished = self.row("finished", (), bool)

    def begin(self, ids: np.ndarray, draw: Draws) -> None:
        self.aim[ids] = self.drawn_aim(draw)
        chance = draw.random()
        aim = self.aim[ids]
        which = (chance * self.fitting.count[aim]).astype(np.int64)
        self.story[ids] = self.fitting.table[aim, which]
        self.mentioned[ids], self.finished[ids] = False, False

    def reads(self, k: int) -> bool:
        return k == 0

    def answering(self, k: int) -> bool:
        return k == len(self.agents) - 1

    def encode(self, k: int, rows: Rows) -> list[np.ndarray]:
        house, events = self.stories.house, self.stories.events[self.story[rows]]
        who, room, command = np.moveaxis(events, 2, 0)
        places = np.where(command[:, :, None] >= 0, house.table.arguments[command], -1)
        verb = np.where(command >= 0, house.table.verb[command], -1)
        shapes = [len(house.agents), len(house.rooms), len(house.table.names)]
        widest = max(max(shape, default=0) for shape in house.table.shapes.values())
        seen = [one_hot(part, size) for part, size in zip((who, room, verb), shapes, strict=True)]
        seen += [one_hot(places, widest)]
        before = one_hot(self.stories.begun[self.story[rows]], house.spots)
        return [self.mentioned[rows], before & self.answering(k), *(part & self.reads(k) for part in seen)]

    # Rules

    def can_mention(self, k: int) -> np.ndarray:
        return ~self.mentioned & self.answering(k)

    def do_mention(self, k: int, rows: np.ndarray, words: np.ndarray) -> None:
        self.mentioned[rows, words] = True

    def can_withdraw(self, k: int) -> np.ndarray:
        return self.mentioned & self.answering(k)

    def do_withdraw(self, k: int, rows: np.ndarray, words: np.ndarray) -> None:
        self.mentioned[rows, words] = False

    def can_finish(self, k: int) -> np.ndarray:
        return self.mentioned.any(axis=1) & ~self.finished & self.answering(k)

    def do_finish(self, k: int, rows: np.ndarray) -> None:
        self.finished[rows] = True

    def truth(self, aim: np.ndarray) -> np.ndarray:
        """(num_envs, nouns) bool: the words that answer questions aim (num_envs,)."""
        return self.answers[self.story, aim]

    def f1(self, aim: np.ndarray) -> np.ndarray:
        """(num_envs,): van Rijsbergen's F with equal weights (1979, "Information Retrieval", chapter 7)."""
        truth = self.truth(aim)
        both = (self.mentioned & truth).sum(axis=1)
        return 2 * both / np.maximum(self.mentioned.sum(axis=1) + truth.sum(axis=1), 1)

    def score(self, aim: np.ndarray) -> np.ndarray:
        f1 = self.f1(aim)
        return np.where(self.finished & (f1 >= ENOUGH), 1.0, 0.5 * f1)

    def advance(self, rows: Rows) -> np.ndarray:
        return self.score(self.aim)[rows]

    def failed(self) -> np.ndarray:
        return self.finished & (self.f1(self.aim) < ENOUGH)

    def plan(self) -> Arrays:
        """Who read says the next word; who answers takes wrong ones back, mentions what was heard, and finishes."""
        truth, rows, number = self.truth(self.aim), self.every, self.table.number
        missing, wrong = truth & ~self.mentioned, self.mentioned & ~truth
        word = np.argmax(missing, axis=1)
        right = ~missing.any(axis=1)
        heard = self.heard[:, -1, 0] if len(self.agents) > 1 else word
        knows = missing[rows, np.maximum(heard, 0)] & (heard >= 0)
        cases = [
            (wrong.any(axis=1), number("withdraw", np.argmax(wrong, axis=1))),
            (right, number("finish", rows)),
            (knows, number("mention", np.maximum(heard, 0))),
        ]
        answer = np.select([c for c, _ in cases], [c for _, c in cases], 0)
        if len(self.agents) == 1:
            return {self.agents[0]: answer}
        return dict(zip(self.agents, (np.where(right, 0, number("say", word)), answer), strict=True))

    # Words

    def scene(self, env: int, k: int) -> list[str]:
        told = self.before(env) if self.answering(k) else []
        told += self.tale(env, self.language) if self.reads(k) else []
        words = [self.nouns[i] for i in np.flatnonzero(self.mentioned[env])]
        listed = self.lexicon.listed(words, self.language)
        say = self.lexicon.say
        return [*told, say("recorded", self.language, things=listed) if words else say("unrecorded", self.language)]

    def before(self, env: int) -> list[str]:
        """Where things were when the story of copy env began, a sentence each."""
        spots = zip(self.stories.house.things, self.stories.begun[self.story[env]], strict=True)
        return [self.lexicon.say("before", self.language, thing=t, place=self.nouns[spot]) for t, spot in spots]

    def tale(self, env: int, language: str) -> list[str]:
        """The story of copy env, a sentence an event."""
        house, told = self.stories.house, []
        for who, room, command in self.stories.events[self.story[env]]:
            if command >= 0:
                did = house.table.sentence(int(command), language)
                names = {"who": house.agents[who], "room": house.rooms[room]}
                told.append(self.lexicon.say("event", language, did=did, **names))
        return told

    def cards(self, env: int) -> list[tuple[str, list[str]]]:
        right = [self.nouns[i] for i in np.flatnonzero(self.truth(self.aim)[env])]
        words = [self.nouns[i] for i in np.flatnonzero(self.mentioned[env])]
        return [("what happened", self.tale(env, "en")), ("mentioned", words), ("the state says", right)]


def _among(blank: np.ndarray, nouns: list[str], names: Any, holds: np.ndarray) -> np.ndarray:
    """(stories, nouns) bool: those of names for which holds (stories, names) is so."""
    chosen = blank.copy()
    chosen[:, [nouns.index(name) for name in names]] = holds
    return chosen


def _question(name: str, slots: Mapping[str, Any], lexicon: Lexicon) -> Skill:
    """A question as a skill: achieved when it is answered and the answer is finished."""

    def progress(world: World, arguments: Mapping[str, str]) -> np.ndarray:
        talk = world.unwrapped
        assert isinstance(talk, Dialogue)
        goals = [i for i, g in enumerate(talk.goals) if g.skill.name == name and dict(g.arguments) == dict(arguments)]
        return talk.score(np.full(talk.num_envs, goals[0])) if goals else np.zeros(talk.num_envs)

    return skill(name, slots, lexicon, lambda world, arguments: progress(world, arguments) >= 1, progress)


@registry.forwards(Dialogue)
def make(num_envs: int = 1, file: str = "dialogue", text: bool = False, **settings: Any) -> World:
    """num_envs dialogues. alone, first: as of Dialogue. file: "dialogue", or the path of a YAML file of your own."""
    world = Dialogue(num_envs, read(file, agents=list, alone=str, story=str, words=dict), **settings)
    return Spoken(world) if text else world
