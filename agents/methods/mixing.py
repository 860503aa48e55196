"""What methods that mix old transitions into an off-policy batch share."""

from __future__ import annotations

import torch

from ..method import Memory, Method
from ..state import State

FIELDS = ("observations", "actions", "next_observations", "dones", "rewards")
Columns = dict[str, torch.Tensor]


class Mixing(Method):
    """size: transitions kept in all; share: of each batch that is old, drawn evenly from what memory keeps apart."""

    algorithms = ("sac", "td3", "ddpg", "dqn")

    def __init__(self, size: int, share: float, seed: int):
        self.size, self.share = size, share
        self.memory = Memory(seed, host=True)  # an off-policy buffer is in main memory, too

    def on_batch(self, learner, batch):
        count = int(len(batch.rewards) * self.share)
        if not self.memory.tasks or not count:
            return batch
        old = self.memory.sample(count)
        mixed = {k: torch.cat([(now := getattr(batch, k))[count:], old[k].to(now)]) for k in FIELDS}
        return batch._replace(**mixed)

    def state(self):
        state = State()
        state.put("memory", self.memory.state())
        return state

    def restore(self, state):
        self.memory.restore(state.get("memory"))


def transitions(learner) -> Columns:
    """All of the stage that the replay buffer still holds, a row for each transition."""
    buffer, places = learner.model.replay_buffer, learner.places()
    ended = buffer.dones[places] * (1 - buffer.timeouts[places])  # a time limit is no end: SB3 bootstraps through it
    columns = (
        buffer.observations[places],
        buffer.actions[places],
        buffer.next_observations[places],
        ended,
        buffer.rewards[places],
    )
    flat = [torch.as_tensor(a.reshape(len(places) * buffer.n_envs, -1), dtype=torch.float32) for a in columns]
    return dict(zip(FIELDS, flat, strict=True))


def rows(columns: Columns, chosen: torch.Tensor) -> Columns:
    return {k: v[chosen] for k, v in columns.items()}
