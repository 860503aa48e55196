"""One policy living through many tasks: an SB3 algorithm, and the methods around it."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecEnv

from ..envs.registry import nearest
from . import networks, outputs, saving
from .acting import Act
from .algorithms import algorithm as find
from .exploration import Exploration, Span
from .method import Method, check
from .policies.picture import PictureAndWords
from .state import State, state_dict, tensors

RESETS = {"optimizer": True, "buffer": True, "exploration": True, "critic": False}  # unless a stage says otherwise
OWN = ("rows", "decay", "resets", "bound")  # settings that are not Stable-Baselines3's


class HookedBuffer(ReplayBuffer):
    """A replay buffer whose batches pass through a learner's methods."""

    learner: Learner | None = None

    def sample(self, batch_size, env=None):
        batch = super().sample(batch_size, env)
        for method in self.learner.methods if self.learner else ():
            batch = method.on_batch(self.learner, batch)  # type: ignore[arg-type]
        return batch


class Learner:
    """An SB3 algorithm that keeps its weights from task to task.

    algorithm: a name of ALGORITHMS; methods: continual-learning methods, in order.
    settings: keyword arguments of the SB3 class, and of our own "rows", how many agents step together, is read by
        the runner; "decay": over a stage the learning rate falls evenly to this share of itself (1: it stays), so
        that what was learnt at a stage's end does not depend on where the last steps happened to lead; "resets": what a
        stage starts afresh where the stage does not say (over RESETS); "bound": how far from 0 the mean of continuous
        actions may be (networks.bound).
    log: a folder for TensorBoard events.
    """

    def __init__(
        self,
        algorithm: str = "ppo",
        methods: Sequence[Method] = (),
        seed: int = 0,
        device: str = "auto",
        settings: Mapping[str, Any] | None = None,
        log: Path | None = None,
    ):
        self.kind = find(algorithm)
        for method in methods:
            check(type(method))
            if method.algorithms and algorithm not in method.algorithms:
                name = type(method).__name__.lower()
                raise ValueError(f"method {name!r} runs on {', '.join(method.algorithms)}, not on {algorithm}")
        self.algorithm, self.methods, self.seed, self.device = algorithm, tuple(methods), seed, device
        self._settings = {k: v for k, v in (settings or {}).items() if k not in OWN}
        self._resets = RESETS | dict((settings or {}).get("resets", {}))
        self._decay, self._stage = float((settings or {}).get("decay", 1)), (0, 0)  # where it began, how long it is
        self._bound = (settings or {}).get("bound")
        self._log, self._stages, self._target, self._model = log, 0, 0, None
        self._explore: dict[str, list[float]] = {}
        self.task = ""

    @property
    def model(self) -> Any:
        """The SB3 algorithm. Raises RuntimeError before the first start()."""
        if self._model is None:
            raise RuntimeError("the learner has no policy yet: call start(task, env) first")
        return self._model

    @property
    def num_timesteps(self) -> int:
        """Rows stepped over the whole life."""
        return self._model.num_timesteps if self._model else 0

    @property
    def off_policy(self) -> bool:
        return self.kind.off_policy

    def start(
        self,
        task: str,
        env: VecEnv,
        resets: Mapping[str, bool] | None = None,
        steps: int = 0,
        explore: Mapping[str, Span] | None = None,
    ) -> None:
        """A stage begins: env is seeded and reset, and what a stage starts afresh is reset.

        steps: how long the stage will be, for what falls over it; 0: not known, it stays at its first value.
        explore: how much is explored in this stage, first and last value by name; see Exploration.
        """
        self.task = task
        if not self.birth(env):
            self.model.set_env(env)
            self._reset(self._resets | dict(resets or {}))
        env.seed(_stage_seed(self.seed, self._stages))  # SB3 seeded it when it was created
        self._stages += 1
        self._target, self._stage = self.num_timesteps, (self.num_timesteps, steps)
        self._explore = {k: list(v) for k, v in (explore or {}).items()}
        self.exploration.begin(self._explore)
        for method in self.methods:
            method.on_task_start(self, task)

    def birth(self, env: VecEnv) -> bool:
        """Make the algorithm, for env, where there is none yet; whether there was none."""
        if first := self._model is None:
            self._create(env)
        return first

    def resemble(self, other: Learner) -> None:
        """What a stage may start afresh is from now on what the other, of the same shape, was born with."""
        self._critic, self._exploration = other._critic, other._exploration

    def move(self, task: str, env: VecEnv) -> None:
        """The stage goes on in another world, and nobody says so: nothing is reset, no method hears of it."""
        self.model.set_env(env)
        env.seed(_stage_seed(self.seed, self._stages))
        self._stages += 1
        self._target = self.num_timesteps

    def learn(self, steps: int) -> None:
        """Go on for steps rows in all since the last call; whole rollouts are stepped, and the excess is remembered."""
        self._target += steps
        if self._target > self.num_timesteps:
            callback = _Rollouts(self)
            self.model.learn(self._target - self.num_timesteps, callback, reset_num_timesteps=False, log_interval=1)

    def finish(self) -> None:
        """The stage ends."""
        for method in self.methods:
            method.on_task_end(self, self.task)

    @contextlib.contextmanager
    def trial(self, task: str) -> Iterator[Act]:
        """The policy as it is meant to act on task: (obs (n, width), masks) -> deterministic actions (n, …)."""
        for method in self.methods:
            method.on_test_start(self, task)
        try:
            yield Act(self.model.policy, self.kind)
        finally:
            for method in reversed(self.methods):
                method.on_test_end(self, task)

    # what methods work with

    def places(self) -> np.ndarray:
        """(k,) where the stage's own steps stand in the off-policy buffer, of those that it still holds."""
        buffer = self.model.replay_buffer
        count = min((self.num_timesteps - self._stage[0]) // buffer.n_envs, buffer.size())
        if count == buffer.size():
            return np.arange(count)
        return (buffer.pos - count + np.arange(count)) % buffer.buffer_size

    def newborn(self) -> Any:
        """A policy made as this learner's was, on the CPU: of its shape, bounded as it is, its weights drawn anew.

        Of what the algorithm was given: SB3's `_get_constructor_parameters` forgets LSTMs and shared features.
        """
        m = self.model
        given = {"use_sde": True} if m.use_sde else {}  # not every policy knows the word
        policy = type(m.policy)(m.observation_space, m.action_space, m.lr_schedule, **(given | m.policy_kwargs))
        self._hold(policy)
        return policy

    def nets(self) -> list[tuple[str, torch.optim.Optimizer, list[torch.nn.Parameter]]]:
        """Each trained network: its name, optimizer and parameters."""
        nets = [(name, getattr(self.model, name)) for name in self.kind.nets]
        return [(n, net.optimizer, [p for g in net.optimizer.param_groups for p in g["params"]]) for n, net in nets]

    def distribution(self, rows: torch.Tensor) -> outputs.Output:
        """What the policy says at rows (n, width), with gradients: a Gaussian or Choices (agents.outputs).

        rows: of rollout_rows(), or observations alone.
        """
        return outputs.said(self.model, self.kind, rows)

    def values(self, rows: torch.Tensor) -> torch.Tensor:
        """(n,) what the critic holds the states at rows to be worth, with gradients."""
        return outputs.values(self.model, self.kind, rows)

    def gaussian(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log standard deviation, (n, actions) each, of a policy that has them; see distribution."""
        said = self.distribution(obs)
        return said.mean, said.log_std  # type: ignore[union-attr]

    def batch(self, count: int) -> Any:
        """count transitions of the current task alone, past the methods' on_batch."""
        return ReplayBuffer.sample(self.model.replay_buffer, count)

    def rollout_rows(self) -> torch.Tensor:
        """(n, width) the rows of the last rollout: observations, behind them masks and memory where there are any."""
        return outputs.rollout(self.model)

    def rollout_observations(self) -> torch.Tensor:
        """(n, width) the observations of the last rollout alone."""
        return self.rollout_rows()[:, : self.model.observation_space.shape[0]]

    # saving

    def weights(self) -> dict[str, np.ndarray]:
        """name -> array: the policy's parameters."""
        return {k: v.detach().cpu().numpy().copy() for k, v in self.model.policy.state_dict().items()}

    def memory_bytes(self) -> int:
        """Bytes of the past that the methods keep."""
        return sum(m.memory_bytes() for m in self.methods)

    def state(self) -> State:
        """Everything but the env: weights, optimizers, buffers, counters, random streams, the methods' memories."""
        m, state = self.model, State()
        state.put("policy", tensors(m.policy.state_dict()))
        for name, optimizer in self._optimizers():
            state.put(f"{name}.optimizer", tensors(optimizer.state_dict()))
        if getattr(m, "log_ent_coef", None) is not None:
            state.arrays["log_ent_coef"] = m.log_ent_coef.detach().cpu().numpy().copy()
        if self.off_policy:
            state.put("buffer", saving.buffer_state(m.replay_buffer))
        state.put("random", saving.random_state(m))
        if m._last_obs is not None:  # None: a stage has just begun
            state.arrays["last_obs"] = np.array(m._last_obs)
            state.arrays["last_starts"] = np.array(m._last_episode_starts)
            state.arrays |= saving.memory_state(m)
        for i, method in enumerate(self.methods):
            state.put(f"method.{i}", method.state())
        state.meta |= {
            "task": self.task,
            "stages": self._stages,
            "target": self._target,
            "stage": list(self._stage),
            "explore": self._explore,
            "counters": {k: getattr(m, k) for k in saving.COUNTERS if hasattr(m, k)},
            "learning_starts": getattr(m, "learning_starts", None),
        }
        return state

    def restore(self, state: State, env: VecEnv) -> None:
        """Go on from state() with env, which the caller has restored."""
        if self._model is None:
            self._create(env)
        else:
            self.model.set_env(env)
        m = self.model
        m.policy.load_state_dict(state_dict(state.get("policy")))
        for name, optimizer in self._optimizers():
            optimizer.load_state_dict(state_dict(state.get(f"{name}.optimizer")))
        if "log_ent_coef" in state.arrays:
            m.log_ent_coef.data.copy_(torch.from_numpy(np.array(state.arrays["log_ent_coef"])))
        if self.off_policy:
            saving.restore_buffer(m.replay_buffer, state.get("buffer"))
            m.learning_starts = state.meta["learning_starts"]
        if "last_obs" in state.arrays:
            m._last_obs = np.array(state.arrays["last_obs"])
            m._last_episode_starts = np.array(state.arrays["last_starts"])
            saving.restore_memory(m, state.arrays)
        else:
            env.seed(_stage_seed(self.seed, state.meta["stages"] - 1))
        for i, method in enumerate(self.methods):
            method.restore(state.get(f"method.{i}").on(m.device))
        for name, value in state.meta["counters"].items():
            setattr(m, name, value)
        self.task, self._stages, self._target = (state.meta[k] for k in ("task", "stages", "target"))
        self._stage, self._explore = tuple(state.meta["stage"]), state.meta.get("explore", {})
        self.exploration.begin(self._explore, fresh=False)
        saving.restore_random(m, state.get("random"))

    # inside

    def _create(self, env: VecEnv) -> None:
        settings = networks.named(copy.deepcopy(self._settings))  # SB3 writes into its policy_kwargs
        if self.off_policy:
            settings.setdefault("replay_buffer_class", HookedBuffer)
        if isinstance(settings.get("action_noise"), int | float):
            settings["action_noise"] = _noise(settings["action_noise"], env)
        for method in self.methods:
            settings = method.on_birth(self, settings)
        if picture := _picture(env):
            eyes = {"features_extractor_class": PictureAndWords, "features_extractor_kwargs": {"picture": picture}}
            settings["policy_kwargs"] = eyes | dict(settings.get("policy_kwargs", {}))
        build: Any = self.kind.build
        policy = settings.pop("policy", self.kind.policy)  # a method may bring a network of its own
        self._model = build(policy, env, seed=self.seed, device=self.device, **settings)
        self._hold(self._model.policy)
        if hasattr(self._model, "exploration_schedule"):  # SB3's own counts from call to call of learn
            self._model.exploration_schedule = self._epsilon
        if self._decay < 1:
            full = self._model.lr_schedule
            self._model.lr_schedule = lambda left: full(left) * self._fallen()
        self._learning_starts = getattr(self._model, "learning_starts", 0)
        formats: list = [TensorBoardOutputFormat(str(self._log))] if self._log else []
        self._model.set_logger(Logger(folder=None, output_formats=formats))
        if self.off_policy:
            self._model.replay_buffer.learner = self
            self._model._sample_action = self._explored(self._model._sample_action)
        for name, optimizer, params in self.nets():
            optimizer.register_step_pre_hook(self._hook("on_gradient", name, params))
            optimizer.register_step_post_hook(self._hook("on_update", name, params))
        self._exploration = {k: v.detach().clone() for k, v in self._exploring()}
        self._critic = {k: v.detach().clone() for k, v in self._judging()}
        self.exploration = Exploration(self._model, env, self._done)

    def _hold(self, policy: Any) -> None:
        """Let the mean of the policy's actions go no further than the bound, where there is one."""
        if self._bound and isinstance(policy.action_space, spaces.Box):  # a curriculum may act in choices as well
            networks.bound(policy.action_net, float(self._bound))

    def _done(self) -> float:
        """The share of the stage that is behind; 0 where its length is not known."""
        begun, steps = self._stage
        return min(1.0, (self.num_timesteps - begun) / steps) if steps else 0.0

    def _fallen(self) -> float:
        """The share of the learning rate at this point of the stage."""
        return 1 - (1 - self._decay) * self._done()

    def _epsilon(self, _: float) -> float:
        """DQN's share of random actions: it falls evenly over a stage's first part; without a known stage it is low."""
        if self.exploration.asks("epsilon"):
            return self.exploration.now("epsilon")
        m = self.model
        begun, steps = self._stage
        done = min(1.0, (self.num_timesteps - begun) / (steps * m.exploration_fraction)) if steps else 1.0
        return m.exploration_initial_eps + (m.exploration_final_eps - m.exploration_initial_eps) * done

    def _explored(self, choose: Callable) -> Callable:
        """SB3's choice of actions, with what methods would rather do."""

        def chosen(*args, **kwargs):
            actions, stored = choose(*args, **kwargs)
            for method in self.methods:
                if (other := method.on_explore(self, actions)) is not actions:
                    actions, stored = other, self.model.policy.scale_action(other)
            return actions, stored

        return chosen

    def _hook(self, moment: str, name: str, params: list):
        def run(optimizer, args, kwargs):
            for method in self.methods:
                getattr(method, moment)(self, name, params)

        return run

    def _optimizers(self) -> list[tuple[str, torch.optim.Optimizer]]:
        found = [(name, optimizer) for name, optimizer, _ in self.nets()]
        entropy = getattr(self.model, "ent_coef_optimizer", None)
        return found if entropy is None else [*found, ("entropy", entropy)]

    def _exploring(self) -> list[tuple[str, torch.Tensor]]:
        """The parameters that say how much is explored."""
        found = [
            ("log_std", getattr(self.model.policy, "log_std", None)),
            ("entropy", getattr(self.model, "log_ent_coef", None)),
        ]
        return [(k, v) for k, v in found if v is not None]

    def _judging(self) -> list[tuple[str, torch.Tensor]]:
        """The parameters that say what states or actions are worth; of PPO, those that its actor has no part in."""
        return [(k, v) for k, v in self.model.policy.named_parameters() if k.startswith(self.kind.critic)]

    def _reset(self, resets: Mapping[str, bool]) -> None:
        unknown = set(resets) - set(RESETS)
        if unknown:
            raise nearest(min(unknown), RESETS, "reset")
        if resets["optimizer"]:
            for _, optimizer in self._optimizers():
                optimizer.state.clear()
        if resets["critic"]:  # what an old task was worth misleads: as it was when the life began
            for name, tensor in self._judging():
                tensor.data.copy_(self._critic[name])
        if resets["exploration"]:
            for name, tensor in self._exploring():
                tensor.data.copy_(self._exploration[name])
        if self.off_policy and resets["buffer"]:
            self.model.replay_buffer.reset()
            self.model.learning_starts = self.num_timesteps + self._learning_starts


class _Rollouts(BaseCallback):
    """Sets and logs how much is explored; tells the methods when an on-policy rollout is whole."""

    def __init__(self, learner: Learner):
        super().__init__()
        self._learner = learner

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self._learner.exploration.set()
        for name, value in self._learner.exploration.told().items():
            self.logger.record(f"explore/{name}", value)

    def _on_rollout_end(self) -> None:
        if not self._learner.off_policy:
            for method in self._learner.methods:
                method.on_rollout(self._learner)


def load_policy(
    algorithm: str,
    settings: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    env: VecEnv,
    methods: Sequence[Method] = (),
) -> Act:
    """A policy from saved weights (Learner.weights()): (obs (n, width), masks) -> deterministic actions; see Act.

    methods: those it was learnt with, for some change the network.
    """
    small = {"buffer_size": 1} if find(algorithm).off_policy else {}
    learner = Learner(algorithm, methods, settings=dict(settings) | small, device="cpu")
    learner._create(env)
    policy = learner.model.policy
    policy.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
    return Act(policy, learner.kind)


def _picture(env: VecEnv) -> tuple[int, int, int] | None:
    """(H, W, channels) where the rows begin with the pixels of a picture: the interface's bodies say so."""
    return env.get_attr("picture")[0] if env.has_attr("picture") else None


def _noise(spread: float, env: VecEnv) -> NormalActionNoise:
    """Normal noise of one standard deviation for every action, drawn from NumPy's global generator as SB3 does."""
    width = env.action_space.shape or (1,)
    return NormalActionNoise(np.zeros(width, np.float32), np.full(width, spread, np.float32))


def _stage_seed(seed: int, stage: int) -> int:
    return int(np.random.SeedSequence([seed, stage]).generate_state(1)[0])
