"""Somebody else's agent lives through a curriculum as ours do; what is wrong with it is told in one line."""

import json
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from bandits import PLACES, Bandit, answer, told

from ludus.agents import outsider
from ludus.agents.outsider import Outsider
from ludus.curricula import bench, cli, plan, record, runner
from ludus.curricula.curriculum import Curriculum
from ludus.envs import revisions

EXAMPLES = str(Path(__file__).parents[1] / "examples")
PPO = "torch_agent:Ppo"
TINY = {
    "name": "tiny",
    "observation": 20,
    "action": 4,
    "evaluation": {"per_stage": 2, "episodes": 3, "last_episodes": 4},
    "stages": [{"task": "ludus/Reach-v0", "steps": 600}, {"task": "ludus/Push-v0", "steps": 600}],
    "algorithms": {"ppo": {"rows": 32}, PPO: {"rows": 16, "settings": {"horizon": 20, "epochs": 1}}},
}
HEAD = """
import numpy as np
class Mine:
    def __init__(self, observation_space, action_space, seed):
        self.space = action_space
"""
STILL = f"""{HEAD}
    def act(self, obs, masks, explore):
        return np.zeros((len(obs), *self.space.shape), np.float32)
    def learn(self, experience): ...
"""


@pytest.fixture(autouse=True)
def where_agents_lie(tmp_path, monkeypatch):
    """A folder of one's own to write mine.py in, and the examples beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, EXAMPLES])
    yield
    sys.modules.pop("mine", None)


def tiny(**changes) -> Curriculum:
    return Curriculum.model_validate_json(json.dumps(TINY | changes))


def go(out, **how):
    how = {"curriculum": tiny(), "algorithm": PPO, "allow_code": True} | how
    return runner.run(how.pop("curriculum"), out=out, threads=1, **how)


def mine(code: str) -> str:
    Path("mine.py").write_text(textwrap.dedent(code))
    sys.modules.pop("mine", None)
    return "mine:Mine"


def test_the_example_learns_and_a_new_task_takes_the_place_of_the_old():
    learner = Outsider(PPO, seed=0, settings={"horizon": 12, "gamma": 0.0, "rate": 1e-2, "epochs": 5})

    def score(task: int) -> float:
        with learner.trial("") as act:
            return float((np.linalg.norm(act(told(PLACES, task)) - answer(PLACES, task), axis=1) < 0.3).mean())

    for number, task in enumerate(("left", "right")):
        learner.start(task, Bandit(task), steps=7488)
        learner.learn(7488)
        learner.finish()
        assert score(number) > 0.9
    assert score(0) < 0.3 and learner.num_timesteps == 2 * 7488


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """An uninterrupted run of the example."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, EXAMPLES])
        return go(tmp_path_factory.mktemp("calm") / "run")


def test_a_run_of_it_is_a_run_like_any_other(calm):
    run = record.read_run(calm)
    assert run.label == f"finetune@{PPO}" and run.scores.complete
    known = {"rows": 16, "source": revisions.fingerprint(outsider.load(PPO)), "horizon": 20, "epochs": 1, "gamma": 0.97}
    assert known.items() <= run.settings["settings"].items()
    assert run.costs["steps"] == 1216 and run.costs["memory_kept_bytes"] > 0


def test_stopped_and_gone_on_with_it_is_as_if_it_had_not_been(calm, tmp_path):
    def die(p, count=[0]):  # noqa: B006
        count[0] += p.stage == 1
        if count[0] == 10:  # behind a checkpoint amid its second stage, which fell between two of its batches
            raise KeyboardInterrupt

    with pytest.raises(runner.Stopped):
        go(tmp_path / "run", progress=die, checkpoint_share=float("inf"))
    again = go(tmp_path / "run", resume=True)
    for name in ("evaluations.jsonl", "metrics.json", "policies/stage-1.safetensors"):
        assert (again / name).read_bytes() == (calm / name).read_bytes()


def test_what_it_draws_when_it_is_tried_does_not_change_what_it_learns():
    code = STILL.replace("np.zeros", "np.random.default_rng().normal(size=1) * 0 + np.random.normal(size=1) + np.zeros")
    found = []
    for trials in (0, 3):
        learner = Outsider(mine(code), seed=1)
        learner.start("left", Bandit("left"))
        for _ in range(trials):
            with learner.trial("left") as act:
                act(told(PLACES, 0))
        found.append((np.random.normal(), torch.rand(1).item()))
    assert found[0] == found[1]


def test_it_is_told_where_episodes_end_and_what_may_be_chosen():
    seen = []

    class Chooser:
        def __init__(self, observation_space, action_space, seed): ...
        def act(self, obs, masks, explore):
            return masks.argmax(axis=1)

        def learn(self, experience):
            seen.append(experience)

    class Masked(Bandit):
        def env_method(self, method_name, *args, indices=None, **kwargs):
            return list(np.arange(2) == (self.place[:, :1] > 0))

    sys.modules["mine"] = type(sys)("mine")
    sys.modules["mine"].Mine = Chooser  # type: ignore[attr-defined]
    learner = Outsider("mine:Mine")
    learner.start("left", Masked("left", discrete=True))
    learner.learn(64)
    first = seen[0]
    assert len(seen) == 2 and first.terminated.all() and not first.truncated.any()
    assert (first.after == first.obs).all()  # a bandit's episode ends where it began; the next obs is another place
    assert (seen[1].obs[:, :2] != first.obs[:, :2]).any()
    assert (first.action == first.masks.argmax(axis=1)).all() and 0 < first.action.mean() < 1


def test_another_file_is_another_run(tmp_path):
    first = plan.plan(tiny(), mine(STILL), allow_code=True)
    again = plan.plan(tiny(), mine(STILL), allow_code=True)
    other = plan.plan(tiny(), mine(STILL + "\n# another thought"), allow_code=True)
    assert first.hash == again.hash != other.hash
    assert first.settings["rows"] == 32  # as the curriculum's first algorithm


BAD = {
    "nothing there": (None, "cannot load 'mine:Mine'"),
    "no such class": ("Other = 1", "cannot load 'mine:Mine'"),
    "not Python": ("class Mine:::", "SyntaxError"),
    "falls as it is loaded": ("1 / 0", "ZeroDivisionError"),
    "no act": ("class Mine:\n  def learn(self, e): ...", "has no act"),
    "made otherwise": (STILL.replace("observation_space, ", ""), "must be made as Mine(observation_space, action_spa"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_agent_is_refused_before_anything_is_written(name, tmp_path):
    code, said = BAD[name]
    if code:
        mine(code)
    with pytest.raises(ValueError) as error:
        go(tmp_path / "run", algorithm="mine:Mine")
    assert said in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


WRONG = {
    "another shape": ("np.zeros((len(obs), 9), np.float32)", "shape (3, 9), not (3, 4)"),
    "not a number": ("np.full((len(obs), 4), np.nan)", "not finite"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_no_world_can_take_is_refused(name, tmp_path):
    action, said = WRONG[name]
    wrong = mine(STILL.replace("np.zeros((len(obs), *self.space.shape), np.float32)", action))
    with pytest.raises(runner.Stopped) as error:
        go(tmp_path / "run", algorithm=wrong)
    assert said in str(error.value)


def test_an_agent_that_does_not_say_what_it_knows_cannot_go_on(tmp_path):
    def die(p):
        if p.step:
            raise KeyboardInterrupt

    with pytest.raises(runner.Stopped):
        go(tmp_path / "run", algorithm=mine(STILL), progress=die)
    with pytest.raises(ValueError, match="has no state"):
        go(tmp_path / "run", algorithm="mine:Mine", resume=True)


def test_code_is_loaded_only_where_it_is_allowed(tmp_path, capsys):
    mine("raise SystemExit('it ran')")
    with pytest.raises(ValueError, match="--allow-code"):
        go(tmp_path / "run", algorithm="mine:Mine", allow_code=False)
    for words in (["run"], ["bench"]):
        assert cli.invoke([*words, "Reach-v0", "--tier", "smoke", "--agent", "mine:Mine"]) == 2
        assert "--allow-code" in capsys.readouterr().err


def test_a_comparison_makes_its_references_as_well(tmp_path):
    made = bench.jobs("tiny", tiny(), [f"finetune@{PPO}", "replay"], [0], tmp_path, allow_code=True)
    assert [j.plan.label for j in made] == [
        f"finetune@{PPO}", "replay@ppo", f"joint@{PPO}", f"scratch@{PPO}", "joint@ppo", "scratch@ppo",
    ]  # fmt: skip
    words = made[0].command(1)
    assert words[words.index("--algorithm") + 1] == PPO and "--allow-code" in words


def test_what_hooks_into_our_algorithms_does_not_go_with_it():
    with pytest.raises(ValueError, match="'replay' works on Stable-Baselines3's"):
        plan.plan(tiny(), PPO, ["replay"], allow_code=True)
    with pytest.raises(ValueError, match="no setting of torch_agent:Ppo 'horizn'; did you mean horizon"):
        plan.plan(tiny(algorithms={PPO: {"settings": {"horizn": 1}}}), PPO, allow_code=True)
