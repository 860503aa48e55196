"""The ways in which a team learns, by name; one set of parameters for all its agents needs no name."""

from __future__ import annotations

from typing import Any

from ..policies.central import Central
from .federated import Federated
from .mutual import Mutual
from .team import Team, by_group


class Independent(Team):
    """A learner for every agent, and nothing between them."""

    def __init__(self, born, seating):
        super().__init__(born, seating)


class Groups(Independent):
    """A learner for every group: for teams whose members differ."""

    seats = staticmethod(by_group)


TEAMS: dict[str, Any] = {
    "independent": Independent,
    "groups": Groups,
    "federated": Federated,
    "mutual": Mutual,
    "central": Central,  # one learner, and so a method, with another network
}


def meets(name: str) -> bool:
    """Whether the learners of the team of that name move each other's weights."""
    return divided(name) and TEAMS[name].meet is not Team.meet


def divided(name: str) -> bool:
    """Whether the team of that name is several learners."""
    return isinstance(kind := TEAMS.get(name), type) and issubclass(kind, Team)
