"""The body of a curriculum: the interface that its tasks need, found by making one copy of each."""

from __future__ import annotations

import dataclasses

from ..agents.interface import Interface, outline, shape
from .curriculum import Curriculum


def of(made: Curriculum, input: str, overseen: bool = False) -> Interface:
    """The body of a run; overseen: with rows for a central critic. Raises ValueError.

    The widths are the curriculum's; the kind of actions and what goes with it, its tasks'.
    """
    worlds = [outline(t.task, t.settings, t.partners) for t in made.tasks]
    found = shape(worlds, made.actions, made.bins)
    tasks = tuple(t.task for t in made.tasks)
    sizes = found.sizes + (1,) * (made.action - len(found.sizes)) if found.sizes else ()
    body = Interface(made.observation, made.action, made.words, input, tasks, made.reward.model_dump())
    told = {"encoder": made.encoder, "words_scale": made.words_scale}
    body = dataclasses.replace(body, actions=found.actions, bins=made.bins, sizes=sizes, picture=found.picture, **told)
    if not overseen:
        return body
    from ..agents.policies.central import overseeing

    return overseeing(body, max(len(world.agents) for world in worlds))
