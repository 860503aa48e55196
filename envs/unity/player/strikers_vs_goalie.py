"""StrikersVsGoalie: two strikers, one goal, and a goalie who keeps it."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from . import football
from .pitch import LENGTH, LIMIT, MOUTH, NOBODY, PERIOD, Look, Pitch, behaviour, rays

STRIKERS, GOALIE = ("striker_0", "striker_1"), ("goalie",)
SEEN = ("ball", "purpleGoal", "wall", "blueAgent", "purpleAgent")
KEPT = ("ball", "purpleGoal", "wall", "blueAgent")  # the goalie's
LOOKS = (
    Look(rays(5, 5, 60.0), False, dict.fromkeys(STRIKERS, ("BlueRayPerceptionSensor", SEEN))),
    Look(rays(5, 1, 45.0), True, dict.fromkeys(STRIKERS, ("BlueRayPerceptionSensorReverse", SEEN))),
    Look(rays(4, 20, 180.0), False, {"goalie": ("PurpleGoalieRayPerceptionSensor", KEPT)}),
)
EXISTENCE = PERIOD / LIMIT  # what a decision costs a striker and earns the goalie
HALVES = {"left": 1.0, "right": -1.0}  # of the goal, as strikers see it: the sign of z


def _in_half(world, arguments):
    game = world.unwrapped
    return (game.winner == 0) & (game.entered * HALVES[arguments["half"]] > 0)


def _aim(world, arguments):
    """How near the ball is to the middle of that half; 1 or 0 once a goal was scored."""
    game = world.unwrapped
    gap = np.hypot(*(game.ball - (LENGTH, HALVES[arguments["half"]] * MOUTH / 2)).T)
    open_play = np.clip(1 - gap / (2 * LENGTH), 0, 0.95)
    return np.where(game.winner == NOBODY, open_play, _in_half(world, arguments).astype(float))


place = Skill(
    "place",
    ("shoot into the {half} half of the goal", "score in the {half} half of the goal"),
    achieved=_in_half,
    progress=_aim,
    held_out=("put the ball past the goalie on the {half}",),
    chinese=("射进球门{half}半边", "把球踢进球门的{half}半边"),
    arguments={"half": tuple(HALVES)},
    in_chinese={"left": "左", "right": "右"},
)


class StrikersVsGoalie(Pitch):
    """Success: the strikers score; asked: in the half of the goal that the instruction names.

    A goal earns the strikers 1 less the share of the episode's 5,000 fixed steps that it took, and the goalie -1, as
    group rewards, and ends the game; every decision costs a striker 0.001 and earns the goalie as much. Strikers see
    11 rays to the front and 3 to the back that tell five things apart (294 numbers), the goalie 41 all round that tell
    four apart (738), three times each, the oldest first. The blue goal is walled up.
    asked: a goal in the half that was not named costs the strikers 1 and earns the goalie 1.
    """

    name = "StrikersVsGoalie"
    groups = {"strikers": STRIKERS, "goalie": GOALIE}
    looks = LOOKS
    behaviours = {
        "strikers": behaviour("Striker", 0, STRIKERS[0], LOOKS),
        "goalie": behaviour("Goalie", 1, GOALIE[0], LOOKS),
    }
    colour, keeper = np.array([0, 0, 1]), np.array([False, False, True])
    ahead, aside = np.array([1.3, 1.3, 1.0]), np.array([0.3, 0.3, 1.0])
    home = np.array([(-8.19, 1.2), (-8.19, -1.2), (9.0, 0.0)])
    blocked = True
    skills = (football.shoot, football.guard, football.chase, place)
    goals = (football.shoot(goal="purple"),)

    def __init__(self, num_envs: int = 1, asked: bool = False, **settings):
        if asked:
            self.goals = (place(half="left"), place(half="right"))
        self.asked = asked
        super().__init__(num_envs, **settings)

    def existence(self, k):
        return EXISTENCE if self.keeper[k] else -EXISTENCE

    def share(self, left):
        shared = super().share(left)
        if self.asked:
            wrong = (self.winner == 0) & ~self.success()
            shared = {
                "strikers": np.where(wrong, -1.0, shared["strikers"]),
                "goalie": np.where(wrong, 1.0, shared["goalie"]),
            }
        return shared

    @property
    def half(self) -> np.ndarray:
        """(num_envs,) the sign of z in the half of the goal that counts."""
        return np.where(self.aim == 0, HALVES["left"], HALVES["right"])

    def success(self):
        scored = self.winner == 0
        return scored & (self.entered * self.half > 0) if self.asked else scored

    def scripted(self):
        """Who is nearer to the ball shoots past the goalie; the other keeps off. The goalie stays in the way."""
        gaps = [np.hypot(*(self.place[:, k] - self.ball).T) for k in (0, 1)]
        aside = self.half if self.asked else np.where(self.place[:, 2, 1] > 0, -1.0, 1.0)
        goal = np.stack([np.full(self.num_envs, LENGTH + 1), 0.55 * MOUTH * aside], axis=1)
        acts = {}
        for k, agent in enumerate(STRIKERS):
            mine = (gaps[0] <= gaps[1]) == (k == 0)
            rest = self.ball + np.stack(
                [np.full(self.num_envs, -4.0), np.where(self.ball[:, 1] > 0, -3.0, 3.0)], axis=1
            )
            off = football.run_to(self, k, rest, self.ball)
            acts[agent] = np.where(mine[:, None], football.attack(self, k, goal), off)
        return acts | {"goalie": self._keep()}

    def _keep(self) -> np.ndarray:
        """On the way of the ball to the goal, near the line, looking up the pitch."""
        x = 13.5
        ahead = self.ball + 0.15 * self.roll
        part = np.clip((x - ahead[:, 0]) / np.maximum(LENGTH + 1 - ahead[:, 0], 1.0), 0, 1)
        across = np.clip(ahead[:, 1] * (1 - part), -MOUTH, MOUTH)
        spot = np.stack([np.full(self.num_envs, x), across], axis=1)
        front = self.place[:, 2] - (5.0, 0.0)
        return football.run_to(self, 2, spot, front)

    def describe(self, env, agent):
        return football.describe(self, env, agent)

    def feasible(self, env, agent):
        if agent == "goalie":
            return [football.guard(goal="purple"), football.chase(team="purple")]
        return [*self.goals, football.chase(team="blue")]

    def render(self, env=0):
        told = f"   {self.aim_of(env).text}" if self.asked else ""
        return football.draw(self, env, football.score(self, env) + told)
