"""SoccerTwos: two against two on a pitch with two goals."""

from __future__ import annotations

import numpy as np

from . import football
from .pitch import TEAMS, Look, Pitch, behaviour, rays

PLAYERS = {team: (f"{team}_0", f"{team}_1") for team in TEAMS}
FRONT, BACK = rays(6, 5, 60.0), rays(6, 1, 45.0)


def _tags(team: str) -> tuple[str, ...]:
    other = TEAMS[1 - TEAMS.index(team)]
    return ("ball", f"{team}Goal", f"{other}Goal", "wall", f"{team}Agent", f"{other}Agent")


def _look(which, back: bool, ending: str) -> Look:
    who = {a: (f"{t.capitalize()}RayPerceptionSensor{ending}", _tags(t)) for t in TEAMS for a in PLAYERS[t]}
    return Look(which, back, who)


LOOKS = (_look(FRONT, False, ""), _look(BACK, True, "Reverse"))


class SoccerTwos(Pitch):
    """Success: blue scores. A goal ends the game for all.

    Who scores earns 1 less the share of the episode's 5,000 fixed steps that it took, and the others -1, as group
    rewards. Players see 11 rays to the front and 3 to the back that tell six things apart, three times, the oldest
    first: 336 numbers.
    """

    name = "SoccerTwos"
    groups = PLAYERS
    looks = LOOKS
    behaviours = {t: behaviour("SoccerTwos", k, PLAYERS[t][0], LOOKS) for k, t in enumerate(TEAMS)}
    colour = np.array([0, 0, 1, 1])
    ahead, aside, keeper = np.full(4, 1.0), np.full(4, 0.3), np.zeros(4, bool)
    home = np.array([(-8.19, 1.2), (-8.19, -1.2), (8.19, 1.2), (8.19, -1.2)])
    skills = (football.shoot, football.guard, football.chase)
    goals = (football.shoot(goal="purple"),)

    def success(self):
        return self.winner == 0

    def scripted(self):
        """Of each team, who is nearer to the ball attacks; the other one stays between it and the own goal."""
        acts = {}
        for team, members in PLAYERS.items():
            here = [self.agents.index(a) for a in members]
            gaps = [np.hypot(*(self.place[:, k] - self.ball).T) for k in here]
            goal, own = (np.broadcast_to(football.GOALS[t], self.ball.shape) for t in (_other(team), team))
            for i, k in enumerate(here):
                mine = gaps[i] < gaps[1 - i] if i else gaps[i] <= gaps[1 - i]
                stay = football.run_to(self, k, 0.6 * own + 0.4 * self.ball, self.ball)
                acts[members[i]] = np.where(mine[:, None], football.attack(self, k, goal), stay)
        return acts

    def describe(self, env, agent):
        return football.describe(self, env, agent)

    def feasible(self, env, agent):
        team = agent.split("_")[0]
        return [football.shoot(goal=_other(team)), football.guard(goal=team), football.chase(team=team)]

    def render(self, env=0):
        return football.draw(self, env, football.score(self, env))


def _other(team: str) -> str:
    return TEAMS[1 - TEAMS.index(team)]
