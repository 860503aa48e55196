"""Self-play: past selves play the other side, ratings say how strong one is, and a stop changes nothing."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from duel import Duel
from gymnasium import spaces

from ludus import envs
from ludus.agents.interface import Body, Interface, WidthError
from ludus.agents.learner import Learner
from ludus.agents.team.league import League, frozen
from ludus.agents.team.match import Pool, against, points
from ludus.agents.team.ratings import expected, rating, ratings
from ludus.curricula import curriculum
from ludus.curricula.plan import plan
from ludus.curricula.runner import run
from ludus.envs import UnknownName
from ludus.envs.instructions import HashedWords
from ludus.envs.views.instructed import Instructed
from ludus.envs.views.partners import Partners
from ludus.envs.views.sb3 import Sb3View

torch.set_num_threads(1)
PPO = {"n_steps": 32, "batch_size": 128, "n_epochs": 4, "gamma": 0.5, "learning_rate": 3e-3}
SEATS = {"right": "league"}


def duel(copies=8):
    return envs.make("duel:make", copies)


def player(learner):
    return lambda obs: learner.model.predict(obs, deterministic=True)[0]


def self_play(league, copies=32, seed=0, **settings):
    learner = Learner("ppo", [league], seed=seed, device="cpu", settings=PPO | settings)
    learner.start("duel:make", Sb3View(envs.make("duel:make", copies), partners=SEATS))
    return learner


# Ratings


def test_four_hundred_points_are_ten_to_one():
    assert expected(400, 0) == pytest.approx(10 / 11) and expected(0, 0) == 0.5
    assert rating([900, 500], [1000, 1000], [0, 380]) == pytest.approx(381, abs=3)


def test_who_wins_all_or_nothing_has_a_rating_all_the_same():
    always, never = rating([20], [20], [100]), rating([0], [20], [100])
    assert np.isfinite([always, never]).all() and always - 100 == pytest.approx(100 - never)


def test_players_who_met_are_ordered_by_what_they_made():
    made = np.array([[0, 10, 2], [90, 0, 25], [98, 75, 0.0]])
    first, second, third = ratings(made, made + made.T)
    assert first == 0 < second < third
    assert second == pytest.approx(370, abs=25) and third - second == pytest.approx(200, abs=60)


def test_impossible_points_are_refused():
    with pytest.raises(ValueError, match="points"):
        rating([3], [2], [0])


# Games


def test_a_game_is_won_by_who_earned_more_and_is_the_same_every_time():
    world = duel(64)
    perfect = lambda obs: obs[:, :1]  # noqa: E731
    assert points(world, {"left": perfect, "right": "scripted"}).mean() > 0.95
    assert points(world, {"left": "scripted", "right": perfect}).mean() < 0.05
    assert set(points(world, {"left": "scripted", "right": "scripted"})) == {0.5}
    one, other = (points(world, {"left": "random", "right": "random"}) for _ in range(2))
    assert np.array_equal(one, other) and 0.2 < one.mean() < 0.8
    made, games = against(world, perfect, "random")
    assert games == 128 and made > 115


# The seat


def test_until_somebody_comes_the_script_plays_and_then_the_league():
    empty, script = (Partners(duel(), {"right": who}) for who in ("league", "scripted"))
    for world in (empty, script):
        world.reset(np.arange(8), range(8))
    act = {"ann": np.zeros((8, 1))}
    assert np.array_equal(empty.step(act).reward["ann"], script.step(act).reward["ann"])
    seen = []
    empty.league = lambda obs: seen.append(obs) or np.ones((8, 1))
    empty.step(act)
    assert seen[0].shape == (8, 2)


def test_the_newest_self_is_drawn_as_often_as_asked_and_the_others_evenly():
    league, played = League(every=64, swap=32, latest=0.6, size=5, seed=3), []
    league._learner = SimpleNamespace(num_timesteps=0, weights=dict, model=SimpleNamespace(device="cpu"))
    league._player = SimpleNamespace(predict=lambda rows, deterministic: (rows, None))
    league._load = lambda: played.append((league.playing, len(league.selves)))
    league._keep()
    for _ in range(6000):
        league._act(np.zeros((4, 2)))
        league._learner.num_timesteps += 4
    full = np.array([who for who, of in played if of == 5])
    assert len(league.selves) == 5 and league.steps[0] == 0 and league.steps[1:] == [23744, 23808, 23872, 23936]
    assert len(full) > 700 and np.mean(full == 4) == pytest.approx(0.6 + 0.4 / 5, abs=0.05)
    assert all(np.mean(full == who) == pytest.approx(0.4 / 5, abs=0.04) for who in range(4))


def test_a_league_is_refused_numbers_that_make_no_sense():
    cases: list[dict[str, Any]] = [{"every": 0}, {"swap": 0}, {"size": 1}, {"latest": 1.5}]
    for wrong in cases:
        with pytest.raises(ValueError, match="league"):
            League(**wrong)


# Learning


def test_self_play_raises_the_rating_against_a_fixed_pool():
    league = League(every=4096, swap=2048, seed=0)
    learner = self_play(league)
    early = Learner("ppo", seed=5, device="cpu", settings=PPO)
    early.start("duel:make", Sb3View(duel(), partners=SEATS))
    pool = Pool(duel(100), {"random": "random", "scripted": "scripted", "early": player(early)})
    assert pool.ratings["random"] == 0 < pool.ratings["scripted"]
    curve = [pool.rate(player(learner))[0]]
    for _ in range(2):
        learner.learn(12_288)
        curve.append(pool.rate(player(learner))[0])
    assert curve[2] > curve[0] + 300 and curve[2] > pool.ratings["scripted"]
    assert len(league.selves) == 6


def test_going_on_from_a_saved_state_is_exact():
    def some(count):
        league = League(every=700, swap=300, latest=0.3, seed=1)
        learner = self_play(league, copies=4)
        learner.learn(count)
        return league, learner

    league, learner = some(896)
    env = learner.model.get_env()
    kept, world = learner.state(), env.state()
    kept.meta = json.loads(json.dumps(kept.meta))
    learner.learn(896)
    again = Learner("ppo", [League(every=700, swap=300, latest=0.3, seed=99)], seed=7, device="cpu", settings=PPO)
    view = Sb3View(duel(4), partners=SEATS)
    view.restore(world)
    again._create(view)
    again.restore(kept, view)
    again.learn(896)
    assert all(np.array_equal(again.weights()[k], v) for k, v in learner.weights().items())
    other = again.methods[0]
    assert isinstance(other, League)
    assert other.steps == league.steps and other.playing == league.playing and len(league.selves) > 2
    assert all(np.array_equal(a[k], b[k]) for a, b in zip(other.selves, league.selves, strict=True) for k in a)


# What may be chosen, and what is remembered


class Rules(Duel):
    """Numbers are chosen among five; bob may choose the one whose turn it is, ann the next one. right: who did."""

    def __init__(self, num_envs):
        super().__init__(num_envs)
        self.action_spaces, self.right = dict.fromkeys(self.agents, spaces.Discrete(5)), []

    def masks(self):
        turn = (self.streams.table.sum(axis=1) % np.uint64(5)).astype(int)
        return {"ann": np.eye(5, dtype=bool)[(turn + 1) % 5], "bob": np.eye(5, dtype=bool)[turn]}

    def step(self, actions):
        allowed, rows = self.masks(), np.arange(self.num_envs)
        self.right.append({agent: allowed[agent][rows, actions[agent]].all() for agent in self.agents})
        numbers = {agent: np.linspace(-1, 1, 5)[chosen][:, None] for agent, chosen in actions.items()}
        self.action_spaces = dict.fromkeys(self.agents, spaces.Box(-1, 1, (1,), np.float32))
        result = super().step(numbers)
        self.action_spaces = dict.fromkeys(self.agents, spaces.Discrete(5))
        return result


def ruled(body):
    """(a learner in self-play under rules, its env, the world)."""
    world = Rules(8)
    env = Sb3View(world, partners=SEATS)
    if body:
        width = Interface(2, 5, words=4, actions="discrete", tasks=("duel:make",))
        env = Sb3View(Body(Instructed(Partners(world, SEATS), HashedWords(4)), width, 0))
    learner = Learner("maskable-ppo", [League(every=64, swap=32)], device="cpu", settings=PPO)
    learner.start("duel:make", env)
    return learner, world


@pytest.mark.parametrize("body", [False, True])
def test_past_selves_choose_only_what_their_side_may_choose(body):
    learner, world = ruled(body)
    learner.learn(256)
    assert len(world.right) == 32 and all(step == {"ann": True, "bob": True} for step in world.right)


def test_a_policy_held_fast_is_told_what_it_may_choose_in_a_game():
    learner, world = ruled(body=False)
    world.right.clear()
    points(world, {"left": frozen(learner), "right": frozen(learner)})
    assert len(world.right) == 4 and all(step == {"ann": True, "bob": True} for step in world.right)
    plain = self_play(League(), copies=4)
    obs = np.zeros((4, 2), np.float32)
    assert np.array_equal(frozen(plain)(obs), frozen(plain)(obs, np.zeros((4, 1), bool)))


def test_past_selves_keep_to_the_bound_of_the_learner():
    league, rows = League(latest=1.0), np.zeros((4, 2), np.float32)
    learner = self_play(league, copies=4, bound=0.5)
    learner.model.policy.action_net.bias.data.fill_(5.0)
    learner.model.policy.log_std.data.fill_(-20.0)  # what is drawn is the mean
    league._keep()
    league._draw()
    for acted in (player(learner)(rows), league._act(rows), frozen(learner)(rows)):
        assert acted == pytest.approx(np.full((4, 1), 0.5), abs=1e-6)


def test_policies_with_a_memory_are_refused_as_past_selves():
    settings = {"n_steps": 8, "batch_size": 8}
    learner = Learner("recurrent-ppo", [League()], device="cpu", settings=settings)
    with pytest.raises(ValueError, match="past selves play without a memory, and recurrent-ppo has one"):
        learner.start("duel:make", Sb3View(duel(), partners=SEATS))
    learner = Learner("recurrent-ppo", device="cpu", settings=settings)
    learner.start("duel:make", Sb3View(duel(), partners=SEATS))
    with pytest.raises(ValueError, match="past selves play without a memory"):
        frozen(learner)
    with pytest.raises(ValueError, match="past selves play without a memory, and recurrent-ppo has one"):
        plan(duels(), "recurrent-ppo", allow_code=True)


# In a curriculum's body


def test_in_a_body_past_selves_see_what_the_learner_would_in_their_place():
    body = Interface(5, 2, words=4)
    env = body.env(["duel:make"], 6, partners=[SEATS])
    league = League()
    learner = Learner("ppo", [league], device="cpu", settings=PPO)
    learner.start("duel:make", env)
    rows = []
    league._act = lambda obs: rows.append(obs) or np.zeros((6, 2))  # type: ignore[method-assign]
    league._sit()
    mine = env.reset()
    env.step(np.zeros((6, 2)))
    assert np.array_equal(rows[0], mine)  # in this game both see the same


def test_a_side_that_sees_something_else_is_refused_by_name():
    env = Interface(5, 1, words=4).env(["duel:make"], 4, [{"wide": True}], [SEATS])
    learner = Learner("ppo", [League()], device="cpu", settings=PPO)
    learner.start("duel:make", env)
    with pytest.raises(WidthError, match="ann observes 2 numbers, the other 3"):
        learner.learn(32)


def duels(partners: Any = SEATS, **league: Any) -> curriculum.Curriculum:
    return curriculum.Curriculum.model_validate(
        {
            "name": "duels", "observation": 2, "action": 1, "words": 4,
            "stages": [{"task": "duel:make", "steps": 384, "partners": partners}],
            "evaluation": {"per_stage": 1, "episodes": 4, "last_episodes": 4},
            "algorithms": {"ppo": {"rows": 4, "settings": {"n_steps": 32, "batch_size": 64, "n_epochs": 1}}},
            "methods": {"league": league} if league else {},
        },
        context={"allow_code": True}, strict=False,
    )  # fmt: skip


def test_settings_of_a_league_are_hashed_where_they_are_not_as_usual_and_somebody_sits_there():
    hashed = lambda *given, **league: plan(duels(*given, **league), allow_code=True).hash  # noqa: E731
    usual = hashed()
    assert usual == hashed(every=50_000) == hashed(latest=0.5, swap=10_000, size=20)
    assert "league" not in plan(duels(), allow_code=True).shape
    others = [hashed(every=128), hashed(swap=128), hashed(latest=0.0), hashed(size=3)]
    assert len({usual, *others}) == 5
    nobody = {"right": "scripted"}
    assert hashed(nobody) == hashed(nobody, every=128)


def test_wrong_settings_of_a_league_are_refused_by_name_before_anything_starts():
    with pytest.raises(UnknownName, match="no setting of league 'evry'; did you mean every"):
        plan(duels(evry=128), allow_code=True)
    with pytest.raises(ValueError, match="league: every must be a whole number, 1 or more, not 0"):
        plan(duels(every=0), allow_code=True)


def test_a_stage_of_a_curriculum_leaves_a_side_to_the_league(tmp_path, monkeypatch):
    played = []
    act = League._act
    monkeypatch.setattr(League, "_act", lambda self, *given: played.append(self.playing) or act(self, *given))
    made = duels(every=128, swap=128, latest=0.0)
    run(made, out=tmp_path / "run", allow_code=True, device="cpu")
    assert len(played) == 96 and len(set(played)) > 1  # the script played where the policy was tried
    assert (tmp_path / "run/metrics.json").exists()
