"""A continual-learning method: a few hooks around a Stable-Baselines3 algorithm, all empty here."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..envs.registry import nearest
from .state import State

if TYPE_CHECKING:
    from stable_baselines3.common.type_aliases import ReplayBufferSamples

    from .learner import Learner

Parameters = list[torch.nn.Parameter]


class Method:
    """Override what you need. Methods combine by standing in a list; hooks run in its order.

    algorithms: the algorithms it runs on ("ppo", "sac", …); None: all of them.
    working: the parts of its state that are about the present task alone, and so no memory of the past.
    apart: whether a task that has ended is acted on with weights of its own (by on_test_start).
    """

    algorithms: tuple[str, ...] | None = None
    working: frozenset[str] = frozenset({"recent", "generator"})
    apart: bool = False

    def on_birth(self, learner: Learner, settings: dict[str, Any]) -> dict[str, Any]:
        """Before the SB3 algorithm is made: return the keyword arguments it should be made with."""
        return settings

    def on_task_start(self, learner: Learner, task: str) -> None:
        """Before the first step of a task."""

    def on_task_end(self, learner: Learner, task: str) -> None:
        """After the last step of a task, its data still in the buffer."""

    def on_explore(self, learner: Learner, actions: np.ndarray) -> np.ndarray:
        """Each time an off-policy algorithm chooses actions (rows, …) to learn from: return those to take."""
        return actions

    def on_rollout(self, learner: Learner) -> None:
        """After an on-policy algorithm has collected a rollout, before it learns from it."""

    def on_batch(self, learner: Learner, batch: ReplayBufferSamples) -> ReplayBufferSamples:
        """Each batch an off-policy algorithm samples: return what it should learn from."""
        return batch

    def on_gradient(self, learner: Learner, net: str, params: Parameters) -> None:
        """Before each optimizer step of net ("policy"; "actor", "critic"): edit params' .grad in place."""

    def on_update(self, learner: Learner, net: str, params: Parameters) -> None:
        """After each optimizer step of net: edit params in place."""

    def on_test_start(self, learner: Learner, task: str) -> None:
        """Before the policy is tried on a task."""

    def on_test_end(self, learner: Learner, task: str) -> None:
        """After the trial; put back what on_test_start changed."""

    @classmethod
    def switches(cls) -> bool:
        """Whether the policy may be another one from task to task when it is tried."""
        return cls.on_test_start is not Method.on_test_start

    def private(self, learner: Learner) -> frozenset[str]:
        """Names of the policy's parameters that the method keeps for each task alone: others leave them be."""
        return frozenset()

    def state(self) -> State:
        """What the method remembers, to be saved: as it is now, whatever is written into it later."""
        return State()

    def restore(self, state: State) -> None:
        """Take back state(); state.tensors() are on the device that the learner's model is on."""

    def memory_bytes(self) -> int:
        """Bytes that it keeps of the past: weights, importances, rows and transitions of earlier tasks.

        Not what it works with in the present one, such as the last rollouts, nor the state of a generator.
        """
        arrays = self.state().arrays.items()
        return sum(array.nbytes for name, array in arrays if self.working.isdisjoint(name.split("/")))


def check(kind: Any) -> None:
    """Raises ValueError for what is no method, and for a hook that nobody calls, or not as it is written."""
    if not (isinstance(kind, type) and issubclass(kind, Method)):
        raise ValueError(f"{kind!r} is no method: a method is a subclass of ludus.agents.method.Method")
    hooks = [name for name in vars(Method) if name.startswith("on_")]
    for name in (name for name in dir(kind) if name.startswith("on_")):
        if name not in hooks:
            raise nearest(name, hooks, f"hook for {kind.__name__}")
        given, mine = inspect.signature(getattr(Method, name)), inspect.signature(getattr(kind, name))
        try:
            mine.bind(*given.parameters)
        except TypeError:
            raise ValueError(f"{kind.__name__}.{name} must be made as {name}({', '.join(given.parameters)})") from None


class Memory:
    """Named tensors of equal length, kept per task; draws from them with a generator of its own.

    host: they stay in main memory wherever the model is, and are moved when they are drawn.
    """

    def __init__(self, seed: int = 0, host: bool = False):
        self.host = host
        self.generator = torch.Generator().manual_seed(seed)
        self.tasks: list[dict[str, torch.Tensor]] = []

    def __len__(self) -> int:
        return len(self.tasks)

    def pick(self, count: int, rows: int) -> torch.Tensor:
        """count (<= rows) distinct indices below rows, at random."""
        return torch.randperm(rows, generator=self.generator)[:count]

    def sample(self, count: int) -> dict[str, torch.Tensor]:
        """count rows in all, drawn evenly from the tasks, with replacement."""
        share = [count // len(self.tasks) + (i < count % len(self.tasks)) for i in range(len(self.tasks))]
        parts = []
        for task, n in zip(self.tasks, share, strict=True):
            rows = torch.randint(len(next(iter(task.values()))), (n,), generator=self.generator)
            parts.append({k: v[rows.to(v.device)] for k, v in task.items()})
        return {k: torch.cat([p[k] for p in parts]) for k in parts[0]}

    def state(self) -> State:
        arrays = {f"{i}.{k}": v.cpu().numpy() for i, task in enumerate(self.tasks) for k, v in task.items()}
        return State(arrays | {"generator": self.generator.get_state().numpy()}, {"tasks": len(self.tasks)})

    def restore(self, state: State) -> None:
        arrays = dict(state.arrays)
        wind(self.generator, arrays.pop("generator"))
        self.tasks = [{} for _ in range(state.meta["tasks"])]
        for name, tensor in State(arrays, device="cpu" if self.host else state.device).tensors().items():
            index, key = name.split(".", 1)
            self.tasks[int(index)][key] = tensor


def wind(generator: torch.Generator, position: np.ndarray) -> None:
    """Set a generator to where it was; a generator's position is on the CPU whatever the device."""
    generator.set_state(torch.from_numpy(np.array(position)))


@contextlib.contextmanager
def drawing(seed: int, device: Any) -> Iterator[None]:
    """Inside, torch draws by seed; outside it goes on as if nothing had been drawn, on the CPU and on device.

    torch.manual_seed seeds the generators of accelerators too, and so these have to be put back as well.
    """
    device = torch.device(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
