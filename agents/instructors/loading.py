"""Opens a language model by name or folder; runs no code from it, unpickles nothing, says in a line what is wrong."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .decoder import Decoder

SHIPPED = "shipped"
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".npy")
DTYPES = ("auto", "float32", "bfloat16", "float16")
USUAL = {"dtype": "auto", "chat": True, "longest": 64}  # settings that shape answers
SHAPING = (  # files of a folder that do, the weights first
    "*.safetensors", "config.json", "generation_config.json", "tokenizer*", "special_tokens_map.json",
    "added_tokens.json", "vocab*", "merges.txt", "chat_template*", "*.model",
)  # fmt: skip


class ModelError(ValueError):
    """A language model that cannot be used; one line: which, what is wrong, what to do."""


def shipped() -> Path:
    """The folder of the model that comes with the suite."""
    return Path(str(importlib.resources.files("ludus.assets") / "instructor"))


def fingerprint(model: str | Path) -> str:
    """What tells one model from another: of a folder a hash of the files that shape its answers.

    Of the hub's it is the name and, where it lies on this machine, the revision. Of the shipped one it is the weights:
    its other files change with the suite alone. Nothing is opened.
    """
    folder = shipped() if model == SHIPPED else Path(model)
    if not folder.is_dir():
        return f"{model} {_kept(str(model))}".rstrip()
    kinds = SHAPING[:1] if model == SHIPPED else SHAPING
    digest = hashlib.sha256()
    for file in sorted(f for kind in kinds for f in folder.glob(kind) if f.is_file()):
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return f"{model} {digest.hexdigest()[:16]}"


def weights() -> str:
    """The start of the SHA-256 of the shipped model's weights, which runs are hashed with: it is to stay what it is."""
    with (shipped() / "model.safetensors").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def shaping(settings: Mapping[str, Any]) -> str:
    """What of load's settings shapes answers, as far as it is not as usual: it stands behind a fingerprint."""
    said = {k: settings[k] for k in sorted(USUAL) if k in settings and settings[k] != USUAL[k]}
    return f" {json.dumps(said)}" if said else ""


def check(model: str | Path, offline: bool = True, trusted: bool = False) -> None:
    """See, opening nothing, that a model is there: a folder that could be one, or a hub's name known on this machine.

    Raises ModelError, one line. Of a name that may be fetched nothing is known before it is.
    """
    folder = shipped() if model == SHIPPED else Path(model)
    if folder.is_dir():
        _check(folder, trusted)
    elif model == SHIPPED or folder.exists() or str(model).startswith((".", "/", "~")):
        raise ModelError(f"{folder}: no folder of a language model; give a folder with config.json, or a hub name")
    elif offline and not _kept(str(model)):
        raise ModelError(f"{model}: no such folder, and no model of the hub on this machine; --online may fetch it")


def _kept(name: str) -> str:
    """The revision of a hub's model in this machine's cache; "" where there is none."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return ""
    return Path(found).parent.name if isinstance(found, str) else ""


def load(
    model: str | Path = SHIPPED,
    *,
    dtype: str = "auto",
    device: str = "auto",
    offline: bool = True,
    trust_remote_code: bool = False,
    **settings: Any,
) -> Decoder:
    """A Hugging Face causal language model: "shipped", a folder, or a name of the hub.

    dtype: one of DTYPES; "auto" is float32 for the shipped model, as saved for others. device: "auto" takes a GPU where
    there is one. offline: only what is on this machine. trust_remote_code: let a model bring Python code of its own.
    settings: of Decoder. Raises ModelError.
    """
    if dtype not in DTYPES:
        raise ModelError(f"dtype must be one of {', '.join(DTYPES)}, not {dtype!r}")
    folder = shipped() if model == SHIPPED else Path(model)
    local = folder.is_dir()
    if local:
        _check(folder, trust_remote_code)
    elif model == SHIPPED or folder.exists() or str(model).startswith((".", "/", "~")):
        raise ModelError(f"{folder}: no folder of a language model; give a folder with config.json, or a hub name")
    name = str(folder) if local else str(model)
    how = {"local_files_only": offline or local, "trust_remote_code": trust_remote_code}
    try:
        return _opened(name, "float32" if model == SHIPPED and dtype == "auto" else dtype, device, how, settings)
    except ModelError:
        raise
    except Exception as error:  # whatever a broken folder makes the library raise
        raise ModelError(f"{name}: cannot be opened as a language model: {_line(error)}") from error


def _opened(name: str, dtype: str, device: str, how: dict[str, Any], settings: dict[str, Any]) -> Decoder:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    from .decoder import Decoder

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(name, **how)
    kind = dtype if dtype == "auto" else getattr(torch, dtype)
    model: Any = AutoModelForCausalLM.from_pretrained(name, dtype=kind, use_safetensors=True, **how)
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    return Decoder(model.to(chosen), tokenizer, **settings)


def _check(folder: Path, trusted: bool) -> None:
    """Raises ModelError for what is missing, pickled, or wants to run code."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder}: holds no config.json, so it is no model of Hugging Face") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder}/config.json: cannot be read: {_line(error)}") from None
    if not isinstance(config, dict):
        raise ModelError(f"{folder}/config.json: is no mapping")
    if "auto_map" in config and not trusted:
        raise ModelError(f"{folder}: wants to run its own Python code; pass trust_remote_code=True if you trust it")
    if not any(p.name != "encoder.safetensors" for p in folder.glob("*.safetensors")):
        pickled = [p.name for p in sorted(folder.iterdir()) if p.suffix in PICKLED]
        why = f"{pickled[0]} is a pickle, which can run code" if pickled else "there are no weights"
        raise ModelError(f"{folder}: {why}; save the weights as safetensors")


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
