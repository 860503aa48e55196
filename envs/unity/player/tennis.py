"""Tennis: two rackets and a ball in a plane; the point goes to who plays the ball so that the other cannot."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from ..spec import Behaviour, Sensor
from . import draw as paint
from .game import Game, Played

DT, PERIOD, STACK = 0.02, 5, 3  # Unity's fixed step (s), steps from decision to decision, observations side by side
TEAMS = ("blue", "purple")  # Unity's agents A, left of the net, and B
SIDE = np.array([1.0, -1.0])  # turns the court so that everybody plays from the left to the right
FLOOR, NET, WALL = -6.9, -6.43, 11.88  # heights of the floor and the net's edge, the walls' distance from it (m)
POST = 0.061  # half the net's thickness
LONG, THICK = 0.494, 0.063  # half the racket's extents
SPEED, JUMP, REACH = 30.0, 7.0, -1.5  # of a racket (m/s); it may jump up wherever it is below REACH
TILT = np.radians(55.0)
FASTEST = 9.0  # along each axis, for the ball
SHARE = 2 * 4 / (4 + 0.75)  # of an elastic blow, for a ball of 0.75 kg that meets a racket of 4 kg
SERVICE, UNSET, FLOORS = 0, 1, (2, 3)  # what the ball's last bounce was
NOBODY = -1
SWING, AIM, TILTS = 9.0, 6.0, np.linspace(-1, 1, 17)  # how the script strikes (m/s), where to (m behind the net)
BOUND = (12.0, 12.0, 30.0, 30.0, 12.0, 12.0, 30.0, 30.0, 1.0)


def _won(world, arguments):
    return world.unwrapped.winner == TEAMS.index(arguments["team"])


def _attack(world, arguments):
    """How far the ball is towards the other's wall; 1 or 0 once the point is decided."""
    game, side = world.unwrapped, SIDE[TEAMS.index(arguments["team"])]
    far = 0.5 + 0.4 * side * game.ball[:, 0] / WALL
    return np.where(game.winner == NOBODY, np.clip(far, 0.1, 0.9), _won(world, arguments).astype(float))


def _over(world, arguments):
    game, k = world.unwrapped, TEAMS.index(arguments["team"])
    return (game.hitter == k) & (SIDE[k] * game.ball[:, 0] > 0)


win = Skill(
    "win",
    ("win the point for {team}", "beat the other player as {team}"),
    achieved=_won,
    progress=_attack,
    held_out=("make {team} the winner of this rally",),
    chinese=("让{team}得分", "为{team}赢下这一分"),
    arguments={"team": TEAMS},
    in_chinese={"blue": "蓝方", "purple": "紫方"},
)
play_over = Skill(
    "return",
    ("hit the ball over the net as {team}", "return the ball as {team}"),
    achieved=_over,
    progress=lambda world, arguments: np.where(_over(world, arguments), 1.0, 0.5 * _attack(world, arguments)),
    held_out=("send the ball across for {team}",),
    chinese=("{team}把球打过网", "{team}回球"),
    arguments={"team": TEAMS},
    in_chinese={"blue": "蓝方", "purple": "紫方"},
)


class Tennis(Game):
    """Success: blue wins the point. Rules and numbers of Unity's Tennis, which left its repository in 2021.

    Actions: to the net and back, jump (above 0.5), turn the racket. The winner earns 1, the other -1, and the point is
    over: a ball served must be hit before it bounces; nobody may hit twice, let it bounce twice, or send it into the
    own floor, the net, or over the other's court into the wall.
    Observation, three times, the oldest first, seen from the own side: place and velocity of the racket, place and
    velocity of the ball, and the z of the racket's quaternion, which Unity's turn by -180 degrees keeps at 0.
    Unity sets no MaxStep; here a point that lasts for 300 decisions is nobody's.
    """

    name = "Tennis"
    groups = {team: (team,) for team in TEAMS}
    behaviours = {
        team: Behaviour(
            "Tennis", (Sensor("StackingSensor_size3_VectorSensor_size9", (9 * STACK,), BOUND * STACK),),
            continuous=3, team=k,
        )
        for k, team in enumerate(TEAMS)
    }  # fmt: skip
    saved = (
        "racket", "motion", "angle", "ball", "flight", "touching", "hitter", "bounce", "cleared", "winner", "stack",
        "radius", "gravity",
    )  # fmt: skip
    defaults = {"scale": 0.5, "gravity": 9.81}
    skills = (win, play_over)
    goals = (win(team="blue"),)
    max_episode_steps = 300
    render_fps = 10

    def __init__(self, num_envs: int = 1, **settings):
        self.racket, self.motion = np.zeros((num_envs, 2, 2)), np.zeros((num_envs, 2, 2))  # from the own side
        self.angle = np.zeros((num_envs, 2))  # from upright, towards the net
        self.ball, self.flight = np.zeros((num_envs, 2)), np.zeros((num_envs, 2))
        self.touching = np.zeros((num_envs, 2), bool)
        self.hitter, self.winner = np.full(num_envs, NOBODY), np.full(num_envs, NOBODY)
        self.bounce = np.full(num_envs, SERVICE)
        self.cleared = np.zeros(num_envs, bool)  # the ball has been across: the net is no fault any more
        self.stack = np.zeros((num_envs, 2, STACK, 9), np.float32)
        self.radius, self.gravity = np.full(num_envs, 0.25), np.full(num_envs, 9.81)
        super().__init__(num_envs, **settings)

    def begin(self, ids, draw):
        where = draw.uniform(6, [8.0] * 3)
        self.racket[ids] = np.stack([-where[:, :2], np.full((len(ids), 2), REACH)], axis=2)
        self.motion[ids], self.angle[ids], self.touching[ids], self.cleared[ids] = 0, 0, False, False
        side = np.where(draw.integers(2) == 0, -1.0, 1.0)
        self.ball[ids] = np.stack([side * where[:, 2], np.full(len(ids), 6.0)], axis=1)
        self.flight[ids] = 0
        self.hitter[ids], self.bounce[ids], self.winner[ids] = NOBODY, SERVICE, NOBODY
        self.radius[ids], self.gravity[ids] = self.parameters["scale"] / 2, self.parameters["gravity"]
        self.stack[ids, :, :-1] = 0
        self.stack[ids, :, -1] = self._features()[ids]

    def play(self, acts):
        given = np.stack([acts[team][0] for team in TEAMS], axis=1).astype(float)
        for _ in range(PERIOD):
            self._fixed_step(given)
        self.stack = np.concatenate([self.stack[:, :, 1:], self._features()[:, :, None]], axis=2)
        over = self.winner != NOBODY
        pay = {team: np.where(over, np.where(self.winner == k, 1.0, -1.0), 0.0) for k, team in enumerate(TEAMS)}
        return Played(pay, dict.fromkeys(TEAMS, over))

    def _fixed_step(self, given: np.ndarray) -> None:
        before = self.racket.copy(), self.ball.copy()
        self._move_rackets(given)
        self.flight = np.clip(self.flight, -FASTEST, FASTEST)
        self.flight[:, 1] -= self.gravity * DT
        self.ball = self.ball + np.where(self.winner == NOBODY, DT, 0.0)[:, None] * self.flight
        for k in range(2):
            self._meet_racket(k, *before)
        self._meet_net()
        self._meet_floor()
        self._meet_walls()

    def _move_rackets(self, given: np.ndarray) -> None:
        x, y = self.racket[:, :, 0], self.racket[:, :, 1]
        up = np.where((given[:, :, 1] > 0.5) & (y < REACH), JUMP, self.motion[:, :, 1]) - self.gravity[:, None] * DT
        self.angle = TILT * given[:, :, 2]
        lowest = FLOOR + LONG * np.cos(self.angle) + THICK * np.abs(np.sin(self.angle))
        across = SPEED * given[:, :, 0]
        height = y + up * DT
        self.motion = np.stack([across, np.where(height > lowest, up, 0.0)], axis=2)
        place = np.clip(x + across * DT, LONG - WALL, -1.0)
        self.racket = np.stack([place, np.maximum(height, lowest)], axis=2)

    def _meet_racket(self, k: int, racket: np.ndarray, ball: np.ndarray) -> None:
        """The ball against racket k, between where both were and where they are, along the racket's normal."""
        turn, angle = np.stack([np.full(self.num_envs, SIDE[k]), np.ones(self.num_envs)], 1), self.angle[:, k]
        normal = np.stack([np.cos(angle), -np.sin(angle)], axis=1)
        along = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        then, now = turn * ball - racket[:, k], turn * self.ball - self.racket[:, k]
        far, near = _dot(normal, then), _dot(normal, now)
        side = np.where(far < 0, -1.0, 1.0)
        room = self.radius + THICK
        closed = side * far - side * near
        part = np.clip((side * far - room) / np.where(closed > 1e-9, closed, 1.0), 0, 1)
        at = _dot(along, then) + part * (_dot(along, now) - _dot(along, then))
        hit = (side * near < room) & (closed > 0) & (np.abs(at) < LONG + 0.5 * self.radius)
        hit &= self.winner == NOBODY
        into = _dot(normal, turn * self.flight - self.motion[:, k])
        blow = np.where(hit & (side * into < 0), -SHARE * into, 0.0)[:, None] * normal
        self.flight = self.flight + turn * blow
        lift = np.where(hit, side * room - near, 0.0)[:, None] * normal
        self.ball = self.ball + turn * lift
        fresh = hit & ~self.touching[:, k]
        self.touching[:, k] = hit
        self._award(fresh & (self.hitter == k), 1 - k)
        self.cleared |= fresh & (self.bounce != SERVICE)
        self.hitter = np.where(fresh, k, self.hitter)
        self.bounce = np.where(fresh, UNSET, self.bounce)

    def _meet_net(self) -> None:
        x, y = self.ball.T
        dy = y - np.minimum(y, NET)
        gap = np.sqrt(x * x + dy * dy)
        normal = np.stack([x, dy], axis=1) / np.maximum(gap, 1e-9)[:, None]
        into = _dot(normal, self.flight)
        hit = (gap < self.radius + POST) & (into < 0) & (self.winner == NOBODY)
        self.flight = self.flight - np.where(hit, 2 * into, 0.0)[:, None] * normal
        fault = hit & ~self.cleared
        for k in range(2):
            self._award(fault & (self.hitter == k), 1 - k)

    def _meet_floor(self) -> None:
        low = FLOOR + self.radius
        hit = (self.ball[:, 1] < low) & (self.flight[:, 1] < 0) & (self.winner == NOBODY)
        self.flight[:, 1] = np.where(hit, -self.flight[:, 1], self.flight[:, 1])
        self.ball[:, 1] = np.where(hit, low, self.ball[:, 1])
        for k in range(2):
            here = hit & (SIDE[k] * self.ball[:, 0] < 0)
            lost = (self.hitter == k) | (self.bounce == FLOORS[k]) | (self.bounce == SERVICE)
            self._award(here & lost, 1 - k)
            self.bounce = np.where(here & ~lost, FLOORS[k], self.bounce)
            self.cleared |= here & ~lost

    def _meet_walls(self) -> None:
        for k in range(2):
            out = -SIDE[k] * self.ball[:, 0] > WALL - self.radius
            hit = out & (-SIDE[k] * self.flight[:, 0] > 0) & (self.winner == NOBODY)
            self.flight[:, 0] = np.where(hit, -self.flight[:, 0], self.flight[:, 0])
            mine = (self.hitter == k) | (self.bounce == FLOORS[k])  # out, or an ace of the other's
            self._award(hit & mine, 1 - k)
            self._award(hit & ~mine, k)

    def _award(self, where: np.ndarray, k: int) -> None:
        self.winner = np.where(where & (self.winner == NOBODY), k, self.winner)

    def _features(self) -> np.ndarray:
        """(num_envs, 2, 9) float32: what each player measures now."""
        flip = np.stack([SIDE, np.ones(2)], axis=1)
        ball, flight = self.ball[:, None] * flip, self.flight[:, None] * flip
        still = np.zeros((self.num_envs, 2, 1))
        return np.concatenate([self.racket, self.motion, ball, flight, still], axis=2).astype(np.float32)

    def sense(self):
        shown = self.stack.reshape(self.num_envs, 2, -1)
        return {team: {"StackingSensor_size3_VectorSensor_size9": shown[:, k]} for k, team in enumerate(TEAMS)}

    def success(self):
        return self.winner == 0

    def scripted(self):
        """Wait behind the ball until it is at the racket's height, then strike so that it comes down in the court."""
        return {team: self._stroke(k) for k, team in enumerate(TEAMS)}

    def _stroke(self, k: int) -> np.ndarray:
        ball, flight, racket = self.ball * (SIDE[k], 1), self.flight * (SIDE[k], 1), self.racket[:, k]
        soon = ball + PERIOD * DT * flight
        mine = (self.hitter != k) & ((ball[:, 0] < 0) | (flight[:, 0] < 0))
        gap = soon - racket
        swing = mine & (soon[:, 0] < 0) & (np.abs(gap[:, 1]) < 0.6) & (gap[:, 0] < 1.2)
        spot = np.where(mine, np.minimum(soon[:, 0] - 0.9, -2.0), np.minimum(soon[:, 0] - 2.0, -8.0))
        clear = np.abs(soon[:, 0] - racket[:, 0]) > 2.5  # one's own stroke must not be met again
        step = np.where(mine | clear, np.clip((spot - racket[:, 0]) / (PERIOD * DT * SPEED), -1, 1), 0.0)
        tilt = np.where(mine, self._tilt(k, soon, flight), self.angle[:, k] / TILT)
        jump = np.where(mine & (gap[:, 1] > 0.3), 1.0, 0.0)
        return np.stack([np.where(swing, SWING / SPEED, step), jump, tilt], axis=1)

    def _tilt(self, k: int, ball: np.ndarray, flight: np.ndarray) -> np.ndarray:
        """(num_envs,) in [-1, 1]: of some tilts, the one that sends the ball over the net and deepest into court."""
        angle = TILT * TILTS[:, None]
        normal = np.cos(angle), -np.sin(angle)
        blow = SHARE * (normal[0] * (SWING - flight[:, 0]) + normal[1] * (self.motion[:, k, 1] - flight[:, 1]))
        across, up = (np.clip(flight[:, i] + blow * normal[i], -FASTEST, FASTEST) for i in range(2))
        high, g = ball[:, 1] - FLOOR, self.gravity
        lands = ball[:, 0] + across * (up + np.sqrt(up * up + 2 * g * np.maximum(high, 0))) / g
        until = -ball[:, 0] / np.maximum(across, 1e-3)
        clear = high + up * until - g / 2 * until * until - (NET - FLOOR)
        cost = np.abs(lands - AIM) + 10 * np.maximum(0.7 - clear, 0)
        return TILTS[np.argmin(cost, axis=0)]

    def describe(self, env, agent):
        k = TEAMS.index(agent)
        (x, y), (u, v) = self.racket[env, k], self.flight[env] * (SIDE[k], 1)
        last = {NOBODY: "Nobody has", k: "You have", 1 - k: "The other has"}[int(self.hitter[env])]
        return (
            f"You are {agent}, {-x:.1f} m behind the net and {y - FLOOR:.1f} m above the floor. The ball is "
            f"{-SIDE[k] * self.ball[env, 0]:.1f} m on your side of the net, {self.ball[env, 1] - FLOOR:.1f} m high, "
            f"and flies at {u:.1f} m/s towards the other and {v:.1f} m/s upwards. {last} hit it last."
        )

    def feasible(self, env, agent):
        return [skill(team=agent) for skill in self.skills]

    def render(self, env=0):
        score = {NOBODY: "", 0: "   point for blue", 1: "   point for purple"}[int(self.winner[env])]
        board = paint.Board((-13, -8), (13, 8), f"Tennis   step {self.steps[env]}{score}")
        board.polygon([(-WALL, -8), (WALL, -8), (WALL, FLOOR), (-WALL, FLOOR)], paint.GREEN)
        board.box((0, (FLOOR + NET) / 2), (0.1, (NET - FLOOR) / 2), paint.WALL)
        for k, colour in enumerate((paint.BLUE, paint.PURPLE)):
            tilt = SIDE[k] * self.angle[env, k]
            board.box(self.racket[env, k] * (SIDE[k], 1), (0.12, LONG), colour, -tilt)
        board.disc(self.ball[env], float(self.radius[env]), paint.YELLOW)
        return board.picture()


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1]
