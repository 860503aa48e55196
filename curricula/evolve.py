"""Evolution: a population of runs, each with settings and a network shape of its own; the best become parents."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ..envs import registry
from . import folder, metrics, runner
from .curriculum import Curriculum, load
from .genes import Genes, bred, genes, own
from .plan import plan
from .progress import Tell, shown
from .record import read_json, read_run

FILE, STUDY = "population.json", "population.sqlite"
Told = Callable[[dict[str, Any]], None]
SEED = 100  # settings are found on other seeds than results are reported on


class Population:
    """The individuals of a folder, whose study Optuna keeps in an SQLite file; nothing in it is unpickled.

    made: the curriculum; how: algorithm, methods, tier; seeds: of the runs of every individual, whose mean counts;
    score: a measure of which more is better; size: of a generation. Raises ImportError without Optuna; ValueError
    where another evolution lives in the folder.
    """

    def __init__(self, made: Curriculum, genes: Genes, path: Path, size: int, seeds: range, score: str, **how: Any):
        try:
            import optuna

            from . import breeding
        except ImportError as error:
            raise ImportError("evolution needs Optuna: pip install 'optuna>=5'") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.made, self.genes, self.path, self.size, self.seeds, self.score = made, genes, path, size, seeds, score
        self.how, self._breeding = how, breeding
        self.study = optuna.create_study(
            storage=f"sqlite:///{(path / STUDY).resolve()}", study_name=made.name, direction="maximize",
            load_if_exists=True,
        )  # fmt: skip
        self._states = optuna.trial.TrialState
        self._same()

    def _same(self) -> None:
        """What shapes the population is what the folder began with."""
        shape = plan(self.made, **self.how).hash
        table = {k: g.model_dump() for k, g in self.genes.items()}
        mine = json.dumps([shape, table, self.size, list(self.seeds), self.score], sort_keys=True)
        found = self.study.user_attrs.get("shape", mine)
        if found != mine:
            raise ValueError(f"{self.path}: another evolution lives there (other settings); choose another --out")
        if "shape" not in self.study.user_attrs:
            self.study.set_user_attr("shape", mine)
            if first := own(self.made, self.how["algorithm"], self.genes):
                self.study.enqueue_trial(first)

    def grow(self, generations: int, tell: Tell = lambda _: None, told: Told = lambda _: None) -> None:
        """Live until so many generations are whole; who was alive when a process died goes on from its checkpoint."""
        for trial in self.study.get_trials(states=[self._states.RUNNING]):
            if "parents" in trial.user_attrs:
                told(self._live(trial.number, tell))
            else:
                self.study.tell(trial.number, state=self._states.FAIL)  # it died before it was born
        while len(self.individuals()) < self.size * generations:
            told(self._live(self._born(), tell))

    def _born(self) -> int:
        """Draw the next individual; returns its number."""
        number = len(self.study.trials) - len(self.study.get_trials(states=[self._states.WAITING]))
        seed = int(np.random.SeedSequence([self.seeds.start, number]).generate_state(1)[0])
        sampler = self._breeding.Breeding(self.genes, self.size, seed)
        self.study.sampler = sampler
        trial = self.study.ask({k: self._breeding.distribution(g) for k, g in self.genes.items()})
        trial.set_user_attr("parents", sampler.parents)
        return trial.number

    def _live(self, number: int, tell: Tell) -> dict[str, Any]:
        """One individual's runs; it dies where its settings cannot be run."""
        score = None
        try:
            made = bred(self.made, self.how["algorithm"], self.study.trials[number].params)
            score = float(np.mean([self._lived(made, number, seed, tell) for seed in self.seeds]))
        except (ValueError, runner.Stopped) as error:
            if isinstance(error.__cause__, KeyboardInterrupt | OSError):
                raise
            self.study.set_user_attr(f"why {number} died", " ".join(str(error).split())[:300])
        lived = score is not None and np.isfinite(score)
        self.study.tell(number, score if lived else None, None if lived else self._states.FAIL)
        folder.write_json(self.path / FILE, {"score": self.score, "individuals": self.individuals()})
        return next(i for i in self.individuals() if i["id"] == number)

    def _lived(self, made: Curriculum, number: int, seed: int, tell: Tell) -> float:
        where = self.path / _name(number, seed)
        runner.run(made, out=where, resume=True, seed=seed, progress=tell, **self.how)
        return metrics.measure(self.score, read_run(where).scores).value

    def individuals(self) -> list[dict[str, Any]]:
        """id, generation, parents (ids), settings, score (None: it died), runs (their folders' names), in order."""
        ended = self.study.get_trials(states=[self._states.COMPLETE, self._states.FAIL])
        return [self._told(t) for t in ended if "parents" in t.user_attrs]

    def _told(self, trial: Any) -> dict[str, Any]:
        key, died = self._breeding.Breeding._get_generation_key(), self.study.user_attrs.get(f"why {trial.number} died")
        about = {"id": trial.number, "generation": trial.system_attrs.get(key, 0)}
        about |= {"parents": trial.user_attrs["parents"], "settings": trial.params, "score": trial.value}
        return about | {"runs": [_name(trial.number, s) for s in self.seeds]} | ({"died": died} if died else {})

    def best(self) -> dict[str, Any]:
        """Of all individuals the one that scored most, of equals the first. Raises ValueError where all died."""
        alive = [i for i in self.individuals() if i["score"] is not None]
        if not alive:
            raise ValueError(f"{self.path}: no individual lived: {self.individuals()[-1].get('died', 'no score')}")
        return max(alive, key=lambda i: (i["score"], -i["id"]))


def _name(number: int, seed: int) -> str:
    return f"{number:03d}-{seed}"


def evolve(
    made: Curriculum,
    out: Path,
    algorithm: str | None = None,
    methods: Sequence[str] = (),
    population: int = 8,
    generations: int = 5,
    table: Genes | None = None,
    score: str = "average_performance",
    seed: int = SEED,
    lives: int = 1,
    tier: str = "full",
    tell: Tell = lambda _: None,
    told: Told = lambda _: None,
) -> dict[str, Any]:
    """Evolve settings for a curriculum in folder out, or go on with it; returns the best individual.

    table: what varies (None: genes.yaml's). told: hears of every individual that has lived. Each is run with the same
    seeds, `lives` of them from seed on, and scores their mean. Raises ValueError for what is wrong in what was asked
    for, before anything is written.
    """
    if population < 2 or generations < 1 or lives < 1:
        sizes = f"{population} individuals, {generations} generations, {lives} lives"
        raise ValueError(f"2 individuals or more live 1 generation or more, with 1 seed or more, not {sizes}")
    if metrics.METRICS.get(score) is None or metrics.METRICS[score].better != "higher":
        raise registry.nearest(score, [k for k, m in metrics.METRICS.items() if m.better == "higher"], "score")
    chosen = algorithm or made.usual
    table = table or genes(chosen)
    how = {"algorithm": chosen, "methods": tuple(methods), "tier": tier}
    first = {k: g.choices[0] if g.choices else g.low for k, g in table.items()}
    plan(bred(made, chosen, first), seed=seed, **how)  # refuses what is no setting
    out.mkdir(parents=True, exist_ok=True)
    with folder.locked(out):
        people = Population(made, table, out, population, range(seed, seed + lives), score, **how)
        people.grow(generations, tell, told)
        return people.best()


def read(path: Path) -> dict[str, Any]:
    """The population of a folder, as population.json tells it; {} where there is none."""
    return read_json(path / FILE) if (path / FILE).is_file() else {}


def command(
    curriculum: Annotated[str, typer.Argument(help="a name of `ludus curricula`, a YAML file, or a task's id")],
    algorithm: Annotated[str | None, typer.Option(help="ppo, sac, …  [default: the curriculum's first]")] = None,
    method: Annotated[list[str] | None, typer.Option(help="of every individual; may be repeated")] = None,
    population: Annotated[int, typer.Option(help="individuals of a generation")] = 8,
    generations: Annotated[int, typer.Option(help="how many; more go on with what is there")] = 5,
    vary: Annotated[Path | None, typer.Option(help="a table of what varies, as curricula/genes.yaml")] = None,
    score: Annotated[str, typer.Option(help="a measure of which more is better")] = "average_performance",
    seed: Annotated[int, typer.Option(help="the first of every individual, and of what is drawn", min=0)] = SEED,
    lives: Annotated[int, typer.Option(help="seeds that every individual is run with; their mean counts")] = 1,
    tier: Annotated[str, typer.Option(help="smoke, small or full")] = "full",
    out: Annotated[Path | None, typer.Option(help="the folder  [default: runs/CURRICULUM-evolution]")] = None,
    allow_code: Annotated[bool, typer.Option("--allow-code", help="load code of tasks")] = False,
) -> None:
    """Evolve an algorithm's settings and its network's shape; the family tree is in the report."""
    from . import report

    made = load(curriculum, allow_code)
    chosen = algorithm or made.usual
    path = out or Path("runs") / f"{made.name}-evolution"
    with shown() as tell:
        how = {"table": genes(chosen, vary), "score": score, "seed": seed, "lives": lives, "tier": tier, "tell": tell}
        best = evolve(made, path, chosen, method or (), population, generations, **how)
    told = ", ".join(f"{k} {_short(v)}" for k, v in best["settings"].items())
    print(f"best of {len(read(path)['individuals'])}: {best['id']:03d}, {score} {best['score']:.3f}: {told}")
    first = [_name(0, s) for s in range(seed, seed + lives)]
    runs = [read_run(path / name) for name in dict.fromkeys([*first, *best["runs"]]) if (path / name).exists()]
    print(f"report: {report.write(runs, path / 'report.html', families=[read(path)])}")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
