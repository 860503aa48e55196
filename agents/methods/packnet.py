"""PackNet: every task gets weights of its own in one network; those of old tasks never change again.

Mallya and Lazebnik 2018 (https://arxiv.org/abs/1711.05769). A task trains the weights that are still free, using those
of older tasks as they are; at its end the largest of its weights stay and are frozen, the others are set to zero, free
for the next task, and what stays is trained a little more. That retraining clones the policy as it was before the
pruning, on rows of the task (Stable-Baselines3 hides its loss). Only the actor is packed: a critic of the past is not
asked again. Biases are few, so every task has its own. Tried on a task, the network has that task's weights and older
ones, and no others: it hears the task in on_test_start, whatever the input.
"""

from __future__ import annotations

import torch

from ..method import Method, wind
from ..state import State
from .behaviour import Recent, Weights, acting, among, copied, load, remembered, study


class PackNet(Method):
    """tasks: how many will come: each gets an equal part of the weights; 0: each gets share of what is free.

    A run takes its curriculum's number of stages unless that says otherwise (plan).
    size, steps, rate, batch: of the retraining after pruning. At most 255 tasks.
    """

    apart = True
    working = Method.working | {"frozen"}  # the network's own weights, as they were when the last task ended

    def __init__(
        self,
        tasks: int = 0,
        share: float = 0.5,
        size: int = 10_000,
        steps: int = 500,
        rate: float = 1e-3,
        batch: int = 512,
        seed: int = 0,
    ):
        self.tasks, self.share, self.size = tasks, share, size
        self.steps, self.rate, self.batch = steps, rate, batch
        self.generator = torch.Generator().manual_seed(seed)
        self.recent = Recent(size)
        self.owner: dict[str, torch.Tensor] = {}  # uint8: whose each weight is, 0 if free
        self.biases: list[Weights] = []  # of each task that has ended
        self.numbers: dict[str, int] = {}  # task -> its newest number, from 1; a task that comes back is a new one
        self.learning = False
        self._frozen: Weights = {}
        self._tried: Weights = {}

    def on_task_start(self, learner, task):
        self.learning = True
        weights, _ = parted(learner)
        self.owner = self.owner or {k: torch.zeros_like(p, dtype=torch.uint8) for k, p in weights.items()}
        self._put_back(weights)

    def on_rollout(self, learner):
        self.recent.add(learner)

    def on_gradient(self, learner, net, params):
        for k, p in among(learner, params).items():
            if k in self.owner and p.grad is not None:
                p.grad = p.grad * (self.owner[k] == 0)

    def on_update(self, learner, net, params):
        """Moments of an optimizer move weights that have no gradient."""
        self._put_back({k: p for k, p in among(learner, params).items() if k in self.owner})

    def _put_back(self, weights):
        if self.biases and weights:
            self._frozen = self._frozen or copied(weights)
            load(weights, {k: torch.where(self.owner[k] > 0, self._frozen[k], p) for k, p in weights.items()})

    def on_task_end(self, learner, task):
        weights, biases = parted(learner)
        teacher = remembered(learner, self.recent.draw(learner, self.size, self.generator))
        number = self._prune(weights)
        masks = [self.owner[k] == number for k in weights] + [
            torch.ones_like(p, dtype=torch.bool) for p in biases.values()
        ]
        study([*weights.values(), *biases.values()], lambda: self._loss(learner, teacher), self.steps, self.rate, masks)
        self.biases.append(copied(biases))
        self.numbers[task], self.learning, self._frozen = number, False, copied(weights)
        self.recent.rollouts.clear()

    def _prune(self, weights) -> int:
        """Give the largest of the free weights to the task that ends, set the others to zero; returns its number."""
        done = len(self.biases)
        part = 1 / (self.tasks - done) if self.tasks > done else self.share
        for k, p in weights.items():
            free = self.owner[k] == 0
            size = torch.where(free, p.detach().abs(), -1.0).flatten()
            chosen = size.topk(round(part * int(free.sum()))).indices
            self.owner[k].view(-1)[chosen] = done + 1
            p.data[self.owner[k] == 0] = 0
        return done + 1

    def _loss(self, learner, teacher):
        picks = torch.randint(len(teacher["obs"]), (self.batch,), generator=self.generator)
        old = {k: v[picks.to(v.device)] for k, v in teacher.items()}
        return learner.distribution(old["obs"]).divergence(old).mean()

    def on_test_start(self, learner, task):
        weights, biases = parted(learner)
        self._tried = copied({**weights, **biases})
        if task in self.numbers and not (self.learning and task == learner.task):
            number = self.numbers[task]
            load(weights, {k: p * ((self.owner[k] > 0) & (self.owner[k] <= number)) for k, p in weights.items()})
            load(biases, self.biases[number - 1])

    def on_test_end(self, learner, task):
        load(acting(learner), self._tried)

    def state(self):
        state = State({"generator": self.generator.get_state().numpy()})
        state.put("owner", State.of(self.owner))
        state.put("frozen", State.of(self._frozen))
        for i, biases in enumerate(self.biases):
            state.put(f"bias.{i}", State.of(biases))
        state.meta |= {"numbers": self.numbers, "learning": self.learning, "ended": len(self.biases)}
        state.put("recent", self.recent.state())
        return state

    def restore(self, state):
        wind(self.generator, state.arrays["generator"])
        self.recent.restore(state.get("recent"))
        self.numbers, self.learning = dict(state.meta["numbers"]), state.meta["learning"]
        self.owner = state.get("owner").tensors()
        self._frozen = state.get("frozen").tensors() if "frozen" in state.meta else {}  # it was not saved once
        self.biases = [state.get(f"bias.{i}").tensors() for i in range(state.meta["ended"])]


def parted(learner) -> tuple[Weights, Weights]:
    """The actor's shared parameters: weights that are dealt out, and vectors that every task has of its own."""
    found = acting(learner, private=False)
    return {k: p for k, p in found.items() if p.ndim > 1}, {k: p for k, p in found.items() if p.ndim == 1}
