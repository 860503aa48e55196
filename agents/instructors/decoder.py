"""A causal language model of Hugging Face: scores answers, writes answers, counts tokens."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from . import swift
from .prompts import LONGEST, shortened

ROUND = 3  # decimals of a score that count: what is beyond depends on the batch


class Decoder:
    """model, tokenizer: as transformers makes them. A prompt's keys and values are worked out once for all answers.

    chat: prompts are put into the tokenizer's chat template, where it has one. longest: tokens of a written answer.
    chunk: prompts at a time. A prompt too long for the model is told less of what is known, heard and seen.
    Attributes: tokens: read and written so far.
    """

    def __init__(self, model: Any, tokenizer: Any, chat: bool = True, longest: int = 64, chunk: int = 256):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.chat = chat and getattr(tokenizer, "chat_template", None) is not None
        self.longest, self.chunk, self.tokens = longest, chunk, 0
        if tokenizer.eos_token_id is None:
            raise ValueError("the tokenizer has no end-of-text token: answers would never end")
        self.end = int(tokenizer.eos_token_id)
        self.room = int(getattr(model.config, "max_position_embeddings", None) or 1024)
        self._swift: swift.Swift | None = None
        self._forms = functools.lru_cache(maxsize=4096)(lambda answers: _Forms(answers, self._ids))

    @functools.cached_property
    def name(self) -> str:
        """What tells it from others whose answers may differ: a hash of weights, config, tokenizer and settings.

        Of the weights as they were when it was first asked for.
        """
        digest = hashlib.sha256()
        for key, weight in sorted(self.model.state_dict().items()):
            digest.update(f"{key} {weight.dtype} {tuple(weight.shape)}".encode())
            digest.update(weight.detach().reshape(-1).view(torch.uint8).cpu().numpy())
        config = {k: v for k, v in self.model.config.to_dict().items() if k not in ("_name_or_path", "dtype")}
        settings = [self.chat, self.longest, self.end, _told_apart(self.tokenizer)]
        digest.update(json.dumps([config, settings], sort_keys=True, default=str).encode())
        return f"decoder {digest.hexdigest()[:16]}"

    def encoded(self, prompt: str, answer: str) -> tuple[list[int], list[int]]:
        """The tokens of a prompt with an answer behind it, and of the answer: to learn what is asked as it is asked."""
        said = self._ids(answer)
        return [*self._rows([prompt], [len(said)])[0], *said], said

    def _ids(self, answer: str) -> list[int]:
        """An answer's tokens as they follow a prompt, and the end."""
        text = answer if self.chat else f" {answer}"
        return [*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.end]

    @torch.inference_mode()
    def choose(
        self, prompts: Sequence[str], answers: Sequence[Sequence[str]], priors: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """For each prompt log p(answer and its end | prompt) of its answers, (len(answers),) float64, rounded.

        Exact for the best and for all that come within rounding of it; for the others an upper bound, which is enough
        to know that they are not the best: an answer is worked out only while its first tokens leave it a chance.
        priors: log-probabilities, at most 0, added to each, such as how likely the policy is to succeed.
        """
        scores: list[np.ndarray] = []
        for start in range(0, len(prompts), self.chunk):
            part = slice(start, start + self.chunk)
            added = priors[part] if priors is not None else [np.zeros(len(a)) for a in answers[part]]
            scores += self._chosen(prompts[part], [self._forms(tuple(a)) for a in answers[part]], added)
        return scores

    def _chosen(self, prompts: Sequence[str], forms: Sequence[_Forms], priors: Sequence[np.ndarray]):
        ids, mask = self._padded(prompts, [f.ids.shape[1] for f in forms])
        self.tokens += int(mask.sum())
        reader = self._reader()
        logits, past = reader.read(ids, mask)
        first = torch.log_softmax(logits.float(), -1).cpu().numpy()
        races = [_Race(f, p, row) for f, p, row in zip(forms, priors, first, strict=True)]
        while open_ := [(i, j) for i, race in enumerate(races) if (j := race.leader()) is not None]:
            rows = [i for i, _ in open_]
            paths = [races[i].forms.ids[j] for i, j in open_]
            part = past if len(rows) == len(prompts) else past.select(torch.as_tensor(rows, device=ids.device))
            logs = self._along(reader, part, paths)
            for (i, j), log in zip(open_, logs, strict=True):
                races[i].learn(j, log)
        return [np.round(race.bound, ROUND) for race in races]

    def _along(self, reader: Any, past: Any, paths: Sequence[np.ndarray]) -> np.ndarray:
        """(rows, length - 1, vocabulary): log-probabilities after each token of the paths but the last."""
        ids = torch.as_tensor(np.stack(_even(paths, self.end))[:, :-1], device=past.mask.device)
        self.tokens += ids.numel()
        return torch.log_softmax(reader.along(past, ids).float(), -1).cpu().numpy()

    def _reader(self) -> Any:
        """What reads prompts: our own pass where the model is a small Llama on the CPU, or else the library's."""
        if self._swift is None or not self._swift.fresh:
            self._swift = swift.Swift(self.model) if swift.fits(self.model) else None
        return self._swift or _Library(self.model)

    @torch.inference_mode()
    def write(self, prompts: Sequence[str]) -> list[str]:
        """The likeliest answer to each prompt, token by token, of `longest` tokens at most."""
        texts: list[str] = []
        for start in range(0, len(prompts), self.chunk):
            part = prompts[start : start + self.chunk]
            ids, mask = self._padded(part, [self.longest] * len(part))
            made = self.model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=self.longest, do_sample=False, num_beams=1,
                pad_token_id=self.end, eos_token_id=self.end,
            )[:, ids.shape[1] :]  # fmt: skip
            self.tokens += int(mask.sum()) + int((made != self.end).sum())
            texts += [t.strip() for t in self.tokenizer.batch_decode(made, skip_special_tokens=True)]
        return texts

    def _padded(self, prompts: Sequence[str], answers: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens and mask (rows, width), padded on the left. answers: tokens of the longest answer to each."""
        rows = self._rows(prompts, answers)
        width = max(map(len, rows))
        ids = torch.tensor([[self.end] * (width - len(r)) + r for r in rows], device=self.model.device)
        mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows], device=self.model.device)
        return ids, mask

    def _rows(self, prompts: Sequence[str], answers: Sequence[int]) -> list[list[int]]:
        """The tokens of each prompt, which leave room for an answer of so many."""
        rooms = [max(1, self.room - answer - 1) for answer in answers]
        rows = zip(prompts, self._prompt_ids(prompts), rooms, strict=True)
        return [row if len(row) <= room else self._shortened(text, room) for text, row, room in rows]

    def _shortened(self, text: str, room: int) -> list[int]:
        """A prompt cut where it tells most, so that its goal stays; what is too long even so loses its beginning."""
        low, high, best = 0, LONGEST, self._prompt_ids([shortened(text, 0)])[0][-room:]
        while low < high:
            middle = (low + high + 1) // 2
            row = self._prompt_ids([shortened(text, middle)])[0]
            if len(row) <= room:
                low, best = middle, row
            else:
                high = middle - 1
        return best

    def _prompt_ids(self, prompts: Sequence[str]) -> list[list[int]]:
        if not self.chat:
            return self.tokenizer(list(prompts))["input_ids"]
        asked = [[{"role": "user", "content": prompt}] for prompt in prompts]
        texts = self.tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        return self.tokenizer(texts, add_special_tokens=False)["input_ids"]


class _Kept(NamedTuple):
    """What the library has read: mask (rows, width) of the tokens, and its cache."""

    mask: torch.Tensor
    cache: Any

    def select(self, rows: torch.Tensor) -> _Kept:
        part = copy.deepcopy(self.cache)
        part.batch_select_indices(rows)
        return _Kept(self.mask[rows], part)


class _Library:
    """Reads by any causal language model of transformers, as Swift does by one kind."""

    def __init__(self, model: Any):
        self._model = model
        self._last = (getattr(model.config, "max_position_embeddings", None) or sys.maxsize) - 1

    def read(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, _Kept]:
        out = self._run(ids, mask, None, keep=1)
        return out.logits[:, -1], _Kept(mask, out.past_key_values)

    def along(self, past: _Kept, ids: torch.Tensor) -> torch.Tensor:
        mask = torch.cat([past.mask, torch.ones_like(ids)], dim=1)
        logits = self._run(ids, mask, past.cache, keep=0).logits
        past.cache.crop(-ids.shape[1])  # a negative number: so many tokens less
        return logits

    def _run(self, ids: torch.Tensor, mask: torch.Tensor, cache: Any, keep: int) -> Any:
        places = (mask.cumsum(1) - 1).clamp(0, self._last)[:, -ids.shape[1] :]  # behind a row's end nobody looks
        return self._model(
            input_ids=ids, attention_mask=mask, position_ids=places, past_key_values=cache, use_cache=True,
            logits_to_keep=keep,
        )  # fmt: skip


class _Forms:
    """Candidates as tokens. ids (n, length), padded with the last; sizes (n,); shared (n, n): common first tokens."""

    def __init__(self, answers: Sequence[str], ids):
        rows = [np.array(ids(a)) for a in answers]
        self.sizes = np.array([len(r) for r in rows])
        self.ids = np.stack(_even(rows, int(rows[0][-1])))
        same = self.ids[:, None] == self.ids[None]
        self.shared = np.cumprod(same, axis=2).sum(axis=2)


class _Race:
    """What is known of one prompt's candidates: bound (n,), the sum over the first depth (n,) tokens of each."""

    def __init__(self, forms: _Forms, prior: np.ndarray, first: np.ndarray):
        self.forms = forms
        self.bound = np.asarray(prior, float) + first[forms.ids[:, 0]]
        self.depth = np.ones(len(forms.sizes), int)

    def leader(self) -> int | None:
        """The most promising candidate that is not worked out; None when none can win or tie any more."""
        done = self.depth >= self.forms.sizes
        best = self.bound[done].max(initial=-np.inf)
        chance = np.where(done, -np.inf, self.bound)
        leader = int(np.argmax(chance))
        return leader if chance[leader] > -np.inf and chance[leader] >= best - 10.0**-ROUND else None

    def learn(self, j: int, logs: np.ndarray) -> None:
        """Enter logs (length - 1, vocabulary) along candidate j, for all that begin as it does."""
        reach = np.minimum(self.forms.shared[j] + 1, self.forms.sizes)
        places = np.arange(1, self.forms.ids.shape[1])
        steps = logs[places - 1, self.forms.ids[:, 1:]]
        new = (places >= self.depth[:, None]) & (places < reach[:, None])
        self.bound = self.bound + np.where(new, steps, 0.0).sum(axis=1)
        self.depth = np.maximum(self.depth, reach)


def _told_apart(tokenizer: Any) -> Any:
    """What of a tokenizer shapes tokens, JSON."""
    fast = getattr(tokenizer, "backend_tokenizer", None)
    known = json.loads(fast.to_str()) if fast is not None else tokenizer.get_vocab()
    kept = {k: v for k, v in known.items() if fast is None or k not in ("truncation", "padding")}  # calls change these
    return [type(tokenizer).__name__, kept, getattr(tokenizer, "chat_template", None)]


def _even(rows: Sequence[np.ndarray], fill: int) -> list[np.ndarray]:
    longest = max(len(r) for r in rows)
    return [np.concatenate([r, np.full(longest - len(r), fill)]) for r in rows]
