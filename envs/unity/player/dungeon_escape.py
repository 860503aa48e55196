"""DungeonEscape: one of three slays the dragon and dies of it; the others take the key to the door."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...instructions import Skill
from ..spec import Behaviour, Sensor
from . import draw as paint
from .game import Game, Played, sensors
from .rays import Boxes, Discs, Rays, Room, push
from .walkers import COAST, DT, HALF, LEFTWARD, PERIOD, RADIUS, RIGHTWARD, STAY, apart, away, inside, run, steer, turned

SPEED = 8.0  # of the agents (m/s)
LAIR, PORTAL, CAVE = np.array([0.0, 8.0]), np.array([11.58, -11.59]), 2.3  # the cave is taken for a disc (m)
COLUMNS = np.array([(-4.5, 4.0), (4.5, 4.0), (-4.5, -4.0), (4.5, -4.0)])
PILLAR, DRAGON, KEY = 0.7, 0.75, 0.6  # radii (m)
SLOW, FAST = 1.0, 7.0  # the dragon's walk (m/s)
DOOR, DOOR_HALF = np.array([-12.5, 0.0]), np.array([0.3, 1.5])
NEAR = 4.0  # from the door: who is there when it opens gets out (m)
START = np.array([-7.0, -7.5]), np.array([-1.5, 5.0])  # west of the dragon's way, and not at the door
APART = 2.5  # between the places where agents start
ESCAPED = 1.0
TAGS = ("wall", "agent", "dragon", "key", "lock", "portal")
RAYS, STACKS = Rays(TAGS, side=7, degrees=60, length=40), 3
WALLS = Room(end=((-HALF, -HALF), (HALF, HALF)), tag=np.array([0, 0, 0, 0]))
LOCK = Boxes(centre=DOOR[None, None], half=DOOR_HALF[None, None], tag=np.array([4]))
PILLARS = Discs(centre=COLUMNS[None], radius=PILLAR, tag=np.array([0, 0, 0, 0]))
MOUTH = Discs(centre=PORTAL[None, None], radius=CAVE, tag=np.array([5]))


def _stage(world: Any) -> np.ndarray:
    """(n,) in [0, 1]: nothing yet, the dragon slain, the key taken, the door open with both before it."""
    game = world.unwrapped
    held = game.holder.any(axis=1)
    return np.where(game.won, 1.0, 0.3 * ~game.dragon_lives + 0.3 * held)


def _slain(world: Any) -> np.ndarray:
    return ~world.unwrapped.dragon_lives


def _held(world: Any) -> np.ndarray:
    return world.unwrapped.holder.any(axis=1)


def _won(world: Any) -> np.ndarray:
    return world.unwrapped.won


escape = Skill(
    "escape",
    ("unlock the door and get out together", "escape from the dungeon with whoever is left"),
    achieved=lambda world, arguments: _won(world),
    progress=lambda world, arguments: _stage(world),
    held_out=("get everybody who still lives out through the door",),
    chinese=("打开门一起逃出去", "和活着的同伴一起逃出地牢"),
)
slay = Skill(
    "slay",
    ("slay the dragon", "stop the dragon before it reaches its portal"),
    achieved=lambda world, arguments: _slain(world),
    progress=lambda world, arguments: _slain(world).astype(float),
    held_out=("give your life to kill the dragon",),
    chinese=("杀死龙", "在龙到达传送门之前拦住它"),
)
take = Skill(
    "take",
    ("pick up the key", "take the key that the dragon dropped"),
    achieved=lambda world, arguments: _held(world),
    progress=lambda world, arguments: 0.5 * _slain(world) + 0.5 * _held(world),
    held_out=("fetch the key",),
    chinese=("捡起钥匙", "拿走龙掉下的钥匙"),
)


class DungeonEscape(Game):
    """Success: the door opened while both who still live stood within 4 m of it.

    Actions: stay, ahead, back, turn right, turn left, step left, step right. The dragon walks from its lair to the
    portal; who touches it dies, and so does the dragon, which leaves a key behind. Who holds the key and touches the
    lock frees the group, which is paid 1; who touches the portal is lost, and the key with them. The episode ends with
    the door, with the dragon at its portal, when nobody or no key is left, or after 200 decisions
    (MaxEnvironmentSteps 1000, a decision in 5 steps).
    Observation: fifteen rays over 60 degrees to each side, of six kinds, three of them stacked; whether it has the key.
    """

    name = "DungeonEscape"
    groups = {"DungeonEscape": ("agent_0", "agent_1", "agent_2")}
    behaviours = {
        "DungeonEscape": Behaviour(
            "DungeonEscape",
            sensors(
                Sensor("StackingSensor_size3_RayPerceptionSensor", (STACKS * RAYS.width,), 1.0),
                Sensor("VectorSensor_size1", (1,), 1.0),
            ),
            branches=(7,),
            grouped=True,
        )
    }
    saved = (
        "place", "velocity", "yaw", "alive", "holder", "dragon", "walk", "dragon_lives", "key", "key_lies", "freed",
        "sight",
    )  # fmt: skip
    skills = (escape, slay, take)
    goals = (escape(),)
    max_episode_steps = 200
    render_fps = 10

    def __init__(self, num_envs: int = 1, **settings):
        n = num_envs
        self.place, self.velocity, self.yaw = np.zeros((n, 3, 2)), np.zeros((n, 3, 2)), np.zeros((n, 3))
        self.alive, self.holder = np.ones((n, 3), bool), np.zeros((n, 3), bool)
        self.dragon, self.walk, self.key = np.tile(LAIR, (n, 1)), np.full(n, SLOW), np.zeros((n, 2))
        self.dragon_lives, self.key_lies, self.freed = np.ones(n, bool), np.zeros(n, bool), np.zeros(n, bool)
        self.sight = np.zeros((n, 3, STACKS, RAYS.width), np.float32)
        super().__init__(num_envs, **settings)

    def begin(self, ids, draw):
        low, high = START
        spots = draw.uniform(np.tile(low, (3, 1)), np.tile(high, (3, 1)))
        band = (high[1] - low[1] - 2 * APART) / 3  # one above the other, so that none starts in another
        spots[..., 1] = low[1] + np.arange(3) * (band + APART) + (spots[..., 1] - low[1]) * band / (high[1] - low[1])
        order = draw.permutation(3)
        self.place[ids] = np.take_along_axis(spots, order[..., None], axis=1)
        self.yaw[ids] = 2 * np.pi * draw.random(3)
        self.walk[ids] = draw.uniform(SLOW, FAST)
        self.velocity[ids] = self.key[ids] = 0
        self.dragon[ids] = LAIR
        self.alive[ids] = self.dragon_lives[ids] = True
        self.holder[ids] = self.key_lies[ids] = self.freed[ids] = False
        self.sight[ids] = 0
        self._look(ids)

    def play(self, acts):
        choice = np.stack([acts[agent][1][:, 0] for agent in self.agents], axis=1)
        over = np.zeros(self.num_envs, bool)
        self.freed = np.zeros(self.num_envs, bool)
        for _ in range(PERIOD):
            over |= self._fixed_step(choice, over)
        self._look(np.arange(self.num_envs))
        ended = {agent: over | ~self.alive[:, k] for k, agent in enumerate(self.agents)}
        none = np.zeros(self.num_envs)
        return Played(dict.fromkeys(self.agents, none), ended, {"DungeonEscape": ESCAPED * self.freed})

    def _fixed_step(self, choice, over) -> np.ndarray:
        """Advance areas that are not over; (n,) bool, which end."""
        on = ~over
        velocity, yaw = run(self.velocity, self.yaw, choice, SPEED)
        place = self.place + velocity * DT
        for pillar in COLUMNS:
            place = place + away(place, pillar, PILLAR + RADIUS)
        place = inside(apart(place, self.alive))
        moves = (self.alive & on[:, None])[..., None]
        self.place, self.velocity = np.where(moves, place, self.place), np.where(moves, velocity, self.velocity)
        self.yaw = np.where(moves[..., 0], yaw, self.yaw)
        way = PORTAL - self.dragon
        way /= np.maximum(_length(way), 1e-9)[:, None]
        self.dragon = self.dragon + way * ((self.walk * DT) * (self.dragon_lives & on))[:, None]
        return on & self._meet(on)

    def _meet(self, on) -> np.ndarray:
        """What touches what in areas `on`; (n,) bool, whether the episode ends by it."""
        here = self.alive & on[:, None]
        bitten = here & (_length(self.place - self.dragon[:, None]) < DRAGON + RADIUS) & self.dragon_lives[:, None]
        bitten &= np.cumsum(bitten, axis=1) == 1  # the first one takes the dragon along
        slain = bitten.any(axis=1)
        self.key = np.where(slain[:, None], self.dragon, self.key)
        self.dragon_lives = self.dragon_lives & ~slain
        self.key_lies = self.key_lies | slain
        self.alive = self.alive & ~bitten
        lost = here & ~bitten & (_length(self.place - PORTAL) < CAVE + RADIUS)
        lost_key = (lost & self.holder).any(axis=1)
        self.alive = self.alive & ~lost
        reach = self.alive & on[:, None] & self.key_lies[:, None]
        takes = reach & (_length(self.place - self.key[:, None]) < KEY + RADIUS)
        takes &= np.cumsum(takes, axis=1) == 1
        self.holder = (self.holder | takes) & self.alive
        self.key_lies = self.key_lies & ~takes.any(axis=1)
        beyond = np.maximum(np.abs(self.place - DOOR) - DOOR_HALF, 0)
        opens = (self.holder & (_length(beyond) < RADIUS + 0.05)).any(axis=1) & on
        self.freed = self.freed | opens
        home = self.dragon_lives & on & (_length(self.dragon - PORTAL) < CAVE + DRAGON)
        return opens | home | lost_key | ~self.alive.any(axis=1)

    def success(self):
        at_door = _length(self.place - DOOR) < NEAR
        return self.freed & (at_door | ~self.alive).all(axis=1) & (sum(self.alive.T.astype(int)) == 2)

    def _look(self, ids) -> None:
        self.sight[ids] = push_rows(self.sight[ids], RAYS.sense(self.place[ids], self.yaw[ids], self._things(ids)))

    def _things(self, ids):
        dragon, key = self.dragon[ids][:, None], self.key[ids][:, None]
        lives, lies = self.dragon_lives[ids][:, None, None], self.key_lies[ids][:, None, None]
        return (
            WALLS, PILLARS, MOUTH, LOCK,
            Discs(centre=self.place[ids], radius=RADIUS, tag=np.array([1, 1, 1]), there=self.alive[ids][:, None]),
            Discs(centre=dragon, radius=DRAGON, tag=np.array([2]), there=lives),
            Discs(centre=key, radius=KEY, tag=np.array([3]), there=lies),
        )  # fmt: skip

    def sense(self):
        rays = self.sight.reshape(self.num_envs, 3, -1)
        return {
            agent: {"StackingSensor_size3_RayPerceptionSensor": rays[:, k], "VectorSensor_size1": self.holder[:, [k]]}
            for k, agent in enumerate(self.agents)
        }

    def scripted(self):
        """Who is soonest on the dragon's way cuts it off; who is nearer to the key takes it; both go to the door."""
        target = self._targets()
        error = target - self.place - COAST * self.velocity
        error = error + _around(self.place, error)
        choice = _turn_or_run(error, self.yaw)
        waits = self._may_wait(target)
        choice = np.where(waits, STAY, choice)
        return {agent: choice[:, k] for k, agent in enumerate(self.agents)}

    def _targets(self) -> np.ndarray:
        """(n, 3, 2): where each agent is heading."""
        way = PORTAL - LAIR
        way = way / np.sqrt(way[0] ** 2 + way[1] ** 2)
        ahead = np.arange(0, 22.0, 0.5)
        points = self.dragon[:, None] + ahead[:, None] * way
        far = _length(self.place[:, :, None] - points[:, None])
        spare = ahead / self.walk[:, None, None] - far / SPEED - 0.6
        spare = np.where((points[..., 0] < 9.8)[:, None] & self.alive[..., None], spare, spare - 99)
        first = np.where(spare.max(axis=-1) > 0, (spare > 0).argmax(axis=-1), spare.argmax(axis=-1))
        meeting = np.take_along_axis(points[:, None], first[..., None, None], axis=2)[:, :, 0]
        soonest = np.where(spare.max(axis=-1) > 0, first, 99 - spare.max(axis=-1)).argmin(axis=1)
        hero = soonest[:, None] == np.arange(3)
        taker = _length(self.place - self.key[:, None]) + 99 * ~self.alive
        taker = (taker.argmin(axis=1)[:, None] == np.arange(3)) & self.key_lies[:, None]
        at_door = DOOR + np.where(self.holder[..., None], np.array([0.0, 0.0]), np.array([1.6, -1.6]))
        target = np.where(taker[..., None], self.key[:, None], at_door)
        return np.where((hero & self.dragon_lives[:, None])[..., None], meeting, target)

    def _may_wait(self, target) -> np.ndarray:
        """(n, 3) bool: who holds the key a little off the door, as long as the other is not there."""
        at_door = _length(self.place - DOOR) < NEAR - 0.4
        together = (at_door | ~self.alive).all(axis=1, keepdims=True)
        close = _length(self.place + COAST * self.velocity - DOOR) < 2.4
        return self.holder & close & ~together

    def describe(self, env, agent):
        k = self.agents.index(agent)
        dragon = f"the dragon lives, at ({self.dragon[env, 0]:.1f}, {self.dragon[env, 1]:.1f})"
        key = f"the key lies at ({self.key[env, 0]:.1f}, {self.key[env, 1]:.1f})"
        holder = next((a for a, holds in zip(self.agents, self.holder[env], strict=True) if holds), None)
        now = dragon if self.dragon_lives[env] else key if self.key_lies[env] else f"{holder or 'nobody'} has the key"
        you = f"You are at ({self.place[env, k, 0]:.1f}, {self.place[env, k, 1]:.1f})"
        you = you if self.alive[env, k] else "You are dead"
        return f"{you}; {now}. The door is at (-12.5, 0), the dragon's portal at (11.6, -11.6)."

    def feasible(self, env, agent):
        steps = [slay()] if self.dragon_lives[env] else [take()] if self.key_lies[env] else []
        return [*self.goals, *steps]

    def render(self, env=0):
        state = "escaped" if self.won[env] else "key!" if self.holder[env].any() else f"{self.alive[env].sum()} alive"
        words = f"{self.name}   step {self.steps[env]}   {state}   score {int(self.freed[env])}"
        board = paint.Board((-HALF - 0.5, -HALF - 0.5), (HALF + 0.5, HALF + 0.5), words, paint.WALL)
        board.box((0, 0), (HALF, HALF), (226, 220, 208))
        board.disc(PORTAL, CAVE, paint.PURPLE)
        board.words(PORTAL, "portal", paint.GROUND)
        board.box(DOOR, DOOR_HALF, paint.GREEN if self.freed[env] else (120, 76, 40))
        for pillar in COLUMNS:
            board.disc(pillar, PILLAR, paint.WALL)
        if self.dragon_lives[env]:
            board.box(self.dragon[env], (DRAGON, DRAGON), paint.RED, np.pi / 5)
            board.words(self.dragon[env], "dragon", paint.INK, 14)
        if self.key_lies[env]:
            board.disc(self.key[env], 0.45, paint.YELLOW)
        for k, colour in enumerate((paint.BLUE, paint.ORANGE, paint.GREEN)):
            self._draw_agent(board, env, k, colour)
        return board.picture()

    def _draw_agent(self, board, env, k, colour) -> None:
        spot, yaw = self.place[env, k], self.yaw[env, k]
        if not self.alive[env, k]:
            board.words(spot, "†", paint.INK, 26)
            return
        board.box(spot, (0.5, 0.5), colour, -float(yaw))
        board.disc(spot + turned(np.array([0.0, 0.45]), yaw), 0.18, paint.INK)
        if self.holder[env, k]:
            board.disc(spot, 0.25, paint.YELLOW)


def push_rows(history: np.ndarray, newest: np.ndarray) -> np.ndarray:
    """A stack (n, a, stacks, width), oldest first, with newest (n, a, width) added."""
    stacks, width = history.shape[2:]
    return push(history.reshape(-1, stacks, width), newest.reshape(-1, width)).reshape(history.shape)


def _length(gap: np.ndarray) -> np.ndarray:
    return np.sqrt(gap[..., 0] ** 2 + gap[..., 1] ** 2)


def _turn_or_run(error: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """(n, 3) choices that lead to error: far off, an agent first turns its front or its back that way."""
    bearing = np.arctan2(error[..., 0], error[..., 1]) - yaw
    bearing = (bearing + np.pi / 2) % np.pi - np.pi / 2
    turn = np.where(bearing > 0, RIGHTWARD, LEFTWARD)
    return np.where((np.abs(bearing) > np.radians(25)) & (_length(error) > 2.5), turn, steer(error, yaw, SPEED))


def _around(place: np.ndarray, error: np.ndarray) -> np.ndarray:
    """(n, 3, 2) a step aside for who has a pillar on the way within the next two metres."""
    far = np.maximum(_length(error), 1e-9)[..., None]
    point = place + error / far * np.minimum(far, 2.0)
    return 3 * np.asarray(sum(away(point, pillar, PILLAR + RADIUS + 0.4) for pillar in COLUMNS))
