"""How well a life went: measures of learning, forgetting and transfer over one evaluation record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..envs.registry import nearest
from .scores import MISSING, Scores

LEARNT = 0.9  # R[i, i] from which a stage counts as learnt
BAR_EPISODES = 100  # episodes behind each score of the bars


@dataclass(frozen=True)
class References:
    """What a run is held against: other runs under the same budget, agent and input.

    joint: runs trained on all tasks at once. scratch: runs whose stages each start afresh.
    label: where they come from, said beside every number ("from shipped records, hash 1f3a, 5 seeds").
    note: what must be said beside the numbers as well, "" where nothing.
    """

    joint: Sequence[Scores] = ()
    scratch: Sequence[Scores] = ()
    label: str = "none"
    note: str = ""

    def averages(self) -> np.ndarray:
        """(joint runs,) average performance of each."""
        return np.array([average_performance(scores, NONE).value for scores in self.joint], float)

    def average(self) -> float:
        """Mean over the joint runs of their average performance."""
        return _mean(self.averages())

    def curves(self, tasks: Sequence[str]) -> np.ndarray:
        """(scratch runs, S) AUC of each run in each stage; NaN where it lacks one.

        Of the same plan stage by stage: a task that comes back may do so with another budget. Else by the task's name.
        """
        same = [_own_tasks(scores) == list(tasks) for scores in self.scratch]
        found = [
            scores.aucs if alike else [_auc_of(scores, task) for task in tasks]
            for scores, alike in zip(self.scratch, same, strict=True)
        ]
        return np.array(found, float).reshape(len(self.scratch), len(tasks))

    def aucs(self, tasks: Sequence[str]) -> np.ndarray:
        """AUC^b (S,): for the task of each stage the mean over scratch runs; NaN where a run lacks one."""
        return np.array([_mean(column) for column in self.curves(tasks).T])


def _auc_of(scores: Scores, task: str) -> float:
    """AUC of the first stage that trains task."""
    stages = [stage for stage, column in enumerate(scores.trained) if scores.tasks[column] == task]
    return scores.auc(stages[0]) if stages else MISSING


NONE = References()


class Value(NamedTuple):
    """A number (NaN where it cannot be said) and what must be known about it."""

    value: float
    note: str = ""


# The default set: forms of Continual World (Wołczyk et al. 2021), on success rates.


def average_performance(scores: Scores, references: References) -> Value:
    """(1/N) Σ_i p_i(T) over the distinct tasks: one that comes back counts once"""
    columns = sorted(set(scores.trained)) or list(range(len(scores.tasks)))
    return Value(_mean(scores.point(scores.final)[columns]), _points(scores, [scores.final]))


def forgetting(scores: Scores, references: References) -> Value:
    """(1/N) Σ_i (p_i(i·Δ) − p_i(T))"""
    own = np.array([scores.point(stage)[column] for stage, column in enumerate(scores.trained)])
    end = scores.point(scores.final)[list(scores.trained)]
    return Value(_mean(own - end), _points(scores, range(len(scores.trained))))


def forward_transfer(scores: Scores, references: References) -> Value:
    """mean of (AUC_i − AUC_i^b) / (1 − AUC_i^b) over tasks with AUC_i^b < 1"""
    own = _own_tasks(scores)
    if not own:
        return Value(MISSING)
    base = references.aucs(own)
    kept = _to_gain(base)
    note = _held_against(references, references.scratch)
    if not kept.all():
        perfect = ", ".join(dict.fromkeys(task for task, keep in zip(own, kept, strict=True) if not keep))
        note += f"; nothing to gain on {perfect}, left out: the reference is perfect from its first evaluation"
    return Value(_mean(_gain(scores.aucs, base)[kept]), note)


def share_of_joint(scores: Scores, references: References) -> Value:
    """average performance ÷ that of training on all tasks at once"""
    joint = references.average()
    if joint == 0:
        return Value(MISSING, "joint training scores 0")
    return Value(average_performance(scores, references).value / joint, _held_against(references, references.joint))


# The bars: what a project demands of forgetting, counted only where something was learnt.


def bars_learning(scores: Scores, references: References) -> Value:
    """(1/N) Σ_i R[i,i]"""
    missed = unlearnt(scores)
    note = f"not learnt: {', '.join(missed)}" if missed else ""
    return Value(_mean(scores.learned), note)


def bars_forgetting(scores: Scores, references: References) -> Value:
    """mean over i<N with R[i,i] ≥ 0.9 of R[i,i] − R[N,i]"""
    if not scores.complete:
        return Value(MISSING)
    earlier = np.flatnonzero(scores.learned[:-1] >= LEARNT)
    if len(scores.trained) < 2 or np.isnan(scores.learned[:-1]).any():
        return Value(MISSING)
    if not len(earlier):
        return Value(MISSING, "no earlier stage was learnt, so nothing could be forgotten")
    missed = unlearnt(scores)
    note = f"not learnt, not counted: {', '.join(missed)}" if missed else "every stage learnt"
    fewest = int(scores.episodes[scores.last & (scores.stage >= 0)].max(axis=1).min())
    note += f"; {fewest} episodes a score" + (f", fewer than {BAR_EPISODES}" if fewest < BAR_EPISODES else "")
    return Value(_mean((scores.learned - scores.square[-1])[earlier]), note)


def unlearnt(scores: Scores) -> list[str]:
    """The tasks whose own stage has ended with less than LEARNT (or without a score)."""
    ended = [stage for stage in range(len(scores.trained)) if scores.ended(stage)]
    return [scores.tasks[scores.trained[stage]] for stage in ended if not scores.learned[stage] >= LEARNT]


# Lopez-Paz & Ranzato 2017 (GEM), section 2, and the parts into which the final average falls.


def gem_bwt(scores: Scores, references: References) -> Value:
    """1/(N−1) Σ_{i<N} (R[N,i] − R[i,i])"""
    return Value(_mean((scores.square[-1:] - scores.learned)[0, :-1]) if scores.trained else MISSING)


def gem_fwt(scores: Scores, references: References) -> Value:
    """1/(N−1) Σ_{i≥2} (R[i−1,i] − b̄_i), b̄ the untrained agent's score"""
    return Value(_mean(np.diagonal(scores.square, 1) - scores.untrained[1:]))


def gem_final_average(scores: Scores, references: References) -> Value:
    """(1/N) Σ_i R[N,i]"""
    return Value(_mean(scores.square[-1]) if scores.trained else MISSING)


def gem_base_average(scores: Scores, references: References) -> Value:
    """(1/N) Σ_i b̄_i"""
    return Value(_mean(scores.untrained))


def gem_learning_gain(scores: Scores, references: References) -> Value:
    """(1/N) Σ_i (R[i,i] − R[i−1,i]), R[0,1] = b̄_1"""
    before = np.concatenate([scores.untrained[:1], np.diagonal(scores.square, 1)])
    return Value(_mean(scores.learned - before))


def chaudhry_forgetting(scores: Scores, references: References) -> Value:
    """mean over i<N of max_{l<N} R[l,i] − R[N,i] (Chaudhry et al. 2018)"""
    if len(scores.trained) < 2:
        return Value(MISSING)
    square = scores.square
    return Value(_mean((square[:-1].max(axis=0) - square[-1])[:-1]))


# MEAL's continual multi-agent benchmark.


def meal_forward_transfer(scores: Scores, references: References) -> Value:
    """mean of (AUC_i − AUC_i^b) / AUC_i^b over tasks with AUC^b ≥ 1e-8"""
    own = _own_tasks(scores)
    if not own:
        return Value(MISSING)
    base = references.aucs(own)
    kept = _to_divide(base)
    note = f"{_held_against(references, references.scratch)}; {np.count_nonzero(~kept)} tasks left out"
    return Value(_mean(_growth(scores.aucs, base)[kept]), note)


def meal_forgetting(scores: Scores, references: References) -> Value:
    """mean over i<N of Σ_t w_t max(0, e_i − p_i(t))/e_i ÷ Σ_t w_t, w_t = exp(−2t/T'), e_i = R[i,i]"""
    if not scores.complete or len(scores.trained) < 2:
        return Value(MISSING)
    earlier = range(len(scores.trained) - 1)
    kept = [stage for stage in earlier if scores.learned[stage] != 0]
    note = "over the evaluations after stage i, t counted from its end, T' from there to the end of the run"
    note += f"; {len(earlier) - len(kept)} tasks with e_i = 0 left out"
    return Value(_mean(_fading_loss(scores, stage) for stage in kept), note)


def _fading_loss(scores: Scores, stage: int) -> float:
    after, end = scores.stage > stage, (scores.stage == stage) & scores.last
    since = scores.step[after] - scores.step[end][-1]
    weight = np.exp(-2 * since / since[-1])
    best = scores.learned[stage]
    loss = np.maximum(0, best - scores.score[after, scores.trained[stage]]) / best
    return float((weight * loss).sum() / weight.sum())


# Liu et al. 2023 (LIBERO); c_k,k is R[k,k]: nothing is rolled back to the best point of a stage.


def libero_fwt(scores: Scores, references: References) -> Value:
    """mean over k of FWT_k: mean of the curve of task k in its stage, held at its best value after the best point"""
    return Value(_mean(map(_held_mean, _curves(scores))))


def libero_nbt(scores: Scores, references: References) -> Value:
    """mean over k<K of NBT_k = mean over τ>k of (c_k,k − c_τ,k)"""
    later = range(len(scores.trained) - 1)
    return Value(_mean(_mean(scores.learned[k] - scores.square[k + 1 :, k]) for k in later))


def libero_auc(scores: Scores, references: References) -> Value:
    """mean over k of AUC_k = (FWT_k + Σ_{τ>k} c_τ,k) / (K − k + 1)"""
    curves = enumerate(_curves(scores))
    return Value(_mean(_mean([_held_mean(curve), *scores.square[k + 1 :, k]]) for k, curve in curves))


def _curves(scores: Scores) -> list[np.ndarray]:
    """The curve of every stage; [NaN] where the stage has not ended."""
    stages = range(len(scores.trained))
    return [scores.curve(stage)[1] if scores.ended(stage) else np.array([MISSING]) for stage in stages]


def _held_mean(curve: np.ndarray) -> float:
    best = int(np.argmax(curve))
    return _mean([*curve[:best], *[curve[best]] * (len(curve) - best)])


# Powers et al. 2022 (CORA), on success rates, which need no normalisation.


def cora_isolated_forgetting(scores: Scores, references: References) -> Value:
    """mean over stages j and tasks i ≠ j's own, seen before j, of: score of i before stage j − after it"""
    return Value(_mean(-_changes(scores, seen=True)))


def cora_zero_shot(scores: Scores, references: References) -> Value:
    """mean over stages j and tasks i not seen until after j of: score of i after stage j − before it"""
    return Value(_mean(_changes(scores, seen=False)))


def _changes(scores: Scores, seen: bool) -> np.ndarray:
    """(pairs,) what every stage changed in the scores of the tasks that earlier stages trained, or of those to come."""
    change = np.diff(np.vstack([scores.at_end(-1), scores.matrix]), axis=0)
    pairs = [(j, i) for j, own in enumerate(scores.trained) for i in dict.fromkeys(scores.trained) if i != own]
    return np.array([change[j, i] for j, i in pairs if (i in scores.trained[:j]) == seen])


# Plasticity, on sequences that come back to a task.


def plasticity_auc_loss(scores: Scores, references: References) -> Value:
    """mean over repeats r ≥ 2 of a task of max(0, 1 − AUC_r / AUC_1)"""
    rounds: dict[int, list[float]] = {}
    for column, auc in zip(scores.trained, scores.aucs, strict=True):
        rounds.setdefault(column, []).append(float(auc))
    repeated = [aucs for aucs in rounds.values() if len(aucs) > 1]
    if not repeated:
        return Value(MISSING, "no task is trained twice")
    kept = [aucs for aucs in repeated if aucs[0] != 0]
    losses = (np.maximum(0, 1 - auc / aucs[0]) for aucs in kept for auc in aucs[1:])
    return Value(_mean(losses), f"{len(repeated) - len(kept)} tasks with AUC_1 = 0 left out")


class Metric(NamedTuple):
    """function(scores, references) -> Value, its docstring the formula; which way is better ("" where neither is)."""

    function: Callable[[Scores, References], Value]
    better: str

    @property
    def formula(self) -> str:
        return self.function.__doc__ or ""


# Measures that divide by something of the references, taken apart, so that both sides can be drawn again.


class Ratio(NamedTuple):
    """mean over tasks of quotient(own, base). regime: of the references that base comes from.

    of_run: Scores -> (S,) of one run. of_references: (references, tasks) -> (their runs, S).
    quotient: own (..., S) and base (..., S) -> (..., S), linear in own. kept: base (S,) -> (S,) bool, tasks that count.
    """

    regime: str
    of_run: Callable[[Scores], np.ndarray]
    of_references: Callable[[References, Sequence[str]], np.ndarray]
    quotient: Callable[[np.ndarray, np.ndarray], np.ndarray]
    kept: Callable[[np.ndarray], np.ndarray]

    def sides(self, runs: Sequence[Scores], references: References) -> tuple[np.ndarray, np.ndarray]:
        """own (runs, S) and base (reference runs, S), for runs of one plan."""
        return np.array([self.of_run(run) for run in runs]), self.of_references(references, _own_tasks(runs[0]))

    def of_means(self, base: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """The measure, of means over runs (..., S) of both sides; not finite where they leave nothing to divide by.

        Which tasks count is said once, by base (reference runs, S).
        """
        kept = self.kept(base.mean(axis=0))
        return lambda own, base: self.quotient(own[..., kept], base[..., kept]).mean(axis=-1)


def _gain(own: np.ndarray, base: np.ndarray) -> np.ndarray:
    return (own - base) / (1 - base)


def _growth(own: np.ndarray, base: np.ndarray) -> np.ndarray:
    return (own - base) / base


def _to_gain(base: np.ndarray) -> np.ndarray:
    return ~(base >= 1)


def _to_divide(base: np.ndarray) -> np.ndarray:
    return ~(base < 1e-8)


def _average(scores: Scores) -> np.ndarray:
    return np.array([average_performance(scores, NONE).value])


RATIOS = {
    "forward_transfer": Ratio("scratch", lambda run: run.aucs, References.curves, _gain, _to_gain),
    "meal.forward_transfer": Ratio("scratch", lambda run: run.aucs, References.curves, _growth, _to_divide),
    "share_of_joint": Ratio(
        "joint", _average, lambda held, _: held.averages()[:, None], np.divide, lambda base: ~(base == 0)
    ),
}

METRICS: dict[str, Metric] = {
    "average_performance": Metric(average_performance, "higher"),
    "forgetting": Metric(forgetting, "lower"),
    "forward_transfer": Metric(forward_transfer, "higher"),
    "share_of_joint": Metric(share_of_joint, "higher"),
    "bars.learning": Metric(bars_learning, "higher"),
    "bars.forgetting": Metric(bars_forgetting, "lower"),
    "gem.bwt": Metric(gem_bwt, "higher"),
    "gem.fwt": Metric(gem_fwt, "higher"),
    "gem.final_average": Metric(gem_final_average, "higher"),
    "gem.base_average": Metric(gem_base_average, ""),
    "gem.learning_gain": Metric(gem_learning_gain, "higher"),
    "chaudhry.forgetting": Metric(chaudhry_forgetting, "lower"),
    "meal.forward_transfer": Metric(meal_forward_transfer, "higher"),
    "meal.forgetting": Metric(meal_forgetting, "lower"),
    "libero.fwt": Metric(libero_fwt, "higher"),
    "libero.nbt": Metric(libero_nbt, "lower"),
    "libero.auc": Metric(libero_auc, "higher"),
    "cora.isolated_forgetting": Metric(cora_isolated_forgetting, "lower"),
    "cora.zero_shot": Metric(cora_zero_shot, "higher"),
    "plasticity.auc_loss": Metric(plasticity_auc_loss, "lower"),
}


def measure(name: str, scores: Scores, references: References | None = None) -> Value:
    """One measure by its name in METRICS; a NaN comes with the reason. Raises UnknownName."""
    if name not in METRICS:
        raise nearest(name, METRICS, "metric")
    with np.errstate(divide="ignore", invalid="ignore"):
        value, note = METRICS[name].function(scores, references or NONE)
    if np.isfinite(value):
        return Value(float(value), note)
    return Value(MISSING, "; ".join(filter(None, (note, _why(scores, bool(note))))))


def compute(scores: Scores, references: References | None = None) -> dict[str, Any]:
    """Every measure of METRICS, the stages and the success matrix, ready for JSON: NaN is None.

    Nothing in it depends on time or machine, so equal records give equal bytes.
    """
    values = {name: measure(name, scores, references) for name in METRICS}
    return {
        "complete": scores.complete,
        "references": (references or NONE).label,
        "metrics": {
            name: {
                "value": known(value),
                "note": note,
                "better": METRICS[name].better,
                "formula": METRICS[name].formula,
            }
            for name, (value, note) in values.items()
        },
        "tasks": list(scores.tasks),
        "stages": stages(scores),
        "untrained": [known(value) for value in scores.at_end(-1)],
        "matrix": [[known(value) for value in row] for row in scores.matrix],
    }


def stages(scores: Scores) -> list[dict[str, Any]]:
    """One line per stage: its task's score before any training, at the stage's end, at the end; whether learnt."""
    return [
        {
            "stage": stage,
            "task": scores.tasks[column],
            "untrained": known(scores.untrained[stage]),
            "learned": known(scores.learned[stage]),
            "final": known(scores.square[-1][stage]),
            "auc": known(scores.aucs[stage]),
            "learnt": bool(scores.learned[stage] >= LEARNT) if scores.ended(stage) else None,
        }
        for stage, column in enumerate(scores.trained)
    ]


def known(value: float) -> float | None:
    """The number for JSON: None where it is missing."""
    return float(value) if np.isfinite(value) else None


def _mean(values: Iterable[float] | np.ndarray) -> float:
    """Mean; NaN where one is missing or where there is none: missing stays missing."""
    found = np.asarray(values if isinstance(values, np.ndarray) else list(values), float)
    return float(found.mean()) if found.size else MISSING


def _own_tasks(scores: Scores) -> list[str]:
    return [scores.tasks[column] for column in scores.trained]


def _points(scores: Scores, stages: Iterable[int]) -> str:
    sizes = {stage: len(scores.window(stage)) for stage in stages}
    if not sizes:
        return ""
    if scores.width == 1:
        return "points: the last evaluation of a stage, as the method changes the policy when a stage ends"
    few = [f"{size} in stage {stage + 1}" for stage, size in sizes.items() if 0 < size < scores.width]
    said = f"points: mean of the last {scores.width} evaluations of a stage"
    return f"{said}; only {', '.join(few)}" if few else said


def _held_against(references: References, runs: Sequence[Scores]) -> str:
    if not runs:
        return "no references"
    going = sum(not run.complete for run in runs)
    notes = [f"references: {references.label}, {len(runs)} seeds", references.note]
    notes += [f"{going} of {len(runs)} have not ended"] * bool(going)
    return "; ".join(filter(None, notes))


def _why(scores: Scores, noted: bool) -> str:
    """Why a number is missing; where something is noted of it already, no more than is sure to be a reason."""
    if not scores.trained and not noted:
        return "all tasks are trained at once: there are no stages"
    if not scores.complete:
        return "the run has not ended"
    if noted and not np.isnan(scores.score).any():
        return ""
    if len(scores.trained) == 1 and not noted:
        return "there is one stage only"
    return "scores that it needs were not measured"
