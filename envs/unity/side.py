"""Our ends of the side channels in Python's process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from . import channels, protocol  # noqa: F401  protocol first: it makes Unity's messages importable

# isort: split
from mlagents_envs.side_channel.incoming_message import IncomingMessage
from mlagents_envs.side_channel.outgoing_message import OutgoingMessage
from mlagents_envs.side_channel.side_channel import SideChannel
from mlagents_envs.side_channel.stats_side_channel import StatsAggregationMethod, StatsSideChannel


class Control(SideChannel):
    """Our channel to a bundled player; what it last said stands in the attributes."""

    def __init__(self):
        super().__init__(channels.CONTROL)
        self.agents: dict[int, tuple[int, str]] | None = None  # id -> (area, agent)
        self.success = np.zeros(0, bool)
        self.goal = np.zeros(0, np.int64)
        self.arrays: dict[str, np.ndarray] = {}
        self.ahead: dict[int, tuple[bool, int]] = {}  # area -> success and goal of the next episode, already shown

    def say(self, words: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
        message = OutgoingMessage()
        message.set_raw_bytes(bytearray(channels.pack(words, arrays)))
        self.queue_message_to_send(message)

    def on_message_received(self, msg: IncomingMessage) -> None:
        words, arrays = channels.unpack(msg.get_raw_bytes())
        if "agents" in words:
            self.agents = {int(i): (area, agent) for i, (area, agent) in words["agents"].items()}
        self.success, self.goal = np.array(words["success"], bool), np.array(words["goal"], np.int64)
        self.arrays = arrays or self.arrays
        ahead = words.get("ahead", {"areas": [], "success": [], "goal": []})
        told = zip(ahead["areas"], ahead["success"], ahead["goal"], strict=True)
        self.ahead = {int(area): (bool(won), int(goal)) for area, won, goal in told}

    def begin(self, areas: Iterable[int]) -> None:
        """These areas play the episode that was shown ahead."""
        for area in areas:
            self.success[area], self.goal[area] = self.ahead.pop(area)


def statistics(channel: StatsSideChannel) -> dict[str, float]:
    """What came since the last time: the mean of what is averaged, the sum of sums, the newest of the rest."""
    combined = {}
    for name, entries in channel.get_and_reset_stats().items():
        values, method = [value for value, _ in entries], entries[-1][1]
        if method == StatsAggregationMethod.SUM:
            combined[name] = float(np.sum(values))
        elif method == StatsAggregationMethod.MOST_RECENT:
            combined[name] = float(values[-1])
        else:
            combined[name] = float(np.mean(values))
    return combined
