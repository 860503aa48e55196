"""A policy as it is meant to act: observations in, deterministic actions out, by masks and memory where it has any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .algorithms import Algorithm


class Act:
    """policy: of Stable-Baselines3; kind: its algorithm. One object acts in one set of rows, step after step.

    remembers: whether its policy has a memory, and so has to be told where episodes begin.
    """

    def __init__(self, policy: Any, kind: Algorithm):
        self._policy, self._kind, self._memory = policy, kind, None
        self.remembers = kind.recurrent

    def __call__(
        self, obs: np.ndarray, masks: np.ndarray | None = None, starts: np.ndarray | None = None
    ) -> np.ndarray:
        """(n, …) deterministic actions for obs (n, width).

        masks: (n, choices) bool, what is allowed; only algorithms with masks look at it (None: everything).
        starts: (n,) bool, where an episode begins, for a policy with a memory; None: in all rows at the first call,
            later in none.
        """
        if self._kind.masks:
            return self._policy.predict(obs, deterministic=True, action_masks=masks)[0]
        if not self._kind.recurrent:
            return self._policy.predict(obs, deterministic=True)[0]
        if starts is None:
            starts = np.full(len(obs), self._memory is None)
        actions, self._memory = self._policy.predict(obs, state=self._memory, episode_start=starts, deterministic=True)
        return actions
