"""A language model behind an OpenAI-compatible address: time-out, retries, a limit on what is spent."""

from __future__ import annotations

import http.client
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
AROUND = " \t\r\n\"'`*.,:;!。"  # what models put around an answer


class EndpointError(RuntimeError):
    """A server that gave no usable answer; one line."""


class Endpoint:
    """url: up to and with "/v1"; model: its name there. key: the environment variable that holds the API key.

    timeout: seconds for one request. retries: further tries, after wait, 2 wait, 4 wait seconds. longest: tokens of
    an answer. limit: tokens that may be spent, read and written; None for no limit. The tokens are what the server
    says, or else a quarter of the characters. It is asked at its own address alone: a redirection is refused, for
    the key would go there, too.

    Attributes: tokens: spent so far. part: briefings that it is asked about before the answers are kept. deadline: a
    moment of time.monotonic, after which nothing more is asked; None for none.
    """

    part = 1

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
        self.url, self.model = url.rstrip("/"), model
        self.name = f"{url}#{model}" + (f" {longest} tokens" if longest != 64 else "")
        self.key, self.timeout, self.retries, self.wait = key, timeout, retries, wait
        self.longest, self.limit, self.tokens = longest, limit, 0
        self.deadline: float | None = None
        self._stopped = False
        self._opener = urllib.request.build_opener(_NoRedirection)

    def stop(self) -> None:
        """Ask nothing more, whatever is still to be asked."""
        self._stopped = True

    def write(self, prompts: Sequence[str]) -> list[str]:
        """One text for each prompt. Raises EndpointError."""
        return [self._ask(p) for p in prompts]

    def choose(self, prompts: Sequence[str], answers: Sequence[Sequence[str]], priors: Any = None) -> list[np.ndarray]:
        """0 for the answer that the server names, or its number, -1 for the others: it tells no likelihoods.

        NaN for all where it names none of them.
        """
        scores = []
        for i, (asked, options) in enumerate(zip(prompts, answers, strict=True)):
            listed = "\n".join(f"{n}. {option}" for n, option in enumerate(options, 1))
            reply = self._ask(f"{asked}\nAnswer with the number of one of these:\n{listed}")
            named = _named(reply, options)
            score = np.full(len(options), np.nan if named is None else -1.0)
            if named is not None:
                score[named] = 0.0
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
            if self._stopped or (self.deadline is not None and time.monotonic() >= self.deadline):
                raise EndpointError(f"{self.url}: is asked no more, its time is up")
            try:
                return self._posted(body)
            except urllib.error.HTTPError as error:
                problem, again = f"HTTP {error.code}", error.code in AGAIN
            except (OSError, ValueError, http.client.HTTPException) as error:
                problem, again = f"{type(error).__name__}: {error}", True
            if not again:
                break
        raise EndpointError(f"{self.url}: {' '.join(problem.split())[:200]}")

    def _posted(self, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if secret := os.environ.get(self.key):
            headers["Authorization"] = f"Bearer {secret}"
        request = urllib.request.Request(f"{self.url}/chat/completions", body, headers)
        with self._opener.open(request, timeout=self.timeout) as reply:
            data = reply.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError(f"a reply of more than {LARGEST} bytes")
        told = json.loads(data)
        if not isinstance(told, dict):
            raise ValueError("a reply that is no mapping")
        return told


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        where = " ".join(newurl.split())[:80]
        raise EndpointError(f"{req.full_url}: redirects to {where!r}; give the address that answers itself")


def _named(reply: str, options: Sequence[str]) -> int | None:
    """The place of the option that a reply names: by its words, the number "2." before them, or its only number."""
    plain = reply.strip(AROUND)
    for place, option in enumerate(options):
        if plain.casefold() == option.strip(AROUND).casefold():
            return place
    first, numbers = re.match(r"\d+(?=$|[.):\]*](?!\d))", plain), set(re.findall(r"\d+", plain))
    number = first.group() if first else numbers.pop() if len(numbers) == 1 else ""
    return int(number) - 1 if number and len(number) < 6 and 1 <= int(number) <= len(options) else None
