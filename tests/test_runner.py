"""A run can be stopped anywhere and goes on as if it had not been; trying a policy does not change it."""

import contextlib
import errno
import fcntl
import importlib
import json
import os
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from ludus.agents.learner import Learner
from ludus.agents.method import Method
from ludus.curricula import actors, evaluation, opening, plan, record, references, runner
from ludus.curricula.curriculum import Curriculum
from ludus.curricula.runner import Stopped
from ludus.envs import UnknownName

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from resume_proof import survive  # type: ignore[import-not-found]

TINY = {
    "name": "tiny",
    "observation": 20,
    "action": 4,
    "evaluation": {"per_stage": 2, "episodes": 3, "last_episodes": 4},
    "stages": [{"task": "ludus/Reach-v0", "steps": 1000}, {"task": "ludus/Push-v0", "steps": 1000}],
    "algorithms": {
        "ppo": {"rows": 64, "settings": {"n_steps": 8, "batch_size": 256, "n_epochs": 1}},
        "sac": {"rows": 16, "settings": {"batch_size": 32, "learning_starts": 64, "buffer_size": 1000}},
    },
    "methods": {"replay": {"size": 200, "batch": 32}},
}


PAIRS = [{"task": "ludus/TwoArmLift-v0", "steps": 1000}]


def tiny(**changes) -> Curriculum:
    return Curriculum.model_validate_json(json.dumps(TINY | changes), context={"allow_code": True})


def go(out, **how):
    return runner.run(how.pop("curriculum", tiny()), out=out, threads=1, checkpoint_share=float("inf"), **how)


def content(folder):
    names = ["evaluations.jsonl", "metrics.json", "policies/stage-0.safetensors", "policies/stage-1.safetensors"]
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """An uninterrupted run with replay."""
    return go(tmp_path_factory.mktemp("calm") / "run", methods=["replay"])


def test_a_run_is_a_folder_that_the_record_reader_believes(calm):
    run = record.read_run(calm)
    assert run.label == "replay@ppo" and run.scores.complete
    assert [r["stage"] for r in run.rows] == [-1, -1, 0, 0, 0, 0, 1, 1, 1, 1]
    assert [r["episodes"] for r in run.rows] == [3, 3, 3, 3, 4, 4, 3, 3, 4, 4]
    assert [r["step"] for r in run.rows] == [0, 0, 512, 512, 1024, 1024, 1536, 1536, 2048, 2048]
    assert {p.name for p in calm.iterdir()} == {
        "run.json", "evaluations.jsonl", "metrics.json", "costs.json", "policies", "lock",
    }  # fmt: skip
    costs = json.loads((calm / "costs.json").read_text())
    assert costs["steps"] == 2048 and costs["memory_kept_bytes"] > 0 and costs["instructor_calls"] > 0


def test_weights_are_the_same_with_and_without_evaluations(calm, tmp_path):
    blind = go(tmp_path / "run", methods=["replay"], evaluations=False)
    assert not (blind / "evaluations.jsonl").exists()
    policies = {k: v for k, v in content(calm).items() if k.startswith("policies")}
    assert policies == content(blind) and len(policies) == 2
    before = (blind / "costs.json").read_bytes()  # which counts how often it was taken up again
    assert go(blind, methods=["replay"], evaluations=False, resume=True) == blind
    assert (blind / "costs.json").read_bytes() == before


def test_another_seed_is_another_life(calm, tmp_path):
    other = go(tmp_path / "run", methods=["replay"], seed=1)
    assert content(other)["policies/stage-1.safetensors"] != content(calm)["policies/stage-1.safetensors"]
    hashes = [json.loads((f / "run.json").read_text())["hash"] for f in (calm, other)]
    assert hashes[0] == hashes[1]


def test_killed_at_drawn_moments_and_resumed_the_bytes_are_the_same(tmp_path):
    assert survive(tmp_path, "ppo", kills=3, seed=int(os.environ.get("LUDUS_TEST_SEED", 5)), tell=print) == []


@pytest.mark.parametrize(
    ("call", "number", "error"),
    [
        ("write", 9, OSError(errno.ENOSPC, "No space left on device")),
        ("fsync", 30, OSError(errno.EIO, "Input/output error")),
        ("replace", 6, OSError(errno.ENOSPC, "No space left on device")),
        ("learn", 5, KeyboardInterrupt()),
        ("learn", 13, ValueError("a loss that is not\nfinite")),
    ],
)
def test_a_full_disk_an_interruption_an_error_leave_one_line_and_a_run_that_goes_on(
    calm, tmp_path, monkeypatch, call, number, error
):
    count = [0]
    where = Learner if call == "learn" else os
    real = getattr(where, call)

    def failing(*args):
        count[0] += 1
        if count[0] >= number:
            raise error
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(where, call, failing)
        with pytest.raises(Stopped) as stopped:
            go(tmp_path / "run", methods=["replay"])
    message = str(stopped.value)
    assert message.startswith(str(tmp_path / "run")) and "\n" not in message
    assert {"learn": "", "write": "No space", "fsync": "Input/output", "replace": "No space"}[call] in message
    unforeseen, told = isinstance(error, ValueError), tmp_path / "run" / "error.txt"
    assert ("go on with --resume" in message) != unforeseen and told.exists() == unforeseen
    if unforeseen:
        assert "(test_runner.py, line " in message and message.endswith("what was done is kept")
        assert "Traceback" in told.read_text()
    go(tmp_path / "run", methods=["replay"], resume=True)
    assert content(tmp_path / "run") == content(calm) and not told.exists()


def test_a_finished_run_is_left_alone(calm):
    before = content(calm)
    with pytest.raises(ValueError, match="a run is there already"):
        go(calm, methods=["replay"])
    go(calm, methods=["replay"], resume=True)
    assert content(calm) == before


def test_another_run_does_not_go_on_in_its_folder(calm):
    with pytest.raises(ValueError, match=r"another run is there \(hash"):
        go(calm, methods=[], resume=True)
    with pytest.raises(ValueError, match=r"another run is there \(seed '0', not '1'"):
        go(calm, methods=["replay"], seed=1, resume=True)


def test_a_second_run_in_a_folder_is_refused(tmp_path):
    (tmp_path / "run").mkdir()
    with open(tmp_path / "run" / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match="another process runs here"):
            go(tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.parametrize("name", ["run.json", "evaluations.jsonl", "checkpoints", "policies"])
def test_a_run_does_not_write_through_links(tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="is a link"):
        go(tmp_path / "run")
    assert not (tmp_path / "elsewhere").exists()


def test_joint_training_has_all_steps_in_one_stage_and_evaluations_as_dense(tmp_path):
    run = record.read_run(go(tmp_path / "run", regime="joint"))
    assert run.label == "joint@ppo" and run.scores.complete
    assert sorted({(r["stage"], r["step"]) for r in run.rows}) == [
        (-1, 0), (0, 512), (0, 1024), (0, 1536), (0, 2048),
    ]  # fmt: skip


def test_from_scratch_every_stage_is_a_new_life_on_its_own_task(tmp_path):
    run = record.read_run(go(tmp_path / "run", regime="scratch"))
    assert [(r["stage"], r["index"]) for r in run.rows] == [(-1, 0), (-1, 1), (0, 0), (0, 0), (1, 1), (1, 1)]
    assert [r["step"] for r in run.rows][-2:] == [1536, 2048]
    twice = tiny(stages=[TINY["stages"][0]] * 2)
    same = record.read_run(go(tmp_path / "twice", regime="scratch", curriculum=twice))
    scores = {(r["stage"], r["stage_step"]): r["return"] for r in same.rows}
    assert scores[0, 1024] == scores[1, 1024] and scores[0, 512] == scores[1, 512]


FEW = {"steps": 20, "size": 200, "batch": 32}
SEVERAL = {
    "packnet": FEW | {"share": 0.5},
    "heads": {},
    "distill": FEW,
    "progress-compress": FEW | {"samples": 32},
}
SILENT = {"task": "ludus/Lift-v0", "steps": 1000, "announced": False}  # nothing ends before it: columns stay apart


@pytest.mark.parametrize("name", SEVERAL)
def test_the_policies_of_a_run_act_on_every_task_as_they_were_tried_there(tmp_path, name):
    """What a saved policy scores on the evaluations' own episodes is the last row of its stage, task by task."""
    made = tiny(
        stages=[*TINY["stages"], SILENT],
        methods={name: SEVERAL[name]},
        evaluation=TINY["evaluation"] | {"per_stage": 1},
    )
    run = record.read_run(go(tmp_path / "run", curriculum=made, methods=[name]))
    for row in run.rows:
        if row["last"]:
            single, act = actors.load(run, row["stage"], row["task"])
            single.close()
            with contextlib.closing(actors.world(run, row["task"], row["episodes"])) as world:
                scores = evaluation.evaluate(world, act)
            assert scores.items() <= row.items(), (row["stage"], row["task"])
    assert actors.stages(run) == [0, 1, 2]


@pytest.mark.parametrize("name", SEVERAL)
def test_of_an_older_folder_only_what_it_holds_is_loaded(tmp_path, name):
    made = tiny(methods={name: SEVERAL[name]}, evaluation=TINY["evaluation"] | {"per_stage": 1})
    run = record.read_run(go(tmp_path / "run", curriculum=made, methods=[name]))
    for file in (run.folder / "policies").glob("*.tasks.safetensors"):
        file.unlink()
    for stage, task in ((0, "ludus/Reach-v0"), (0, "ludus/Push-v0"), (1, "ludus/Push-v0")):
        actors.load(run, stage, task)[0].close()
    if name in ("packnet", "heads"):
        with pytest.raises(record.RunError, match=f"{name} acts in ludus/Reach-v0 with other weights .*; run it anew"):
            actors.load(run, 1, "ludus/Reach-v0")
    else:  # one policy for all that has ended
        actors.load(run, 1, "ludus/Reach-v0")[0].close()


def test_a_run_of_methods_that_know_no_tasks_keeps_one_policy_a_stage(calm):
    assert {p.name for p in (calm / "policies").iterdir()} == {"stage-0.safetensors", "stage-1.safetensors"}
    actors.load(record.read_run(calm), 1, "ludus/Reach-v0")[0].close()


class Hears(Method):
    """Notes what it is tried on."""

    tried: ClassVar[list[str]] = []

    def on_test_start(self, learner, task):
        self.tried.append(task)


def test_a_task_is_tried_by_the_name_that_it_was_met_by_last_also_after_a_stop(tmp_path, monkeypatch):
    """Push comes silently under Reach's name, and then as itself."""
    stages = [*TINY["stages"], TINY["stages"][1]]
    stages[1] = stages[1] | {"announced": False}
    made = tiny(stages=stages, evaluation={"per_stage": 1, "episodes": 2, "last_episodes": 2})
    own = f"{__name__}:Hears"
    Hears.tried.clear()
    go(tmp_path / "run", curriculum=made, methods=[own], allow_code=True)
    reach, push = "ludus/Reach-v0", "ludus/Push-v0"
    tried = [[reach, reach], [reach, reach], [reach, reach], [reach, push]]  # untrained, then at each stage's end
    own_policy = [[], [reach], [reach], [push]]  # and as its policies are kept
    expected = [name for a, b in zip(tried, own_policy, strict=True) for name in a + b + (a if b else [])]
    assert Hears.tried == expected
    learn, calls = Learner.learn, []

    def stopping(self, steps):
        calls.append(steps)
        if len(calls) == 2 * runner.PIECES + 2:
            raise KeyboardInterrupt
        return learn(self, steps)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "learn", stopping)
        with pytest.raises(Stopped):
            go(tmp_path / "again", curriculum=made, methods=[own], allow_code=True)
    Hears.tried.clear()
    go(tmp_path / "again", curriculum=made, methods=[own], allow_code=True, resume=True)
    assert Hears.tried == expected[-5:] and content(tmp_path / "again") == content(tmp_path / "run")


def test_a_sac_run_has_methods_of_its_own(tmp_path):
    run = record.read_run(go(tmp_path / "run", algorithm="sac", methods=["replay", "reservoir"]))
    assert run.label == "replay+reservoir@sac" and run.scores.complete


WRONG = {
    "algorithm": (dict(algorithm="pppo"), "no algorithm 'pppo'; did you mean ppo"),
    "method": (dict(methods=["repaly"]), "no method 'repaly'; did you mean replay"),
    "method of another algorithm": (dict(methods=["reservoir"]), "'reservoir' runs on sac, td3, ddpg, dqn, not on ppo"),
    "input": (dict(input="told"), "no input 'told'"),
    "instructor": (dict(instructor="fxied"), "did you mean fixed"),
    "tier": (dict(tier="ful"), "did you mean full"),
    "regime": (dict(regime="joined"), "did you mean joint"),
    "seed": (dict(seed=-1), "seed must be a whole number from 0"),
    "joint with a method": (dict(regime="joint", methods=["replay"]), "trains without methods"),
    "widths": (dict(curriculum=tiny(observation=19)), "ludus/Reach-v0 .*19"),
    "a setting of PPO": (
        dict(curriculum=tiny(algorithms={"ppo": {"settings": {"n_stps": 8}}})),
        "no setting of ppo 'n_stps'; did you mean n_steps",
    ),
    "several steps of an off-policy algorithm": (
        dict(curriculum=tiny(algorithms={"sac": {"settings": {"n_steps": 3}}}), algorithm="sac"),
        "sac learns from single steps here: leave out its n_steps",
    ),
    "a setting of a method": (
        dict(curriculum=tiny(methods={"replay": {"sise": 1}}), methods=["replay"]),
        "no setting of replay 'sise'; did you mean size",
    ),
}


@pytest.mark.parametrize(("how", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_before_anything_is_written(tmp_path, how, said):
    with pytest.raises(ValueError, match=said):
        go(tmp_path / "run", **how)
    assert not (tmp_path / "run" / "evaluations.jsonl").exists()


def test_labels_are_read_and_written():
    assert plan.parse("replay@sac") == ("sac", ("replay",), "sequence")
    assert plan.parse("finetune") == ("ppo", (), "sequence")
    assert plan.parse("joint", "sac") == ("sac", (), "joint")
    assert plan.parse("replay+reservoir@sac")[1] == ("replay", "reservoir")
    with pytest.raises(UnknownName, match="did you mean scratch"):
        plan.parse("scrach@ppo")
    with pytest.raises(ValueError, match="cannot stand in"):
        plan.parse("joint+replay")


def test_the_hash_holds_what_shapes_the_result_and_nothing_else():
    base = plan.plan(tiny(), methods=["replay"]).hash
    assert plan.plan(tiny(about="other words", name="other"), methods=["replay"], seed=9, device="cpu").hash == base
    assert plan.plan(tiny(tiers={"full": {}, "smoke": {}}), methods=["replay"]).hash == base
    others = [
        dict(curriculum=tiny(observation=21)),
        dict(curriculum=tiny(reward={"progress": 0.1})),
        dict(curriculum=tiny(methods={"replay": {"size": 201}})),
        dict(curriculum=tiny(algorithms={"ppo": {"rows": 65}})),
        dict(curriculum=tiny(evaluation={"per_stage": 3})),
        dict(algorithm="sac"),
        dict(methods=[]),
        dict(input="blind"),
        dict(instructor="script"),
    ]
    hashes = [plan.plan(**({"curriculum": tiny(), "methods": ["replay"]} | o)).hash for o in others]
    assert len({base, *hashes}) == len(others) + 1


def test_the_command_in_run_json_can_be_typed_again(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/curricula/cli.py", "run", "my file.yaml", "--seed", "3"])
    assert opening.describe(plan.plan(tiny()))["command"] == "ludus run 'my file.yaml' --seed 3"


class Hand:
    """A world by hand: copy i ends after i + 1 steps; 0 and 2 succeed in their last step, 3 before it and not in it."""

    num_envs, agents, max_episode_steps = 4, ("a", "b"), 3

    def reset(self, ids, seeds=None):
        self.seeds, self.t = list(seeds or ()), 0
        return {a: np.zeros((4, 2), np.float32) for a in self.agents}, {}

    def masks(self):
        return None

    def step(self, actions):
        from ludus.envs.core import Step

        assert set(actions) == {"a", "b"} and actions["b"][0, 0] == 1
        self.t += 1
        over = np.arange(4) + 1 <= self.t
        success = (np.arange(4) + 1 == self.t) & (np.arange(4) % 2 == 0)
        reward = {"a": np.ones(4), "b": np.full(4, 3.0)}
        ended = {a: over for a in self.agents}
        success |= (np.arange(4) == 3) & (self.t < 3)
        info = {"success": success, "diverged": (np.arange(4) == 1) & over}
        return Step({a: np.zeros((4, 2), np.float32) for a in self.agents}, reward, ended, np.zeros(4, bool), info)


def test_an_evaluation_counts_each_copy_once_and_its_last_step_alone():
    world = Hand()
    act = lambda obs: np.repeat([[0.0], [1.0]], 4, axis=0)  # noqa: E731  rows agent by agent
    scores = evaluation.evaluate(world, act)  # type: ignore[arg-type]
    assert scores == {
        "episodes": 4, "success": 0.5, "return": 4.5, "length": 2.25, "diverged": 1, "agents": {"a": 0.5, "b": 0.5},
    }  # fmt: skip
    assert world.seeds == [evaluation.FIRST_SEED + i for i in range(4)]


# What is wrong from the start leaves nothing


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"curriculum": lambda: tiny(algorithms={"ppo": {"rows": 15}}, stages=PAIRS, observation=40, action=8)},
            "has 2 agents: its 15 rows",
        ),
        ({"device": "cuda:99"}, "no device 'cuda:99' here, where torch finds"),
        ({"device": "gpu"}, "no device 'gpu': auto, cpu, cuda, or one of several such as cuda:1"),
    ],
)
def test_a_wrong_ask_leaves_no_folder_in_the_way_of_the_right_one(tmp_path, wrong, told):
    how = {key: value() if callable(value) else value for key, value in wrong.items()}
    with pytest.raises(ValueError, match=told):
        go(tmp_path / "run", **how)
    assert not (tmp_path / "run").exists() or [p.name for p in (tmp_path / "run").iterdir()] == ["lock"]


def test_a_run_that_was_ended_as_it_wrote_its_first_file_begins_anew(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json.123.tmp").write_text("{")
    planned = plan.plan(tiny(), "ppo")
    with opening.opened(tmp_path / "run", planned, resume=True) as over:
        assert not over and {p.name for p in (tmp_path / "run").iterdir()} == {"lock", "run.json"}


# Somebody's own code and files are part of what a run is


def test_no_method_of_ones_own_runs_where_code_is_not_allowed(tmp_path):
    assert plan.parse("nowhere:Mine+replay")[1] == ("nowhere:Mine", "replay")  # nor is it looked for
    with pytest.raises(ValueError, match="'nowhere:Mine' would run code of its own; allow it with --allow-code"):
        go(tmp_path / "run", methods=["nowhere:Mine"])


def test_another_file_of_ones_own_is_another_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    house = Path(__file__).parents[1] / "assets" / "text" / "household.yaml"
    hashes = set()
    for factor in (1, 2):
        (tmp_path / "own.py").write_text(
            "from ludus.agents.method import Method\nfrom ludus.envs import make as build\n\n\nclass Mine(Method):\n"
            f"    factor = {factor}\n\n\n"
            "def make(num_envs=1, **settings):\n    return build('ludus/Reach-v0', num_envs)\n"
        )
        (tmp_path / "home.yaml").write_text(house.read_text() + "\n" * factor)
        sys.modules.pop("own", None)
        importlib.invalidate_caches()
        own = [{"task": "own:make", "steps": 1000}]
        home = [{"task": "ludus/Household-v0", "steps": 1000, "settings": {"file": "home.yaml"}}]
        hashes |= {
            plan.plan(tiny(), "ppo", ["own:Mine"], allow_code=True).hash,
            plan.plan(tiny(stages=own), "ppo").hash,
            plan.plan(tiny(stages=home), "ppo").hash,
        }
    assert len(hashes) == 6
    run = go("run", curriculum=tiny(stages=own))
    (tmp_path / "own.py").write_text("raise SystemExit('a record is read, not run')")
    sys.modules.pop("own")
    found = record.read_run(run)
    assert references.plan_of(found, "sequence", keep_methods=True).hash == found.settings["hash"] in hashes
