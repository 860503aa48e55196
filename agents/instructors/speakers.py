"""Which language model instructs, and how: what a user says of it, checked before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from ...envs.registry import nearest
from . import loading
from .language_model import LANGUAGES, MODES

USUAL: dict[str, Any] = {  # of LanguageModel and of loading.load, and an address
    "model": loading.SHIPPED, "mode": "choose", "language": "en", "endpoint": None, "offline": True, "dtype": "auto",
    "device": "auto", "calls": None, "tokens": None, "seconds": None, "timeout": 120.0,
}  # fmt: skip
KINDS: dict[str, tuple[str, Any]] = {  # setting: what it is, in words and types
    **dict.fromkeys(("mode", "language", "endpoint", "dtype", "device"), ("a text", str)),
    **dict.fromkeys(("calls", "tokens"), ("a whole number from 0 on", Integral)),
    "model": ("a text or a path", (str, Path)), "offline": ("true or false", bool),
    "seconds": ("a number from 0 on", Real), "timeout": ("a number of seconds above 0", Real),
}  # fmt: skip
LONGEST = 10**6  # seconds of a time-out
OF_LOADING = ("offline", "dtype", "device")


def settled(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a language model, as far as it is not as usual. Raises ValueError (UnknownName, ModelError).

    model: "shipped", a folder, a name of the hub, or with an endpoint its name there. endpoint: the address of an
    OpenAI-like server, up to and with "/v1". The others are as in LanguageModel and loading.load.
    """
    for name in said:
        if name not in USUAL:
            raise nearest(name, list(USUAL), "setting of a language model")
    found = {k: v for k, v in said.items() if v is not None and v != USUAL[k]}
    for name, value in found.items():
        _check(name, value)
    for name, known in ("mode", MODES), ("language", LANGUAGES), ("dtype", loading.DTYPES):
        if name in found and found[name] not in known:
            raise nearest(str(found[name]), list(known), name)
    if "endpoint" in found:
        if "model" not in found:
            raise ValueError(f"{found['endpoint']}: say which model it is to ask, by its name there")
        if wrong := [k for k in OF_LOADING if k in found]:
            raise ValueError(f"{wrong[0]} is for a model that is opened here, not for one behind an endpoint")
        _endpoint(found)
    elif "model" in found:
        found["model"] = str(Path(found["model"]).resolve() if Path(found["model"]).is_dir() else found["model"])
        loading.check(found["model"], found.get("offline", True))
    return found


def _check(name: str, value: Any) -> None:
    """Raises ValueError for a value of the wrong kind."""
    told, kind = KINDS[name]
    good = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if good and kind in (Integral, Real):
        good = value >= 0 and (name != "timeout" or 0 < value <= LONGEST)
    if not good:
        raise ValueError(f"{name} must be {told}, not {str(value)[:80]!r}")


def opened(said: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of LanguageModel."""
    if "endpoint" not in said:
        return dict(said)
    return {k: v for k, v in said.items() if k != "endpoint"} | {"model": _endpoint(said)}


def identity(said: Mapping[str, Any]) -> dict[str, Any]:
    """What of it shapes answers: a folder goes by its files, wherever it lies; whether one may fetch it does not."""
    found = {k: v for k, v in said.items() if k != "offline"}
    if "endpoint" not in found and "model" in found and Path(found["model"]).is_dir():
        found["model"] = loading.fingerprint(found["model"]).rpartition(" ")[2]
    return found


def _endpoint(said: Mapping[str, Any]) -> Any:
    from .endpoint import Endpoint

    return Endpoint(said["endpoint"], said["model"], limit=said.get("tokens"))
