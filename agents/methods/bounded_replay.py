"""Bounded replay: rehearsal from a memory of one size, whatever the number of tasks.

Replay as in `replay` (the cloning loss of ClonEx-SAC, https://arxiv.org/abs/2209.13900), with the memory of Prabhu et
al. 2020, "GDumb" (ECCV 2020), here by task: it is shared out evenly, and every task gives up at random what a new one
needs.
"""

from .replay import Replay


class BoundedReplay(Replay):
    """size: observations kept in all, size // tasks of each; weight, batch: as of Replay."""

    def on_task_end(self, learner, task):
        super().on_task_end(learner, task)
        quota = self.size // len(self.memory)
        for i, kept in enumerate(self.memory.tasks):
            picked = self.memory.pick(quota, len(kept["obs"])).to(kept["obs"].device)
            self.memory.tasks[i] = {name: rows[picked] for name, rows in kept.items()}
