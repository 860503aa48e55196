"""PushBlock: a block to be pushed into a goal at the end of a walled court."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from ..spec import Behaviour, Sensor
from . import draw as paint
from . import ground
from .game import Game, Played, sensors
from .rays import Boxes, Rays, Room, push

PERIOD, MAX_STEP = 5, 5000
COURT, GOAL = 12.5, -8.35  # half the court, and the goal's front along z (m)
REACH = 0.5  # the agent is a cube of edge 1 that turns: a disc here
MARGIN = 0.5  # the share of the court in which an episode begins
RUN, TURN, STRAFE = 3.0, np.radians(200.0), 0.75
DRAG, GRIP = 4.0, 0.6
MASS, BLOCK_MASS = 10.0, 10.0
SCORED, TOUCH = 5.0, 0.02
TAGS = ("block", "goal", "wall")
RAYS = (Rays(TAGS, 3, 90, 12, start=1.5, end=1.5), Rays(TAGS, 3, 90, 12))
WIDTH, STACK = RAYS[0].width, 3
TRIES = 32
# The upper rays pass over goal (up to 1.495 m) and block and meet the walls' edge (1.5 m); the lower ones meet all.
HIGH = Room(end=((-COURT, -COURT), (COURT, COURT)), tag=np.full(4, 2))
LOW = Room(end=((-COURT, GOAL), (COURT, COURT)), tag=np.array([2, 2, 1, 2]))
# What an action does to the velocity ahead, to the right, and to the yaw, in a fixed step.
MOVES = np.array([
    (0, 0, 0), (RUN, 0, 0), (-RUN, 0, 0), (0, 0, TURN * ground.DT), (0, 0, -TURN * ground.DT),
    (0, -STRAFE * RUN, 0), (0, STRAFE * RUN, 0),
])  # fmt: skip
NOTHING, AHEAD, RIGHT, LEFT = 0, 1, 3, 4


def _in_goal(world, arguments):
    """(n,) metres between the block and the goal."""
    game = world.unwrapped
    return game.block[:, 1] - game.half - GOAL


def _at_block(world, arguments):
    game = world.unwrapped
    return -ground.overlap(game.place, REACH, game.block, game.half[:, None])[0]


def _at_goal(world, arguments):
    return world.unwrapped.place[:, 1] - REACH - GOAL


def _skill(name, gap, wordings, held_out, chinese):
    return Skill(
        name,
        wordings,
        achieved=lambda world, arguments: gap(world, arguments) <= TOUCH,
        progress=lambda world, arguments: np.clip(1 - gap(world, arguments) / (2 * COURT), 0, 1),
        held_out=held_out,
        chinese=chinese,
    )


score = _skill(
    "push", _in_goal,
    ("push the block into the goal", "shove the block to the goal"),
    ("bring the block to the green zone",), ("把方块推进目标区", "将方块推到目标区"),
)  # fmt: skip
touch = _skill(
    "touch", _at_block,
    ("go to the block", "touch the block"), ("walk up to the block",), ("走到方块旁边", "碰一下方块"),
)  # fmt: skip
enter = _skill(
    "enter", _at_goal,
    ("go to the goal yourself", "touch the goal yourself"),
    ("leave the block and walk to the green zone",), ("你自己走到目标区", "自己去碰目标区"),
)  # fmt: skip


class PushBlock(Game):
    """Success: the block touches the goal; with `asked`, what the instruction asks for was done.

    Actions: nothing, ahead, back, turn right, turn left, step left, step right; for the five fixed steps
    of a decision.
    A fixed step costs 1/5000, the block in the goal pays 5 and ends the episode, which is cut off after
    1,000 decisions.
    Observation: two ray sensors of 7 rays, one 1.5 m higher, each stacked three times.
    asked: episodes are about pushing the block into the goal or about going there alone. Either ends them, and only
    what was asked for pays.
    """

    name = "PushBlock"
    groups = {"PushBlock": ("agent",)}
    saved = ("bodies", "speeds", "yaw", "half", "drag", "grip", "seen")
    defaults = {"block_scale": 2.0, "block_drag": 0.5, "dynamic_friction": 0.0, "static_friction": 0.0}
    skills = (score, touch, enter)
    goals = (score(),)
    max_episode_steps = MAX_STEP // PERIOD
    render_fps = 10
    behaviours = {
        "PushBlock": Behaviour(
            "PushBlock",
            sensors(
                Sensor("StackingSensor_size3_OffsetRayPerceptionSensor", (STACK * WIDTH,), 1.0),
                Sensor("StackingSensor_size3_RayPerceptionSensor", (STACK * WIDTH,), 1.0),
            ),
            branches=(7,),
        )
    }

    def __init__(self, num_envs: int = 1, asked: bool = False, **settings):
        if asked:
            self.goals = (score(), enter())
        self.asked = asked
        self.bodies, self.speeds = np.zeros((num_envs, 2, 2)), np.zeros((num_envs, 2, 2))  # the agent and the block
        self.drag = np.full((num_envs, 2), DRAG)
        self.yaw, self.half, self.grip = (np.zeros(num_envs) for _ in range(3))
        self.seen = np.zeros((num_envs, STACK, 2 * WIDTH), np.float32)
        super().__init__(num_envs, **settings)

    @property
    def place(self) -> np.ndarray:
        """(n, 2): where the agent is."""
        return self.bodies[:, 0]

    @property
    def block(self) -> np.ndarray:
        """(n, 2): where the block is."""
        return self.bodies[:, 1]

    def begin(self, ids, draw):
        wide = MARGIN * COURT
        low = max(-wide, GOAL + 2.5)  # nobody begins nearer to the goal
        block = draw.uniform((-wide, low), (wide, wide))
        self.half[ids], self.drag[ids, 1] = self.parameters["block_scale"] / 2, self.parameters["block_drag"]
        friction = (GRIP + self.parameters["dynamic_friction"]) / 2  # PhysX takes the mean of both surfaces
        self.grip[ids] = friction * ground.GRAVITY
        tried = draw.uniform([(-wide, low)] * TRIES, [(wide, wide)] * TRIES)
        clear = np.abs(tried - block[:, None]) > (2.5 + self.half[ids])[:, None, None]
        self.bodies[ids, 0], self.bodies[ids, 1] = tried[np.arange(len(ids)), clear.any(axis=2).argmax(axis=1)], block
        self.yaw[ids] = draw.uniform(-np.pi, np.pi)
        self.speeds[ids] = 0
        self.seen[ids] = 0
        self.seen[ids, -1] = self._look(ids)

    def play(self, acts):
        move = MOVES[acts["agent"][1][:, 0]]
        ahead = ground.heading(self.yaw)
        run = move[:, :1] * ahead + move[:, 1:2] * ground.right_of(ahead)  # who runs does not turn
        going, pay = np.ones(self.num_envs, bool), np.zeros(self.num_envs)
        for _ in range(PERIOD):
            pay = pay - going / MAX_STEP
            self.speeds[:, 0] += run
            self.yaw = self.yaw + np.where(going, move[:, 2], 0)
            self._move()
            done = self.ended()
            if done.any():  # then the rest of the decision changes nothing
                pay = pay + np.where(done & going, SCORED * self.success(), 0)
                going, run = going & ~done, np.where(done[:, None], 0, run)
                self.speeds[done] = 0
        self.seen = push(self.seen, self._look())
        return Played({"agent": pay}, {"agent": self.ended()})

    def ended(self) -> np.ndarray:
        """(n,) bool: what ends an episode has come about."""
        block = score().achieved(self)
        return block | enter().achieved(self) if self.asked else block

    def _move(self) -> None:
        """One fixed step: agent and block slide, the agent pushes, walls hold both."""
        self.speeds = ground.slowed(self.speeds, self.drag, self.grip[:, None])
        self.bodies = self.bodies + self.speeds * ground.DT
        self._touch(MASS / (MASS + BLOCK_MASS))
        inner = np.stack([np.full_like(self.half, COURT - REACH), COURT - self.half], axis=1)[:, :, None]
        low = -inner.repeat(2, axis=2)
        low[:, 0, 1] = GOAL + REACH  # the goal stops the agent; the block ends the episode there
        free = self.bodies
        self.bodies, self.speeds = ground.kept_in(self.bodies, self.speeds, low, inner)
        if (free[:, 1] != self.bodies[:, 1]).any():  # a block at a wall gives way no more
            self._touch(0.0)

    def _touch(self, share: float) -> None:
        """Agent and block part; the block takes `share` of what it needs."""
        depth, normal = ground.overlap(self.place, REACH, self.block, self.half[:, None])
        if not (depth > 0).any():
            return
        slip = self.speeds[:, 0] - self.speeds[:, 1]
        into = ground.dot(slip, normal)
        halt = np.where(depth > 0, np.maximum(-into, 0), 0)
        along = slip - into[:, None] * normal
        rub = np.minimum(1.0, GRIP * halt / np.maximum(ground.length(along), 1e-9))
        shares = np.array([[1 - share], [-share]])
        self.bodies = self.bodies + shares * (np.maximum(depth, 0)[:, None] * normal)[:, None]
        self.speeds = self.speeds + shares * (halt[:, None] * normal - rub[:, None] * along)[:, None]

    def _look(self, ids: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(areas, both sensors) what the rays meet now in areas ids."""
        half = self.half[ids, None, None].repeat(2, axis=2)
        block = Boxes(centre=self.block[ids, None], half=half, tag=np.array([0]))
        where = self.place[ids, None], self.yaw[ids, None]
        return np.concatenate([RAYS[0].sense(*where, [HIGH])[:, 0], RAYS[1].sense(*where, [block, LOW])[:, 0]], axis=1)

    def sense(self):
        upper, lower = self.seen[..., :WIDTH], self.seen[..., WIDTH:]
        rows = (self.num_envs, STACK * WIDTH)
        names = (sensor.name for sensor in self.behaviours["PushBlock"].sensors)
        return {"agent": dict(zip(names, (upper.reshape(rows), lower.reshape(rows)), strict=True))}

    def success(self):
        done = np.stack([goal.achieved(self) for goal in self.goals])
        return done[self.aim, np.arange(self.num_envs)]

    def scripted(self):
        """Face the goal, come behind the block, run; or run to the goal past the block."""
        away = (self.yaw % (2 * np.pi)) - np.pi  # from facing the goal
        x, z = self.block.T
        rest = self.place + 0.23 * self.speeds[:, 0]
        gap = self.place - self.block
        wide = self.half + REACH
        side = x + np.where(gap[:, 0] < 0, -1.0, 1.0) * (wide + 1.2)
        beside = np.abs(gap[:, 0]) > wide + 0.1
        behind = gap[:, 1] > wide - 0.1
        alone = np.array([goal.skill is enter for goal in self.goals])[self.aim]
        run = behind & (np.abs(rest[:, 0] - x) < self.half + 0.2)
        goal = np.stack(
            [np.where(beside, self.place[:, 0], side), np.where(beside, z + wide + 0.8, self.place[:, 1])], 1
        )
        goal = np.where(behind[:, None], np.stack([x, z + wide + 0.8], 1), goal)
        in_way = (np.abs(gap[:, 0]) < wide + 0.3) & (gap[:, 1] > 0)
        past = np.stack([np.where(in_way, side, self.place[:, 0]), np.where(in_way, self.place[:, 1], GOAL)], 1)
        run = np.where(alone, ~in_way, run)
        goal = np.where(alone[:, None], past, goal)
        beat = np.stack([np.sin(0.9 * self.steps), np.cos(1.3 * self.steps)], 1)  # steps are coarse: nothing may lock
        goal = goal + beat * np.minimum(self.steps / 25, 1.4)[:, None]
        choice = np.where(run, AHEAD, self._towards(goal))
        return {"agent": np.where(np.abs(away) > np.radians(10.1), np.where(away > 0, LEFT, RIGHT), choice)}

    def _towards(self, goal: np.ndarray) -> np.ndarray:
        """(n,) the action after which the agent comes to rest nearest to the goal."""
        ahead = ground.heading(self.yaw)[:, None]
        speed = PERIOD * (MOVES[:, :1] * ahead + MOVES[:, 1:2] * ground.right_of(ahead))
        rest = (self.place + 0.23 * self.speeds[:, 0])[:, None] + 0.2 * speed
        far = ground.length(rest - goal[:, None])
        far[:, [RIGHT, LEFT]] = np.inf
        return far.argmin(axis=1)

    def describe(self, env, agent):
        gap, ahead = self.block[env] - self.place[env], ground.heading(self.yaw[env])
        front, right = ground.dot(gap, ahead), ground.dot(gap, ground.right_of(ahead))
        turned = np.degrees((self.yaw[env] % (2 * np.pi)) - np.pi)
        return (
            f"The block is {abs(front):.1f} m {'ahead' if front > 0 else 'behind'} and {abs(right):.1f} m to the "
            f"{'right' if right > 0 else 'left'} of you. The goal is {_at_goal(self, {})[env]:.1f} m from you and "
            f"{_in_goal(self, {})[env]:.1f} m from the block; you look {abs(turned):.0f} degrees to its "
            f"{'left' if turned < 0 else 'right'}."
        )

    def feasible(self, env, agent):
        return [score(), touch(), enter()]

    def render(self, env=0):
        score = SCORED * self.won[env] - self.steps[env] * PERIOD / MAX_STEP
        words = f"PushBlock   {self.aim_of(env).text}   score {score:.2f}"
        wide = COURT + 0.5
        board = paint.Board((-wide, -wide), (wide, wide), words, paint.WALL)
        ends = [(-COURT, -COURT), (COURT, -COURT), (COURT, COURT), (-COURT, COURT)]
        board.polygon(ends, paint.GROUND)
        board.polygon([(-COURT, -COURT), (COURT, -COURT), (COURT, GOAL), (-COURT, GOAL)], paint.GREEN)
        board.words((0, (GOAL - COURT) / 2), "goal", paint.GROUND, 24)
        board.box(self.block[env], (self.half[env],) * 2, paint.ORANGE)
        board.box(self.place[env], (REACH, REACH), paint.BLUE, float(self.yaw[env]))
        board.line([self.place[env], self.place[env] + 0.9 * ground.heading(self.yaw[env])], paint.INK, 3)
        return board.picture()
