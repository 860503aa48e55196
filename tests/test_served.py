"""Environments in a process of their own: one life as in this process, saved and restored, errors told, no pickle."""

import contextlib
import io
import json
import struct
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from ludus import envs
from ludus.curricula import cli, curriculum
from ludus.curricula.record import read_run
from ludus.curricula.runner import run
from ludus.envs import metaworld
from ludus.envs.views import served, server
from ludus.envs.views.sb3 import Sb3View

EXAMPLES = Path(__file__).parents[1] / "examples"
TASK = "ludus.envs.views.served:make"
PENDULUM = {"of": {"id": "Pendulum-v1"}, "goal": "hold the pendulum up", "limit": 30}
SWING = {
    "name": "swing", "observation": 3, "action": 1, "evaluation": {"per_stage": 2, "episodes": 1, "last_episodes": 1},
    "algorithms": {"ppo": {"rows": 4, "settings": {"n_steps": 25, "batch_size": 50}}},
    "stages": [{"task": f"{TASK}#swing", "steps": 200, "settings": PENDULUM}],
}  # fmt: skip


def pendulum(copies=3) -> Any:
    return envs.make(TASK, copies, **PENDULUM)


def acts(count, copies=3, seed=0):
    rng = np.random.default_rng(seed)
    return [{"player": rng.uniform(-2, 2, (copies, 1)).astype(np.float32)} for _ in range(count)]


def test_a_copy_lives_the_life_that_its_environment_lives_here():
    world, own = pendulum(), gymnasium.make("Pendulum-v1")
    obs, _ = world.reset(np.arange(3), [5, 6, 7])
    mine, _ = own.reset(seed=int(world.seeds[1]))
    np.testing.assert_array_equal(obs["player"][1], mine.astype(np.float32))
    for action in acts(10):
        step = world.step(action)
        mine, reward, *_ = own.step(action["player"][1])
        np.testing.assert_array_equal(step.obs["player"][1], np.asarray(mine, np.float32))
        assert step.reward["player"][1] == float(reward)  # type: ignore[arg-type]


def test_copies_are_reset_alone_and_by_their_seeds():
    world = pendulum()
    first = world.reset(np.arange(3), [5, 6, 7])[0]["player"]
    again = world.reset(np.array([1]), [5])[0]["player"]
    np.testing.assert_array_equal(again[1], first[0])
    np.testing.assert_array_equal(again[[0, 2]], first[[0, 2]])
    later = world.reset(np.array([0]))[0]["player"]
    assert not np.array_equal(later[0], first[0])


def test_a_restored_world_goes_on_as_the_saved_one():
    world, other = pendulum(), pendulum()
    world.reset(np.arange(3), [1, 2, 3])
    for action in acts(7):
        world.step(action)
    world.reset(np.array([2]))
    saved = {k: v.copy() for k, v in world.state().items()}
    obs, _ = other.restore(saved)
    np.testing.assert_array_equal(obs["player"], world.obs.astype(np.float32))
    for action in acts(5, seed=1):
        one, two = world.step(action), other.step(action)
        np.testing.assert_array_equal(one.obs["player"], two.obs["player"])
    np.testing.assert_array_equal(world.reset(np.arange(3))[0]["player"], other.reset(np.arange(3))[0]["player"])


def test_an_episode_ends_at_its_limit_and_a_view_begins_the_next():
    view = Sb3View(pendulum(2))
    view.reset()
    done = [view.step(np.zeros((2, 1), np.float32))[2] for _ in range(31)]
    assert [bool(d.all()) for d in done] == [False] * 29 + [True, False]


def test_a_run_learns_it_is_killed_and_goes_on_to_the_same_bytes(tmp_path):
    made = curriculum.Curriculum.model_validate_json(json.dumps(SWING), context={"allow_code": True})
    how = {"allow_code": True, "device": "cpu", "checkpoint_share": 1e9}
    whole = run(made, out=tmp_path / "whole", **how)

    def kill(progress):
        if progress.doing == "learning" and progress.step >= 150:
            raise KeyboardInterrupt

    with pytest.raises(RuntimeError, match="interrupted"):
        run(made, out=tmp_path / "other", progress=kill, **how)
    run(made, out=tmp_path / "other", resume=True, **how)
    one, two = (read_run(p) for p in (whole, tmp_path / "other"))
    assert one.rows == two.rows and len(one.rows) == 3
    policy = "policies/stage-0.safetensors"
    assert (whole / policy).read_bytes() == (tmp_path / "other" / policy).read_bytes()
    assert cli.invoke(["report", str(whole)]) == 0  # whose task is somebody's own


def test_what_goes_wrong_over_there_is_told_here_in_one_line():
    with pytest.raises(ValueError, match=r"NameNotFound.*Pendulun"):
        envs.make(TASK, 1, of={"id": "Pendulun-v1"})
    with pytest.raises(ValueError, match="only flat numbers"):
        envs.make(TASK, 1, of={"id": "FrozenLake-v1"})
    with pytest.raises(ValueError, match=r"nowhere/python cannot be run: No such file"):
        envs.make(TASK, 1, python="nowhere/python", **PENDULUM)
    with pytest.raises(ValueError, match="player"):
        pendulum().step({"player": np.full((3, 1), np.nan)})


def test_a_process_that_died_is_named_with_its_last_words():
    lost = served.Far(sys.executable)
    lost.process.kill()
    lost.process.wait()
    with pytest.raises(RuntimeError, match=r"the process of .*python.* ended"):
        lost.ask("make", world=0, kind="gymnasium", settings={}, copies=1)


def test_an_interruption_between_question_and_answer_ends_the_process_and_the_next_world_has_a_new_one(monkeypatch):
    world = pendulum()

    def interrupted(pipe):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(server, "receive", interrupted)
        world.reset(np.arange(3), [1, 2, 3])
    world.close()  # says nothing to who has gone
    assert pendulum().reset(np.arange(3), [1, 2, 3])[0]["player"].shape == (3, 3)


def test_messages_hold_arrays_and_json_and_nothing_that_could_run():
    pipe = io.BytesIO()
    arrays = {"a": np.arange(6, dtype=np.int64).reshape(2, 3), "b": np.array([True, False]), "none": np.zeros((0, 4))}
    server.send(pipe, {"do": "x", "n": 3}, arrays)
    pipe.seek(0)
    found = server.receive(pipe)
    assert found is not None and found[0] == {"do": "x", "n": 3}
    assert all(np.array_equal(found[1][k], v) and found[1][k].dtype == v.dtype for k, v in arrays.items())
    assert server.receive(pipe) is None
    header = b'{"arrays": [["a", "object", [1]]]}'
    with pytest.raises(ValueError, match="of object"):
        server.receive(io.BytesIO(struct.pack(">I", len(header)) + header))
    with pytest.raises(ValueError, match="a header of"):
        server.receive(io.BytesIO(struct.pack(">I", 1 << 30)))


def test_meta_world_without_its_python_says_how_to_get_one(monkeypatch):
    monkeypatch.delenv(metaworld.PYTHON, raising=False)
    with pytest.raises(ValueError, match=r"pip install metaworld==3\.1\.1 packaging; export LUDUS_METAWORLD_PYTHON"):
        envs.make("ludus.envs.metaworld:make#hammer", 1, task="hammer-v3")


@pytest.mark.parametrize(("name", "rounds"), [("cw10", 1), ("cw20", 2)])
def test_the_curricula_name_the_ten_tasks_in_their_order(name, rounds):
    made = curriculum.load(EXAMPLES / f"{name}.yaml", allow_code=True, fit=False)
    assert [s.settings["task"] for s in made.stages] == [*metaworld.CW10] * rounds
    assert {s.steps for s in made.stages} == {1_000_000} and len(made.tasks) == 10
    assert (made.observation, made.action) == (39, 4)


def test_a_longer_episode_than_the_kind_said_goes_on_to_its_end_and_another_kind_is_told():
    with contextlib.closing(envs.make(TASK, 1, of={"id": "MountainCarContinuous-v0"}, max_episode_steps=210)) as world:
        world.reset(np.arange(1), [1])
        for _ in range(210):
            result = world.step({"player": np.zeros((1, 1))})
        assert result.truncated.all() and world.restore(world.state())[0]["player"].shape == (1, 2)
    with pytest.raises(ValueError, match="no kind of environment to serve 'gymnasum'; did you mean gymnasium"):
        envs.make(TASK, 1, kind="gymnasum")
