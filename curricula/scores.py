"""One run's evaluations as arrays: what every measure is computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

WINDOW = 5  # evaluations that a point of the default measures averages
CONSOLIDATE = frozenset({"packnet", "progress-compress", "distill"})  # methods that change the policy as a stage ends
MISSING = float("nan")


@dataclass(frozen=True)
class Scores:
    """One run's evaluations: E evaluations of N tasks. Missing scores are NaN, never 0.

    score: (E, N) in [0, 1]; ValueError outside. episodes: (E, N) int behind each score, 0 where missing.
    stage: (E,) the stage being trained, -1 before any. step: (E,) steps of the life. stage_step: (E,) of the stage.
    last: (E,) whether the evaluation ends its stage. tasks: N names.
    trained: for each stage of the plan the column it trains; () where all tasks are trained at once.
    width: evaluations that a point averages: 1 where the policy is another one after its stage, see width_of.
    """

    score: np.ndarray
    stage: np.ndarray
    step: np.ndarray
    stage_step: np.ndarray
    last: np.ndarray
    episodes: np.ndarray
    tasks: tuple[str, ...]
    trained: tuple[int, ...]
    width: int = WINDOW

    def __post_init__(self) -> None:
        outside = (self.score < 0) | (self.score > 1)
        if outside.any():
            evaluation, task = np.argwhere(outside)[0]
            raise ValueError(
                f"score {self.score[evaluation, task]} of task {self.tasks[task]!r} in evaluation {evaluation} "
                "lies outside [0, 1]: normalise returns by the task's declared bounds"
            )

    @classmethod
    def from_rows(
        cls,
        rows: Sequence[Mapping[str, Any]],
        stages: Sequence[str] | None = None,
        tasks: Sequence[str] = (),
        width: int = WINDOW,
    ) -> Scores:
        """From rows of evaluations.jsonl.

        stages: the task of every stage of the plan, () for joint training; None says that stage i trains task i.
        tasks: tasks of the plan that may have no row yet.
        """
        index = {row["task"]: row["index"] for row in rows}
        names = list(dict.fromkeys([*sorted(index, key=lambda task: index[task]), *(stages or ()), *tasks]))
        column = {task: i for i, task in enumerate(names)}
        evaluations = {row["evaluation"]: row for row in rows}
        line = {evaluation: i for i, evaluation in enumerate(sorted(evaluations))}
        score = np.full((len(line), len(names)), MISSING)
        episodes = np.zeros(score.shape, int)
        for row in rows:
            where = line[row["evaluation"]], column[row["task"]]
            score[where], episodes[where] = row["success"], row["episodes"]
        each = [evaluations[evaluation] for evaluation in line]
        return cls(
            score=score,
            stage=np.array([row["stage"] for row in each], int),
            step=np.array([row["step"] for row in each], int),
            stage_step=np.array([row["stage_step"] for row in each], int),
            last=np.array([row["last"] for row in each], bool),
            episodes=episodes,
            tasks=tuple(names),
            trained=tuple(column[task] for task in (names if stages is None else stages)),
            width=width,
        )

    @property
    def final(self) -> int:
        """The last stage of the plan."""
        return max(len(self.trained) - 1, 0)

    def ended(self, stage: int) -> bool:
        return bool((self.last & (self.stage == stage)).any())

    @property
    def complete(self) -> bool:
        """Every stage of the plan has its last evaluation."""
        return all(self.ended(stage) for stage in range(self.final + 1))

    def at_end(self, stage: int) -> np.ndarray:
        """(N,) scores in the last evaluation of a stage; -1 is the untrained agent's. NaN where there is none."""
        which = np.flatnonzero((self.stage == stage) & (self.last | (stage < 0)))
        return self.score[which[-1]] if len(which) else np.full(len(self.tasks), MISSING)

    @cached_property
    def matrix(self) -> np.ndarray:
        """R (S, N): score of every task in the last evaluation of every stage."""
        return np.array([self.at_end(stage) for stage in range(self.final + 1)])

    @cached_property
    def square(self) -> np.ndarray:
        """R (S, S): the same, by the position at which a task is trained. Positions are what the formulas count."""
        return self.matrix[:, list(self.trained)]

    @cached_property
    def untrained(self) -> np.ndarray:
        """b̄ (S,): score of the untrained agent on the task of every stage."""
        return self.at_end(-1)[list(self.trained)]

    @cached_property
    def learned(self) -> np.ndarray:
        """R[i, i] (S,): score of every stage's task at the end of the stage."""
        return np.diagonal(self.square)

    def window(self, stage: int) -> np.ndarray:
        """Indices of the last `width` evaluations of a stage (fewer where there are fewer); () before it has ended."""
        return np.flatnonzero(self.stage == stage)[-self.width :] if self.ended(stage) else np.array([], int)

    def point(self, stage: int) -> np.ndarray:
        """p (N,): mean score of every task over window(stage); NaN where one of them is missing."""
        which = self.window(stage)
        return self.score[which].mean(axis=0) if len(which) else np.full(len(self.tasks), MISSING)

    def curve(self, stage: int) -> tuple[np.ndarray, np.ndarray]:
        """Steps into the stage and scores of its own task, at each evaluation of the stage."""
        which = self.stage == stage
        return self.stage_step[which], self.score[which, self.trained[stage]]

    def auc(self, stage: int) -> float:
        """Mean of curve(stage) over the whole stage.

        Trapezoid between evaluations, the first score held back to the stage's start; needs the stage's end.
        """
        steps, scores = self.curve(stage)
        if not self.ended(stage) or not steps[-1]:
            return MISSING
        return float((steps[0] * scores[0] + np.trapezoid(scores, steps)) / steps[-1])

    @cached_property
    def aucs(self) -> np.ndarray:
        """(S,) auc of every stage."""
        return np.array([self.auc(stage) for stage in range(len(self.trained))])


def width_of(settings: Mapping[str, Any]) -> int:
    """How many evaluations a point of this run averages, from its settings (run.json).

    A policy that is pruned, compressed or taught anew as its stage ends was another one in the evaluations before: they
    say nothing of what the life goes on with.
    """
    methods = settings.get("methods")
    named = [m.get("name") for m in methods if isinstance(m, Mapping)] if isinstance(methods, list | tuple) else []
    return 1 if any(isinstance(name, str) and name in CONSOLIDATE for name in named) else WINDOW
