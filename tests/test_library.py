"""Every curriculum of the library is lived through, at the smallest size that touches all of it; drift is not told."""

import math
import re
from pathlib import Path

import pytest
from test_runner import content, go, tiny

from ludus.agents.learner import Learner
from ludus.agents.method import Method
from ludus.curricula import curriculum, plan, record
from ludus.curricula.curriculum import Curriculum, Evaluation, Invalid
from ludus.curricula.runner import Life, Stopped
from ludus.envs import registry

SIZES = Evaluation(per_stage=1, episodes=1, last_episodes=1)


def smallest(made: Curriculum) -> Curriculum:
    """The curriculum with all its tasks and stages, of one rollout each, in episodes of two steps."""
    teams = [len(registry.make(s.task, **s.settings).agents) for s in made.tasks]
    brief = [s.model_copy(update={"steps": 1, "settings": s.settings | {"max_episode_steps": 2}}) for s in made.stages]
    rows, usual = math.lcm(*teams), made.algorithms[made.usual]
    size = {"n_steps": 2, "batch_size": 2 * rows, "n_epochs": 1}
    algorithm = usual.model_copy(update={"rows": rows, "settings": usual.settings | size})
    change = {"stages": tuple(brief), "evaluation": SIZES, "algorithms": {made.usual: algorithm}}
    return made.model_copy(update=change | {"instructor": "fixed", "tiers": {"full": curriculum.Tier()}})


@pytest.mark.parametrize("name", curriculum.names())
def test_a_curriculum_of_the_library_is_lived_to_its_end(name, tmp_path, monkeypatch):
    monkeypatch.setattr(Life, "_tried", lambda life, part: part.tasks)  # all tasks after every stage are many
    made = smallest(curriculum.load(name, fit=False))
    run = record.read_run(go(tmp_path / "run", curriculum=made, methods=["replay"]))
    assert [r["task"] for r in run.rows if r["stage"] < 0] == [s.task for s in made.tasks]
    assert [r["task"] for r in run.rows if r["last"]] == [s.task for s in made.stages]
    assert len(list((tmp_path / "run" / "policies").iterdir())) == len(made.stages)


FAMILIES = {"mujoco", "unity", "text"}


@pytest.mark.parametrize(("name", "count"), [("ludus-6", 6), ("ludus-12", 12), ("ludus-24", 24)])
def test_the_long_lives_have_as_many_tasks_of_every_family_and_take_turns(name, count):
    tasks = curriculum.load(name, fit=False).tasks
    families = [next(f for f in registry.spec(s.task).tags if f in FAMILIES) for s in tasks]
    assert len(tasks) == count and [families.count(f) for f in sorted(FAMILIES)] == [count // 3] * 3
    assert all(set(families[i : i + 3]) == FAMILIES for i in range(0, count, 3))


def test_a_size_keeps_of_every_stage_as_much_as_it_is_told_to():
    stages = [{"task": "ludus/Reach-v0", "steps": 1000}, {"task": "ludus/Push-v0", "steps": 30}]
    made = tiny(stages=stages, tiers={"smoke": {"steps": 0.1, "least": 200}, "full": {}})
    assert [s.steps for s in made.at("smoke").stages] == [200, 30]
    assert [s.steps for s in made.at("full").stages] == [1000, 30]


# drift: a stage that is not announced


class Listens(Method):
    """Writes down what it hears."""

    def __init__(self):
        self.heard: list[str] = []

    def on_task_start(self, learner, task):
        self.heard.append(f"start {task}")

    def on_task_end(self, learner, task):
        self.heard.append(f"end {task}")

    def on_test_start(self, learner, task):
        self.heard.append(task)


STAGES = [
    {"task": "ludus/Reach-v0", "steps": 200, "settings": {"max_episode_steps": 4}},
    {
        "task": "ludus/Reach-v0#late",
        "steps": 200,
        "settings": {"latency": 3, "max_episode_steps": 4},
        "announced": False,
    },
    {"task": "ludus/Push-v0", "steps": 200, "settings": {"max_episode_steps": 4}},
]


def drifting(**changes) -> Curriculum:
    return tiny(stages=STAGES, **changes)


def test_nobody_hears_of_a_stage_that_is_not_announced(tmp_path, monkeypatch):
    listens = Listens()
    monkeypatch.setattr("ludus.curricula.runner.build_methods", lambda plan: [listens])
    rates = []
    learn = Learner.learn
    monkeypatch.setattr(Learner, "learn", lambda who, steps: (learn(who, steps), rates.append(who._fallen()))[0])
    algorithms = {"ppo": {"rows": 64, "decay": 0.1, "settings": {"n_steps": 2, "batch_size": 64, "n_epochs": 1}}}
    run = record.read_run(go(tmp_path / "run", curriculum=drifting(algorithms=algorithms)))
    told = [h for h in listens.heard if " " in h]
    assert told == [f"{when} ludus/{name}-v0" for name in ("Reach", "Push") for when in ("start", "end")]
    assert set(listens.heard) - set(told) == {"ludus/Reach-v0", "ludus/Push-v0"}  # tried by the name it is known by
    assert [r["task"] for r in run.rows[:3]] == [s["task"] for s in STAGES]  # and recorded by its own
    falls = rates[: 2 * len(rates) // 3]
    assert falls == sorted(falls, reverse=True) and 0.4 < falls[len(falls) // 2 - 1] < 0.7  # one fall over both


def test_a_run_that_is_stopped_amid_drift_goes_on_to_the_same_bytes(tmp_path, monkeypatch):
    calm = go(tmp_path / "calm", curriculum=drifting(), methods=["replay"])
    calls, learn = [0], Learner.learn

    def stopping(learner, steps):
        calls[0] += 1
        if calls[0] == 16:  # in the second stage
            raise KeyboardInterrupt
        learn(learner, steps)

    monkeypatch.setattr(Learner, "learn", stopping)
    with pytest.raises(Stopped):
        go(tmp_path / "run", curriculum=drifting(), methods=["replay"])
    go(tmp_path / "run", curriculum=drifting(), methods=["replay"], resume=True)
    assert content(tmp_path / "run") == content(calm)


@pytest.mark.parametrize("way", [dict(methods=["independent"]), dict(algorithm="sac"), dict(regime="scratch")])
def test_other_ways_to_learn_drift_along(way, tmp_path):
    assert record.read_run(go(tmp_path / "run", curriculum=drifting(), **way)).scores.complete


def test_who_starts_anew_hears_of_every_stage_and_who_learns_all_at_once_of_none():
    parts = {r: plan.plan(drifting(), regime=r).parts for r in ("sequence", "scratch", "joint")}
    assert [p.announced for p in parts["sequence"]] == [True, False, True]
    assert [p.span for p in parts["sequence"]] == [400, 400, 200] and all(p.announced for p in parts["scratch"])
    assert [p.called for p in parts["scratch"]] == [s["task"] for s in STAGES]
    assert [p.called for p in parts["joint"]] == ["all tasks"]


def test_what_is_announced_is_hashed_as_before_and_silence_changes_the_hash():
    loud = [s | {"announced": True} for s in STAGES]
    bare = [{k: v for k, v in s.items() if k != "announced"} for s in STAGES]
    assert plan.plan(tiny(stages=loud)).hash == plan.plan(tiny(stages=bare)).hash != plan.plan(drifting()).hash
    assert "announced" not in tiny(stages=loud).model_dump_json()


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([STAGES[1]], "begins with a stage that is announced"),
        ([STAGES[0], STAGES[1] | {"resets": {"optimizer": False}}], "leave out resets"),
        ([STAGES[0], STAGES[1] | {"explore": {"entropy": 0.1}}], "leave out resets and explore"),
    ],
)
def test_drift_that_makes_no_sense_is_refused(stages, said, tmp_path):
    import json

    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps({"observation": 20, "action": 4, "stages": stages}))
    with pytest.raises(Invalid, match=said):
        curriculum.load(path)


def test_the_catalogue_on_the_page_is_the_library():
    page = (Path(__file__).parent.parent / "docs" / "curricula.md").read_text()
    rows = dict(re.findall(r"^\| `([\w-]+)` \|.*?\| (\d+ \| [\d,]+ \| [\d,]+ \| [\d,]+) \|$", page, re.MULTILINE))
    assert sorted(rows) == curriculum.names()
    for name, said in rows.items():
        made = curriculum.load(name, fit=False)
        steps = [f"{sum(s.steps for s in made.at(tier).stages) / 1000:,.0f}" for tier in ("full", "small", "smoke")]
        assert said == " | ".join([str(len(made.stages)), *steps]), name
