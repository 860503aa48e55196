"""A run's memory goes on over a stop byte for byte, is shown, and forgets a text wherever it is kept."""

import itertools
import json
import shutil

import numpy as np
import pytest

from ludus.agents.instructors import INSTRUCTORS, LanguageModel, loading, pupil, training
from ludus.agents.instructors.corpus import Pair
from ludus.agents.instructors.scenes import digest
from ludus.agents.instructors.updating import Standing, Update, Verdict
from ludus.agents.learner import Learner
from ludus.agents.memory import Remembering
from ludus.curricula import actors, checkpoint, cli, film, memory, mind, runner
from ludus.curricula.curriculum import Curriculum
from ludus.curricula.folder import locked
from ludus.curricula.mind import DATA, KEPT, MEMORY, UPDATES
from ludus.curricula.record import read_run
from ludus.envs import registry
from ludus.envs.views.instructed import Instructed

TINY = {
    "name": "tiny",
    "observation": 222,
    "action": 110,
    "evaluation": {"per_stage": 2, "episodes": 2, "last_episodes": 2},
    "stages": [{"task": "ludus/Household-v0", "steps": 2400, "settings": {"steps": 1}}],
    "algorithms": {"maskable-ppo": {"rows": 32, "settings": {"n_steps": 20, "batch_size": 160, "n_epochs": 1}}},
}
FILES = (DATA, MEMORY, "evaluations.jsonl", "policies/stage-0.safetensors")


class Chance:
    """A model with an opinion on every briefing."""

    name = "chance"

    def __init__(self):
        self.tokens = 0

    def choose(self, prompts, answers, priors=None):
        return [np.array([digest(p + a) % 7 for a in row], float) for p, row in zip(prompts, answers, strict=True)]

    def write(self, prompts):
        return ["" for _ in prompts]


@pytest.fixture(scope="module", autouse=True)
def places(tmp_path_factory):
    """A folder for the module's runs, all instructed by Chance, whose answers are kept in one file."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(INSTRUCTORS, "language-model", lambda: LanguageModel(Chance(), cache=folder / "answers.sqlite"))
        patch.delenv("LUDUS_INSTRUCTOR_CACHE", raising=False)
        yield folder


def go(out, steps=2400, **how):
    made = Curriculum.model_validate_json(json.dumps(TINY).replace("2400", str(steps)))
    how = {"memory": True, "instructor": "language-model"} | how
    return runner.run(made, out=out, threads=1, checkpoint_share=float("inf"), **how)


@pytest.fixture(scope="module")
def calm(places):
    """A run from its start to its end."""
    return go(places / "calm")


@pytest.fixture
def stopped(places, tmp_path, calm, monkeypatch):
    """The same run, interrupted on its way."""
    if not (places / "stopped").exists():
        real, count = Learner.learn, [0]

        def failing(self, steps):
            count[0] += 1
            if count[0] == 8:
                raise KeyboardInterrupt
            return real(self, steps)

        with monkeypatch.context() as patch:
            patch.setattr(Learner, "learn", failing)
            with pytest.raises(runner.Stopped):
                go(places / "stopped")
    return shutil.copytree(places / "stopped", tmp_path / "run")


def test_stopped_and_resumed_it_remembers_byte_for_byte(calm, stopped):
    with (stopped / DATA).open("a") as file:
        file.write('{"half a li')  # what was being written when it stopped
    go(stopped, resume=True)
    for name in FILES:
        assert (calm / name).read_bytes() == (stopped / name).read_bytes(), name
    lines = [json.loads(line) for line in (stopped / DATA).read_text().splitlines()]
    assert len(lines) > 50 and {"done", "unfinished", "already so"} <= {line["outcome"] for line in lines}
    costs = json.loads((stopped / "costs.json").read_text())
    assert costs["memories"] > 20 and costs["instructor_outcomes"] > 50
    shown = memory.recalled(stopped)
    assert all(shown.values()) and len(shown["episodic"]) <= 20


def test_in_a_film_the_agent_is_told_what_its_model_says_with_the_memories_that_it_used(calm):
    world, _ = actors.load(read_run(calm), 0, "ludus/Household-v0")
    seen = []
    for seed in range(20):
        world.reset(np.arange(1), [seed])
        seen.append(film.why(world) or "")
        assert seen[-1].startswith("of 97, by log-likelihood: ") and f": {film.told(world)} 6.0 · " in seen[-1]
    world.close()
    assert sum(" · remembered: " in why for why in seen) > 5


def test_what_is_remembered_reaches_the_model_and_trying_a_policy_teaches_nothing(places, calm):
    told = [json.loads(line)["prompt"] for line in (calm / DATA).read_text().splitlines()]
    assert sum("known: " in t for t in told) > len(told) / 4
    untried = go(places / "untried", evaluations=False)
    assert all((calm / name).read_bytes() == (untried / name).read_bytes() for name in FILES if name[:5] != "evalu")


def test_a_text_is_forgotten_in_memory_answers_data_and_checkpoint(places, stopped, capsys):
    answers = shutil.copy(places / "answers.sqlite", stopped.parent / "answers.sqlite")
    files = [stopped / DATA, stopped / MEMORY, answers]
    known = [link["who"] for link in memory.recalled(stopped)["graph"]]
    word = next(who for who in known if who != "table")  # which every file of SQLite says of itself
    assert all(word.encode() in p.read_bytes() for p in files)
    assert cli.invoke(["memory", "forget", str(stopped), word.upper(), "--cache", str(answers)]) == 0
    out = capsys.readouterr().out
    assert out.count("removed") == 4 and ": 0 removed" not in out
    assert not any(word.encode() in p.read_bytes() for p in files)
    arrays, _ = checkpoint.load(checkpoint.newest(stopped / "checkpoints") or stopped)
    kept = [memory.unpacked(arrays[n]) for n in ("instructor", "memory")]
    notes = [memory.unpacked(a)["states"] for n, a in arrays.items() if n.endswith("instructed.notes")]
    assert notes and word not in json.dumps([kept, notes])
    go(stopped, resume=True)  # and it goes on from there
    assert (stopped / "metrics.json").exists() and (stopped / DATA).read_bytes().count(b"\n") > 20


def newest(run):
    return checkpoint.newest(run / "checkpoints") or run


def saved(run, name="memory"):
    """What the newest checkpoint holds of the instructor."""
    return memory.unpacked(checkpoint.load(newest(run))[0][name])


def stand(run):
    """A word of the run's data that others of its lines do not hold."""
    lines = (run / DATA).read_text().splitlines()
    return next(w for w in ("egg", "apple", "mug", "towel", "plate") if 0 < sum(w in x for x in lines) < len(lines))


def test_a_run_that_has_forgotten_is_saved_again_and_where_nothing_stands_nothing_is_written(stopped):
    before = {p: p.read_bytes() for p in stopped.rglob("*") if p.is_file()}
    assert set(memory.forget(stopped, "zzzqqq").values()) == {0}
    assert before == {p: p.read_bytes() for p in stopped.rglob("*") if p.is_file()}
    number = int(newest(stopped).name)
    memory.forget(stopped, stand(stopped))
    assert int(newest(stopped).name) == number + 1 == checkpoint.load(newest(stopped))[1]["at"]["saves"]


def test_what_was_written_after_the_checkpoint_is_not_taken_up_by_forgetting(stopped):
    word, kept = stand(stopped), saved(stopped)["kept_bytes"]
    lines = (stopped / DATA).read_bytes()[:kept].splitlines(keepends=True)
    with (stopped / DATA).open("ab") as file:
        file.write(lines[-1] + lines[0][:9])  # of a save that was cut short
    memory.forget(stopped, word)
    left = b"".join(line for line in lines if word.encode() not in line)
    assert (stopped / DATA).read_bytes() == left and saved(stopped)["kept_bytes"] == len(left) < kept


CUTS = {"checkpoint": (checkpoint, "save"), "data": (memory, "cut"), "memory": (memory, "_forget_entries")}


@pytest.mark.parametrize("cut", CUTS)
def test_a_forgetting_that_is_cut_short_leaves_a_run_that_goes_on(stopped, monkeypatch, cut):
    def dies(*_):
        raise KeyboardInterrupt

    word, lines = stand(stopped), (stopped / DATA).read_text().splitlines(keepends=True)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(*CUTS[cut], dies)
        memory.forget(stopped, word)
    left = [line for line in lines if cut == "checkpoint" or word not in line]
    kept = saved(stopped)["kept_bytes"]
    go(stopped, resume=True)
    data = (stopped / DATA).read_bytes()
    assert data[:kept].decode() == "".join(left) and kept < len(data) and b"\0" not in data
    assert not (stopped / KEPT).exists() and all(map(json.loads, data.splitlines()))


SAID = 'do("lift the red cube"); do("grasp the red cube"); do("grasp the blue cube")'


@pytest.mark.parametrize("steps", [5, 7, 11])
def test_a_sentence_is_forgotten_in_programs_and_in_the_book_of_an_episode_that_is_on(steps):
    """Whoever is told it is told the goal instead; everybody else, and what else came of things, is as it was."""

    def living():
        fake = Chance()
        fake.write = lambda prompts: [SAID for _ in prompts]
        mind = Remembering(LanguageModel(fake, "program"), None)
        view = Instructed(registry.make("ludus/Stack-v0", 3), instruct=mind.instruct, timeout=1)
        view.reset(np.arange(3), [3, 4, 5])
        return view

    view, again = living(), living()
    agent, nothing = view.agents[0], np.zeros((3, 4), np.float32)
    for _ in range(steps):
        view.step({agent: nothing})
    arrays, goals = {f"env/{k}": v for k, v in view.state().items()}, [goal.text for goal in view.world.goals]
    before = [view._briefing(i, 0).outcomes for i in range(3)]
    assert any("grasp the red cube" in text for text in (*sum(before, ()), view.instruction(0, agent)))
    count = memory._forget_open_ends(arrays, "Grasp  the red", lambda place: goals)
    notes = memory.unpacked(arrays["env/instructed.notes"])
    assert count > 3 and not memory._matching("grasp the red")([notes["texts"], notes["states"]])
    again.restore({k.removeprefix("env/"): v for k, v in arrays.items()})
    for i in range(3):
        b, told = again._briefing(i, 0), view.instruction(i, agent)
        assert b.outcomes == tuple(o for o in before[i] if "grasp the red" not in o) and b.earlier == 0
        assert again.instruction(i, agent) == (view.aim_of(i).text if "grasp the red" in told else told)
    for _ in range(5):
        again.step({agent: nothing})
    for world in (view, again):
        world.close()


@pytest.mark.parametrize("regime", ["sequence", "joint"])
def test_the_goals_of_a_world_are_known_of_any_run(tmp_path, regime):
    """Without any evaluation, and of the world at that place where all tasks are learnt at once."""
    told = {"format": 1, "label": "x", "algorithm": "maskable-ppo", "seed": 0, "regime": regime, "curriculum": TINY}
    first, second = TINY["stages"][0], {"task": "ludus/Assistant-v0", "steps": 100}
    told["curriculum"] = TINY | {"stages": [first, second]}
    (tmp_path / "run.json").write_text(json.dumps(told))
    at = {"at": {"stage": 1 if regime == "sequence" else 0}}
    goals = memory._goals(tmp_path, at, 0 if regime == "sequence" else 1)
    world = registry.make("ludus/Assistant-v0", 1)
    assert goals == [goal.text for goal in world.goals]
    world.close()


def test_data_that_are_shorter_than_a_checkpoint_says_are_not_filled_up(tmp_path):
    (tmp_path / DATA).write_text("{}\n")
    assert mind.cut(tmp_path, 1000) == 3 and (tmp_path / DATA).read_text() == "{}\n"
    assert mind.cut(tmp_path / "none", 1000) == 0


def test_what_was_learnt_from_is_still_known_when_lines_before_it_are_forgotten(tmp_path):
    lines = [{"task": "t", "prompt": f"secret {i}.", "said": "go", "outcome": "done", "won": True} for i in range(100)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / DATA).write_text("broken\n" + text)
    kept = {"store": None, "kept_bytes": len(text) + 7, "lives": 1, "settled": 100, "full": 0}
    parts = {"instructor": {"answers": {}}, "memory": kept, "pupil": {"verdicts": [], "learnt": 80, "tried_at": 80}}
    arrays = {name: mind.packed(part) for name, part in parts.items()}
    checkpoint.save(tmp_path / "checkpoints", 1, arrays, {"at": {"saves": 1}})
    memory.forget(tmp_path, "secret 1")  # and 10 to 19
    assert saved(tmp_path, "pupil")["learnt"] == 80 - 11
    assert len((tmp_path / DATA).read_text().splitlines()) == 90


ENDS = {"mind": (mind.Mind, "end"), "costs": (runner.Life, "_write_costs"), "metrics": (runner.metrics, "compute"),
        "checkpoints": (runner.shutil, "rmtree")}  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_stopped_at_its_very_end_it_comes_to_the_same_end(places, tmp_path, monkeypatch, end):
    if not (places / "short").exists():
        go(places / "short", steps=1200)
    run, (owner, name) = tmp_path / "run", ENDS[end]
    real, over = getattr(owner, name), []

    def dies(*args, **how):
        if over or end == "metrics" or (end == "checkpoints" and args[0].name == "checkpoints"):
            raise KeyboardInterrupt
        return real(*args, **how)

    def ending(self):
        over.append(end != "checkpoints")
        return ends(self)

    ends = mind.Mind.end
    with monkeypatch.context() as patch, pytest.raises(runner.Stopped):
        patch.setattr(owner, name, dies)
        if end == "mind":
            over.append(True)
        else:
            patch.setattr(mind.Mind, "end", ending)
        go(run, steps=1200)
    assert (run / "metrics.json").exists() == (end == "checkpoints")
    go(run, steps=1200, resume=True)
    assert not (run / "checkpoints").exists()
    for name in (*FILES, "metrics.json"):
        assert (run / name).read_bytes() == (places / "short" / name).read_bytes(), name


def test_memory_is_shown_by_view_and_by_words(calm, capsys):
    assert cli.invoke(["memory", "show", str(calm)]) == 0
    out = capsys.readouterr().out
    assert all(view in out for view in ("episodic (", "delta (", "graph (")) and "times, for '" in out
    assert cli.invoke(["memory", "show", str(calm), "--about", "sink", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["graph"] and all("sink" in json.dumps(row) for row in found["graph"])


def test_what_is_wrong_is_one_line(calm, tmp_path, capsys):
    run = shutil.copytree(calm, tmp_path / "run")
    (run / MEMORY).unlink()
    for words, told in [
        (["memory", "show", str(run)], "no memory is there"),
        (["memory", "forget", str(run)], "which words"),
        (["memory", "forget", str(tmp_path), "x"], "holds no run"),
        (["memory", "shwo", str(run)], "did you mean show"),
        (["run", "first-steps", "--memory", "--out", str(tmp_path / "no")], "that needs language-model"),
    ]:
        assert cli.invoke(words) == 2
        err = capsys.readouterr().err
        assert told in err and err.count("\n") == 1
    with locked(run):
        assert cli.invoke(["memory", "forget", str(run), "tea"]) == 2 and "another process" in capsys.readouterr().err


def test_an_instructor_that_learns_on_the_way_goes_on_over_a_stop(tmp_path, monkeypatch):
    """Every second update is let through the gate; what was learnt is in the checkpoint, and at the end in a folder."""
    asked = [Pair(f"goal: take the {n}\ndo:", f"take the {n}", "t", "", "") for n in ("apple", "mug", "egg")]
    # of that seed, for a model that has learnt nothing must say now and then what can be done, or there is no lesson
    small = training.Recipe(vocabulary=300, width=16, layers=1, heads=2, inner=16, steps=2, batch=2, seed=3)
    tiny = loading.load(training.make(tmp_path / "tiny", asked, small, lambda _: None), dtype="float32")
    first = tiny.model.state_dict()["lm_head.weight"].clone()
    monkeypatch.setitem(INSTRUCTORS, "language-model", lambda: LanguageModel(tiny))
    monkeypatch.setitem(pupil.EVERY, "online", 12)
    monkeypatch.setitem(pupil.HOW, "online", Update(steps=1, batch=4, rate=0.1, least=2))
    monkeypatch.setattr(pupil.rehearsal, "load", lambda folder: ([], {}))
    monkeypatch.setattr(pupil, "standing", lambda *_: Standing({}, 0.0))
    monkeypatch.setattr(pupil, "gate", lambda *_: Verdict(next(turns), "turn about", {}, (0.0, 1.0)))

    def live(name, stop=None):
        nonlocal turns
        turns = itertools.cycle([True, False]) if not (tmp_path / name).exists() else turns
        real, count = Learner.learn, itertools.count(1)

        def failing(self, steps):
            if next(count) == stop:
                raise KeyboardInterrupt
            return real(self, steps)

        with monkeypatch.context() as patch:
            patch.setattr(Learner, "learn", failing)
            go(tmp_path / name, memory=False, learns="online", steps=1200, evaluations=False, resume=True)
        return tmp_path / name

    turns = itertools.cycle([True, False])
    calm = live("calm")
    told = [json.loads(line) for line in (calm / UPDATES).read_text().splitlines()]
    assert len(told) >= 3 and {row["taken"] for row in told} == {True, False}
    with pytest.raises(runner.Stopped):
        live("run", stop=7)
    kept = checkpoint.load(checkpoint.newest(tmp_path / "run" / "checkpoints") or tmp_path)[0]
    done = len(memory.unpacked(kept["pupil"])["verdicts"])
    turns = itertools.islice(itertools.cycle([True, False]), sum(v["why"] == "turn about" for v in told[:done]), None)
    run = live("run")
    for name in (DATA, UPDATES, "policies/stage-0.safetensors", "instructor/model.safetensors"):
        assert (calm / name).read_bytes() == (run / name).read_bytes(), name
    costs = json.loads((run / "costs.json").read_text())
    assert costs["updates_taken"] == sum(row["taken"] for row in told) and costs["updates_rolled_back"] >= 1
    learnt = loading.load(run / "instructor", dtype="float32").model.state_dict()["lm_head.weight"]
    assert not (learnt == first).all() and (first == tiny.model.state_dict()["lm_head.weight"]).all()
