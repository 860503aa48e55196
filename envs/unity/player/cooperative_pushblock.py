"""Cooperative PushBlock: three agents push blocks into a goal, each of which needs one, two or all three of them."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from ...registry import nearest
from ..spec import Behaviour, Sensor
from . import draw as paint
from . import pushing
from .game import Game, Played, sensors
from .pushing import EDGE, GOAL, KIND, SIZES
from .walkers import HALF, PERIOD, seen, turned

TEAM = "PushBlockCollab"
STEP_COST = 0.0001  # a fixed step, for the group: half a point over the 5,000 of an episode
WORTH = np.array([1.0, 2.0, 3.0])[KIND]
WRONG = -1.0
COLOURS = (paint.YELLOW, paint.ORANGE, paint.PURPLE)


def _of_size(arguments) -> np.ndarray:
    """(6,) bool: which blocks are meant."""
    return np.equal(KIND, SIZES.index(arguments["size"])) if arguments else np.ones(6, bool)


def _gone(world, arguments):
    game = world.unwrapped
    return ~(game.there & _of_size(arguments)).any(axis=1)


def _share(world, arguments):
    """(n,) how far the blocks that are meant are on average, without those that the episode never had."""
    game = world.unwrapped
    way = np.clip(1 - (GOAL - game.block[..., 1] - EDGE) / (HALF + GOAL), 0, 1)
    meant = game.given & _of_size(arguments)
    far = np.where(game.there, 0.9 * way, 1.0) * meant
    return sum(far.T) / np.maximum(sum(meant.T.astype(int)), 1)


clear = Skill(
    "clear",
    ("push all blocks into the goal", "bring every block to the goal"),
    achieved=_gone,
    progress=_share,
    held_out=("clear the floor of blocks together",),
    chinese=("把所有方块推进目标区", "把每个方块都送到目标区"),
)
push = Skill(
    "push",
    ("push only the {size} block into the goal", "bring the {size} block to the goal and leave the others"),
    achieved=_gone,
    progress=_share,
    held_out=("shove just the {size} block into the goal",),
    chinese=("只把{size}方块推进目标区", "把{size}方块送到目标区，别动其他的"),
    arguments={"size": SIZES},
    in_chinese={"small": "小", "large": "大", "very large": "最大的"},
)


class CooperativePushBlock(Game):
    """Success: all six blocks were in the goal; with `asked`, the one that the instruction names was, and no other.

    Actions: stay, ahead, back, turn right, turn left, step left, step right. The group is paid 1, 2 or 3 for a block
    that needs as many agents, and -0.0001 a fixed step; the episode ends when no block is left, or after 1,000
    decisions (MaxEnvironmentSteps 5000, a decision in 5 steps).
    obs: "grid", the official observation, 20 x 20 cells ahead of the agent in six kinds; or "state", what is where in
    the agent's own frame: itself, its mates, and for each block where it is and whether it still is.
    asked: three blocks, one of each size in a column of its own; the one that the episode is about pays what it is
    worth, another one -1 instead, and either ends the episode.
    """

    name = "CooperativePushBlock"
    groups = {TEAM: ("agent_0", "agent_1", "agent_2")}
    saved = ("place", "velocity", "yaw", "block", "there", "given", "score")
    skills = (clear, push)
    goals = (clear(),)
    max_episode_steps = 1000
    render_fps = 10

    def __init__(self, num_envs: int = 1, obs: str = "state", asked: bool = False, **settings):
        seeing = {"grid": Sensor("GridSensor", (20, 20, 6)), "state": Sensor("StateSensor", (26,), 1.5)}
        if obs not in seeing:
            raise nearest(obs, dict(seeing), "kind of observation")
        self.behaviours = {TEAM: Behaviour(TEAM, sensors(seeing[obs]), branches=(7,), grouped=True)}
        self.obs, self.asked = obs, asked
        if asked:
            self.skills, self.goals = (push,), tuple(push(size=size) for size in reversed(SIZES))
        self.place, self.velocity = np.zeros((num_envs, 3, 2)), np.zeros((num_envs, 3, 2))
        self.yaw, self.block = np.zeros((num_envs, 3)), np.zeros((num_envs, 6, 2))
        self.there, self.given = np.zeros((num_envs, 6), bool), np.zeros((num_envs, 6), bool)
        self.score = np.zeros(num_envs)
        super().__init__(num_envs, **settings)

    def begin(self, ids, draw):
        spots = pushing.spots(draw, one_a_column=self.asked)
        self.place[ids], self.block[ids] = spots[:, :3], spots[:, 3:]
        self.yaw[ids] = 2 * np.pi * draw.random(3)
        self.velocity[ids] = self.score[ids] = 0
        self.given[ids] = np.arange(6) % 2 == 0 if self.asked else True
        self.there[ids] = self.given[ids]

    def play(self, acts):
        choice = np.stack([acts[agent][1][:, 0] for agent in self.agents], axis=1)
        before = self.there
        for _ in range(PERIOD):
            self.place, self.velocity, self.yaw, self.block = pushing.fixed_step(
                self.place, self.velocity, self.yaw, self.block, self.there, choice
            )
            self.there = self.there & (self.block[..., 1] + EDGE < GOAL)
        worth = np.where(self.wanted, WORTH, WRONG)
        paid = np.asarray(sum(((before & ~self.there) * worth).T))
        self.score = self.score + paid
        gone = before & ~self.there
        over = np.asarray(gone.any(axis=1) if self.asked else ~self.there.any(axis=1))
        none = np.zeros(self.num_envs)
        return Played(
            dict.fromkeys(self.agents, none), dict.fromkeys(self.agents, over), {TEAM: paid - STEP_COST * PERIOD}
        )

    @property
    def wanted(self) -> np.ndarray:
        """(num_envs, 6) bool: the blocks that should go into the goal."""
        if not self.asked:
            return np.ones((self.num_envs, 6), bool)
        return (len(SIZES) - 1 - self.aim)[:, None] == KIND

    def success(self):
        return (self.given & ~self.there == self.given & self.wanted).all(axis=1)

    def sense(self):
        shown = self._grid() if self.obs == "grid" else self._state()
        name = "GridSensor" if self.obs == "grid" else "StateSensor"
        return {agent: {name: shown[:, k]} for k, agent in enumerate(self.agents)}

    def _grid(self) -> np.ndarray:
        return pushing.grid(self.place, self.yaw, self.block, self.there)

    def _state(self) -> np.ndarray:
        """(n, 3, 26): place, sine and cosine of the yaw, the mates' and blocks' places in the agent's frame / 25."""
        things = np.concatenate([self.place, self.block], axis=1)
        gap = seen(things[:, None] - self.place[:, :, None], self.yaw[:, :, None]) / (2 * HALF)
        mates = np.stack([gap[:, k, [j for j in range(3) if j != k]] for k in range(3)], axis=1)
        there = np.broadcast_to(self.there[:, None, :, None], (self.num_envs, 3, 6, 1))
        blocks = np.concatenate([gap[:, :, 3:] * there, there], axis=-1)
        own = np.stack([*np.moveaxis(self.place / HALF, -1, 0), np.sin(self.yaw), np.cos(self.yaw)], axis=-1)
        parts = own, mates.reshape(self.num_envs, 3, -1), blocks.reshape(self.num_envs, 3, -1)
        return np.concatenate(parts, axis=-1)

    def scripted(self):
        wanted = self.wanted & self.there
        choice = pushing.script(self.place, self.velocity, self.yaw, self.block, wanted)
        return {agent: choice[:, k] for k, agent in enumerate(self.agents)}

    def describe(self, env, agent):
        k = self.agents.index(agent)
        x, z = self.place[env, k]
        near = np.argsort(-self.block[env, :, 1] - EDGE, kind="stable")
        left = [
            f"a {SIZES[KIND[b]]} one (for {KIND[b] + 1}) at ({self.block[env, b, 0]:.1f}, {self.block[env, b, 1]:.1f})"
            for b in near[self.there[env, near]]
        ]
        turn = np.degrees(self.yaw[env, k]) % 360
        return (
            f"You stand at ({x:.1f}, {z:.1f}) in a hall from -12.5 to 12.5, facing {turn:.0f} degrees; the goal is "
            f"the strip beyond z = {GOAL}. Blocks, those near it first: {'; '.join(left) or 'none left'}."
        )

    def feasible(self, env, agent):
        left = {SIZES[kind] for kind in KIND[self.there[env]]}
        return [i for skill in self.skills for i in skill.instructions() if left >= set(dict(i.arguments).values())]

    def render(self, env=0):
        words = f"step {self.steps[env]}   score {self.score[env]:.0f}   {self.aim_of(env).text}"
        board = paint.Board((-HALF - 0.5, -HALF - 0.5), (HALF + 0.5, HALF + 0.5), words, paint.WALL)
        board.box((0, 0), (HALF, HALF), paint.GROUND)
        board.box((0, (GOAL + HALF) / 2), (HALF, (HALF - GOAL) / 2), (190, 226, 190))
        for b in np.flatnonzero(self.there[env]):
            board.box(self.block[env, b], (EDGE[b], EDGE[b]), COLOURS[KIND[b]])
            board.words(self.block[env, b], str(KIND[b] + 1))
        for k, colour in enumerate((paint.BLUE, paint.RED, paint.GREEN)):
            spot, yaw = self.place[env, k], self.yaw[env, k]
            board.box(spot, (0.5, 0.5), colour, -float(yaw))
            nose = spot + turned(np.array([0.0, 0.45]), yaw)
            board.disc(nose, 0.18, paint.INK)
        return board.picture()
