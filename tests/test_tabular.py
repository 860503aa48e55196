"""A table finds what value iteration finds on a walk that is known in full, and takes a run's place like any agent."""

from types import SimpleNamespace

import numpy as np
import pytest
from bandits import ROWS, Bandit
from gymnasium import spaces

from ludus.agents.outsider import Outsider
from ludus.agents.tabular import Sarsa, Table
from ludus.curricula import plan, record, runner
from ludus.curricula.curriculum import load

PLACES, GAMMA = 6, 0.9
NEAR, FAR = 0.3, 1.0  # what is earned at the left and at the right end of the walk


class Walk(Bandit):
    """Left or right along PLACES places, from the second one; an episode ends behind either end."""

    def __init__(self):
        super().__init__("left", discrete=True)
        self.observation_space = spaces.Box(0, 1, (PLACES,), np.float32)

    def draw(self):
        self.place = np.ones(ROWS, int)
        return self.seen()

    def seen(self):
        return np.eye(PLACES, dtype=np.float32)[np.clip(self.place, 0, PLACES - 1)]

    def step_wait(self):
        self.place = self.place + 2 * np.asarray(self.actions) - 1
        reward = NEAR * (self.place < 0) + FAR * (self.place == PLACES)
        done = (self.place < 0) | (self.place == PLACES)
        last = self.seen()
        self.place[done] = 1
        infos = [{"terminal_observation": last[i], "TimeLimit.truncated": False} for i in range(ROWS)]
        return self.seen(), reward.astype(np.float32), done, infos

    def env_method(self, method_name, *args, indices=None, **kwargs):
        return [np.ones(2, bool)] * ROWS


def iterated(random: float) -> np.ndarray:
    """(PLACES, 2) by value iteration: what each choice is worth to one who acts at random in this share of steps."""
    q = np.zeros((PLACES, 2))
    for _ in range(500):
        v = (1 - random) * q.max(axis=1) + random * q.mean(axis=1)
        q[:, 0] = np.append(NEAR, GAMMA * v[:-1])
        q[:, 1] = np.append(GAMMA * v[1:], FAR)
    return q


def lived(name: str, steps: int, **settings) -> np.ndarray:
    """(PLACES, 2) what a table has come to hold."""
    learner = Outsider(name, seed=0, settings={"gamma": GAMMA} | settings)
    learner.start("walk", Walk(), steps=steps)
    learner.learn(steps)
    table = learner._agent.table
    return table.values[table.find(np.eye(PLACES, dtype=np.float32))]


def test_q_learning_finds_the_best_values_whatever_it_does_to_find_them():
    for random in (1.0, 0.5):
        assert lived("q-learning", 12800, random=(random, random)) == pytest.approx(iterated(0.0), abs=1e-3)


def test_sarsa_finds_what_choices_are_worth_to_one_who_keeps_exploring():
    wise, careful = iterated(0.0), iterated(0.4)
    found = lived("sarsa", 32000, random=(0.4, 0.4), rate=1.0, fading=0.7)
    assert found == pytest.approx(careful, abs=0.05)
    assert np.abs(found - wise).max() > 0.1  # so the test tells the two apart


def test_sarsa_does_not_take_what_is_chosen_in_another_world_for_what_came_next():
    agent = Sarsa(None, spaces.Discrete(2), 0, rate=1.0, gamma=1.0, random=(0.0, 0.0))
    table, none = agent.table, np.zeros(ROWS, bool)
    at = table.find(np.eye(PLACES, dtype=np.float32))
    table.values[at[2]] = [7.0, 1.0]
    choice = np.ones(ROWS, int)

    def lives(here, then):
        agent.learn(SimpleNamespace(
            obs=np.eye(PLACES, dtype=np.float32)[[here]].repeat(ROWS, 0), action=choice, reward=np.zeros(ROWS),
            after=np.eye(PLACES, dtype=np.float32)[[then]].repeat(ROWS, 0), terminated=none, truncated=none,
        ))  # fmt: skip
        return table.values[at[3], 1]

    lives(3, 2)
    assert lives(2, 1) == 1.0  # what was chosen there
    lives(3, 2)
    assert lives(5, 4) == 7.0  # elsewhere, so the best of there stands for what would have been chosen


def test_equal_pairs_in_one_batch_move_as_one_after_the_other_would():
    table, alone = Table(2), Table(2)
    obs = np.array([[0.0], [1.0], [0.0], [0.0]], np.float32)
    table.toward(table.find(obs), np.array([1, 0, 1, 0]), np.array([3.0, 1.0, 3.0, 5.0]), 0.5, 0.0)
    for i, (choice, target) in enumerate(((1, 3.0), (0, 1.0), (1, 3.0), (0, 5.0))):
        alone.toward(alone.find(obs[i : i + 1]), np.array([choice]), np.array([target]), 0.5, 0.0)
    assert (table.values == alone.values).all() and (table.keys == alone.keys).all()
    assert sorted(table.values.flatten()) == [0.0, 0.5, 2.25, 2.5]


def test_a_state_keeps_its_values_as_others_are_met():
    table, rng = Table(1), np.random.default_rng(0)
    seen = rng.normal(size=(200, 3)).astype(np.float32)
    for i in range(0, 200, 7):
        part = seen[i : i + 7]
        table.toward(table.find(part), np.zeros(len(part), int), part[:, 0].astype(float), 1.0, 0.0)
    assert table.values[table.find(seen), 0] == pytest.approx(seen[:, 0]) and len(table.keys) == 200


def test_what_may_not_be_chosen_is_never_chosen():
    learner = Outsider("q-learning", seed=0, settings={"random": [1.0, 0.0]})
    learner.start("walk", Walk(), steps=100)
    masks = np.tile([True, False], (ROWS, 1))
    for explore in (True, False):
        assert not learner._agent.act(np.eye(PLACES, dtype=np.float32)[:1].repeat(ROWS, 0), masks, explore).any()


@pytest.mark.parametrize("name", ["q-learning", "sarsa"])
def test_a_table_that_is_saved_goes_on_as_if_it_had_not_been(name):
    whole, stopped, other = (Outsider(name, seed=3) for _ in range(3))
    env = Walk()
    whole.start("walk", Walk(), steps=960)
    whole.learn(480)
    whole.learn(480)
    stopped.start("walk", env, steps=960)
    stopped.learn(480)
    other.restore(stopped.state(), env)
    other.learn(480)
    for key, mine in whole.weights().items():
        assert (other.weights()[key] == mine).all()


def test_a_run_by_name_needs_no_leave_and_only_choices(tmp_path):
    made = load("Basic-v0")
    run = record.read_run(runner.run(made, algorithm="q-learning", tier="smoke", out=tmp_path / "run"))
    assert run.label == "finetune@q-learning" and run.scores.complete
    assert plan.plan(made, "sarsa").settings["rate"] == 0.5
    with pytest.raises(runner.Stopped, match="a table needs one choice among a few"):
        runner.run("Reach-v0", algorithm="sarsa", tier="smoke", out=tmp_path / "other")
