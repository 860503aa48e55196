"""Evolution: individuals are ordinary runs, children are made of their parents, and a kill changes nothing."""

import json
import re
import sys

import numpy as np
import pytest
from test_report import make

from ludus.curricula import cli, evolve, report
from ludus.curricula import genes as table
from ludus.curricula.curriculum import Evaluation, Tier, load
from ludus.curricula.genes import Gene, bred, child, own
from ludus.curricula.plan import plan
from ludus.curricula.reading import Invalid
from ludus.curricula.record import read_run
from ludus.curricula.report import family
from ludus.envs.registry import UnknownName

FEW = {"learning_rate": Gene(low=1e-4, high=1e-2, log=True), "n_epochs": Gene(low=1, high=3),
       "layers": Gene(low=1, high=2), "width": Gene(choices=(8, 16))}  # fmt: skip


@pytest.fixture(scope="module")
def small():
    """Basic in a thousand steps, tried once."""
    basic = load("Basic-v0")
    ppo = basic.algorithms["ppo"].model_copy(update={"rows": 16})
    stages = (basic.stages[0].model_copy(update={"steps": 512}),)
    return basic.model_copy(update={
        "stages": stages, "algorithms": {"ppo": ppo}, "tiers": {"full": Tier()},
        "evaluation": Evaluation(per_stage=1, episodes=2, last_episodes=20),
    })  # fmt: skip


def grown(made, out, generations, **more):
    evolve.evolve(made, out, population=3, generations=generations, table=FEW, **more)
    return evolve.read(out)["individuals"]


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    return out, grown(small, out, 2)


def test_mutations_stay_in_their_range_and_move():
    rng = np.random.default_rng(0)
    for gene, start in ((FEW["learning_rate"], 1e-3), (FEW["n_epochs"], 2), (Gene(low=0.9, high=0.999), 0.999)):
        moved = [gene.nudged(start, rng) for _ in range(300)]
        assert all(gene.allows(m) for m in moved) and len(set(moved)) > 2
        assert all(type(m) is type(start) for m in moved)
    assert {FEW["width"].nudged(8, rng) for _ in range(20)} == {16}


def test_a_child_has_each_gene_of_a_parent_but_for_about_one_mutation():
    rng = np.random.default_rng(1)
    one = {"learning_rate": 1e-4, "n_epochs": 1, "layers": 1, "width": 8}
    other = {"learning_rate": 1e-2, "n_epochs": 3, "layers": 2, "width": 16}
    own = []
    for _ in range(400):
        made = child(one, other, FEW, rng)
        own.append(sum(made[k] in (one[k], other[k]) for k in made))
    assert 3.3 < np.mean(own) < 4 and {child(one, other, FEW, rng)["width"] for _ in range(30)} == {8, 16}


def test_genes_become_settings_of_the_algorithm_its_network_and_its_methods():
    made = load("first-steps")
    genome = {"learning_rate": 0.002, "rows": 64, "layers": 3, "width": 32, "replay.weight": 0.5}
    found = plan(bred(made, "ppo", genome), "ppo", ["replay"])
    assert found.settings["learning_rate"] == 0.002 and found.settings["rows"] == 64
    assert found.settings["policy_kwargs"]["net_arch"] == [32, 32, 32]
    assert "log_std_init" in found.settings["policy_kwargs"]  # what is not evolved stays
    assert found.methods[0]["settings"]["weight"] == 0.5
    assert made == load("first-steps")
    with pytest.raises(ValueError, match="both layers and width"):
        bred(made, "ppo", {"width": 32})


@pytest.mark.parametrize("algorithm", ["ppo", "maskable-ppo", "sac", "dqn"])
def test_the_shipped_genes_are_settings_that_the_algorithm_takes(algorithm):
    found = table.genes(algorithm)
    made = load("first-steps" if algorithm in ("ppo", "sac") else "Basic-v0")
    for end in ("low", "high"):
        genome = {k: g.choices[0] if g.choices else getattr(g, end) for k, g in found.items()}
        assert plan(bred(made, algorithm, genome), algorithm).settings["gamma"] == genome["gamma"]


def test_a_curriculum_says_its_own_settings_as_genes_where_it_can(small):
    assert own(small, "ppo", FEW) is None  # 64 wide: no choice here
    found = own(small, "ppo", table.genes("ppo"))
    assert found is not None and (found["width"], found["layers"], found["clip_range"]) == (64, 2, 0.2)


@pytest.mark.parametrize("wrong", ["{low: 2, high: 1}", "{low: 0, high: 1, log: true}", "{low: 1}", "{choices: []}"])
def test_a_gene_that_cannot_be_drawn_is_refused_with_file_and_reason(tmp_path, wrong):
    file = tmp_path / "mine.yaml"
    file.write_text(f"ppo:\n  gamma: {wrong}\n")
    with pytest.raises(Invalid, match=r"mine\.yaml: ppo: .*low < high"):
        table.genes("ppo", file)


def test_individuals_are_ordinary_runs_and_their_parents_are_among_the_best_before_them(whole):
    out, people = whole
    assert [(i["id"], i["generation"]) for i in people] == [(n, n // 3) for n in range(6)]
    for one in people:
        run = read_run(out / one["runs"][0])
        assert run.settings["settings"]["learning_rate"] == one["settings"]["learning_rate"]
        assert run.seed == evolve.SEED and len(run.rows) == 2
        before = [i for i in people if i["generation"] < one["generation"]]
        best = {i["id"] for i in sorted(before, key=lambda i: (-i["score"], i["id"]))[:3]}
        assert set(one["parents"]) <= best and bool(one["parents"]) == bool(one["generation"])
    assert len({json.dumps(i["settings"]) for i in people}) > 3


def test_more_generations_go_on_with_what_is_there_and_a_kill_changes_nothing(small, whole, tmp_path):
    grown(small, tmp_path / "life", 1)
    ended = []

    def kill(progress):
        if progress.doing == "learning" and progress.step and len(ended) == 1:  # in the middle of the fifth
            raise KeyboardInterrupt

    with pytest.raises(Exception, match="interrupted"):
        grown(small, tmp_path / "life", 2, tell=kill, told=ended.append)
    assert len(evolve.read(tmp_path / "life")["individuals"]) == 4
    assert grown(small, tmp_path / "life", 2) == whole[1]


def test_an_individual_that_cannot_live_is_counted_and_named_and_not_a_parent(small, tmp_path):
    deadly = FEW | {"batch_size": Gene(choices=(1, 64))}
    evolve.evolve(small, tmp_path, population=2, generations=2, table=deadly, seed=101)
    people = evolve.read(tmp_path)["individuals"]
    dead = [i for i in people if i["score"] is None]
    assert dead and all("batch_size" in i["died"] and i["settings"]["batch_size"] == 1 for i in dead)
    assert not {p for i in people for p in i["parents"]} & {i["id"] for i in dead}


def test_what_cannot_be_evolved_is_refused_before_anything_is_written(small, whole, tmp_path, monkeypatch):
    with pytest.raises(UnknownName, match="average_performance"):
        evolve.evolve(small, tmp_path / "x", score="average_performanse", table=FEW)
    with pytest.raises(ValueError, match="2 individuals or more"):
        evolve.evolve(small, tmp_path / "x", population=1, table=FEW)
    with pytest.raises(UnknownName, match="gamma"):
        evolve.evolve(small, tmp_path / "x", table={"gama": Gene(low=0, high=1)})
    assert not (tmp_path / "x").exists()
    with pytest.raises(ValueError, match="another evolution"):
        grown(small, whole[0], 2, seed=101)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=re.escape("pip install 'optuna>=5'")):
        grown(small, tmp_path / "y", 1)


def test_the_report_draws_the_tree_and_escapes_what_a_population_says(whole, tmp_path):
    population = evolve.read(whole[0])
    population["individuals"][0]["settings"] = {"<script>": "<b>"}
    population["individuals"].append("no individual")
    run = make(tmp_path / "run")
    text = report.write([run], tmp_path / "report.html", families=[population]).read_text()
    assert "Family tree" in text and text.count('class="tip"') >= 6 and "child of" in text
    assert "<b>" not in text.partition("Family tree")[2].partition("</section>")[0].replace("<b>0", "")
    assert "Family tree" not in report.write([run], tmp_path / "other.html").read_text()


def test_ancestors_are_all_that_an_individual_descends_from():
    by_id = {n: {"parents": p} for n, p in {0: [], 1: [], 2: [0], 3: [0, 1], 4: [2], 5: [4, 9]}.items()}
    assert family.ancestors(5, by_id) == {0, 2, 4, 5} and family.ancestors(3, by_id) == {0, 1, 3}


def test_the_command_evolves_and_report_shows_the_folder(whole, tmp_path, capsys):
    out = tmp_path / "evo"
    words = ["evolve", "Basic-v0", "--tier", "smoke", "--population", "2", "--generations", "1", "--out", str(out)]
    assert cli.invoke(words) == 0
    said = capsys.readouterr().out
    assert (
        "best of 2" in said and (out / "report.html").is_file() and "Family tree" in (out / "report.html").read_text()
    )
    assert cli.invoke(["report", str(out), "--out", str(tmp_path / "again.html")]) == 0
    assert "Family tree" in (tmp_path / "again.html").read_text()
