"""The forward pass of a small Llama without the library around it: the same numbers, a fraction of the time on a CPU.

For a few rows and three layers most of what transformers does is Python between the products of matrices. Here weights
that read the same are one matrix, and the last layer is worked out for the places that are asked for alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.nn import functional

FAR = -1e9  # added to the score of what must not be attended to


class Past(NamedTuple):
    """What was read: mask (rows, width) of its tokens; keys and values of each layer, (rows, heads, width, size)."""

    mask: torch.Tensor
    layers: list[tuple[torch.Tensor, torch.Tensor]]

    def select(self, rows: torch.Tensor) -> Past:
        return Past(self.mask[rows], [(k[rows], v[rows]) for k, v in self.layers])


def fits(model: Any) -> bool:
    """Whether a model is one of these: a plain Llama in float32 on the CPU."""
    config = model.config
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    plain = rope.get("rope_type", "default") == "default" and not getattr(config, "attention_bias", False)
    plain &= not getattr(config, "mlp_bias", False) and getattr(config, "hidden_act", "") == "silu"
    weight = next(model.parameters())
    right = weight.dtype == torch.float32 and weight.device.type == "cpu" and not hasattr(model, "peft_config")
    return type(model).__name__ == "LlamaForCausalLM" and plain and right


class Swift:
    """model: as `fits` has it. Its weights are read once; `fresh` says whether they are still the model's."""

    def __init__(self, model: Any):
        config = model.config
        self._weights = list(model.parameters())
        self._versions = self._written()
        self.heads, self.groups = config.num_attention_heads, config.num_key_value_heads
        self.size = getattr(config, "head_dim", None) or config.hidden_size // self.heads
        self.eps, self.embed, self.head = config.rms_norm_eps, model.model.embed_tokens.weight, model.lm_head.weight
        self.norm = model.model.norm.weight
        self.layers = [_layer(layer) for layer in model.model.layers]
        self.frequencies = model.model.rotary_emb.inv_freq.float()

    def _written(self) -> list[int]:
        return [w._version for w in self._weights]

    @property
    def fresh(self) -> bool:
        return self._versions == self._written()

    def read(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, Past]:
        """ids, mask (rows, width), padded on the left -> (logits after the last (rows, vocabulary), what was read)."""
        nothing = Past(mask[:, :0], [])
        logits, past = self._run(ids, mask, nothing, last=True)
        return logits[:, 0], past

    def along(self, past: Past, ids: torch.Tensor) -> torch.Tensor:
        """(rows, length, vocabulary): logits after each token of ids (rows, length), which follow what was read."""
        return self._run(ids, torch.ones_like(ids), past, last=False)[0]

    def _run(self, ids: torch.Tensor, mask: torch.Tensor, past: Past, last: bool) -> tuple[torch.Tensor, Past]:
        whole = torch.cat([past.mask, mask], 1)
        places = (whole.cumsum(1) - 1).clamp(min=0)[:, past.mask.shape[1] :]
        angles = places[:, None, :, None] * self.frequencies
        cos, sin = angles.cos().repeat(1, 1, 1, 2), angles.sin().repeat(1, 1, 1, 2)
        order = torch.ones(ids.shape[1], whole.shape[1], dtype=torch.bool).tril(past.mask.shape[1])
        seen = torch.where(order & whole[:, None].bool(), 0.0, FAR)[:, None]  # (rows, 1, length, width)
        x, kept = self.embed[ids], []
        for i, layer in enumerate(self.layers):
            only = last and i == len(self.layers) - 1
            q, k, v = self._heads(x, layer, cos, sin)
            if past.layers:
                k, v = torch.cat([past.layers[i][0], k], 2), torch.cat([past.layers[i][1], v], 2)
            kept.append((k, v))
            if only:
                q, x, seen = q[:, :, -1:], x[:, -1:], seen[:, :, -1:]
            x = self._mixed(x, q, k, v, seen, layer)
        return functional.rms_norm(x, self.norm.shape, self.norm, self.eps) @ self.head.T, Past(whole, kept)

    def _heads(self, x: torch.Tensor, layer: dict[str, torch.Tensor], cos: torch.Tensor, sin: torch.Tensor):
        """Queries, keys and values (rows, heads, length, size), turned to their places (Su et al. 2021)."""
        n, length, _ = x.shape
        normed = functional.rms_norm(x, layer["before"].shape, layer["before"], self.eps)
        both = (normed @ layer["qkv"]).view(n, length, -1, self.size).transpose(1, 2)
        turned, v = both[:, : self.heads + self.groups], both[:, self.heads + self.groups :]
        half = self.size // 2
        turned = turned * cos + torch.cat([-turned[..., half:], turned[..., :half]], -1) * sin
        return turned[:, : self.heads], turned[:, self.heads :], v

    def _mixed(self, x: torch.Tensor, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: torch.Tensor, layer):
        """What a layer makes of x (rows, length, width)."""
        if self.groups < self.heads:
            k, v = (t.repeat_interleave(self.heads // self.groups, 1) for t in (k, v))
        found = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        x = x + found.transpose(1, 2).reshape(*x.shape[:2], -1) @ layer["out"]
        gate, up = (functional.rms_norm(x, layer["after"].shape, layer["after"], self.eps) @ layer["wide"]).chunk(2, -1)
        return x + (functional.silu(gate) * up) @ layer["narrow"]


def _layer(layer: Any) -> dict[str, torch.Tensor]:
    """A layer's weights, those that read the same put together, as matrices that rows are multiplied by."""
    attention, mlp = layer.self_attn, layer.mlp
    qkv = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
    return {
        "before": layer.input_layernorm.weight,
        "qkv": qkv.T.contiguous(),
        "out": attention.o_proj.weight.T.contiguous(),
        "after": layer.post_attention_layernorm.weight,
        "wide": torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]).T.contiguous(),
        "narrow": mlp.down_proj.weight.T.contiguous(),
    }
