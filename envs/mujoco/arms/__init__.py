"""Bodies that grasp, by name."""

from .gripper import Gripper
from .panda import Panda

ARMS = {"gripper": Gripper, "panda": Panda}
