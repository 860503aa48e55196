"""Programs written instruction by instruction for a small machine: one writes, one tests, unseen lists judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import registry
from ..core import Arrays, World
from ..streams import Draws
from . import layout, machine
from .lexicon import Lexicon, read
from .skills import skill
from .spoken import Spoken
from .world import Rows, TextWorld, one_hot

UNSEEN = 6  # lists that judge a program that is handed in
DIGITS = 10  # numbers in lists are less
RESULTS = ("list", "number")


class Workshop(TextWorld):
    """The writer sees the program and the example; the tester sees too what a test left, and hands the program in.

    On half of the machines some keys are crossed (the pairs in the data): what is written does the other of the pair.
    Only a test tells. A program that is handed in and leaves another result on an unseen list ends the episode.

    alone: one agent writes and tests. crossed: whether there are machines with crossed keys.
    easy: alone, straight machines, and the tasks that the data marks so, with room for a line more than they need.
    """

    max_episode_steps = 24
    fine = 0.2  # a dearer one, and who learns from nothing never hands a program in

    def __init__(
        self, num_envs: int, data: dict[str, Any], alone: bool = False, crossed: bool = True, easy: bool = False,
        **settings: Any,
    ):  # fmt: skip
        self.data, self.crosses = data, crossed and not easy
        self.lines, self.cells = int(data["lines"]), int(data["cells"])
        self.operations = [self._operation(name) for name in data["instructions"]]
        self.keys = np.array([*map(data["instructions"].index, machine.OPERATIONS), 0])  # operation -> its place
        tasks = {name: task for name, task in data["tasks"].items() if task.get("easy") or not easy}
        self.tasks = list(tasks)
        longest = max(len(task["program"]) for task in tasks.values())
        self.lines = min(self.lines, longest + 1)  # room for one mistake
        self.programs = np.array([self._program(name, task) for name, task in tasks.items()])
        self.counts = np.array([task["result"] == "number" for task in tasks.values()])
        self.wiring = np.arange(len(machine.OPERATIONS) + 1)  # its last entry keeps the -1 behind programs
        self.wiring[-1] = -1
        for pair in data["crossed"] if self.crosses else ():
            one, other = map(self._operation, pair)
            self.wiring[[one, other]] = other, one
        agents = [data["alone"]] if alone or easy else data["agents"]
        lexicon = Lexicon(data["words"])
        program = skill("program", {"task": self.tasks}, lexicon, _programmed, _programmed_progress)
        verbs = {"write": {"line": data["instructions"]}, "erase": {}, "test": {}, "submit": {}}
        goals = [program(task=task) for task in self.tasks]
        super().__init__(num_envs, agents, lexicon, verbs, data["answers"], [program], goals, **settings)

    @staticmethod
    def _operation(name: str) -> int:
        if name not in machine.OPERATIONS:
            raise registry.nearest(str(name), list(machine.OPERATIONS), "instruction")
        return machine.OPERATIONS.index(name)

    def _program(self, name: str, task: Mapping[str, Any]) -> list[int]:
        if task["result"] not in RESULTS:
            raise registry.nearest(str(task["result"]), list(RESULTS), f"result in task {name!r}")
        numbers = [self._operation(line) for line in task["program"]]
        if not 1 <= len(numbers) <= self.lines:
            raise ValueError(f"task {name!r} has {len(numbers)} lines; a program has 1 to {self.lines}")
        return numbers + [-1] * (self.lines - len(numbers))

    def make(self) -> None:
        self.program = self.row("program", (self.lines,), np.int64, -1)  # what was written, by operation
        self.cross = self.row("cross", (), bool)  # hidden
        self.example = self.row("example", (self.cells,), np.int64)
        self.unseen = self.row("unseen", (UNSEEN, self.cells), np.int64)  # hidden
        self.tested = self.row("tested", (), bool)  # the program as it is
        self.left = self.row("left", (self.cells,), np.int64)  # what the test left
        self.held = self.row("held", (), np.int64)
        self.fits = self.row("fits", (), bool)
        self.handed = self.row("handed", (), bool)
        self.passed = self.row("passed", (), bool)
        self.waiting = np.zeros(self.num_envs, bool)  # for a run, within a step

    def begin(self, ids: np.ndarray, draw: Draws) -> None:
        self.aim[ids] = self.drawn_aim(draw)
        cross, lists = layout.drawn(draw, (), (1 + UNSEEN, self.cells))
        numbers = (lists * DIGITS).astype(np.int64)
        self.example[ids], self.unseen[ids] = numbers[:, 0], numbers[:, 1:]
        self.cross[ids] = (cross < 0.5) & self.crosses
        self.program[ids] = -1
        for array in (self.tested, self.left, self.held, self.fits, self.handed, self.passed):
            array[ids] = 0

    def tests(self, k: int) -> bool:
        """Whether agent k is the one who tests."""
        return k == len(self.agents) - 1

    def encode(self, k: int, rows: Rows) -> list[np.ndarray]:
        told = self.tested[rows] & self.tests(k)
        numbers = np.concatenate([self.left[rows], self.held[rows][:, None]], axis=1)
        return [
            one_hot(self.program[rows], len(machine.OPERATIONS)),
            self.example[rows] / DIGITS,
            told,
            told & self.fits[rows],
            numbers / machine.LARGEST * told[:, None],
        ]

    # Rules

    @property
    def length(self) -> np.ndarray:
        """(num_envs,): lines written."""
        return (self.program >= 0).sum(axis=1)

    def can_write(self, k: int) -> np.ndarray:
        may = (self.length < self.lines) & (k == 0)
        return np.repeat(may[:, None], len(self.operations), axis=1)

    def do_write(self, k: int, rows: np.ndarray, lines: np.ndarray) -> None:
        self.program[rows, self.length[rows]] = np.array(self.operations)[lines]
        self.tested[rows] = False

    def can_erase(self, k: int) -> np.ndarray:
        return (self.length > 0) & (k == 0)

    def do_erase(self, k: int, rows: np.ndarray) -> None:
        self.program[rows, self.length[rows] - 1] = -1
        self.tested[rows] = False

    def can_test(self, k: int) -> np.ndarray:
        return (self.length > 0) & ~self.tested & self.tests(k)

    def do_test(self, k: int, rows: np.ndarray) -> None:
        self.tested[rows] = True
        self.waiting[rows] = True

    def can_submit(self, k: int) -> np.ndarray:
        return (self.length > 0) & ~self.handed & self.tests(k)

    def do_submit(self, k: int, rows: np.ndarray) -> None:
        self.handed[rows] = True
        self.waiting[rows] = True

    def notice(self, rows: Rows) -> None:
        """Run what is to be tested or judged on the example and the unseen lists, all copies at once."""
        run = np.flatnonzero(self.waiting)
        if not len(run):
            return
        self.waiting[:] = False
        task, program, cross = self.aim[run], self.program[run], self.cross[run, None]
        wired = np.where(cross, self.wiring[program], program)
        lists = np.concatenate([self.example[run, :, None], self.unseen[run].swapaxes(1, 2)], axis=2)
        left, held = machine.run(np.concatenate([wired, self.programs[task]]), np.concatenate([lists, lists]))
        (mine, wanted), (number, right) = np.split(left, 2), np.split(held, 2)
        fits = np.where(self.counts[task, None], number == right, (mine == wanted).all(axis=1))
        self.left[run], self.held[run], self.fits[run] = mine[:, :, 0], number[:, 0], fits[:, 0]
        self.passed[run] = self.handed[run] & fits[:, 1:].all(axis=1)

    # How far it is

    def wanted(self, aim: np.ndarray) -> np.ndarray:
        """(num_envs, lines): what to write on each machine for tasks aim (num_envs,)."""
        program = self.programs[aim]
        return np.where(self.cross[:, None], self.wiring[program], program)

    def agreed(self, wanted: np.ndarray) -> np.ndarray:
        """(num_envs,): how many lines from the first are as wanted."""
        return np.cumprod((self.program == wanted) & (wanted >= 0), axis=1).sum(axis=1)

    def towards(self, aim: np.ndarray) -> np.ndarray:
        """(num_envs,) in [0, 1): the nearer, the fewer lines are to be erased and written still, and handed in."""
        wanted, far = self.wanted(aim), 2 * self.lines + 1
        agreed = self.agreed(wanted)
        left = self.length - agreed + (wanted >= 0).sum(axis=1) - agreed + 1
        return 1 - (1 + left) / (far + 2)

    def advance(self, rows: Rows) -> np.ndarray:
        return np.where(self.passed, 1.0, self.towards(self.aim))[rows]

    def failed(self) -> np.ndarray:
        return self.handed & ~self.passed

    def plan(self) -> Arrays:
        """The writer erases what is not as wanted and writes the rest; then the tester tests and hands in."""
        wanted = self.wanted(self.aim)
        agreed, length = self.agreed(wanted), self.length
        line = self.keys[wanted[self.every, np.minimum(agreed, self.lines - 1)]]
        finished = (agreed == length) & (agreed == (wanted >= 0).sum(axis=1))
        number = self.table.number
        write = np.where(agreed < length, number("erase", length), number("write", line))
        check = np.where(self.tested, number("submit", length), number("test", length))
        last = np.where(finished, check, 0)
        if len(self.agents) == 1:
            return {self.agents[0]: np.where(finished, check, write)}
        return dict(zip(self.agents, (np.where(finished, 0, write), last), strict=True))

    # Words

    def scene(self, env: int, k: int) -> list[str]:
        say, language = self.lexicon.say, self.language
        told = [say("example", language, numbers=_spelt(self.example[env]))]
        lines = self._lines(env)
        told.append(
            say("lines", language, lines=self.lexicon.listed(lines, language)) if lines else say("no_lines", language)
        )
        if self.tests(k) and self.tested[env]:
            verdict = self.lexicon.word(self.data["answers"][0 if self.fits[env] else 1], language)
            left, held = _spelt(self.left[env]), str(self.held[env])
            told.append(say("ran", language, numbers=left, held=held, verdict=verdict))
        return told

    def _lines(self, env: int) -> list[str]:
        return [machine.OPERATIONS[op] for op in self.program[env] if op >= 0]

    def cards(self, env: int) -> list[tuple[str, list[str]]]:
        keys = "crossed: " + ", ".join("/".join(p) for p in self.data["crossed"]) if self.cross[env] else "straight"
        lines = [f"{i + 1}  {line}" for i, line in enumerate(self._lines(env))]
        test = [f"list {_spelt(self.left[env])}", f"number {self.held[env]}", "right" if self.fits[env] else "wrong"]
        return [
            ("machine", [f"keys {keys}", f"example {_spelt(self.example[env])}"]),
            ("program", lines),
            ("test", test if self.tested[env] else []),
        ]


def _spelt(numbers: np.ndarray) -> str:
    return " ".join(map(str, numbers))


def _programmed(world: World, arguments: Mapping[str, str]) -> np.ndarray:
    shop = world.unwrapped
    assert isinstance(shop, Workshop)
    return shop.passed & (shop.aim == shop.tasks.index(arguments["task"]))


def _programmed_progress(world: World, arguments: Mapping[str, str]) -> np.ndarray:
    shop = world.unwrapped
    assert isinstance(shop, Workshop)
    aim = np.full(shop.num_envs, shop.tasks.index(arguments["task"]))
    return np.where(_programmed(world, arguments), 1.0, shop.towards(aim))


@registry.forwards(Workshop)
def make(num_envs: int = 1, file: str = "workshop", text: bool = False, **settings: Any) -> World:
    """num_envs workshops. alone, crossed, easy: as of Workshop. file: "workshop", or the path of a YAML file."""
    lists = dict.fromkeys(("agents", "instructions", "answers", "crossed"), list)
    data = read(file, **lists, alone=str, cells=int, lines=int, tasks=dict, words=dict)
    world = Workshop(num_envs, data, **settings)
    return Spoken(world) if text else world
