"""Programs for a small machine: tasks compute what they are called, and only what is right on unseen lists pays."""

from typing import Any

import numpy as np
import pytest
import yaml

from ludus import envs
from ludus.envs.text import machine
from ludus.envs.text.lexicon import read

NAME = "ludus/Workshop-v0"
MEANT = {
    "add up the list": lambda x: x.sum(1),
    "find the largest": lambda x: x.max(1),
    "find the smallest": lambda x: x.min(1),
    "turn the list by one": lambda x: np.roll(x, -1, axis=1),
    "make running sums": lambda x: np.cumsum(x, axis=1),
    "make running maxima": lambda x: np.maximum.accumulate(x, axis=1),
    "fill the list with its first number": lambda x: np.repeat(x[:, :1], x.shape[1], axis=1),
    "sort the list": lambda x: np.sort(x, axis=1),
    "sort the list downwards": lambda x: -np.sort(-x, axis=1),
}


def shop(n: int = 1, **settings) -> Any:
    world: Any = envs.make(NAME, n, **settings)
    world.reset(np.arange(n), range(n))
    return world


def typed(names: str, n: int) -> np.ndarray:
    return np.tile([machine.OPERATIONS.index(name) for name in names.split()], (n, 1))


def run(programs: np.ndarray, lists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The machine with one list a program: lists (m, cells) and numbers (m,)."""
    left, held = machine.run(programs, lists[:, :, None])
    return left[:, :, 0], held[:, 0]


@pytest.mark.parametrize("task", MEANT)
def test_a_task_computes_what_it_is_called(task):
    entry, lists = read("workshop")["tasks"][task], np.random.default_rng(0).integers(0, 10, (200, 4))
    left, held = run(typed(" ".join(entry["program"]), 200), lists)
    assert np.array_equal(held if entry["result"] == "number" else left, MEANT[task](lists))


def test_every_task_but_one_is_named_by_a_rule_and_that_one_leaves_the_largest_last():
    assert set(read("workshop")["tasks"]) - set(MEANT) == {"carry the largest to the end"}
    lists = np.random.default_rng(0).integers(0, 10, (100, 4))
    left, _ = run(typed("rise next repeat", 100), lists)
    assert np.array_equal(left[:, -1], lists.max(axis=1)) and np.array_equal(np.sort(left), np.sort(lists))


def test_no_program_runs_for_ever_or_grows_without_bound():
    rng = np.random.default_rng(1)
    programs = rng.integers(0, len(machine.OPERATIONS), (2000, 7))
    programs[0] = machine.REPEAT
    programs[1] = typed("load add store repeat repeat repeat repeat", 1)[0]
    left, held = run(programs, rng.integers(0, 10, (2000, 4)))
    assert left.min() >= 0 and left.max() <= machine.LARGEST and held.max() <= machine.LARGEST


def test_a_batch_of_programs_runs_as_each_would_alone():
    rng = np.random.default_rng(2)
    programs, lists = rng.integers(-1, len(machine.OPERATIONS), (50, 5)), rng.integers(0, 10, (50, 4))
    left, held = run(programs, lists)
    for i in range(50):
        one, number = run(programs[i : i + 1], lists[i : i + 1])
        assert np.array_equal(one[0], left[i]) and number[0] == held[i]
    same, numbers = machine.run(programs[:1], lists.T[None])
    for i in range(50):
        one, number = run(programs[:1], lists[i : i + 1])
        assert np.array_equal(one[0], same[0, :, i]) and number[0] == numbers[0, i]


def test_another_program_that_does_the_task_passes_too():
    world = shop(50, crossed=False, goal=read_goal("sort the list"))
    assert given(world, "rise next repeat").sum() < 5  # sorts some lists, but hardly ever all that are unseen
    world.reset(np.arange(50), range(50))
    assert given(world, "rise next repeat home repeat back").all()
    world.reset(np.arange(50), range(50))
    assert given(world, "swap rise next repeat home repeat").all()


def read_goal(task: str) -> str:
    return f"write a program to {task}"


def given(world, names: str) -> np.ndarray:
    """Hand a program in; which copies passed."""
    n = world.num_envs
    world.program[:, : len(names.split())] = typed(names, n)
    world._masks = {}
    submit = world.table.number("submit", np.zeros(n, int))
    return world.step({a: submit if world.tests(k) else np.zeros(n, int) for k, a in enumerate(world.agents)}).info[
        "success"
    ]


def test_half_of_the_machines_are_crossed_and_only_a_test_tells():
    world = shop(400, goal=read_goal("sort the list"))
    assert 0.4 < world.cross.mean() < 0.6
    before = world._observe()
    world.cross[:] = ~world.cross
    assert all(np.array_equal(world._observe()[a], before[a]) for a in world.agents)
    crossed = world.cross.copy()
    assert np.array_equal(given(world, "rise next repeat home repeat"), ~crossed)
    world.reset(np.arange(400), range(400))
    assert given(world, "fall back repeat home repeat").mean() == world.cross.mean()


def test_the_tester_sees_what_a_test_left_and_the_writer_does_not():
    world = shop(20, goal=read_goal("sort the list"))
    world.program[:, :5] = typed("rise next repeat home repeat", 20)
    before, world._masks = world._observe(), {}
    after = world.step({"ann": np.zeros(20, int), "bob": world.table.number("test", np.zeros(20, int))}).obs
    assert np.array_equal(after["ann"], before["ann"]) and (after["bob"] != before["bob"]).any(axis=1).all()
    assert np.array_equal(world.fits, ~world.cross | (world.left == np.sort(world.example)).all(axis=1))
    assert "The test left" in world.describe(0, "bob") and "The test left" not in world.describe(0, "ann")


def test_the_writer_cannot_hand_in_and_the_tester_cannot_write():
    world = shop(1)
    world.program[:, 0] = 0
    world._masks = {}
    verbs = [{world.table.names[v] for v in world.table.verb[world.mask(k)[0]]} for k in (0, 1)]
    assert verbs == [{"wait", "write", "erase", "say"}, {"wait", "test", "submit", "say"}]


def test_easy_is_one_agent_on_straight_machines_with_short_tasks():
    world: Any = envs.make("ludus/WorkshopEasy-v0", 200)
    world.reset(np.arange(200), range(200))
    assert world.agents == ("you",) and not world.cross.any() and len(world.goals) == 4
    assert ((world.programs >= 0).sum(axis=1) == 3).all()


def test_a_task_of_ones_own_is_a_program_in_a_file(tmp_path):
    path = tmp_path / "mine.yaml"
    own = {"base": "workshop", "tasks": {"keep the first": {"program": ["load"], "result": "number"}}}
    path.write_text(yaml.safe_dump(own | {"words": {"keep the first": {"zh": ["记住第一个数"]}}}))
    world = shop(5, file=str(path), crossed=False)
    assert given(world, "load").all()
    own["tasks"]["keep the first"]["program"] = ["lode"]
    path.with_name("wrong.yaml").write_text(yaml.safe_dump(own))
    with pytest.raises(ValueError, match="did you mean load"):
        shop(file=str(path.with_name("wrong.yaml")))
