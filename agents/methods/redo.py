"""ReDo: units that fell silent are born again.

Sokar et al. 2023, "The dormant neuron phenomenon in deep reinforcement learning" (https://arxiv.org/abs/2302.12902): a
unit's score is its mean |activation| over the layer's mean; units with a score of threshold or less get
fresh incoming weights and outgoing weights of zero, so that the network answers as before. The
optimizer's moments of those weights start at zero.
"""

from __future__ import annotations

import torch
from torch import nn

from ..method import Method, wind
from ..state import State
from .behaviour import Recent, reborn


class ReDo(Method):
    """every: updates of a network between two looks; threshold: of the score; samples: rows to score on."""

    def __init__(self, every: int = 1000, threshold: float = 0.025, samples: int = 256, seed: int = 0):
        self.every, self.threshold, self.samples, self.seed = every, threshold, samples, seed
        self.generator = torch.Generator().manual_seed(seed)
        self.recent = Recent(samples)
        self.updates: dict[str, int] = {}
        self.reborn = 0

    def on_rollout(self, learner):
        self.recent.add(learner)

    def on_update(self, learner, net, params):
        self.updates[net] = self.updates.get(net, 0) + 1
        if self.updates[net] % self.every == 0:
            self.renew(learner, net)

    def renew(self, learner, net: str) -> None:
        """Score and renew the hidden layers of one network."""
        model = learner.model
        module = model.policy if net == "policy" else getattr(model.policy, net)
        prefix = "" if net == "policy" else f"{net}."
        new = reborn(learner, self.seed, "redo", self.reborn)
        optimizer = next(o for n, o, _ in learner.nets() if n == net)
        rows = self.recent.draw(learner, self.samples, self.generator)
        found = [(layer, score <= self.threshold, readers) for layer, score, readers in scores(learner, module, rows)]
        names = {m: prefix + k for k, m in module.named_modules()}
        with torch.no_grad():
            for layer, dormant, _ in found:
                self.reborn += int(dormant.sum())
                for kind, p in layer.named_parameters():
                    p[dormant] = new[f"{names[layer]}.{kind}"][dormant]
                    _forget(optimizer, p, dormant)
            for _, dormant, readers in found:  # last: a reader may have been born again as well
                for reader in readers:
                    reader.weight[:, dormant] = 0
                    _forget(optimizer, reader.weight, (slice(None), dormant))

    def state(self):
        state = State({"generator": self.generator.get_state().numpy()})
        state.meta |= {"updates": self.updates, "reborn": self.reborn}
        state.put("recent", self.recent.state())
        return state

    def restore(self, state):
        wind(self.generator, state.arrays["generator"])
        self.updates, self.reborn = dict(state.meta["updates"]), state.meta["reborn"]
        self.recent.restore(state.get("recent"))


def scores(learner, module: nn.Module, rows: torch.Tensor) -> list[tuple[nn.Linear, torch.Tensor, list[nn.Linear]]]:
    """For each hidden layer of module: the layer, the score (units,) of each unit, and the layers that read them.

    Who reads whom is seen by letting rows through: a tensor that comes out of an activation goes into the next layer.
    """
    kept, maker, readers, active = [], {}, {}, {}

    def watch(part, inputs, output):
        kept.append((inputs, output))  # alive, so that no id is given twice
        source = maker.get(id(inputs[0]))
        if isinstance(part, nn.Linear):
            maker[id(output)] = part
            if source is not None:
                readers.setdefault(source, {})[part] = None  # in order, once: rows may come by twice
                active[source] = inputs[0]
        elif source is not None:
            maker[id(output)] = source

    parts = [m for m in module.modules() if isinstance(m, nn.Linear) or not any(_linear(m))]
    handles = [m.register_forward_hook(watch) for m in parts]
    with torch.no_grad():
        learner.distribution(rows)
        learner.values(rows)
    for handle in handles:
        handle.remove()
    means = {layer: active[layer].abs().mean(dim=0) for layer in readers}
    return [(layer, m / (m.mean() + 1e-9), list(readers[layer])) for layer, m in means.items()]


def _linear(module: nn.Module):
    return (isinstance(m, nn.Linear) for m in module.modules())


def _forget(optimizer: torch.optim.Optimizer, p: torch.Tensor, units) -> None:
    for moment in ("exp_avg", "exp_avg_sq", "square_avg"):
        if moment in optimizer.state.get(p, {}):
            optimizer.state[p][moment][units] = 0
