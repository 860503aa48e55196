"""Basic: twenty places in a row, a small goal near and a large goal far."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from ..spec import Behaviour, Sensor
from . import draw as paint
from .game import Game, Played

PLACES, START = 20, 10
GOALS = {"small": 7, "large": 17}
PAY = {"small": 0.1, "large": 1.0}
STEP_COST = 0.01


def _gap(world, arguments):
    return np.abs(world.unwrapped.place - GOALS[arguments["goal"]])


go = Skill(
    "go",
    ("go to the {goal} goal", "move to the {goal} goal"),
    achieved=lambda world, arguments: _gap(world, arguments) == 0,
    progress=lambda world, arguments: np.clip(1 - _gap(world, arguments) / START, 0, 1),
    held_out=("walk over to the {goal} goal",),
    chinese=("去{goal}目标", "走到{goal}目标"),
    arguments={"goal": ("small", "large")},
    in_chinese={"small": "小", "large": "大"},
)


class Basic(Game):
    """Success: at the large goal; with `asked`, at the goal that the instruction names.

    Actions: stay, left, right. Every step costs 0.01; the small goal pays 0.1, the large one 1, and either ends the
    episode. The official scene sets no MaxStep; here an episode is cut off after 100 steps.
    asked: episodes are about one of the two goals, told by the instruction alone, and only that one pays 1.
    """

    name = "Basic"
    groups = {"Basic": ("agent",)}
    behaviours = {"Basic": Behaviour("Basic", (Sensor("BasicSensor", (PLACES,), 1.0),), branches=(3,))}
    saved = ("place",)
    skills = (go,)
    goals = (go(goal="large"),)
    max_episode_steps = 100
    render_fps = 8

    def __init__(self, num_envs: int = 1, asked: bool = False, **settings):
        if asked:
            self.goals = (go(goal="large"), go(goal="small"))
        self.asked = asked
        self.place = np.full(num_envs, START)
        super().__init__(num_envs, **settings)

    @property
    def wanted(self) -> np.ndarray:
        """(num_envs,) int: the place of the goal that the episode is about."""
        return np.where(self.aim == 0, GOALS["large"], GOALS["small"])

    def begin(self, ids, draw):
        self.place[ids] = START

    def play(self, acts):
        choice = acts["agent"][1][:, 0]
        self.place = np.clip(self.place + (choice == 2) - (choice == 1), 0, PLACES - 1)
        at = {name: self.place == place for name, place in GOALS.items()}
        pay = PAY["small"] * at["small"] + PAY["large"] * at["large"]
        if self.asked:
            pay = np.where(self.place == self.wanted, 1.0, 0.0)
        return Played({"agent": pay - STEP_COST}, {"agent": at["small"] | at["large"]})

    def sense(self):
        return {"agent": {"BasicSensor": np.arange(PLACES) == self.place[:, None]}}

    def success(self):
        return self.place == self.wanted

    def scripted(self):
        return {"agent": np.where(self.place < self.wanted, 2, 1)}

    def describe(self, env, agent):
        place = self.place[env]
        return (
            f"You stand at place {place} of {PLACES}, numbered from the left. The small goal is at place "
            f"{GOALS['small']}, the large goal at place {GOALS['large']}."
        )

    def feasible(self, env, agent):
        return list(go.instructions())

    def render(self, env=0):
        board = paint.Board((-1, -4), (PLACES, 4), f"Basic   step {self.steps[env]}   {self.aim_of(env).text}")
        board.line([(0, -0.6), (PLACES - 1, -0.6)], paint.WALL, 6)
        board.disc((GOALS["small"], 0), 0.35, paint.GREEN)
        board.disc((GOALS["large"], 0), 0.8, paint.GREEN)
        board.box((self.place[env], 0), (0.45, 0.45), paint.BLUE)
        return board.picture()
