"""Makes the shipped language model from nothing: tokenizer, decoder, and what it was made of."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import encoders
from . import corpus
from .corpus import Pair

END = "<|end|>"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How the model is made; together with the suite's version it decides every weight.

    vocabulary: of the byte-level tokens; width, layers, heads, inner: of the decoder; batch: briefings a step;
    rate: of learning, at its highest; seed: of the corpus, the first weights and the order.
    """

    vocabulary: int = 2048
    width: int = 96
    layers: int = 3
    heads: int = 4
    inner: int = 256
    steps: int = 7200
    batch: int = 32
    rate: float = 3e-3
    warmup: int = 100
    size: float = 1.0
    seed: int = 0


def tokenizer(texts: Sequence[str], vocabulary: int) -> Any:
    """Byte-level pairs (Sennrich et al. 2016; bytes as in GPT-2): any text in any script can be told.

    Digits stand apart, and Chinese characters, which no spaces part: of 蓝色方块, which training leaves out, one token
    would be made that nothing is ever learnt of.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    chinese = pre_tokenizers.Split(Regex("[\u4e00-\u9fff]"), "isolated")
    cut = [pre_tokenizers.Digits(individual_digits=True), chinese, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    made.pre_tokenizer = pre_tokenizers.Sequence(cut)  # type: ignore[assignment]
    made.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    how = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=[END], initial_alphabet=alphabet)  # type: ignore[call-arg]
    made.train_from_iterator(texts, how)
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token=END, pad_token=END)


def decoder(recipe: Recipe, vocabulary: int) -> Any:
    """A new decoder: Llama's blocks, small, its output tied to its input."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(recipe.seed)
    shape = LlamaConfig(
        vocab_size=vocabulary, hidden_size=recipe.width, intermediate_size=recipe.inner,
        num_hidden_layers=recipe.layers, num_attention_heads=recipe.heads, num_key_value_heads=recipe.heads,
        max_position_embeddings=512, tie_word_embeddings=True, bos_token_id=None, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    return LlamaForCausalLM(shape)


Encode = Callable[[str, str], tuple[list[int], list[int]]]  # prompt, answer -> tokens of both, of the answer


def batches(pairs: Sequence[Pair], recipe: Recipe, encode: Encode, start: int = 0):
    """(ids, labels) of each step: families alike, nouns renamed in part; only answers are learnt."""
    weights = _weights(pairs)
    for step in range(start, recipe.steps):
        draw = np.random.default_rng([recipe.seed, step])
        chosen = draw.choice(len(pairs), recipe.batch, p=weights)
        told = [_told(pairs[i], draw) for i in chosen]
        yield stacked([encode(*t) for t in told])


def _weights(pairs: Sequence[Pair]) -> np.ndarray:
    """The chance of each briefing: tasks that are cut into steps as the root of how many there are, others a third."""
    count: dict[str, int] = {}
    for pair in pairs:
        count[pair.task] = count.get(pair.task, 0) + 1
    share = {t: n**0.5 * (1 if t in corpus.LONG else 0.5) for t, n in count.items()}
    chance = np.array([share[p.task] / count[p.task] for p in pairs])
    return chance / chance.sum()


def _told(pair: Pair, draw: np.random.Generator) -> tuple[str, str]:
    if draw.random() < corpus.share_renamed(pair.task):
        return corpus.retold(pair, draw)
    return pair.prompt, pair.answer


def encoded(tokens: Any, prompt: str, answer: str) -> tuple[list[int], list[int]]:
    asked = tokens(prompt)["input_ids"][-400:]
    said = [*tokens(f" {answer}")["input_ids"], tokens.eos_token_id]
    return [*asked, *said], said


def stacked(rows: Sequence[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """ids and mask (rows, width), padded on the left, so that answers end together; labels (rows, answer)."""
    width, longest = max(len(ids) for ids, _ in rows), max(len(said) for _, said in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full((len(rows), longest), -100)
    for i, (row, said) in enumerate(rows):
        ids[i, width - len(row) :], mask[i, width - len(row) :] = torch.tensor(row), 1
        labels[i, longest - len(said) :] = torch.tensor(said)
    return ids, mask, labels


def logits_of(model: Any, ids: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(rows, answer, vocabulary): what the model says of each token of the answers, which labels (rows, answer) are."""
    places = (mask.cumsum(1) - 1).clamp(min=0)
    keep = labels.shape[1] + 1
    out = model(input_ids=ids, attention_mask=mask, position_ids=places, use_cache=False, logits_to_keep=keep)
    return out.logits[:, :-1].float()


def loss_of(model: Any, ids: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the answers' tokens."""
    logits = logits_of(model, ids, mask, labels)
    return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))


def rate_at(recipe: Recipe, step: int) -> float:
    """The learning rate of a step: up over the warm-up, down to a twentieth at the end."""
    warm, left = min(1.0, (step + 1) / recipe.warmup), 1 - step / recipe.steps
    return recipe.rate * warm * (0.05 + 0.95 * left)


def fit(
    model: Any, tokens: Any, pairs: Sequence[Pair], recipe: Recipe, tell: Callable[[str], None],
    keep: Callable[[list[float]], None] = lambda _: None,
) -> list[float]:  # fmt: skip
    """Train in place; the loss of every step. keep: called now and then, so that a stopped training leaves a model."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=0.05, betas=(0.9, 0.98))
    losses, began = [], time.process_time()
    for step, (ids, mask, labels) in enumerate(batches(pairs, recipe, functools.partial(encoded, tokens))):
        optimizer.param_groups[0]["lr"] = rate_at(recipe, step)
        loss = loss_of(model, ids, mask, labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        if step % 50 == 49:
            tell(f"step {step + 1}: loss {np.mean(losses[-50:]):.4f}, {time.process_time() - began:.0f} s of CPU")
        if step % 300 == 299:
            keep(losses)
    return losses


def train(out: Path, recipe: Recipe | None = None, tell: Callable[[str], None] = print) -> Path:
    """Corpus, tokenizer, decoder, weights, and the encoder of sentences: into the folder out."""
    recipe = recipe or Recipe()
    made = make(out, corpus.everything(recipe.seed, recipe.size, tell), recipe, tell)
    encoders.save(encoders.train(encoders.everything()), made / "encoder.safetensors")
    return made


def make(out: Path, pairs: Sequence[Pair], recipe: Recipe, tell: Callable[[str], None] = print) -> Path:
    """The model of a corpus."""
    torch.set_num_threads(1)
    draw = np.random.default_rng(recipe.seed)
    some = (p for p in pairs[:: max(1, len(pairs) // 4000)] if corpus.share_renamed(p.task))
    more = [corpus.retold(p, draw) for p in some]
    tokens = tokenizer([f"{p.prompt} {p.answer}" for p in pairs] + [f"{p} {a}" for p, a in more], recipe.vocabulary)
    model = decoder(recipe, len(tokens))

    def keep(losses: list[float]) -> None:
        made = {"briefings": len(pairs), "steps": len(losses), "loss": round(float(np.mean(losses[-50:])), 5)}
        save(out, model, tokens, recipe, made)

    keep(fit(model, tokens, pairs, recipe, tell, keep))
    return out


def save(out: Path, model: Any, tokens: Any, recipe: Recipe, made: dict[str, Any]) -> None:
    """Weights as bfloat16 safetensors, the tokenizer, and made.json: the recipe and what came of it."""
    out.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(out)
    tokens.save_pretrained(out)
    about = {"recipe": dataclasses.asdict(recipe), **made}
    (out / "made.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
