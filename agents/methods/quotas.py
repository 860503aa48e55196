"""Quotas: old transitions mixed into the batches of an off-policy algorithm, as many of each task.

The class-balanced memory of Prabhu et al. 2020, "GDumb" (ECCV 2020), here by task: the memory is shared out evenly,
and every task gives up at random what a new one needs. Where stages differ in length, `reservoir` keeps by length
instead.
"""

from .mixing import Mixing, rows, transitions


class Quotas(Mixing):
    """size: transitions kept in all, size // tasks of each; share: of each batch that is old, evenly from the tasks."""

    def __init__(self, size: int = 100_000, share: float = 0.5, seed: int = 0):
        super().__init__(size, share, seed)

    def on_task_end(self, learner, task):
        self.memory.tasks.append(transitions(learner))
        quota = self.size // len(self.memory)
        self.memory.tasks = [rows(t, self.memory.pick(quota, len(t["rewards"]))) for t in self.memory.tasks]
