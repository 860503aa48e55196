"""FoodCollector: five agents on one field, green food that pays and red food that costs, and a laser that freezes."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from ..spec import Behaviour, Sensor
from . import draw as paint
from . import ground
from .game import Game, Played, sensors
from .rays import UNTAGGED, Discs, Rays, Room

PERIOD, MAX_STEP = 5, 5000
AGENTS = tuple(f"collector_{i}" for i in range(5))
COUNT = {"green": 25, "red": 25}
FOODS = sum(COUNT.values())
FIELD, RANGE = 50.0, 45.0  # half the field, and how far from its middle things begin (m)
BODY, FOOD = 0.5, 0.5  # radii (m)
MOVE, TURN, DRAG, BRAKING = 2.0, np.radians(300.0), 0.5, 0.6 * 9.81
FAST, SLOWING = 5.0, 0.95  # above this speed (m/s) a fixed step takes a twentieth of it
FROZEN = 200  # fixed steps that a laser's hit lasts: 4 s
ENOUGH = 10.0  # the documented mean reward of an agent
TAGS = ("food", "agent", "wall", "badFood", "frozenAgent")
RAYS = Rays(TAGS, 3, 70, 50)
LASER = Rays((), 0, 0, 25, radius=2.0)
WALLS = Room(end=((-FIELD, -FIELD), (FIELD, FIELD)), tag=np.full(4, 2))
SCREEN = Room(end=((-FIELD, -FIELD), (FIELD, FIELD)), tag=np.full(4, UNTAGGED))
IS_RED = np.arange(FOODS) >= COUNT["green"]
QUICK = 50.0  # bound of an observed velocity (m/s)


def _net(world, arguments):
    """(n,) how much more of the wanted than of the other food an agent ate, on average."""
    eaten = world.unwrapped.eaten
    wanted = 1 if arguments["colour"] == "red" else 0
    return (eaten[:, wanted] - eaten[:, 1 - wanted]) / len(AGENTS)


collect = Skill(
    "collect",
    ("collect {colour} food and avoid the other", "eat the {colour} food and nothing else"),
    achieved=lambda world, arguments: _net(world, arguments) >= ENOUGH,
    progress=lambda world, arguments: np.clip(_net(world, arguments) / ENOUGH, 0, 1),
    held_out=("go for {colour} food only",),
    chinese=("收集{colour}食物，避开其他食物", "只吃{colour}食物"),
    arguments={"colour": ("green", "red")},
    in_chinese={"green": "绿色", "red": "红色"},
)


class FoodCollector(Game):
    """Success: on average an agent has eaten ten more of the right food than of the wrong one.

    Actions: ahead, right, turn left, each in [-1, 1]; and the laser, fired above 0. It reaches 25 m, and the first
    thing within 2 m of its line is hit: an agent freezes for 4 s. It is fired once a decision (Unity:
    once a fixed step).
    Right food pays its eater 1, wrong food -1, and another grows elsewhere. An episode is 1,000 decisions long.
    Observation: 7 rays; the agent's velocity to its right and ahead, whether it is frozen and whether it fired.
    asked: episodes are about one of the two colours, told by the instruction alone; as it stands green is right.
    """

    name = "FoodCollector"
    groups = {"FoodCollector": AGENTS}
    saved = ("place", "velocity", "yaw", "frozen", "fired", "food", "eaten", "score")
    skills = (collect,)
    goals = (collect(colour="green"),)
    max_episode_steps = MAX_STEP // PERIOD
    render_fps = 10
    behaviours = {
        "FoodCollector": Behaviour(
            "FoodCollector",
            sensors(
                Sensor("RayPerceptionSensor", (RAYS.width,), 1.0),
                Sensor("VectorSensor_size4", (4,), (QUICK, QUICK, 1.0, 1.0)),
            ),
            continuous=3,
            branches=(2,),
        )
    }

    def __init__(self, num_envs: int = 1, asked: bool = False, **settings):
        if asked:
            self.goals = (collect(colour="green"), collect(colour="red"))
        many = num_envs, len(AGENTS)
        self.place, self.velocity = np.zeros((*many, 2)), np.zeros((*many, 2))
        self.yaw, self.score = np.zeros(many), np.zeros(many)
        self.frozen, self.fired = np.zeros(many, np.int64), np.zeros(many, bool)
        self.food, self.eaten = np.zeros((num_envs, FOODS, 2)), np.zeros((num_envs, 2), np.int64)
        super().__init__(num_envs, **settings)

    def begin(self, ids, draw):
        self.place[ids] = RANGE * (2 * draw.random(len(AGENTS), 2) - 1)
        self.yaw[ids] = 2 * np.pi * draw.random(len(AGENTS))
        self.food[ids] = RANGE * (2 * draw.random(FOODS, 2) - 1)
        self.velocity[ids] = self.frozen[ids] = self.fired[ids] = self.eaten[ids] = self.score[ids] = 0

    def play(self, acts):
        move = np.stack([acts[a][0] for a in AGENTS], axis=1).astype(float)
        free = self.frozen == 0
        self.fired = (np.stack([acts[a][1][:, 0] for a in AGENTS], axis=1) > 0) & free
        pay = np.zeros(self.place.shape[:2])
        for _ in range(PERIOD):
            self._move(move * (self.frozen == 0)[..., None])
            pay += self._eat()
            self.frozen = np.maximum(self.frozen - 1, 0)
        if self.fired.any():
            self._fire()
        self.score += pay
        over = np.zeros(self.num_envs, bool)
        return Played({a: pay[:, k] for k, a in enumerate(AGENTS)}, dict.fromkeys(AGENTS, over))

    def _move(self, move: np.ndarray) -> None:
        """One fixed step of running, turning, drag, and the walls."""
        ahead = ground.heading(self.yaw)
        run = MOVE * (move[..., :1] * ahead + move[..., 1:2] * ground.right_of(ahead))
        speed = self.velocity * np.where(self.fired, 0.75, 1.0)[..., None]
        speed = speed * np.where(ground.length(speed) > FAST, SLOWING, 1.0)[..., None]
        self.velocity = ground.slowed(speed + run * np.where(self.fired, 0.5, 1.0)[..., None], DRAG, BRAKING)
        self.yaw = self.yaw - TURN * ground.DT * move[..., 2]
        self.place = self.place + self.velocity * ground.DT
        self._part()
        edge = FIELD - BODY
        self.place, self.velocity = ground.kept_in(self.place, self.velocity, -edge, edge)

    def _part(self) -> None:
        """Agents that run into each other stop and stand side by side."""
        gap = self.place[:, :, None] - self.place[:, None]
        far = ground.length(gap)
        met = (far < 2 * BODY) & (far > 0)
        if not met.any():
            return
        away = gap / np.maximum(far, 1e-9)[..., None]
        slip = self.velocity[:, :, None] - self.velocity[:, None]
        out = np.where(met, 2 * BODY - far, 0)[..., None] * away / 2
        halt = np.where(met, np.maximum(-ground.dot(slip, away), 0), 0)[..., None] * away / 2
        self.place, self.velocity = self.place.copy(), self.velocity.copy()
        for other in range(len(AGENTS)):  # in a fixed order
            self.place += out[:, :, other]
            self.velocity += halt[:, :, other]

    def _eat(self) -> np.ndarray:
        """(n, agents) what was earned by eating; another piece grows where the stream says."""
        gap = self.place[:, :, None] - self.food[:, None]
        touches = gap[..., 0] ** 2 + gap[..., 1] ** 2 < (BODY + FOOD) ** 2
        rows = np.flatnonzero(touches.any(axis=(1, 2)))
        pay = np.zeros(self.place.shape[:2])
        if not len(rows):
            return pay
        first = touches & (np.cumsum(touches, axis=1) == 1)  # one piece feeds one
        counts = np.stack([(first & ~IS_RED).sum(axis=2), (first & IS_RED).sum(axis=2)], axis=2)
        self.eaten = self.eaten + counts.sum(axis=1)
        gone = first.any(axis=1)[rows]
        fresh = RANGE * (2 * self.streams.draw(rows).random(FOODS, 2) - 1)
        self.food[rows] = np.where(gone[..., None], fresh, self.food[rows])
        sign = np.where(self._wants_red(), -1, 1)[:, None]
        return sign * (counts[..., 0] - counts[..., 1]).astype(float)

    def _wants_red(self) -> np.ndarray:
        return np.array([goal.arguments[0][1] == "red" for goal in self.goals])[self.aim]

    def _fire(self) -> None:
        """Lasers freeze the first agent that they meet, where nothing else is before it."""
        things = [
            Discs(centre=self.place, radius=BODY, tag=np.arange(len(AGENTS))),
            Discs(centre=self.food, radius=FOOD, tag=UNTAGGED),
            SCREEN,
        ]
        hit = LASER.cast(self.place, self.yaw, things)[1][..., 0]
        struck = ((hit[:, :, None] == np.arange(len(AGENTS))) & self.fired[:, :, None]).any(axis=1)
        self.frozen = np.where(struck & (self.frozen == 0), FROZEN, self.frozen)

    def sense(self):
        kinds = np.where(self.frozen > 0, 4, 1)[:, None]
        things = [
            Discs(centre=self.food, radius=FOOD, tag=np.where(IS_RED, 3, 0)),
            Discs(centre=self.place, radius=BODY, tag=kinds),
            WALLS,
        ]
        rays = RAYS.sense(self.place, self.yaw, things)
        ahead = ground.heading(self.yaw)
        own = ground.dot(self.velocity, ground.right_of(ahead)), ground.dot(self.velocity, ahead)
        vector = np.stack([*own, self.frozen > 0, self.fired], axis=2)
        return {
            a: {"RayPerceptionSensor": rays[:, k], "VectorSensor_size4": vector[:, k]} for k, a in enumerate(AGENTS)
        }

    def success(self):
        done = np.stack([goal.achieved(self) for goal in self.goals])
        return done[self.aim, np.arange(self.num_envs)]

    def scripted(self):
        """Run to the nearest right food that nobody before in line is nearer to; wrong food pushes away."""
        red = self._wants_red()[:, None] == IS_RED
        gap = self.food[:, None] - self.place[:, :, None]
        far = ground.length(gap)
        right = np.where(red[:, None], far, np.inf)
        taken = right.argmin(axis=1)[:, None] != np.arange(len(AGENTS))[:, None]  # another is nearest to it
        goal = np.where(taken, right + 15, right).argmin(axis=2)
        aim = np.take_along_axis(gap, goal[:, :, None, None], axis=2)[:, :, 0]
        near = ground.length(aim)
        want = 14 * aim / np.maximum(near, 1e-9)[..., None]
        close = np.where(~red[:, None] & (far < 4.5), (4.5 - far) / np.maximum(far, 0.1), 0)
        for i in range(FOODS):  # in a fixed order
            want = want - 6 * close[:, :, i, None] * gap[:, :, i]
        push = (want - self.velocity) / (PERIOD * MOVE)
        ahead = ground.heading(self.yaw)
        turn = np.arctan2(ground.dot(aim, ground.right_of(ahead)), ground.dot(aim, ahead))
        local = [ground.dot(push, ahead), ground.dot(push, ground.right_of(ahead)), -turn / (PERIOD * TURN * ground.DT)]
        action = np.clip(np.stack([*local, np.full_like(turn, -1)], axis=2), -1, 1).astype(np.float32)
        return {a: action[:, k] for k, a in enumerate(AGENTS)}

    def describe(self, env, agent):
        k = AGENTS.index(agent)
        gap = self.food[env] - self.place[env, k]
        far, ahead = ground.length(gap), ground.heading(self.yaw[env, k])
        said = []
        for colour, those in (("green", ~IS_RED), ("red", IS_RED)):
            i = np.where(those, far, np.inf).argmin()
            turn = np.arctan2(ground.dot(gap[i], ground.right_of(ahead)), ground.dot(gap[i], ahead))
            side = "right" if turn > 0 else "left"
            said.append(f"the nearest {colour} food is {far[i]:.1f} m away, {abs(np.degrees(turn)):.0f} degrees {side}")
        state = "You are frozen" if self.frozen[env, k] else "You can move"
        return f"{state}; {said[0]}; {said[1]}. Your score is {self.score[env, k]:.0f}."

    def feasible(self, env, agent):
        return list(collect.instructions())

    def render(self, env=0):
        mean = self.score[env].mean()
        words = f"FoodCollector   {self.aim_of(env).text}   score {mean:.1f}"
        edge = FIELD + 1
        board = paint.Board((-edge, -edge), (edge, edge), words, paint.WALL)
        board.polygon([(-FIELD, -FIELD), (FIELD, -FIELD), (FIELD, FIELD), (-FIELD, FIELD)], paint.GROUND)
        for place, red in zip(self.food[env], IS_RED, strict=True):
            board.disc(place, 1.4, paint.RED if red else paint.GREEN)  # larger than life: the field is wide
        for k in range(len(AGENTS)):
            place, ahead = self.place[env, k], ground.heading(self.yaw[env, k])
            if self.fired[env, k]:
                board.line([place, place + LASER.length * ahead], paint.YELLOW, 4)
            board.box(place, (1.8, 1.8), paint.WALL if self.frozen[env, k] else paint.BLUE, float(self.yaw[env, k]))
            board.line([place, place + 3.2 * ahead], paint.INK, 3)
            board.words((place[0], place[1] + 4.5), f"{self.score[env, k]:.0f}", size=14)
        return board.picture()
