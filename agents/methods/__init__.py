"""The methods by name, as curricula and the command line know them. Fine-tuning is the empty list."""

from ..method import Method
from .replay import Replay
from .reservoir import Reservoir

METHODS: dict[str, type[Method]] = {"replay": Replay, "reservoir": Reservoir}
