"""How Optuna draws the next individual here: a genetic sampler that knows whose child each one is. Needs Optuna."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseGASampler, RandomSampler
from optuna.trial import FrozenTrial

from .genes import Gene, Genes, child

TOURNAMENT = 2  # of so many drawn at random the best becomes a parent


def distribution(gene: Gene) -> BaseDistribution:
    """The gene as Optuna knows it."""
    if gene.choices:
        return CategoricalDistribution(gene.choices)
    if gene.whole:
        return IntDistribution(gene.low, gene.high, log=gene.log)  # type: ignore[arg-type]
    return FloatDistribution(gene.low, gene.high, log=gene.log)  # type: ignore[arg-type]


class Breeding(BaseGASampler):
    """Draws one individual: at random in the first generation, later a child of two of the best so far.

    The parents of a generation are the best `population` of all before it, so that no good one is lost. seed: of this
    individual alone, so that it is the same whether the process that draws it has drawn others or not.
    """

    def __init__(self, genes: Genes, population: int, seed: int):
        super().__init__(population)
        self._genes, self._space = genes, {k: distribution(g) for k, g in genes.items()}
        self._rng, self._random = np.random.default_rng(seed), RandomSampler(seed % 2**32)
        self.parents: list[int] = []

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._space

    def select_parent(self, study: Study, generation: int) -> list[FrozenTrial]:
        pool = self.get_population(study, generation - 1) + self.get_parent_population(study, generation - 1)
        return sorted({t.number: t for t in pool}.values(), key=_worth, reverse=True)[: self.population_size]

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        generation = self.get_trial_generation(study, trial)
        pool = self.get_parent_population(study, generation)
        if not pool:
            return {}
        one, other = self._chosen(pool), self._chosen(pool)
        self.parents = sorted({one.number, other.number})
        return child(one.params, other.params, self._genes, self._rng)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _chosen(self, pool: list[FrozenTrial]) -> FrozenTrial:
        return max((pool[i] for i in self._rng.integers(len(pool), size=TOURNAMENT)), key=_worth)


def _worth(trial: FrozenTrial) -> tuple[float, int]:
    """Scores are maximised; of equals the elder."""
    return (trial.value if trial.value is not None else -np.inf), -trial.number
