"""What may be evolved: settings of an algorithm and its methods, and the shape of its network, as numbers to vary."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pydantic

from ..envs import registry
from . import reading
from .curriculum import Algorithm, Curriculum

SHAPE = ("layers", "width")  # genes of the network: so many hidden layers, each so wide
OWN = ("rows", "decay")  # settings of an algorithm that stand beside its keywords
STEP = 0.2  # standard deviation of a mutation, as a share of a gene's range
Genome = dict[str, Any]


class Gene(pydantic.BaseModel):
    """A range (low to high, evenly or by orders of magnitude; whole where both ends are), or a list of choices."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)
    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: tuple[int | float | str, ...] = ()

    @pydantic.model_validator(mode="after")
    def _one_or_the_other(self) -> Gene:
        ranged = self.low is not None and self.high is not None and self.low < self.high
        if ranged == bool(self.choices) or (self.log and not (self.low or 0) > 0):
            raise ValueError("a gene has low < high (above 0 with log), or choices")
        return self

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    def allows(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        return isinstance(value, int | float) and self.low <= value <= self.high  # type: ignore[operator]

    def nudged(self, value: Any, rng: np.random.Generator) -> Any:
        """A mutation: of a choice any other, of a number one near by."""
        if self.choices:
            others = [c for c in self.choices if c != value]
            return others[rng.integers(len(others))] if others else value
        low, high, at = (math.log(x) if self.log else x for x in (self.low or 0, self.high or 0, value))
        moved = float(np.clip(at + STEP * (high - low) * rng.normal(), low, high))
        moved = math.exp(moved) if self.log else moved
        moved = round(moved) if self.whole else moved
        return type(moved)(min(max(moved, self.low), self.high))  # type: ignore[type-var]


Genes = Mapping[str, Gene]


def genes(algorithm: str, path: Path | None = None) -> dict[str, Gene]:
    """The genes of an algorithm: those of genes.yaml, or of a file of one's own. Raises Invalid, UnknownName."""
    source = path or resources.files(str(__package__)) / "genes.yaml"
    data, _ = reading.read(source, "a table of genes")
    if algorithm not in data:
        raise registry.nearest(algorithm, data, f"algorithm in {source.name}")
    try:
        return {k: Gene.model_validate_json(json.dumps(v)) for k, v in data[algorithm].items()}
    except pydantic.ValidationError as error:
        raise reading.Invalid(f"{source.name}: {algorithm}: {error.errors()[0]['msg']}") from None


def own(curriculum: Curriculum, algorithm: str, genes: Genes) -> Genome | None:
    """The curriculum's own settings as genes, to begin with; None where they cannot be said so."""
    given = curriculum.algorithms.get(algorithm, Algorithm())
    shape = given.settings.get("policy_kwargs", {}).get("net_arch")
    said = {**_usual(algorithm), "rows": given.rows, "decay": given.decay, **given.settings}
    if isinstance(shape, list) and shape and len(set(shape)) == 1:
        said |= {"layers": len(shape), "width": shape[0]}
    said |= {f"{m}.{k}": v for m, settings in curriculum.methods.items() for k, v in settings.items()}
    found = {name: said.get(name) for name in genes}
    return found if all(gene.allows(found[name]) for name, gene in genes.items()) else None


def bred(curriculum: Curriculum, algorithm: str, genome: Genome) -> Curriculum:
    """The curriculum with these genes in the place of its settings; METHOD.SETTING is of a method."""
    given = curriculum.algorithms.get(algorithm, Algorithm())
    plain = {k: v for k, v in genome.items() if "." not in k and k not in (*SHAPE, *OWN)}
    settings = given.settings | plain
    if shape := {k: genome[k] for k in SHAPE if k in genome}:
        if len(shape) < len(SHAPE):
            raise ValueError(f"a network's shape has both {SHAPE[0]} and {SHAPE[1]} among the genes, or neither")
        arch = {"net_arch": [shape["width"]] * shape["layers"]}
        settings = settings | {"policy_kwargs": dict(settings.get("policy_kwargs", {})) | arch}
    made = given.model_copy(update={"settings": settings} | {k: genome[k] for k in OWN if k in genome})
    methods = {m: dict(s) for m, s in curriculum.methods.items()}
    for name, value in genome.items():
        method, dot, setting = name.partition(".")
        if dot:
            methods.setdefault(method, {})[setting] = value
    return curriculum.model_copy(update={"algorithms": curriculum.algorithms | {algorithm: made}, "methods": methods})


def child(one: Genome, other: Genome, genes: Genes, rng: np.random.Generator) -> Genome:
    """Each gene from one of two parents, with equal chances; about one gene mutates."""
    mixed = {name: (one, other)[rng.integers(2)][name] for name in genes}
    return {k: g.nudged(mixed[k], rng) if rng.random() < 1 / len(genes) else mixed[k] for k, g in genes.items()}


def _usual(algorithm: str) -> dict[str, Any]:
    """What the algorithm's class takes where nothing is said."""
    from ..agents.algorithms import ALGORITHMS

    parameters = inspect.signature(ALGORITHMS[algorithm].build).parameters
    return {k: p.default for k, p in parameters.items() if isinstance(p.default, int | float)}
