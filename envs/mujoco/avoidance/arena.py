"""An arena with robots, discs, pillars and walls: what avoidance tasks share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ...core import Arrays
from ...registry import nearest
from ...streams import Draws
from .. import scenes
from ..rewards import approach, near
from ..task import Entry, Task
from .geometry import length, outside, sweep, turned

COLOURS = {
    "red": (0.84, 0.24, 0.20, 1),
    "green": (0.20, 0.62, 0.34, 1),
    "blue": (0.20, 0.42, 0.78, 1),
    "yellow": (0.93, 0.72, 0.18, 1),
    "purple": (0.55, 0.33, 0.70, 1),
    "orange": (0.93, 0.48, 0.13, 1),
    "white": (0.93, 0.93, 0.90, 1),
    "black": (0.16, 0.17, 0.20, 1),
}
BODIES = {"disc": "robot", "rover": "rover"}  # body -> its part of the scene
SENSING = ("state", "lidar")
EYE = 0.03  # height of a lidar's beams, m
SOLID = (1, 0, 0, 0, 0, 0)  # the group of geoms that a lidar sees; decoration is in others


class Arena(Task):
    """Override discs, reset (ending with `put`), places, scripted and what else of Task is different.

    robots: how many, named by their colours. Each is a disc of 5 cm radius.
    body: "disc" drives along x and y; "rover" drives forward and turns, and sees all from its own heading.
    sensing: "state" tells where the others and the pillars are and how they move; "lidar" the free way, up to
        `sight` metres, along `beams` beams even around the robot, the first one straight ahead.
    pillars: how many, of radius `thick` metres.
    nearest_first: whether a robot is told of the others in the order of how near they are, not of their names.

    Arrays that measure makes have x and y first and the copies last; they are read, never written:
        here, speed: (2, robots, n), places m and velocities m/s, in the arena's frame.
        spots, ways: (2, targets, robots, n), where each may be asked to go, m, and the way there; far: its length.
        apart: (2, pairs, n), from one to the other of each pair of robots, then of a robot and a pillar, m.
        gaps: (pairs + robots * walls, n), the narrowest gap between two hulls during the step, had both driven
            straight, m; to a wall, the gap at the step's end. Row k is about `rows[k]`, two names.
        touched: likewise, bool: whether they have touched in this episode.
    """

    robots = 4
    body = "disc"
    sensing = "state"
    beams = 16
    sight = 1.0
    pillars = 0
    thick = 0.05
    nearest_first = False
    horizon = 32
    substeps = 20
    radius = 0.05  # of a robot, m
    close = 0.06  # a robot this near its goal has arrived, m
    colours: ClassVar[Mapping[str, tuple[float, ...]]] = COLOURS  # the robots' names, the first `robots` of them
    furthest = 1.2  # the way at which nothing is paid for coming nearer, m
    stay = 0.1  # share of the nearness that is paid at every step
    scrape: float | None = None  # what touching a wall costs in a step, which then holds; None: the episode ends
    targets: ClassVar[tuple[str, ...]] = ("goal",)  # what each of places is; one per goal of the task, or one for all
    things: ClassVar[tuple[Entry, ...]] = ()  # what see shows, (x, y) pairs
    walls: tuple[tuple[float, float], ...] = ()  # half of each one's size along x and y, m
    pace: np.ndarray | None = None  # (2, pillars, n) velocities of the pillars, where they move, m/s
    facing: ClassVar[tuple[int, ...] | None] = None  # per robot: -1 where it sees and drives turned by half a turn
    _least = 1  # robots
    _most_pillars = 0  # what a task finds places for
    _moving = False  # whether pillars move: pace is told

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        if not self._least <= self.robots <= len(self.colours):
            kind, most = type(self).__name__, len(self.colours)
            count = f"{self._least} to {most}" if self._least < most else f"{most}"
            raise ValueError(f"{kind} has {count} robots, not {self.robots}")
        if self.body not in BODIES:
            raise nearest(self.body, list(BODIES), "body")
        if self.sensing not in SENSING:
            raise nearest(self.sensing, list(SENSING), "sensing")
        for name, least in {"beams": 1, "pillars": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be {least} or more, not {getattr(self, name)}")
        if not 0 < self.sight < np.inf:
            raise ValueError(f"sight must be metres above 0, not {self.sight}")
        if self.pillars > self._most_pillars:
            most = f"at most {self._most_pillars} pillars" if self._most_pillars else "no pillars"
            raise ValueError(f"{type(self).__name__} has {most}, not {self.pillars}")
        self.agents = {name: f"{name}/" for name in list(self.colours)[: self.robots]}
        groups = self.groups or ("agents",)
        self.entries = dict.fromkeys(groups, (*self._own(), *self._around(), *self.things))
        self.actions = dict.fromkeys(groups, self._decided())
        self._pairs()

    def _own(self) -> list[Entry]:
        own = [Entry("place in the arena", 2, "m", 1.0)]
        if self.body == "rover":
            own += [Entry("heading, cosine and sine", 2, "1", 1.0), Entry("velocity, forward and left", 2, "m/s", 1.0)]
            own += [Entry("turn rate", 1, "rad/s", 8.0)]
        else:
            own += [Entry("velocity", 2, "m/s", 1.0)]
        return own + [Entry(f"{target}, seen from the robot", 2, "m", 0.75) for target in self.targets]

    def _around(self) -> list[Entry]:
        if self.sensing == "lidar":
            return [Entry("free way along each beam, anticlockwise from straight ahead", self.beams, "m", self.sight)]
        others, around = 2 * (self.robots - 1), []
        if others:
            order = ", the nearest first" if self.nearest_first else " in their order, from the next one on"
            around = [Entry(f"the other robots{order}, seen from the robot", others, "m", 0.75)]
            around += [Entry("their velocities", others, "m/s", 1.0)]
        if self.pillars:
            around += [Entry("pillars, seen from the robot", 2 * self.pillars, "m", 0.75)]
        if self.pillars and self._moving:
            around += [Entry("their velocities", 2 * self.pillars, "m/s", 1.0)]
        return around

    def _decided(self) -> tuple[Entry, ...]:
        if self.body == "disc":
            return (
                Entry("velocity along x and y, as a share of 0.5 m/s (asked for: damping leaves 0.45)", 2, "1", 1.0),
            )
        return (
            Entry("velocity forward, as a share of 0.5 m/s (asked for: damping leaves 0.45)", 1, "1", 1.0),
            Entry("turn rate, as a share of 4 rad/s (asked for: damping leaves 3.7)", 1, "1", 1.0),
        )

    def _pairs(self) -> None:
        """Who is compared with whom, in the order of gaps."""
        r, k, w = self.robots, self.pillars, len(self.walls)
        first, second = np.triu_indices(r + k, 1)
        self.first, self.second = first[first < r], second[first < r]
        ends = np.cumsum([r + k - 1 - i for i in range(r)]).tolist()
        self._with = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]  # with those after it
        names = [*self.agents, *(f"pillar{i}" for i in range(k))]
        self.rows = [(names[i], names[j]) for i, j in zip(self.first, self.second, strict=True)]
        self.rows += [(name, f"wall{j}") for name in self.agents for j in range(w)]
        self._fatal = np.array([self.scrape is None or "wall" not in row[1] for row in self.rows], bool)
        self.about = np.array([[i for i, row in enumerate(self.rows) if name in row] for name in self.agents], int)
        self.others = np.array([[(i + j) % r for j in range(1, r)] for i in range(r)], int).reshape(r, r - 1)
        thick = np.array([self.radius] * r + [self.thick] * k)
        self._hulls = (thick[self.first] + thick[self.second])[:, None]
        self._sign = np.array(self.facing or (1,) * r, float)[:, None, None]

    def discs(self) -> Mapping[str, tuple[float, ...]]:
        """name -> colour of the discs on the floor, of 6 cm radius; by default each robot has its own."""
        return {name: self.colours[name] for name in self.agents}

    def turned(self):
        facing = self.facing if self.body == "disc" and self.facing else ()
        return tuple(agent for agent, sign in zip(self.agents, facing, strict=False) if sign < 0)

    def scene(self):
        robots = {name: self.colours[name] for name in self.agents}
        solid = self.scrape is not None
        return scenes.arena(robots, BODIES[self.body], self.discs(), self.pillars, self.thick, self.walls, solid)

    def bind(self, sims):
        self.sims = sims
        joints = 2 if self.body == "disc" else 3
        qpos, qvel = (sims.bind(name)[:, : self.robots * joints] for name in ("qpos", "qvel"))
        qpos, qvel = (a.reshape(-1, self.robots, joints) for a in (qpos, qvel))
        self.place, self.velocity = qpos[..., :2], qvel[..., :2]
        self.turn = (qpos[..., 2], qvel[..., 2]) if joints == 3 else None  # headings rad, turn rates rad/s
        mocap, discs = sims.bind("mocap_pos"), len(self.discs())
        self.mark, rest = mocap[:, :discs], mocap[:, discs:]
        self.pillar, self.wall = rest[:, : self.pillars], rest[:, self.pillars :]
        self._half = np.array(self.walls).reshape(-1, 2).T[:, None, :, None]
        self._bodies = [sims.model.body(f"{name}/robot").id for name in self.agents]
        self.before = np.zeros((2, len(self.first), sims.nsim))
        self.touched = np.zeros((len(self.rows), sims.nsim), bool)

    def put(self, ids: np.ndarray, start: np.ndarray, heading: np.ndarray | None = None) -> None:
        """Begin an episode of copies ids, with robots at start (len(ids), robots, 2), m, where all else stands already.

        heading: (len(ids), robots), rad; None: straight along x. Only rovers have one.
        """
        self.place[ids] = start
        if self.turn is not None and heading is not None:
            self.turn[0][ids] = heading
        points = np.concatenate([start, self.pillar[ids, :, :2]], axis=1) if self.pillars else start
        self.before[..., ids] = (points[:, self.first] - points[:, self.second]).transpose(2, 1, 0)
        self.touched[:, ids] = False

    def headings(self, start: np.ndarray, draw: Draws) -> np.ndarray | None:
        """(n, robots): where rovers at start (n, robots, 2) face, to the middle within 45 degrees; None for discs."""
        if self.turn is None:
            return None
        aside = draw.uniform(np.full(self.robots, -np.pi / 4), np.full(self.robots, np.pi / 4))
        return np.arctan2(-start[..., 1], -start[..., 0]) + aside

    def before_step(self):
        self.before = self.apart
        self.came = self.come()

    def measure(self):
        self.here, self.speed = self.place.T.copy(), self.velocity.T.copy()
        self.spots = self.places()
        self.ways = self.spots - self.here[:, None]
        self.far = length(self.ways)
        points = self.here
        if self.pillars:
            points = np.concatenate([self.here, self.pillar.T[:2]], axis=1)
        self.apart = np.empty_like(self.before)
        for i, row in enumerate(self._with):
            np.subtract(points[:, i, None], points[:, i + 1 :], out=self.apart[:, row])
        self.gaps = sweep(self.before, self.apart) - self._hulls
        if self.walls:
            self.gaps = np.concatenate([self.gaps, self._to_walls()])
        self.touched |= self.gaps < 0

    def _to_walls(self):
        """(robots * walls, n), m; a look at the step's end may miss a millimetre at a wall's corner."""
        seen = self.here[:, :, None] - self.wall.T[:2, None]
        return (outside(seen, self._half) - self.radius).reshape(-1, seen.shape[-1])

    def places(self) -> np.ndarray:
        """(2, targets, robots, n): where each robot may be asked to go, m; by default its own disc."""
        return self.mark[:, : self.robots, :2].T[:, None]

    @property
    def target(self) -> np.ndarray:
        """(2, robots, n): where each robot is asked to go in this episode, m."""
        return self._asked(self.spots.swapaxes(0, 1))

    @property
    def way(self) -> np.ndarray:
        """(2, robots, n): the way to the target, m."""
        return self._asked(self.ways.swapaxes(0, 1))

    @property
    def left(self) -> np.ndarray:
        """(robots, n): the length of the way to the target, m."""
        return self._asked(self.far)

    def _asked(self, each: np.ndarray) -> np.ndarray:
        """The one of each (targets, …, n) that the episode is about."""
        return each[0] if len(each) == 1 else np.choose(self.aim, list(each))

    @property
    def room(self) -> np.ndarray:
        """(robots, n): the narrowest gap around each robot during the step, m."""
        return self.gaps[self.about].min(axis=1, initial=np.inf)

    def spaced(self, room: np.ndarray) -> np.ndarray:
        """In [0, 1], a term of rewards: how free it is around a robot with this room; a hand's width is enough."""
        return 1 - near(np.maximum(room, 0), margin=0.15)

    def observe(self):
        """Each part is (2, robots, vectors, n), to be told as x, y, x, y, or (robots, numbers, n)."""
        parts = [*self._felt(), *self._sensed(), *map(self.own, self.see())]
        width = sum(p.shape[-2] * (p.ndim - 2) for p in parts)
        seen, at = np.empty((self.robots, width, len(self.place)), np.float32), 0
        for part in parts:
            put = seen[:, at : at + part.shape[-2] * (part.ndim - 2)]
            at += put.shape[1]
            if part.ndim == 4:
                put = put.reshape(*part.shape[1:3], 2, -1)
            put[...] = part if part.ndim == 3 else part.transpose(1, 2, 0, 3)
        return {agent: (seen[i].T,) for i, agent in enumerate(self.agents)}

    def _felt(self) -> list[np.ndarray]:
        """What a robot knows of itself, and the way to where it may be asked to go."""
        parts, turning = [self._sign * self.here[:, :, None]], []
        if self.turn is not None:
            self._cos, self._sin = np.cos(self.turn[0].T), np.sin(self.turn[0].T)
            parts += [self._sign * np.stack([self._cos, self._sin])[:, :, None]]
            turning = [self.turn[1].T[:, None].copy()]
        return [*parts, self.own(self.speed[:, :, None]), *turning, self.own(self.ways.swapaxes(1, 2))]

    def _sensed(self) -> list[np.ndarray]:
        """What a robot knows of the others and of the pillars."""
        if self.sensing == "lidar":
            return [self.scan()]
        here = self.here[:, :, None]
        parts = [self.here[:, self.others] - here, self.speed[:, self.others]] if self.robots > 1 else []
        parts = [self.ranked(part) for part in parts]
        if self.pillars:
            parts += [self.pillar.T[:2, None] - here]
        if self.pillars and self.pace is not None:
            parts += [np.repeat(self.pace[:, None], self.robots, axis=1)]
        return [self.own(part) for part in parts]

    def own(self, vectors: np.ndarray) -> np.ndarray:
        """(2, robots, vectors, n), m: vectors along the arena's axes, as the robots have them: ahead, to the left."""
        if self.turn is None:
            return vectors if self.facing is None else self._sign * vectors
        return turned(vectors, self._cos[:, None], self._sin[:, None])

    def ranked(self, about: np.ndarray) -> np.ndarray:
        """What is about the others (…, robots, others, n), the nearest first where the robots are told so."""
        if not self.nearest_first:
            return about
        order = length(self.here[:, self.others] - self.here[:, :, None]).argsort(axis=1)
        return np.take_along_axis(about, np.broadcast_to(order, about.shape), axis=-2)

    def see(self) -> tuple[np.ndarray, ...]:
        """What fills `things`, (2, robots, vectors, n) each, seen from the robots along the arena's axes."""
        return ()

    def scan(self) -> np.ndarray:
        """(robots, beams, n): how far it is free along each beam, from the hull on, m."""
        hit = self.cast(*self.rays())
        free = np.where(hit < 0, self.sight, np.minimum(np.maximum(hit - self.radius, 0), self.sight))
        return free.reshape(-1, self.robots, self.beams).transpose(1, 2, 0)

    def rays(self) -> tuple[np.ndarray, np.ndarray]:
        """(n, robots * beams, 3) each: where the beams begin, m, and their directions."""
        n, angle = len(self.place), np.arange(self.beams) * 2 * np.pi / self.beams
        ahead = np.where(self._sign > 0, 0, np.pi)[:, 0] if self.turn is None else self.turn[0][..., None]
        angle = ahead + angle
        eye, beam = np.full((n, self.robots, self.beams, 3), EYE), np.zeros((n, self.robots, self.beams, 3))
        eye[..., :2] = self.place[:, :, None]
        beam[..., 0], beam[..., 1] = np.cos(angle), np.sin(angle)
        return eye.reshape(n, -1, 3), beam.reshape(n, -1, 3)

    def cast(self, eye: np.ndarray, beam: np.ndarray) -> np.ndarray:
        """(n, robots * beams): how far it is from a robot's middle to what a beam hits, m; -1 where it hits nothing."""
        own = np.repeat(self._bodies, self.beams)
        return self.sims.ray(eye, beam, geomgroup=SOLID, bodyexclude=own)[0]

    def reward(self):
        """3 times the nearness to the goal that was gained in this step; 0.1 of the nearness (`stay`, where no other is
        said) at every step, a fifth of that only where there is room; -1 for those that touch, a wall too unless it has
        a price of its own (`scrape`).

        Most is paid for coming, not for being there: touching ends the episode, and whoever would lose the pay of all
        later steps by it dares not go.
        """
        come, room = self.come(), self.room
        paid = 3 * (come - self.came) + self.stay * come * (0.8 + 0.2 * self.spaced(room))
        paid -= room < 0 if self.scrape is None else self._scraped(self.scrape)
        return dict(zip(self.agents, paid, strict=True))

    def _scraped(self, price: float) -> np.ndarray:
        """(robots, n): what touching costs where walls have this price, and all else 1."""
        price_of = np.where(self._fatal, 1.0, price)[self.about][..., None]
        return np.where(self.gaps[self.about] < 0, price_of, 0.0).max(axis=1)

    def come(self) -> np.ndarray:
        """(robots, n) in [0, 1]: half a slope over the way to the own goal, half a peak on it."""
        return approach(self.left, self.furthest, margin=0.1)

    def failure(self):
        """Two robots have touched, or one a pillar or a wall: `info["collisions"]` counts who touched whom."""
        return self.touched[self._fatal].any(axis=0)

    def info(self):
        return {"collisions": self.touched.sum(axis=0)}

    def state(self):
        return {"before": self.before.T, "touched": self.touched.T}

    def describe(self, env, agent):
        far = self.far[:, list(self.agents).index(agent), env]
        ways = " and ".join(f"{100 * f:.0f} cm to the {target}" for f, target in zip(far, self.targets, strict=True))
        return f"You are the {agent} robot. It is {ways}. {self.beside(env, agent)}"

    def beside(self, env: int, agent: str) -> str:
        """What is nearest to the agent in copy env, in words."""
        row = min(self.about[list(self.agents).index(agent)], key=lambda k: self.gaps[k, env], default=None)
        if row is None:
            return "There is nothing near you."
        other = next(name for name in self.rows[row] if name != agent)
        kind = f"the {other} robot" if other in self.agents else f"a {other.rstrip('0123456789')}"
        return f"What is nearest is {kind}, {100 * self.gaps[row, env]:.0f} cm away."

    def straight(self) -> Arrays:
        """agent -> (n, 2) actions of a policy that drives straight to its goal and looks at nobody."""
        return self._drive(self.target)

    def roundabout(self, middle: np.ndarray, radius: float | np.ndarray) -> np.ndarray:
        """(2, robots, n): where to drive for circling middle (2, robots, n) anticlockwise until the target is near."""
        here, goal = (np.arctan2(p[1], p[0]) for p in (self.here - middle, self.target - middle))
        ahead = (goal - here) % (2 * np.pi)
        angle = here + np.radians(40)
        circle = middle + radius * np.stack([np.cos(angle), np.sin(angle)])
        leave = (ahead < np.radians(60)) | (ahead > np.radians(330))
        return np.where(leave, self.target, circle)

    def _drive(self, target: np.ndarray, share: np.ndarray | float = 1.0) -> Arrays:
        """agent -> (n, 2) actions towards target (2, robots, n), m, at most at this share of the full speed."""
        wish = 8 * (target - self.here)
        wish /= np.maximum(length(wish), 1)
        return self._move(wish * share)

    def _move(self, wish: np.ndarray) -> Arrays:
        """agent -> (n, 2) actions of robots that wish to move so (2, robots, n), as a share of the full speed."""
        wish = self._sign[:, 0] * wish if self.turn is None else self._steer(wish, self.turn[0].T)
        return {agent: wish[:, i].T for i, agent in enumerate(self.agents)}

    def _steer(self, wish: np.ndarray, heading: np.ndarray) -> np.ndarray:
        """(2, robots, n), forward and turn, of rovers that wish to move so: they turn, and drive once they face it."""
        ahead, aside = turned(wish, np.cos(heading), np.sin(heading))
        off = np.arctan2(aside, ahead)
        return np.stack([np.maximum(ahead - np.abs(aside), 0), np.minimum(np.maximum(2 * off, -1), 1)])

    def act(self, actions):
        if self.turn is not None:
            return {agent: _wheels(a) for agent, a in actions.items()}
        if self.facing is None:
            return actions
        return {agent: sign * actions[agent] for agent, sign in zip(self.agents, self.facing, strict=True)}


def _wheels(action: np.ndarray) -> np.ndarray:
    """(n, 3): forward, sideways, turn, of forward and turn (n, 2); wheels do not slip sideways."""
    asked = np.zeros((len(action), 3))
    asked[:, ::2] = action
    return asked
