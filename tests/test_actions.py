"""One policy acts in bodies of every kind: what it may not choose is masked, what it chooses is what the body does."""

from typing import Any

import numpy as np
import pytest
import toys
from gymnasium import spaces

from ludus.agents import actions, interface, observations
from ludus.agents.interface import Interface, WidthError, shape, widths
from ludus.envs import registry
from ludus.envs.core import Wrapper
from ludus.envs.views.sb3 import Sb3View

BOX, FIVE, PAIR = spaces.Box(-1, 1, (2,), np.float32), spaces.Discrete(5), spaces.MultiDiscrete([3, 2])
HYBRID = spaces.Dict({"drive": spaces.Box(-2, 2, (1,), np.float32), "shoot": spaces.Discrete(2)})


class Showing(Wrapper):
    """Walkers that observe something else: what `see` makes of their row."""

    def __init__(self, world, space: spaces.Space, see):
        super().__init__(world)
        self.observation_spaces, self._see = dict.fromkeys(world.agents, space), see

    def reset(self, ids, seeds=None):
        obs, info = self.world.reset(ids, seeds)
        return {a: self._see(o) for a, o in obs.items()}, info

    def step(self, actions):
        step = self.world.step(actions)
        return step._replace(obs={a: self._see(o) for a, o in step.obs.items()})


PICTURE = spaces.Box(0, 255, (8, 8, 3), np.uint8)


def picture(rows):
    return np.tile(np.clip(rows[:, :1] * 60 + 120, 0, 255).astype(np.uint8), 192).reshape(-1, 8, 8, 3)


@pytest.mark.parametrize(
    ("of", "kind"),
    [
        ([BOX, BOX], "continuous"),
        ([FIVE, spaces.Discrete(9)], "discrete"),
        ([FIVE, spaces.MultiDiscrete([3])], "discrete"),
        ([BOX, FIVE], "branches"),
        ([PAIR], "branches"),
        ([HYBRID], "branches"),
    ],
)
def test_the_kind_is_what_the_tasks_have(of, kind):
    assert actions.kind(of) == kind
    assert actions.chosen("auto", of, "T") == kind and actions.chosen("branches", of, "T") == "branches"


def test_a_kind_that_cannot_be_is_refused_in_one_line():
    with pytest.raises(ValueError, match="T: the tasks act in discrete actions, not in continuous"):
        actions.chosen("continuous", [FIVE], "T")
    with pytest.raises(ValueError, match="did you mean discrete"):
        actions.chosen("discreet", [FIVE], "T")
    with pytest.raises(ValueError, match="cannot be cut"):
        actions.branches(spaces.Box(-np.inf, np.inf, (2,)), 7)


def test_a_choice_that_a_body_does_not_have_is_masked_and_means_its_first():
    one = actions.Choice(spaces.Discrete(5, start=10), 8)
    np.testing.assert_array_equal(one.translate(np.array([0, 4, 5, 7])), [10, 14, 10, 10])
    np.testing.assert_array_equal(one.mask(None, 2), [[True] * 5 + [False] * 3] * 2)
    inner = np.array([[True, False, True, False, True]])
    np.testing.assert_array_equal(one.mask(inner, 1), [[*inner[0], False, False, False]])
    assert actions.Choice(spaces.MultiDiscrete([3]), 8).translate(np.array([2, 6])).tolist() == [[2], [0]]


def test_bins_lie_evenly_and_their_middle_is_the_middle():
    box = spaces.Box(np.array([-1, 0], np.float32), np.array([1, 4], np.float32))
    cut = actions.Branches(box, (7, 7, 5), 7)
    numbers = np.array([[0, 6, 3], [3, 3, 0], [6, 0, 0]])
    np.testing.assert_allclose(cut.translate(numbers), [[-1, 4], [0, 2], [1, 0]])
    assert cut.mask(None, 1).tolist() == [[True] * 14 + [True] + [False] * 4]  # of a branch it lacks, the first


def test_hybrid_actions_are_made_of_their_parts():
    cut = actions.Branches(HYBRID, (5, 3), 5)
    made = cut.translate(np.array([[0, 1], [4, 0], [2, 2]]))
    np.testing.assert_allclose(made["drive"], [[-2], [2], [0]])
    np.testing.assert_array_equal(made["shoot"], [1, 0, 0])  # it has no third value
    mask = cut.mask(np.array([[True, False]]), 1)  # the world speaks of its choices alone
    assert mask.tolist() == [[True] * 5 + [True, False, False]]
    both = spaces.Tuple((PAIR, BOX))
    assert actions.branches(both, 7) == (3, 2, 7, 7)
    assert [p.shape for p in actions.Branches(both, (3, 2, 7, 7), 7).translate(np.zeros((4, 4), int))] == [(4, 2)] * 2


def test_an_entry_that_the_world_cuts_has_as_many_values_as_parts():
    """A Box with thresholds: the middle of each part, so that the world reads the choice that was meant."""
    cut = actions.Branches(BOX, (7, 3), 7, cuts=(0, 3))
    values = cut.translate(np.array([[6, 0], [3, 1], [0, 2]]))
    np.testing.assert_allclose(values[:, 0], [1, 0, -1])
    assert ((values[:, 1] + 1) / 2 * 3).astype(int).tolist() == [0, 1, 2]


def test_a_hybrid_game_says_where_its_choices_are():
    game: Any = registry.make("ludus/FoodCollector-v0", 2)
    agent = game.agents[0]
    behaviour = game.behaviour_of[agent]
    fit = shape([game], "branches")
    assert fit.sizes == (7,) * behaviour.continuous + behaviour.branches
    numbers = np.stack([np.zeros(fit.action, int), np.array(fit.sizes) - 1])
    moved, chosen = behaviour.split(
        actions.Branches(game.action_spaces[agent], fit.sizes, 7, game.cuts[agent]).translate(numbers)
    )
    assert (moved[0] == -1).all() and (moved[1] == 1).all()
    np.testing.assert_array_equal(chosen, numbers[:, behaviour.continuous :])


@pytest.mark.parametrize("variant", ["Alone", "Choices"])
def test_cut_actions_do_in_the_world_what_its_own_would(variant):
    """The same seed: branches and the world's own actions give the same rewards and masks."""
    bare: Any = toys.make(3, variant)
    fit = shape([toys.make(1, variant)], "branches", bins=3)
    body = Interface(fit.observation, fit.action, 4, actions="branches", bins=3, sizes=fit.sizes).world(
        toys.make(3, variant),  # type: ignore[arg-type]
        3,
    )
    for world in (bare, body):
        world.reset(np.arange(3), [1, 2, 3])
    rng = np.random.default_rng(0)
    for _ in range(6):
        numbers = {a: rng.integers(0, fit.sizes, (3, fit.action)) for a in body.agents}
        own = {a: n if variant == "Choices" else (n - 1).astype(np.float32) for a, n in numbers.items()}
        one, two = bare.step(own), body.step(numbers)
        assert all(np.array_equal(one.reward[a], two.reward[a]) for a in bare.agents)
        given = bare.masks()
        for agent, mask in (body.masks() or {}).items():
            assert np.array_equal(mask, given[agent] if given else np.ones_like(mask))


def test_a_mixed_curriculum_has_branches_for_all_and_masks_for_each():
    worlds = [registry.make(t, 1) for t in ("ludus/Reach-v0", "ludus/Treasure-v0")]
    fit = shape(worlds)
    assert (fit.actions, fit.sizes, fit.action) == ("branches", (60, 7, 7, 7), 4)
    tasks = tuple(w.id for w in worlds)
    body = Interface(fit.observation, fit.action, 8, tasks=tasks, actions=fit.actions, sizes=fit.sizes)
    env = body.env(tasks, 6, [{"nthread": 1}, {}])
    env.seed(3)
    env.reset()
    masks = np.stack(env.env_method("action_masks"))
    assert masks.shape == (6, 81) and env.has_attr("action_masks")
    arm, words = masks[:4], masks[4:]  # four arms, one team of two
    assert arm[:, :60].sum(1).tolist() == [7] * 4 and arm[:, 60:].all()
    assert words[:, 60:].sum(1).tolist() == [3] * 2
    view = Sb3View(registry.make(tasks[1], 1))
    view.seed(3 + 1_000_000)
    view.reset()
    np.testing.assert_array_equal(words[:, :60], view.action_masks())


def test_tasks_of_one_choice_share_the_greatest():
    worlds = [registry.make(t, 1) for t in ("ludus/Bargain-v0", "ludus/Treasure-v0")]
    fit = shape(worlds)
    assert (fit.actions, fit.action, fit.sizes) == ("discrete", 60, ()) and widths(worlds[0]) == (50, 22)
    body = Interface(fit.observation, fit.action, 8, actions=fit.actions)
    assert body.world("ludus/Bargain-v0", 2).action_spaces["ann"] == spaces.Discrete(60)
    with pytest.raises(WidthError, match="has 60 choices; the curriculum's width is 22"):
        Interface(fit.observation, 22, 8, actions="discrete").world("ludus/Treasure-v0", 1)


def pair(seen):
    return np.hstack([np.eye(2)[seen[:, 0]], np.eye(3)[seen[:, 1]]])


@pytest.mark.parametrize(
    ("space", "see", "row"),
    [
        (spaces.Discrete(3), lambda rows: (rows[:, 0] > 0) * 2, lambda seen: np.eye(3)[seen]),
        (spaces.MultiBinary(2), lambda rows: rows[:, :2] > 0, lambda seen: seen),
        (spaces.MultiDiscrete([2, 3]), lambda rows: (rows[:, :2] > 0) * [1, 2], pair),
    ],
)
def test_choices_are_seen_one_hot(space, see, row):
    world = Showing(toys.make(4, "Alone"), space, see)
    obs, _ = world.reset(np.arange(4), [0, 1, 2, 3])
    flat, _ = observations.flat(world).reset(np.arange(4), [0, 1, 2, 3])
    np.testing.assert_array_equal(flat["ann"], row(obs["ann"]))
    wide = observations.width(space)
    body = Interface(wide or 0, 2, 4).world(world, 4)  # type: ignore[arg-type]
    dressed, _ = body.reset(np.arange(4), [0, 1, 2, 3])
    np.testing.assert_array_equal(dressed["ann"][:, :wide], 4 * flat["ann"])


def test_pictures_are_seen_by_convolutions_with_the_instruction_beside():
    from ludus.agents.learner import Learner
    from ludus.agents.policies.picture import PictureAndWords

    world = Showing(toys.make(4, "Alone"), PICTURE, picture)
    fit = shape([world])
    assert fit.picture == (8, 8, 3) and fit.observation == 192
    body = Interface(192, 2, 4, picture=fit.picture).world(world, 4)  # type: ignore[arg-type]
    obs, _ = body.reset(np.arange(4), [0, 1, 2, 3])
    pixels = obs["ann"][:, :192]
    assert pixels.min() >= 0 and pixels.max() <= 1 and obs["ann"][:, 192:].any()
    settings = {"n_steps": 4, "batch_size": 16, "n_epochs": 1, "policy_kwargs": {"net_arch": [8]}}
    learner = Learner("ppo", seed=0, device="cpu", settings=settings)
    learner.start("", Sb3View(body))
    before = learner.weights()
    learner.learn(16)
    assert isinstance(learner.model.policy.features_extractor, PictureAndWords)
    moved = [k for k, v in learner.weights().items() if not np.array_equal(v, before[k])]
    assert any("convolutions" in k for k in moved)
    rows = obs["ann"].copy()
    rows[:, 192:] += 1
    with learner.trial("") as act:
        assert not np.array_equal(act(rows), act(obs["ann"]))


def test_who_sees_a_picture_and_who_sees_none_cannot_share_a_policy():
    blind, sees = toys.make(1, "Alone"), Showing(toys.make(1, "Alone"), PICTURE, picture)
    with pytest.raises(WidthError, match="one policy cannot see a picture of 8 by 8 by 3, no picture") as error:
        shape([blind, sees])
    assert "\n" not in str(error.value)
    odd = Showing(toys.make(1, "Alone"), spaces.Text(5), lambda r: r)
    with pytest.raises(WidthError, match="one policy for all needs numbers or a picture"):
        Interface(5, 2, 4).world(odd, 1)  # type: ignore[arg-type]


def test_the_bodys_whole_range_is_that_of_a_world_with_bounds_of_its_own():
    given = np.array([[-1.0, 1.0, 0.5, 9.0], [0.0, 0.5, -1.0, 9.0]], np.float32)
    bounds = spaces.Box(np.array([-2, 0, -np.inf], np.float32), np.array([2, 4, np.inf], np.float32))
    np.testing.assert_array_equal(actions.Direct(bounds).translate(given), [[-2, 4, 0.5], [0, 3, -1]])
    usual = actions.Direct(spaces.Box(-1, 1, (3,))).translate(given)
    np.testing.assert_array_equal(usual, given[:, :3])


def test_an_observation_is_scaled_by_what_its_bounds_say_of_its_size():
    low = np.array([-2, -5, -1, -3e38, -np.inf, 0], np.float32)
    high = np.array([4, 0, -0.5, 3e38, np.inf, 0], np.float32)
    np.testing.assert_array_equal(interface._extent(spaces.Box(low, high)), [4, 5, 1, 1, 1, 1])
