"""What footballers can be asked for, how their scripts run, and how a pitch is drawn."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from . import draw as paint
from .pitch import BALL, LENGTH, MOUTH, NOBODY, PLAYER, TEAMS, WIDTH, Pitch

GOALS = {"blue": (-LENGTH, 0.0), "purple": (LENGTH, 0.0)}
COLOURS = (paint.BLUE, paint.PURPLE)
NEAR = 1.5  # m: by the ball; between the ball and the goal


def _scored(world, arguments):
    return world.unwrapped.winner == 1 - TEAMS.index(arguments["goal"])


def _towards(world, arguments):
    """How near the ball is to the goal; 1 or 0 once a goal was scored."""
    game = world.unwrapped
    gap = np.hypot(*(game.ball - GOALS[arguments["goal"]]).T)
    open_play = np.clip(1 - gap / (2 * LENGTH), 0, 0.95)
    return np.where(game.winner == NOBODY, open_play, _scored(world, arguments).astype(float))


def _cover(world, arguments):
    """(n,) m: how far the goal's own players leave the way from the ball to it, at best."""
    game, goal = world.unwrapped, np.array(GOALS[arguments["goal"]])
    own = np.flatnonzero(game.colour == TEAMS.index(arguments["goal"]))
    way = goal - game.ball
    length = np.maximum(np.hypot(*way.T), 1e-9)
    gaps = []
    for k in own:
        off = game.place[:, k] - game.ball
        along = np.clip((off * way).sum(axis=1) / length, 0, length)
        gaps.append(np.hypot(*(off - (along / length)[:, None] * way).T))
    return np.minimum.reduce(gaps) if gaps else np.full(game.num_envs, np.inf)


def _nearest(world, arguments):
    game = world.unwrapped
    own = np.flatnonzero(game.colour == TEAMS.index(arguments["team"]))
    return np.minimum.reduce([np.hypot(*(game.place[:, k] - game.ball).T) for k in own])


IN_CHINESE = {"blue": "蓝色", "purple": "紫色"}
shoot = Skill(
    "shoot",
    ("shoot at the {goal} goal", "score in the {goal} goal"),
    achieved=_scored,
    progress=_towards,
    held_out=("put the ball into the {goal} net",),
    chinese=("射{goal}球门", "把球踢进{goal}球门"),
    arguments={"goal": TEAMS},
    in_chinese=IN_CHINESE,
)
guard = Skill(
    "guard",
    ("guard the {goal} goal", "keep the ball out of the {goal} goal"),
    achieved=lambda world, arguments: (_cover(world, arguments) < NEAR) & ~_scored(world, arguments),
    progress=lambda world, arguments: np.clip(1 - _cover(world, arguments) / LENGTH, 0, 1),
    held_out=("defend the {goal} goal",),
    chinese=("守住{goal}球门", "别让球进{goal}球门"),
    arguments={"goal": TEAMS},
    in_chinese=IN_CHINESE,
)
chase = Skill(
    "chase",
    ("bring a {team} player to the ball", "go to the ball as {team}"),
    achieved=lambda world, arguments: _nearest(world, arguments) < NEAR,
    progress=lambda world, arguments: np.clip(1 - _nearest(world, arguments) / (2 * LENGTH), 0, 1),
    held_out=("get to the ball first for {team}",),
    chinese=("{team}队员去追球", "让{team}队员跑到球边"),
    arguments={"team": TEAMS},
    in_chinese=IN_CHINESE,
)


def run_to(game: Pitch, k: int, spot: np.ndarray, face: np.ndarray) -> np.ndarray:
    """(n, 3) actions with which player k comes to rest at spot (n, 2), looking towards face (n, 2)."""
    sine, cosine = np.sin(game.yaw[:, k]), np.cos(game.yaw[:, k])
    want = 3.0 * (spot - game.place[:, k]) - game.motion[:, k]
    fore, right = sine * want[:, 0] + cosine * want[:, 1], cosine * want[:, 0] - sine * want[:, 1]
    to = face - game.place[:, k]
    left_over = _turned(np.arctan2(to[:, 0], to[:, 1]) - game.yaw[:, k])
    near, far = 3 * game.aside[k], 3 * game.ahead[k]  # what one step would overshoot
    straight = np.where(fore > far, 1, np.where(fore < -far, 2, 0))
    across = np.where(right > near, 1, np.where(right < -near, 2, 0))
    across = np.where((straight == 0) | (np.abs(right) * game.aside[k] > np.abs(fore) * game.ahead[k]), across, 0)
    turn = np.where(left_over > 0.09, 2, np.where(left_over < -0.09, 1, 0))
    return np.stack([straight, across, turn], axis=1)


def attack(game: Pitch, k: int, goal: np.ndarray) -> np.ndarray:
    """(n, 3) actions that drive the ball at goal (n, 2): round it to its far side, then through it."""
    by_wall = np.abs(game.ball[:, 1]) > WIDTH - 2 * BALL  # no room behind it: along the wall
    way = np.where(by_wall[:, None], (goal - game.ball) * (1, 0), goal - game.ball)
    way = way / np.maximum(np.hypot(*way.T), 1e-9)[:, None]
    off = game.ball - game.place[:, k]
    along = off[:, 0] * way[:, 0] + off[:, 1] * way[:, 1]
    across = off[:, 0] * way[:, 1] - off[:, 1] * way[:, 0]
    side = np.where(across > 0, 1.0, -1.0)[:, None] * np.stack([-way[:, 1], way[:, 0]], axis=1)
    behind = game.ball - 2.0 * way
    around = game.ball + 2.0 * side - 1.0 * way
    ready = (along > 0.3) & (np.abs(across) < 0.4 + 0.4 * along)
    spot = np.where(((along < 0.8) & (np.abs(across) < 1.5))[:, None], around, behind)
    spot = np.where(ready[:, None], game.ball + 2.0 * way, spot)
    return run_to(game, k, spot, np.where(ready[:, None], game.ball, goal))


def describe(game: Pitch, env: int, agent: str) -> str:
    """What a footballer knows, from above."""
    k = game.agents.index(agent)
    to = game.ball[env] - game.place[env, k]
    turn = np.degrees(_turned(np.arctan2(*to) - game.yaw[env, k]))
    x, z = game.place[env, k]
    own, hand = TEAMS[game.colour[k]], "right" if turn > 0 else "left"
    return (
        f"You are {agent} of {own}, {abs(x - GOALS[own][0]):.1f} m before your own goal line and {z:.1f} m from the "
        f"middle. The ball is {np.hypot(*to):.1f} m away, {abs(turn):.0f} degrees to your {hand}, and "
        f"rolls at {np.hypot(*game.roll[env]):.1f} m/s."
    )


def draw(game: Pitch, env: int, words: str) -> np.ndarray:
    """(480, 640, 3) uint8: the pitch from above, blue's goal on the left."""
    board = paint.Board((-18, -9), (18, 9), words)
    slope = (WIDTH - MOUTH) / np.sqrt(3)
    edge = [(LENGTH - slope, WIDTH), (LENGTH, MOUTH), (LENGTH, -MOUTH), (LENGTH - slope, -WIDTH)]
    board.polygon([*edge, *((-x, -z) for x, z in edge)], paint.GREEN, paint.INK)
    board.line([(0, WIDTH), (0, -WIDTH)], paint.GROUND, 2)
    for side, colour in zip((-1, 1), COLOURS, strict=True):
        walled = game.blocked and side < 0
        board.box((side * (LENGTH + 1), 0), (1, MOUTH), paint.WALL if walled else colour)
    for k in range(len(game.colour)):
        place, yaw = game.place[env, k], game.yaw[env, k]
        board.disc(place, PLAYER, COLOURS[game.colour[k]])
        nose = place + 1.1 * PLAYER * np.array([np.sin(yaw), np.cos(yaw)])
        board.line([place, nose], paint.GROUND, 4)
        if game.keeper[k]:
            board.disc(place, 0.4 * PLAYER, paint.YELLOW)
    board.disc(game.ball[env], BALL, paint.ORANGE)
    return board.picture()


def score(game: Pitch, env: int) -> str:
    """What stands over the picture."""
    result = {NOBODY: "", 0: "   goal for blue", 1: "   goal for purple"}[int(game.winner[env])]
    return f"{game.name}   step {game.steps[env]}{result}"


def _turned(angle):
    """The same angle in [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
