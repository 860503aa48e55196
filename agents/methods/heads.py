"""Heads: a last layer of its own for every task; the rest of the actor is shared.

The multi-head policy of Continual World (Wolczyk et al. 2021, https://arxiv.org/abs/2105.10919) and of Li
and Hoiem 2016 (https://arxiv.org/abs/1606.09282). It needs to know the task when the policy is tried, whatever the
input: it hears it in on_test_start. A new task's head is a fresh one. The shared layers go on changing: let another
method that holds or rehearses them stand in the list too (regularisers leave heads alone).
"""

from __future__ import annotations

from torch import nn

from ..method import Method
from ..state import State
from .behaviour import Weights, acting, begin, copied, load, reborn


class Heads(Method):
    """afresh: a new task's head starts anew; otherwise from the last task's. seed: of fresh heads."""

    apart = True

    def __init__(self, afresh: bool = True, seed: int = 0):
        self.afresh, self.seed = afresh, seed
        self.heads: dict[str, Weights] = {}
        self.task = ""
        self._tried: Weights = {}

    def private(self, learner):
        return frozenset(head(learner))

    def on_task_start(self, learner, task):
        if task in self.heads:
            begin(learner, self.heads[task])
        elif self.task and self.afresh:
            new = reborn(learner, self.seed, "heads", len(self.heads))
            begin(learner, {k: new[k] for k in head(learner)})
        self._keep(learner, task)

    def on_task_end(self, learner, task):
        self._keep(learner, task)

    def _keep(self, learner, task):
        self.task, self.heads[task] = task, copied(head(learner))

    def on_test_start(self, learner, task):
        self._tried = copied(head(learner))
        if task != self.task and task in self.heads:  # a task that was never learnt is tried with the head of now
            load(acting(learner), self.heads[task])

    def on_test_end(self, learner, task):
        load(acting(learner), self._tried)

    def state(self):
        state = State(meta={"tasks": list(self.heads), "task": self.task})
        for i, weights in enumerate(self.heads.values()):
            state.put(str(i), State.of(weights))
        return state

    def restore(self, state):
        self.task = state.meta["task"]
        self.heads = {task: state.get(str(i)).tensors() for i, task in enumerate(state.meta["tasks"])}


def head(learner) -> Weights:
    """name -> parameter of the actor's last layers: the linear ones that no other layer of the actor follows."""
    linear = [k for k, m in learner.model.policy.named_modules() if isinstance(m, nn.Linear)]
    named = acting(learner)
    deep = (".latent", "mlp_extractor.", "features_extractor.")  # of the last: the eye of a task with pictures
    inner = {k for k in linear if any(part in k for part in deep)}
    chains = {k.rpartition(".")[0] if k.rpartition(".")[2].isdigit() else k: k for k in linear if k not in inner}
    last = tuple(f"{k}." for k in chains.values())
    return {k: p for k, p in named.items() if k.startswith(last)}
