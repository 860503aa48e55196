"""A network that sees: convolutions over the pixels, and beside their features the instruction's vector."""

from __future__ import annotations

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

LARGE = 36  # pixels, from where on the three layers of Mnih et al. 2015 (doi 10.1038/nature14236) fit


class PictureAndWords(BaseFeaturesExtractor):
    """Rows (n, H * W * channels + words), pixels in [0, 1] first, as (n, features + words)."""

    def __init__(self, observation_space: spaces.Box, picture: tuple[int, int, int], features: int = 128):
        self._picture, self._pixels = tuple(picture), int(np.prod(picture))
        super().__init__(observation_space, features + observation_space.shape[0] - self._pixels)
        channels = picture[2]
        if min(picture[:2]) >= LARGE:
            layers = [(channels, 32, 8, 4), (32, 64, 4, 2), (64, 64, 3, 1)]
        else:
            layers = [(channels, 16, 3, 1), (16, 32, 3, 2)]
        parts = [m for i, o, size, stride in layers for m in (torch.nn.Conv2d(i, o, size, stride), torch.nn.ReLU())]
        self.convolutions = torch.nn.Sequential(*parts, torch.nn.Flatten())
        with torch.no_grad():
            wide = self.convolutions(torch.zeros(1, channels, *picture[:2])).shape[1]
        self.linear = torch.nn.Sequential(torch.nn.Linear(wide, features), torch.nn.ReLU())

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        pixels, words = observations[:, : self._pixels], observations[:, self._pixels :]
        seen = self.convolutions(pixels.reshape(-1, *self._picture).permute(0, 3, 1, 2))
        return torch.cat([self.linear(seen), words], dim=1)
