"""The football pitch that SoccerTwos and StrikersVsGoalie share: players, ball, walls, kicks, goals and rays.

Numbers from Unity's SoccerFieldTwos.prefab, StrikersVsGoalieField.prefab, AgentSoccer.cs and SoccerEnvController.cs.
Everything moves in the plane (x, z); blue starts at negative x and shoots at the purple goal, at positive x.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..spec import Behaviour, Sensor
from .game import Game, Played
from .rays import TINY, UNTAGGED, Discs, Rays, Room, push

DT, PERIOD, STACK = 0.02, 5, 3  # Unity's fixed step (s), steps from decision to decision, observations side by side
LIMIT = 5000  # fixed steps in an episode, MaxEnvironmentSteps
TEAMS = ("blue", "purple")
LENGTH, WIDTH, MOUTH = 15.5, 7.5, 4.15  # half the pitch's length and width, half a goal's width (m)
CORNER, CUT = np.array([0.75**0.5, 0.5]), 15.5  # walls cut the corners: their normal, how far they are along it
PLAYER, BALL = 0.5, 0.624  # radii (m)
LINE = LENGTH - 0.373  # where the ball's middle is when the ball touches the goal's floor
BLOCK = 15.01  # where the wall in front of a blocked goal stands
HEAVY, LIGHT, BOUNCE = 50.0, 3.0, 0.8  # masses of player and ball (kg), restitution of the ball
DRAG, BALL_DRAG = 1 - 3 * DT, 1 - 1 * DT
RUN, TURN = 2.0, np.radians(100.0) * DT  # speed gained and angle turned in a fixed step
KICK = 2000 * DT / LIGHT  # what a kick adds to the ball's speed (m/s)
TOUCH = 0.2  # what a touch of the ball earns, times the parameter ball_touch
NOBODY = -1
# Rays look 0.5 m above the middles of players and ball, and there these are smaller.
SEEN_PLAYER, SEEN_BALL = 0.75**0.5 - 0.5, ((0.5 + BALL) ** 2 - 0.25) ** 0.5 - 0.5
NET = 17.39  # where the back of a goal's net is
# The six walls: their normals.
NORMALS = np.array([(0, 1), (0, -1), *(CORNER * (x, z) for x in (1, -1) for z in (1, -1))], np.float32)
ROOM = np.array([WIDTH] * 2 + [CUT] * 4, np.float32)


class Fence(Room):
    """The pitch seen from inside: six walls, and the nets of the goals, or what blocks one; tag: (n, a, 8)."""

    def crossed(self, right, ahead, look, yaw, radius):
        """As Discs.crossed; it is left at infinity."""
        x, z, radius = -right[:, :, None], -ahead[:, :, None], np.float32(radius)
        room = ROOM - radius - (x * NORMALS[:, 0] + z * NORMALS[:, 1])
        walls = _until(room, look[0] * NORMALS[:, 0] + look[1] * NORMALS[:, 1])
        side = _until(MOUTH - radius - np.copysign(z, z * look[1]), np.abs(look[1]))
        ends = []
        for sign, end in zip((-1, 1), np.asarray(self.end, np.float32)[:, 0], strict=True):
            line = _until(abs(end) - radius - sign * x, sign * look[0])
            net = np.minimum(_until(NET - radius - sign * x, sign * look[0]), np.maximum(side, line))
            at = z + np.where(line < 2 * NET, line, 0) * look[1]
            ends.append(np.where(np.abs(at) < MOUTH, line if abs(end) < LENGTH else net, np.float32(np.inf)))
        return np.concatenate([walls, *ends], axis=-1), np.float32(np.inf)


class Look(NamedTuple):
    """A ray sensor that some players have alike. who: agent -> the sensor's name and its tags, in order."""

    rays: Rays
    back: bool
    who: Mapping[str, tuple[str, Sequence[str]]]


def rays(tags: int, side: int, degrees: float) -> Rays:
    """Rays of Unity's footballers; tags: how many."""
    return Rays(tuple(map(str, range(tags))), side, degrees, 20.0, start=0.5, end=0.5)


def behaviour(name: str, team: int, agent: str, looks: Sequence[Look]) -> Behaviour:
    """What an agent of a football game senses and does."""
    seen = [_sensor(look.who[agent][0], look.rays) for look in looks if agent in look.who]
    return Behaviour(
        name, tuple(sorted(seen, key=lambda s: s.name)), branches=(3, 3, 3), team=team, grouped=True
    )  # fmt: skip


def _sensor(name: str, rays: Rays) -> Sensor:
    return Sensor(f"StackingSensor_size{STACK}_{name}", (STACK * rays.width,), 1.0)


class Pitch(Game):
    """A subclass says who plays, and how.

    looks: the ray sensors. colour (0 blue, 1 purple), ahead and aside (how fast they run, as shares of RUN), keeper
    and home (x, z): a row per agent. blocked: whether the blue goal is walled up.
    Actions, three branches of three: nothing, forward, back; nothing, right, left; nothing, turn left, turn right.
    A step to the side replaces one to and fro, as in Unity's code. Who touches the ball while running forward kicks it;
    a keeper always does. Players stay on the pitch; in Unity they may also walk into the goals.
    """

    looks: tuple[Look, ...]
    colour: np.ndarray
    ahead: np.ndarray
    aside: np.ndarray
    keeper: np.ndarray
    home: np.ndarray
    blocked = False
    saved = ("place", "motion", "yaw", "ball", "roll", "touching", "winner", "entered", "touch")  # and what was looked
    defaults = {"ball_touch": 0.0}
    max_episode_steps = LIMIT // PERIOD
    render_fps = 10
    keys = {"up": (0, 1), "down": (0, 2), "r": (1, 1), "f": (1, 2), "left": (2, 1), "right": (2, 2)}  # to play by hand

    def __init__(self, num_envs: int = 1, **settings):
        count = len(self.colour)
        self.place, self.motion = np.zeros((num_envs, count, 2)), np.zeros((num_envs, count, 2))
        self.yaw, self.touching = np.zeros((num_envs, count)), np.zeros((num_envs, count), bool)
        self.ball, self.roll = np.zeros((num_envs, 2)), np.zeros((num_envs, 2))
        self.winner, self.entered = np.full(num_envs, NOBODY), np.zeros(num_envs)  # entered: at which z
        self.touch = np.zeros(num_envs)
        self._seen_radii = np.array([SEEN_BALL] + [SEEN_PLAYER] * count)
        super().__init__(num_envs, **settings)
        self._views = [self._view(look) for look in self.looks]
        self.saved = (*type(self).saved, *(f"look_{i}" for i in range(len(self.looks))))
        for name, look in zip(self.saved[-len(self.looks) :], self.looks, strict=True):
            setattr(self, name, np.zeros((num_envs, STACK, len(look.who), look.rays.width), np.float32))

    # Starting

    def begin(self, ids, draw):
        count = len(self.colour)
        spread = draw.uniform([-5.0] * count + [80.0] * count + [-2.5] * 2, [5.0] * count + [100.0] * count + [2.5] * 2)
        self.place[ids] = self.home
        self.place[ids, :, 0] += spread[:, :count]
        self.yaw[ids] = np.radians(spread[:, count : 2 * count]) * np.where(self.colour == 0, 1, -1)
        self.ball[ids] = spread[:, 2 * count :]
        self.motion[ids], self.roll[ids], self.touching[ids] = 0, 0, False
        self.winner[ids], self.entered[ids], self.touch[ids] = NOBODY, 0, self.parameters["ball_touch"]
        for i in range(len(self.looks)):
            history = getattr(self, f"look_{i}")
            history[ids, :-1] = 0
            history[ids, -1] = self._cast(i, ids)

    # Playing

    def play(self, acts):
        given = np.stack([acts[a][1] for a in self.agents], axis=1)
        run, turn, kicking = self._orders(given)
        touches, time = np.zeros(self.touching.shape), np.full(self.num_envs, float(LIMIT))
        for i in range(PERIOD):
            touches += self._fixed_step(run, turn, kicking)
            time = np.where((self.winner != NOBODY) & (time == LIMIT), self.steps * PERIOD + i + 1, time)
        everywhere = np.arange(self.num_envs)
        for i in range(len(self.looks)):
            setattr(self, f"look_{i}", push(getattr(self, f"look_{i}"), self._cast(i, everywhere)))
        over: np.ndarray = self.winner != NOBODY
        own = {a: TOUCH * self.touch * touches[:, k] + self.existence(k) for k, a in enumerate(self.agents)}
        return Played(own, dict.fromkeys(self.agents, over), self.share(1 - time / LIMIT))

    def existence(self, k: int) -> float:
        """What a decision earns agent k by itself."""
        return 0.0

    def share(self, left: np.ndarray) -> dict[str, np.ndarray]:
        """Group rewards; left: the share of the episode that was left when a goal was scored."""
        members = {g: self.colour[self.agents.index(m[0])] for g, m in self.groups.items()}
        lost = np.where(self.winner == NOBODY, 0.0, -1.0)
        return {g: np.where(self.winner == colour, left, lost) for g, colour in members.items()}

    def _orders(self, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How fast each gains speed, forward and to the right (n, k) each; how it turns; whether it kicks."""
        sign = np.array([0.0, 1.0, -1.0])[given]
        still = given[:, :, 1] == 0
        run = np.stack([np.where(still, self.ahead * sign[:, :, 0], 0), self.aside * sign[:, :, 1]]) * RUN
        return run, -TURN * sign[:, :, 2], (given[:, :, 0] == 1) | self.keeper

    def _fixed_step(self, run: np.ndarray, turn: np.ndarray, kicking: np.ndarray) -> np.ndarray:
        """(n, k) bool: who has come upon the ball. What touches nothing is left alone, so that a batch is quick."""
        live = (self.winner == NOBODY)[:, None]
        self.yaw = self.yaw + np.where(live, turn, 0)
        sine, cosine = np.sin(self.yaw), np.cos(self.yaw)
        gain = np.stack([sine * run[0] + cosine * run[1], cosine * run[0] - sine * run[1]], axis=2)
        self.motion = (self.motion + gain) * DRAG
        self.roll = self.roll * BALL_DRAG
        before = self.ball
        self.place = self.place + np.where(live, DT, 0)[:, :, None] * self.motion
        self.ball = self.ball + np.where(live, DT, 0) * self.roll
        self._part_players()
        fresh = self._meet_ball(kicking) & live
        self._score(before)
        self._hold_players()
        self._hold_ball()
        return fresh

    def _part_players(self) -> None:
        """Players that overlap move apart by half, and lose the speed with which they approach."""
        one, other = np.triu_indices(len(self.colour), 1)
        gaps = self.place[:, one] - self.place[:, other]
        close = (gaps[:, :, 0] ** 2 + gaps[:, :, 1] ** 2 < (2 * PLAYER) ** 2).any(axis=1)
        rows = np.flatnonzero(close)
        for a, b in zip(one, other, strict=True) if len(rows) else ():
            gap, normal = _way(self.place[rows, b], self.place[rows, a])
            away = (0.5 * np.maximum(2 * PLAYER - gap, 0))[:, None] * normal
            into = np.minimum(_dot(normal, self.motion[rows, a] - self.motion[rows, b]), 0)
            slow = np.where(gap < 2 * PLAYER, 0.5 * into, 0)[:, None] * normal
            for k, sign in ((a, 1), (b, -1)):
                self.place[rows, k] += sign * away
                self.motion[rows, k] -= sign * slow

    def _meet_ball(self, kicking: np.ndarray) -> np.ndarray:
        """(n, k) bool: who touches the ball and did not before."""
        gaps = self.ball[:, None] - self.place
        close = gaps[:, :, 0] ** 2 + gaps[:, :, 1] ** 2 < (PLAYER + BALL) ** 2
        fresh = close & ~self.touching
        self.touching = close
        rows = np.flatnonzero(close.any(axis=1))
        for k in range(len(self.colour)) if len(rows) else ():
            gap, normal = _way(self.place[rows, k], self.ball[rows])
            meet = close[rows, k]
            into = np.minimum(_dot(normal, self.roll[rows] - self.motion[rows, k]), 0)
            blow = np.where(meet, -(1 + BOUNCE) * into / (1 / LIGHT + 1 / HEAVY), 0)
            kick = np.where(fresh[rows, k] & kicking[rows, k], KICK, 0)
            self.roll[rows] += (blow / LIGHT + kick)[:, None] * normal
            self.motion[rows, k] -= (blow / HEAVY)[:, None] * normal
            self.ball[rows] += np.where(meet, PLAYER + BALL - gap, 0)[:, None] * normal
        return fresh

    def _score(self, before: np.ndarray) -> None:
        """A goal is where the ball's way crosses the line between the posts."""
        rows = np.flatnonzero((np.abs(self.ball[:, 0]) > LINE) & (self.winner == NOBODY))
        if not len(rows):
            return
        was, now = before[rows], self.ball[rows]
        side = np.where(now[:, 0] > 0, 1.0, -1.0)
        begun = side * was[:, 0]
        part = np.clip((LINE - begun) / np.maximum(side * now[:, 0] - begun, 1e-9), 0, 1)
        at = was[:, 1] + part * (now[:, 1] - was[:, 1])
        goal = CORNER[0] * LINE + CORNER[1] * np.abs(at) < CUT - BALL + 0.05  # that wide of the corners' walls
        goal &= (side > 0) | (not self.blocked)
        self.winner[rows] = np.where(goal, np.where(side > 0, 0, 1), NOBODY)  # blue scores on the right
        self.entered[rows] = np.where(goal, at, 0)

    def _hold_players(self) -> None:
        out = self._outside(self.place, PLAYER, LENGTH)
        if out.any():
            self.place[out], self.motion[out] = self._inside(self.place[out], self.motion[out], PLAYER, 0, LENGTH)

    def _hold_ball(self) -> None:
        out = self._outside(self.ball, BALL, np.inf) & (self.winner == NOBODY)
        if out.any():
            self.ball[out], self.roll[out] = self._inside(self.ball[out], self.roll[out], BALL, BOUNCE, np.inf)

    def _outside(self, place: np.ndarray, radius: float, end: float) -> np.ndarray:
        """(...,) bool: a disc at place (..., 2) is beyond a wall; end: how far it may go towards the goals."""
        x, z = np.abs(place[..., 0]), np.abs(place[..., 1])
        out = (z > WIDTH - radius) | (CORNER[0] * x + CORNER[1] * z > CUT - radius) | (x > end - radius)
        return out | (place[..., 0] < radius - BLOCK) if self.blocked else out

    def _inside(self, place: np.ndarray, motion: np.ndarray, radius: float, bounce: float, end: float):
        """Places and motions (m, 2) of discs that the walls hold back."""
        signs = np.where(place < 0, -1.0, 1.0)
        across, along = np.zeros_like(signs), np.zeros_like(signs)
        across[:, 1], along[:, 0] = signs[:, 1], signs[:, 0]
        ends = np.where((signs[:, 0] < 0) & self.blocked, BLOCK, end)
        for normal, room in ((across, WIDTH), (along, ends), (signs * CORNER, CUT)):
            deep = np.maximum(_dot(normal, place) + radius - room, 0)
            into = np.where(deep > 0, np.maximum(_dot(normal, motion), 0), 0)
            place = place - deep[:, None] * normal
            motion = motion - ((1 + bounce) * into)[:, None] * normal
        return place, motion

    # Sensing

    def _view(self, look: Look) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which agents look, and the tags (1, a, k) that discs and walls have for them."""
        known = [list(tags) for _, tags in look.who.values()]

        def tags(kinds: Sequence[str]) -> np.ndarray:
            return np.array([[t.index(k) if k in t else UNTAGGED for k in kinds] for t in known])[None]

        discs = ("ball", *(f"{TEAMS[c]}Agent" for c in self.colour))
        ends = ("wall" if self.blocked else "blueGoal", "purpleGoal")
        return np.array([self.agents.index(a) for a in look.who]), tags(discs), tags(("wall",) * 6 + ends)

    def _cast(self, i: int, ids: np.ndarray) -> np.ndarray:
        """(ids, agents, width) float32: what the i-th look shows now."""
        look, (who, disc_tags, wall_tags) = self.looks[i], self._views[i]
        place, yaw = self.place[ids], self.yaw[ids]
        middles = np.concatenate([self.ball[ids, None], place], axis=1)
        discs = Discs(centre=middles, tag=disc_tags, radius=self._seen_radii)
        fence = Fence(tag=wall_tags, end=((-BLOCK if self.blocked else -LENGTH, -WIDTH), (LENGTH, WIDTH)))
        return look.rays.sense(place[:, who], yaw[:, who] + np.pi * look.back, [discs, fence])

    def sense(self):
        shown = {a: {} for a in self.agents}
        for i, look in enumerate(self.looks):
            history = getattr(self, f"look_{i}")
            for k, (agent, (name, _)) in enumerate(look.who.items()):
                shown[agent][_sensor(name, look.rays).name] = history[:, :, k].reshape(self.num_envs, -1)
        return shown


def _until(room: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """How long it takes to use up room; for ever, where it is not approached."""
    return np.where(speed > TINY, room / np.where(speed > TINY, speed, 1), np.float32(np.inf))


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1]


def _way(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far it is from a to b, (n,), and which way, (n, 2)."""
    way = b - a
    gap = np.sqrt(way[:, 0] ** 2 + way[:, 1] ** 2)
    return gap, way / np.maximum(gap, 1e-9)[:, None]
