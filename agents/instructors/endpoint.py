"""A language model behind an OpenAI-compatible address: time-out, retries, a limit on what is spent."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

import numpy as np

LARGEST = 1 << 20  # bytes of a reply that are read
AGAIN = (408, 409, 429, 500, 502, 503, 504)  # what a server may answer better later


class EndpointError(RuntimeError):
    """A server that gave no usable answer; one line."""


class Endpoint:
    """url: up to and with "/v1"; model: its name there. key: the environment variable that holds the API key.

    timeout: seconds for one request. retries: further tries, after wait, 2 wait, 4 wait seconds. longest: tokens of
    an answer. limit: tokens that may be spent, read and written; None for no limit. The tokens are what the server
    says, or else a quarter of the characters.
    """

    def __init__(
        self,
        url: str,
        model: str,
        key: str = "OPENAI_API_KEY",
        timeout: float = 30.0,
        retries: int = 2,
        wait: float = 0.5,
        longest: int = 64,
        limit: int | None = None,
    ):
        if not re.match(r"https?://", url):
            raise ValueError(f"an endpoint's url begins with http:// or https://, not {url[:80]!r}")
        self.url, self.model, self.name = url.rstrip("/"), model, f"{url}#{model}"
        self.key, self.timeout, self.retries, self.wait = key, timeout, retries, wait
        self.longest, self.limit, self.tokens = longest, limit, 0

    def write(self, prompts: Sequence[str]) -> list[str]:
        """One text for each prompt. Raises EndpointError."""
        return [self._ask(p) for p in prompts]

    def choose(self, prompts: Sequence[str], answers: Sequence[Sequence[str]], priors: Any = None) -> list[np.ndarray]:
        """0 for the answer whose number the server names, -1 for the others: it tells no likelihoods."""
        scores = []
        for i, (asked, options) in enumerate(zip(prompts, answers, strict=True)):
            listed = "\n".join(f"{n}. {option}" for n, option in enumerate(options, 1))
            reply = self._ask(f"{asked}\nAnswer with the number of one of these:\n{listed}")
            number = re.search(r"\d+", reply)
            score = np.full(len(options), -1.0)
            if number and len(number.group()) < 6 and 1 <= int(number.group()) <= len(options):
                score[int(number.group()) - 1] = 0.0
            elif reply.strip() in options:
                score[list(options).index(reply.strip())] = 0.0
            scores.append(score if priors is None else score + priors[i])
        return scores

    def _ask(self, text: str) -> str:
        if self.limit is not None and self.tokens >= self.limit:
            raise EndpointError(f"{self.url}: the limit of {self.limit} tokens is spent")
        content = {
            "model": self.model, "messages": [{"role": "user", "content": text}],
            "max_tokens": self.longest, "temperature": 0,
        }  # fmt: skip
        reply = self._sent(json.dumps(content).encode())
        try:
            answer = reply["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            raise EndpointError(f"{self.url}: a reply without choices[0].message.content") from None
        used = reply.get("usage") if isinstance(reply.get("usage"), dict) else {}
        told = used.get("total_tokens") if used else None
        self.tokens += told if type(told) is int and told >= 0 else (len(text) + len(str(answer))) // 4
        return answer if isinstance(answer, str) else ""

    def _sent(self, body: bytes) -> dict[str, Any]:
        for attempt in range(self.retries + 1):
            if attempt:
                time.sleep(self.wait * 2 ** (attempt - 1))
            try:
                return self._posted(body)
            except urllib.error.HTTPError as error:
                problem, again = f"HTTP {error.code}", error.code in AGAIN
            except (OSError, ValueError) as error:
                problem, again = f"{type(error).__name__}: {error}", True
            if not again:
                break
        raise EndpointError(f"{self.url}: {' '.join(problem.split())[:200]}")

    def _posted(self, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if secret := os.environ.get(self.key):
            headers["Authorization"] = f"Bearer {secret}"
        request = urllib.request.Request(f"{self.url}/chat/completions", body, headers)
        with urllib.request.urlopen(request, timeout=self.timeout) as reply:
            data = reply.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError(f"a reply of more than {LARGEST} bytes")
        told = json.loads(data)
        if not isinstance(told, dict):
            raise ValueError("a reply that is no mapping")
        return told
