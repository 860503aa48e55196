"""A causal language model of Hugging Face: scores answers, writes answers, counts tokens."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

ROUND = 3  # decimals of a score that count: what is beyond depends on the batch


class Decoder:
    """model, tokenizer: as transformers makes them. A prompt's keys and values are worked out once for all answers.

    chat: prompts are put into the tokenizer's chat template, where it has one. longest: tokens of a written answer.
    chunk: prompts at a time. Attributes: tokens: read and written so far.
    """

    def __init__(self, model: Any, tokenizer: Any, chat: bool = True, longest: int = 64, chunk: int = 256):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.chat = chat and getattr(tokenizer, "chat_template", None) is not None
        self.longest, self.chunk, self.tokens = longest, chunk, 0
        if tokenizer.eos_token_id is None:
            raise ValueError("the tokenizer has no end-of-text token: answers would never end")
        self.end = int(tokenizer.eos_token_id)
        self.room = int(getattr(model.config, "max_position_embeddings", None) or 1024)
        self._forms = functools.lru_cache(maxsize=4096)(lambda answers: _Forms(answers, self._ids))

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
        ids, mask = self._padded(prompts, max(f.ids.shape[1] for f in forms))
        read = self._forward(ids, mask, None, keep=1)
        cache, width = read.past_key_values, ids.shape[1]
        first = torch.log_softmax(read.logits[:, -1].float(), -1).cpu().numpy()
        races = [_Race(f, p, row) for f, p, row in zip(forms, priors, first, strict=True)]
        while open_ := [(i, j) for i, race in enumerate(races) if (j := race.leader()) is not None]:
            rows = [i for i, _ in open_]
            paths = [races[i].forms.ids[j] for i, j in open_]
            whole = len(rows) == len(prompts)
            part = cache if whole else _selected(cache, rows)
            logs = self._along(part, mask if whole else mask[rows], paths)
            if whole:
                cache.crop(width - cache.get_seq_length())  # a negative number: so many tokens less
            for (i, j), log in zip(open_, logs, strict=True):
                races[i].learn(j, log)
        return [np.round(race.bound, ROUND) for race in races]

    def _along(self, cache: Any, mask: torch.Tensor, paths: Sequence[np.ndarray]) -> np.ndarray:
        """(rows, length - 1, vocabulary): log-probabilities after each token of the paths but the last."""
        ids = torch.as_tensor(np.stack(_even(paths, self.end))[:, :-1], device=mask.device)
        mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
        logits = self._forward(ids, mask, cache, keep=0).logits
        return torch.log_softmax(logits.float(), -1).cpu().numpy()

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, cache: Any, keep: int) -> Any:
        self.tokens += int(mask[:, -ids.shape[1] :].sum())
        places = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        return self.model(
            input_ids=ids, attention_mask=mask, position_ids=places, past_key_values=cache, use_cache=True,
            logits_to_keep=keep,
        )  # fmt: skip

    @torch.inference_mode()
    def write(self, prompts: Sequence[str]) -> list[str]:
        """The likeliest answer to each prompt, token by token, of `longest` tokens at most."""
        texts: list[str] = []
        for start in range(0, len(prompts), self.chunk):
            ids, mask = self._padded(prompts[start : start + self.chunk], self.longest)
            made = self.model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=self.longest, do_sample=False, num_beams=1,
                pad_token_id=self.end, eos_token_id=self.end,
            )[:, ids.shape[1] :]  # fmt: skip
            self.tokens += int(mask.sum()) + int((made != self.end).sum())
            texts += [t.strip() for t in self.tokenizer.batch_decode(made, skip_special_tokens=True)]
        return texts

    def _padded(self, prompts: Sequence[str], answer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens and mask (rows, width), padded on the left; a prompt too long loses its beginning."""
        rows = [self._prompt_ids(p)[-(self.room - answer - 1) :] for p in prompts]
        width = max(map(len, rows))
        ids = torch.tensor([[self.end] * (width - len(r)) + r for r in rows], device=self.model.device)
        mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows], device=self.model.device)
        return ids, mask

    def _prompt_ids(self, prompt: str) -> list[int]:
        if self.chat:
            asked = [{"role": "user", "content": prompt}]
            text = self.tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        return list(self.tokenizer(prompt)["input_ids"])


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


def _even(rows: Sequence[np.ndarray], fill: int) -> list[np.ndarray]:
    longest = max(len(r) for r in rows)
    return [np.concatenate([r, np.full(longest - len(r), fill)]) for r in rows]


def _selected(cache: Any, rows: Sequence[int]) -> Any:
    """A copy of some rows of a cache."""
    part = copy.deepcopy(cache)
    part.batch_select_indices(torch.as_tensor(rows))
    return part
