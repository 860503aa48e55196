"""An agent of plain torch on one page, PPO: cd examples; ludus run Reach-v0 --agent torch_agent:Ppo --allow-code

Schulman et al. 2017, "Proximal Policy Optimization Algorithms" (https://arxiv.org/abs/1707.06347): the clipped
objective of section 3, with advantages as in Schulman et al. 2015 (https://arxiv.org/abs/1506.02438).
"""

import numpy as np
import torch
from torch import nn


class Ppo:
    """Acts in continuous actions (Box); every `horizon` steps it learns from what those led to."""

    def __init__(self, observation_space, action_space, seed, horizon=25, rate=1e-3, gamma=0.97, lam=0.95, epochs=10):
        if not action_space.shape:
            raise ValueError(f"this agent acts in continuous actions, not in {action_space}")
        self.horizon, self.gamma, self.lam, self.epochs = horizon, gamma, lam, epochs
        width, actions = observation_space.shape[0], action_space.shape[0]
        self.actor, self.critic = net(width, actions), net(width, 1)
        self.log_std = nn.Parameter(torch.full((actions,), -0.8))
        self.parameters = [*self.actor.parameters(), *self.critic.parameters(), self.log_std]
        self.optimizer = torch.optim.Adam(self.parameters, rate)
        self.steps = []

    def start(self, task, steps):
        """A new task is explored as widely as the first one."""
        self.steps.clear()
        nn.init.constant_(self.log_std, -0.8)

    @torch.no_grad()
    def act(self, obs, masks, explore):
        policy = self.policy(torch.as_tensor(obs))
        return (policy.sample() if explore else policy.mean).numpy()

    def learn(self, experience):
        e = experience
        self.steps.append((e.obs, e.action, e.reward, e.after, e.terminated, e.terminated | e.truncated))
        if len(self.steps) == self.horizon:
            self.improve(*self.batch())
            self.steps.clear()

    def policy(self, obs):
        return torch.distributions.Normal(self.actor(obs), self.log_std.exp())

    @torch.no_grad()
    def batch(self):
        """Observations, actions, their log-probabilities, advantages and returns, all (horizon * rows, …)."""
        columns = (torch.as_tensor(np.stack(column)) for column in zip(*self.steps, strict=True))
        obs, actions, reward, after, dead, ended = columns
        values, then = self.critic(obs).squeeze(-1), self.critic(after).squeeze(-1)
        error = reward + self.gamma * then * ~dead - values
        advantages, so_far = torch.zeros_like(error), torch.zeros_like(error[0])
        for t in reversed(range(self.horizon)):
            advantages[t] = so_far = error[t] + self.gamma * self.lam * so_far * ~ended[t]
        logs = self.policy(obs).log_prob(actions).sum(-1)
        return [x.flatten(0, 1) for x in (obs, actions, logs, advantages, advantages + values)]

    def improve(self, obs, actions, before, advantages, returns):
        for _ in range(self.epochs):
            for rows in torch.randperm(len(obs)).split(400):
                gain = (advantages[rows] - advantages[rows].mean()) / (advantages[rows].std() + 1e-8)
                policy = self.policy(obs[rows])
                ratio = (policy.log_prob(actions[rows]).sum(-1) - before[rows]).exp()
                clipped = torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()
                missed = (self.critic(obs[rows]).squeeze(-1) - returns[rows]).pow(2).mean()
                loss = 0.5 * missed - clipped - 0.004 * policy.entropy().sum(-1).mean()
                self.optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.parameters, 0.5)
                self.optimizer.step()

    # all that it knows, as arrays: so that a run can be stopped, and go on as if it had not been

    def state(self):
        arrays = {f"{i}": p.detach().numpy() for i, p in enumerate(self.parameters)}
        for i, p in enumerate(self.parameters):
            arrays |= {f"{i}.{name}": moment.numpy() for name, moment in self.optimizer.state[p].items()}
        return arrays | {f"past.{i}": np.stack(column) for i, column in enumerate(zip(*self.steps, strict=True))}

    def restore(self, arrays):
        arrays = {name: np.array(value) for name, value in arrays.items()}
        for i, p in enumerate(self.parameters):
            p.data = torch.from_numpy(arrays[f"{i}"])
            moments = [name for name in arrays if name.startswith(f"{i}.")]
            self.optimizer.state[p] = {n.partition(".")[2]: torch.from_numpy(arrays[n]) for n in moments}
        past = [arrays[f"past.{i}"] for i in range(6) if "past.0" in arrays]
        self.steps = list(zip(*past, strict=True))


def net(width, out):
    return nn.Sequential(nn.Linear(width, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, out))
