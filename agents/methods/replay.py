"""Replay: rehearse the past by cloning what the policy did there, for any algorithm.

At a task's end the observations met and the policy's answers are kept; later every update of the actor also follows
the gradient of the divergence from those answers. That is the cloning loss of ClonEx-SAC (Wolczyk et al. 2022,
https://arxiv.org/abs/2209.13900) and no more: `clonex` adds its exploration; `clear` clones values as
well, keeps rewards and learns from them off-policy. It works through the gradient, so on-policy and off-policy alike.
"""

from .cloning import Cloning


class Replay(Cloning):
    """size: observations kept of each task; weight: of the cloning loss; batch: observations rehearsed an update."""
