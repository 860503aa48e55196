"""Is a task still what it was? The numbers of a short seeded life of each, and how often they have changed.

    python -m ludus.envs.revisions    # writes revisions.json: raises the revision of each task whose life is another

A run's hash holds the revisions of its tasks, so that rows and policies of a task as it was are not taken for rows of
the task as it is. The tests fail while a life is not the one written down.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import registry

FILE = Path(__file__).with_name("revisions.json")
STEPS = 40
COPIES = 4
TOLERANCE = 0.02  # of a number, and beside: other processors round otherwise, and contacts make much of little


def life(id: str) -> list[float]:
    """What STEPS steps of the script come to: an episode's limit, observations, rewards, what ended, what succeeded.

    Half of the copies repeat their first action instead, where everything is always allowed, and so run into things.
    """
    world = registry.make(id, COPIES)
    try:
        world.reset(np.arange(COPIES), list(range(COPIES)))
        stubborn = np.arange(COPIES) % 2 == 1 if world.masks() is None else np.zeros(COPIES, bool)
        first, found = world.scripted(), []
        for _ in range(STEPS):
            actions = world.scripted()
            for agent, action in actions.items():
                action[stubborn] = first[agent][stubborn]
            step = world.step(actions)
            seen = np.concatenate([np.abs(o).reshape(COPIES, -1).mean(axis=1) for o in step.obs.values()])
            paid = np.stack(list(step.reward.values())).sum(axis=0)
            found.append([seen.mean(), *paid, *step.done, *step.info["success"]])
            if over := np.flatnonzero(step.done).tolist():
                world.reset(np.array(over), [COPIES + copy for copy in over])
                for agent, action in world.scripted().items():
                    first[agent][over] = action[over]
        table = np.array(found, float)
        totals = np.concatenate([table[:: STEPS // 4, 0], table[:, 1:].sum(axis=0)])
        return [float(world.max_episode_steps), *(float(f"{n:.4g}") for n in totals)]
    finally:
        world.close()


def same(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two lives are one task's."""
    return len(one) == len(other) and np.allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE)


def fingerprint(what: Any) -> str:
    """Sixteen digits of a file (Path), or of the file in which a class or function stands; "" where there is none."""
    try:
        file = what if isinstance(what, Path) else Path(inspect.getfile(what))
    except TypeError:  # of what is built in, or made as the program runs
        return ""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def tasks() -> list[str]:
    """The ids that need nothing which is not here."""
    return [id for id in registry.ids() if "needs-build" not in registry.spec(id).tags]


@functools.cache
def written() -> dict[str, dict]:
    """id -> {"revision", "life"}."""
    return json.loads(FILE.read_text())


def revision(id: str) -> int:
    """How often the task has become another; 0 for a user's own, whose code only he knows."""
    return written().get(registry.spec(id).id.partition("#")[0], {}).get("revision", 0)


def main() -> None:
    before = written() if FILE.exists() else {}
    now = {}
    for id in tasks():
        is_now, was = life(id), before.get(id)
        if was is None:
            now[id] = {"revision": 0, "life": is_now}
        elif same(is_now, was["life"]):
            now[id] = was
        else:
            now[id] = {"revision": was["revision"] + 1, "life": is_now}
            print(f"{id} is another task now: revision {was['revision'] + 1}")
    lines = [f" {json.dumps(id)}: {json.dumps(entry)}" for id, entry in now.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
