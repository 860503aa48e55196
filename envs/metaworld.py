"""Meta-World v3 in a process with a Python of its own, and the ten tasks of Continual World among its tasks.

metaworld 3.1.1 pins mujoco 3.3.0, where this suite has 4: the two do not fit into one environment.

    python -m venv DIR && DIR/bin/pip install metaworld==3.1.1 packaging
    export LUDUS_METAWORLD_PYTHON=DIR/bin/python
    ludus run examples/cw10.yaml --algorithm sac --input task-id --tier smoke --allow-code

Yu et al. 2020 (https://arxiv.org/abs/1910.10897). CW10 is of Wołczyk et al. 2021 (https://arxiv.org/abs/2105.10919):
episodes take 200 steps, one in which the task was ever solved is a success, and goals are drawn anew for each.
"""

from __future__ import annotations

import os

from .views.served import Served

PYTHON = "LUDUS_METAWORLD_PYTHON"
REMEDY = (
    f"Meta-World needs a Python of its own: python -m venv DIR; DIR/bin/pip install metaworld==3.1.1 packaging; "
    f"export {PYTHON}=DIR/bin/python"
)
CW10 = {  # in their order
    "hammer-v3": "drive the nail in with the hammer",
    "push-wall-v3": "push the puck round the wall to the goal",
    "faucet-close-v3": "close the faucet",
    "push-back-v3": "push the puck back to the goal",
    "stick-pull-v3": "pull the thermos with the stick",
    "handle-press-side-v3": "press the handle down from the side",
    "push-v3": "push the puck to the goal",
    "shelf-place-v3": "put the block on the shelf",
    "window-close-v3": "close the window",
    "peg-unplug-side-v3": "pull the peg out sideways",
}


def make(num_envs: int = 1, task: str = "hammer-v3", limit: int = 200) -> Served:
    """num_envs copies of a task of Meta-World, by its name there. Raises ValueError where its Python is not named."""
    python = os.environ.get(PYTHON)
    if not python:
        raise ValueError(REMEDY)
    goal = CW10.get(task, task.removesuffix("-v3").replace("-", " "))
    return Served(num_envs, "metaworld", {"task": task}, goal, limit, python)
