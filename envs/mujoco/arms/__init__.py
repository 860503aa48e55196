"""Bodies that grasp, by name."""

from .gripper import Gripper

ARMS = {"gripper": Gripper}
