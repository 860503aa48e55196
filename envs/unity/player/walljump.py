"""WallJump: a goal behind a wall of changing height, and a block to climb where the wall is too high to jump."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...instructions import Skill
from ..spec import Behaviour, Sensor
from . import draw as paint
from . import ground
from .game import Game, Played, sensors
from .rays import Boxes, Rays, push

PERIOD, MAX_STEP = 5, 2000
LOW, HIGH, FLOOR = np.array([-10.5, -14.5]), np.array([10.5, 6.5]), 0.45  # the platform's corners and its top (m)
WALL, THICK = -1.98, 0.75  # the wall's middle along z, and half its thickness
NEAR, FAR = WALL - THICK - 0.5, WALL + THICK + 0.5  # where an agent stands at the wall
BLOCK, BLOCK_TOP = 1.5, 2.5  # half its edge, and its top; it hovers 5 cm above the floor and only slides
GOAL, GOAL_HALF, GOAL_LOW, GOAL_HIGH = np.array([6.37, 2.93]), 2.0, 0.49, 5.49
BODY = 0.5
RUN, SIDE, TURN, DRAG, BLOCK_DRAG = 3.0, 0.6, np.radians(300.0), 2.0, 1.0
GRAVITY, FALLING = 9.81 * 2.75, 111.0
BRAKING = 0.6 * GRAVITY
JUMP, JUMP_TIME, JUMP_SPEED, JUMP_CHANGE = 2.75, 0.2, 777.0, 10.0
SHARE = 25 / (25 + 10)  # of a contact's impulse that the block takes: masses 25 and 10
COST, SCORED, FELL = 0.0005, 1.0, -1.0
TAGS = ("wall", "goal", "block")
RAYS = Rays(TAGS, 3, 90, 20, start=(2.5, 0.0), end=(5.0, 0.0))  # two sensors in one cast: one looks upwards
WIDTH, STACK = RAYS.width, 6
NAMES = {"small": "SmallWallJump", "big": "BigWallJump", "any": "WallJump"}
DIRECTIONS = np.array([0.0, 1.0, -1.0])


def _game(world) -> Any:
    return world.unwrapped


def _on_block(world) -> np.ndarray:
    return _game(world).on_block()


def _away(world, arguments):
    """(n,) metres from the agent to the goal's middle, along x and z."""
    return ground.length(_game(world).place - GOAL)


reach = Skill(
    "reach",
    ("get to the goal behind the wall", "jump over the wall to the goal"),
    achieved=lambda world, arguments: _game(world).at_goal(),
    progress=lambda world, arguments: np.clip(1 - _away(world, arguments) / 25, 0, 1),
    held_out=("cross the wall and stand on the green square",),
    chinese=("越过墙到达目标", "跳过墙去目标区"),
)
bring = Skill(
    "bring",
    ("push the block to the wall", "bring the block to the wall"),
    achieved=lambda world, arguments: _game(world).block_gap() < 0.3,
    progress=lambda world, arguments: np.clip(1 - _game(world).block_gap() / 10, 0, 1),
    held_out=("move the block up against the wall",),
    chinese=("把方块推到墙边", "将方块移到墙前"),
)
climb = Skill(
    "climb",
    ("climb onto the block", "jump onto the block"),
    achieved=lambda world, arguments: _on_block(world),
    progress=lambda world, arguments: _on_block(world).astype(float),
    held_out=("get on top of the block",),
    chinese=("爬上方块", "跳到方块上"),
)


class WallJump(Game):
    """Success: at the goal, with ground under the agent.

    Actions: ahead/back, turn left/right, step left/right (which counts instead of ahead/back), jump.
    A fixed step costs 0.0005; the decision that reaches the goal pays 1, the one in which agent or block leaves the
    platform -1, and either ends the episode, which is cut off after 400 decisions.
    The wall is missing (1 episode in 5), 2 m high (1 in 5) or 4 m high; wall="small" leaves the first two, "big"
    the last.
    Observation: two ray sensors of 7 rays, the upper one looking upwards; place / 20 and whether the agent can jump;
    each stacked six times.
    """

    name = "WallJump"
    groups = {"WallJump": ("agent",)}
    saved = (
        "place", "up", "velocity", "climbing", "yaw", "jumping", "jumped", "block", "drift", "wall", "seen", "fallen",
    )  # fmt: skip
    defaults = {"no_wall_height": 0.0, "small_wall_height": 4.0, "big_wall_min_height": 8.0, "big_wall_max_height": 8.0}
    skills = (reach, bring, climb)
    goals = (reach(),)
    max_episode_steps = MAX_STEP // PERIOD
    render_fps = 10

    def __init__(self, num_envs: int = 1, wall: str = "any", **settings):
        if wall not in NAMES:
            raise ValueError(f"WallJump: wall is one of {', '.join(NAMES)}, not {wall!r}")
        self.kinds = {"small": (0, 2), "big": (2, 3), "any": (0, 5)}[wall]
        seen = (
            Sensor(f"StackingSensor_size{STACK}_OffsetRayPerceptionSensor", (STACK * WIDTH,), 1.0),
            Sensor(f"StackingSensor_size{STACK}_RayPerceptionSensor", (STACK * WIDTH,), 1.0),
            Sensor(f"StackingSensor_size{STACK}_VectorSensor_size4", (STACK * 4,), 2.0),
        )
        self.behaviours = {"WallJump": Behaviour(NAMES[wall], sensors(*seen), branches=(3, 3, 3, 2))}
        self.place, self.velocity, self.block, self.drift = (np.zeros((num_envs, 2)) for _ in range(4))
        self.up, self.climbing, self.yaw, self.jumping, self.jumped, self.wall = (np.zeros(num_envs) for _ in range(6))
        self.seen = np.zeros((num_envs, STACK, 2 * WIDTH + 4), np.float32)
        self.fallen = np.zeros(num_envs, bool)
        super().__init__(num_envs, **settings)

    def begin(self, ids, draw):
        where = draw.random(6)
        self.place[ids] = np.stack([18 * (where[:, 0] - 0.5), np.full(len(ids), -12.0)], axis=1)
        self.block[ids] = np.stack([16.2 * (where[:, 1] - 0.5), 7 * (where[:, 2] - 0.5) - 6.27], axis=1)
        self.yaw[ids] = 2 * np.pi * where[:, 3]
        kind = self.kinds[0] + np.floor(where[:, 4] * (self.kinds[1] - self.kinds[0]))
        p = self.parameters
        big = p["big_wall_min_height"] + where[:, 5] * (p["big_wall_max_height"] - p["big_wall_min_height"])
        height = np.where(kind == 0, p["no_wall_height"], np.where(kind == 1, p["small_wall_height"], big))
        self.wall[ids] = height / 2  # its middle is at height 0: half of it stands above
        self.up[ids] = FLOOR + BODY
        self.velocity[ids] = self.drift[ids] = 0
        self.climbing[ids] = self.jumping[ids] = self.jumped[ids] = self.fallen[ids] = 0
        self.seen[ids] = 0
        self.seen[ids, -1] = self._look(ids)

    def play(self, acts):
        choice = acts["agent"][1]
        over, pay = np.zeros(self.num_envs, bool), np.zeros(self.num_envs)
        for _ in range(PERIOD):
            rows = np.flatnonzero(over)  # what ended within the decision rests until its end
            resting = {name: getattr(self, name)[rows] for name in self.saved} if len(rows) else {}
            self._move(choice)
            self.fallen = _outside(self.place) | _outside(self.block)
            for name, held in resting.items():
                getattr(self, name)[rows] = held
            there = self.at_goal() & ~self.fallen
            pay = np.where(over, pay, np.where(self.fallen, FELL, np.where(there, SCORED, pay - COST)))
            over = over | self.fallen | there
        self.seen = push(self.seen, self._look())
        return Played({"agent": pay}, {"agent": over})

    # What stands where

    def on_block(self) -> np.ndarray:
        """(n,) bool: the agent stands on the block."""
        above = (np.abs(self.place - self.block) < BLOCK).all(axis=1)
        return above & (np.abs(self.up - BODY - BLOCK_TOP) < 0.1)

    def block_gap(self) -> np.ndarray:
        """(n,) metres between the block and the wall's place."""
        return np.abs(self.block[:, 1] - WALL) - BLOCK - THICK

    def at_goal(self) -> np.ndarray:
        """(n,) bool: the agent touches the goal and has ground below."""
        gap = np.abs(self.place - GOAL) < GOAL_HALF + BODY
        touches = gap[:, 0] & gap[:, 1] & (self.up - BODY < GOAL_HIGH)
        return touches & self._can_jump() if touches.any() else touches

    def _can_jump(self) -> np.ndarray:
        return self._clearance() <= 1.05

    def _clearance(self) -> np.ndarray:
        """(n,) metres from what is below to the agent's middle."""
        return self.up - self._support()

    def _support(self) -> np.ndarray:
        """(n,) the highest top below the agent's middle; far below where there is none."""
        feet = self.up - BODY + 0.05
        inside = ~_outside(self.place)
        on_wall = inside & (np.abs(self.place[:, 1] - WALL) < THICK) & (feet >= self.wall)
        gap = np.abs(self.place - self.block)
        on_block = (gap[:, 0] < BLOCK) & (gap[:, 1] < BLOCK) & (feet >= BLOCK_TOP)
        floor = np.where(on_wall, np.maximum(self.wall, FLOOR), np.where(inside, FLOOR, -99.0))
        return np.where(on_block, np.maximum(BLOCK_TOP, floor), floor)

    # Movement

    def _move(self, choice: np.ndarray) -> None:
        """One fixed step of running, jumping, falling and pushing."""
        below = self.up - self._support()
        can_jump, grounded = below <= 1.05, below <= 0.56
        sine, cosine = np.sin(self.yaw), np.cos(self.yaw)
        side, forth, grip = DIRECTIONS[choice[:, 2]] * -SIDE, DIRECTIONS[choice[:, 0]], np.where(grounded, 1.0, 0.5)
        steps = side != 0  # to a side; else ahead or back
        x, z = np.where(steps, side * cosine, forth * sine), np.where(steps, -side * sine, forth * cosine)
        way = np.stack([x * grip, z * grip], axis=1)
        start = (choice[:, 3] == 1) & (self.jumping <= 0) & can_jump
        self.jumping = np.where(start, JUMP_TIME, self.jumping)
        self.jumped = np.where(start, self.up, self.jumped)
        self.yaw = self.yaw - TURN * ground.DT * DIRECTIONS[choice[:, 1]]
        speed = np.concatenate([self.velocity, self.climbing[:, None]], axis=1)
        target = np.concatenate([way, (self.jumped + JUMP - self.up)[:, None]], axis=1) * (ground.DT * JUMP_SPEED)
        leaps = self.jumping > 0
        change = target - speed
        size = np.sqrt(ground.length(change[:, :2]) ** 2 + change[:, 2] ** 2)
        lifted = speed + change * np.minimum(1, JUMP_CHANGE / np.maximum(size, 1e-9))[:, None]
        speed = np.where(leaps[:, None], lifted, speed)
        fall = GRAVITY + np.where(~leaps & ~grounded, FALLING, 0)
        self.jumping = self.jumping - ground.DT
        self.velocity = ground.slowed(speed[:, :2] + RUN * way, DRAG, np.where(grounded, BRAKING, 0.0))
        self.climbing = (speed[:, 2] - fall * ground.DT) * (1 - DRAG * ground.DT)
        self.drift = ground.slowed(self.drift, BLOCK_DRAG)
        self._advance()

    def _advance(self) -> None:
        """Places follow velocities; tops carry, sides stop, and the block gives way."""
        was, block_was = self.place[:, 1], self.block[:, 1]
        self.place = self.place + self.velocity * ground.DT
        self.block = self.block + self.drift * ground.DT
        tops = self._support()
        self.up = self.up + self.climbing * ground.DT
        lands = (self.up - BODY < tops) & (self.climbing <= 0)
        self.up = np.where(lands, tops + BODY, self.up)
        self.climbing = np.where(lands, 0.0, self.climbing)
        feet = self.up - BODY
        self._push(feet < BLOCK_TOP - 0.05)
        stops = self.wall > BLOCK - 1
        at = WALL - THICK - BLOCK, WALL + THICK + BLOCK
        free = self.block[:, 1].copy()
        self.block[:, 1], self.drift[:, 1] = _barred(free, self.drift[:, 1], block_was, stops, *at)
        barred = free != self.block[:, 1]
        if barred.any():  # a block at the wall gives way no more
            self._push(barred & (feet < BLOCK_TOP - 0.05), 0.0)
        stops = feet < self.wall - 0.05
        self.place[:, 1], self.velocity[:, 1] = _barred(self.place[:, 1], self.velocity[:, 1], was, stops, NEAR, FAR)

    def _push(self, beside: np.ndarray, share: float = SHARE) -> None:
        """Agent and block part where the agent is beside the block, not above it."""
        gap = np.abs(self.place - self.block) < BODY + BLOCK
        if not (gap[:, 0] & gap[:, 1] & beside).any():
            return
        depth, normal = ground.overlap(self.place, BODY, self.block, np.full((self.num_envs, 1), BLOCK))
        touches = (depth > 0) & beside
        out = np.where(touches, depth, 0)[:, None] * normal
        into = ground.dot(self.velocity - self.drift, normal)
        halt = np.where(touches, np.maximum(-into, 0), 0)[:, None] * normal
        self.place, self.block = self.place + (1 - share) * out, self.block - share * out
        self.velocity, self.drift = self.velocity + (1 - share) * halt, self.drift - share * halt

    def _look(self, ids: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(areas, both ray sensors and the vector) what is sensed now in areas ids."""
        place, block, up, wall = self.place[ids], self.block[ids], self.up[ids], self.wall[ids]
        one = np.ones(len(up))
        things = Boxes(
            centre=np.stack([np.outer(one, (0, WALL)), np.outer(one, GOAL), block], axis=1),
            half=np.array([[(10, THICK), (GOAL_HALF, GOAL_HALF), (BLOCK, BLOCK)]]),
            tag=np.array([0, 1, 2]),
            there=np.stack([wall > 0, one > 0, one > 0], axis=1)[:, None],
            low=np.array([[0.0, GOAL_LOW, 0.5]]),
            high=np.stack([wall, GOAL_HIGH * one, BLOCK_TOP * one], axis=1),
        )
        twice = (np.repeat(part[:, None], 2, axis=1) for part in (place, self.yaw[ids], up))
        where, yaw, height = twice
        rays = RAYS.sense(where, yaw, [things], height).reshape(len(one), 2 * WIDTH)
        own = np.stack([place[:, 0], up, place[:, 1] + 4], axis=1) / 20
        return np.concatenate([rays, own, self._can_jump()[ids, None]], axis=1)

    def sense(self):
        parts = np.split(self.seen, [WIDTH, 2 * WIDTH], axis=2)
        names = [sensor.name for sensor in self.behaviours["WallJump"].sensors]
        return {"agent": {n: p.reshape(self.num_envs, -1) for n, p in zip(names, parts, strict=True)}}

    def success(self):
        return self.at_goal() & ~self.fallen

    def scripted(self):
        """Face the goal's side; bring the block to a high wall; climb, jump, run to the goal."""
        yaw = (self.yaw + np.pi) % (2 * np.pi) - np.pi
        x, z = self.place.T
        before = z < WALL
        high = before & (self.wall > 3)
        bring_it = high & (self.block_gap() > 0.2)
        off = x - self.block[:, 0]
        aligned = np.abs(off) < 1.2
        behind = z < self.block[:, 1] - 2.2
        round_it = self.block[:, 0] + np.where(off < 0, -3.2, 3.2) * np.where(
            np.abs(self.block[:, 0]) > 6, -np.sign(off * self.block[:, 0]), 1
        )
        clear = np.where((np.abs(off) < 2.6) & (z < self.block[:, 1] + 2), round_it, np.clip(x, -8, 8))
        aim_x = np.where(before, np.where(high, np.where(behind, self.block[:, 0], x), clear), GOAL[0])
        stuck = before & np.where(high, ~aligned & (self.up < 2), (np.abs(off) < 2.2) & (z < self.block[:, 1]))
        aim_z = np.where(before, np.where(stuck, -12.0, np.where(self.wall > 0, FAR + 1, 0.0)), GOAL[1])
        grip = np.where(self._can_jump(), 0.3, 0.4)  # how far (s) a speed carries
        rest = self.place + grip[:, None] * self.velocity
        ahead = ground.heading(self.yaw)
        pushes = np.array([(0, 0), (1, 0), (-1, 0), (0, -SIDE), (0, SIDE)]) * RUN * PERIOD * 0.3
        moves = pushes[:, :1] * ahead[:, None] + pushes[:, 1:] * ground.right_of(ahead)[:, None]
        beat = (
            np.sin(np.stack([0.9 * self.steps, 1.3 * self.steps + 1], axis=1)) * np.minimum(self.steps / 30, 1)[:, None]
        )
        far = ground.length(rest[:, None] + moves - (np.stack([aim_x, aim_z], axis=1) + beat)[:, None])
        best = far.argmin(axis=1)
        close = before & (self.wall > 0) & np.where(high, ~bring_it & aligned & (z > -10), z > -6.5)
        forth = np.where(best < 3, best, 0)
        side = np.where(best > 2, best - 2, 0)
        forth, side = np.where(close, 1, forth), np.where(close, 0, side)
        turn = np.where(np.abs(yaw) > np.radians(15.1), np.where(yaw > 0, 1, 2), 0)
        turning = turn > 0
        acts = np.stack([np.where(turning, 0, forth), turn, np.where(turning, 0, side), close & ~turning], axis=1)
        return {"agent": acts}

    def describe(self, env, agent):
        x, z = self.place[env]
        wall = "There is no wall" if self.wall[env] == 0 else f"The wall is {self.wall[env]:.1f} m high"
        where = "before" if z < WALL else "behind"
        gap = self.block[env] - self.place[env]
        on = ", on the block" if self.on_block()[env] else ""
        looks = np.degrees(self.yaw[env]) % 360
        return (
            f"{wall}. You are {abs(z - WALL):.1f} m {where} its place{on}, {self.up[env] - BODY - FLOOR:.1f} m above "
            f"the floor, looking {looks:.0f} degrees to the right of it. The block is {gap[0]:.1f} m to its right and "
            f"{gap[1]:.1f} m towards it, the goal {GOAL[0] - x:.1f} m and {GOAL[1] - z:.1f} m."
        )

    def feasible(self, env, agent):
        return [reach(), bring(), climb()]

    def render(self, env=0):
        score = SCORED * self.won[env] + FELL * self.fallen[env] - COST * PERIOD * self.steps[env]
        board = paint.Board(
            (-11.5, -15.5), (11.5, 7.5), f"WallJump   {self.aim_of(env).text}   score {score:.2f}", paint.SKY
        )
        (left, back), (right, front) = LOW.tolist(), HIGH.tolist()
        board.polygon([(left, back), (right, back), (right, front), (left, front)], paint.GROUND)
        board.box(GOAL.tolist(), (GOAL_HALF,) * 2, paint.GREEN)
        shade = {0: paint.SKY, 1: (170, 172, 178), 2: paint.WALL}[
            min(int(self.wall[env]) // 2 + (self.wall[env] > 0), 2)
        ]
        board.box((0, WALL), (10, THICK), shade)
        board.words((0, WALL), f"wall {self.wall[env]:.0f} m", paint.INK, 16)
        board.box(self.block[env], (BLOCK,) * 2, paint.ORANGE)
        size = BODY + 0.12 * (self.up[env] - BODY - FLOOR)  # what is high is near
        board.box(self.place[env], (size, size), paint.BLUE, float(self.yaw[env]))
        board.line([self.place[env], self.place[env] + (size + 0.5) * ground.heading(self.yaw[env])], paint.INK, 3)
        return board.picture()


def _outside(place: np.ndarray) -> np.ndarray:
    """(n,) bool: beyond the platform, with nothing below."""
    return (place[:, 0] < LOW[0]) | (place[:, 0] > HIGH[0]) | (place[:, 1] < LOW[1]) | (place[:, 1] > HIGH[1])


def _barred(place, speed, was, stops, near, far):
    """Along z, what was before the wall stays before it, where it stops at all."""
    before = was <= (near + far) / 2
    held = np.where(before, np.minimum(place, near), np.maximum(place, far))
    held = np.where(stops, held, place)
    return held, np.where(held != place, 0.0, speed)
