"""The four views show one world, number for number, and each keeps its library's rules."""

import copy
import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
import toys
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from lives import IDS, Actor, make
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.vec_env import VecMonitor

from ludus import envs
from ludus.envs.views import autoreset
from ludus.envs.views.gym import GymView
from ludus.envs.views.instructed import Instructed
from ludus.envs.views.joint import Joint
from ludus.envs.views.parallel import ParallelView
from ludus.envs.views.partners import Partners
from ludus.envs.views.sb3 import Sb3View
from ludus.envs.views.vector import VectorView
from ludus.envs.views.vector import make as make_vector

SEEDS: list[int | None] = [5, 6, 7]
JOINABLE = (*IDS, "Alone", "Team", "Choices", "Rivals")
ONE_GROUP = tuple(name for name in (*IDS, "Alone", "Team", "Choices") if len(make(name).groups) == 1)
FIRST = IDS[0]


def instructed(name, n, **settings):
    return Instructed(make(name, n, **settings), progress=0.5, success=1.0, failure=1.0, timeout=4)


@pytest.fixture(scope="module")
def truth():
    """name -> what a world of three copies did, with auto-reset, and the actions: for whole episodes and more."""
    lives = {}

    def of(name):
        if name not in lives:
            world = make(name, 3)
            actor = Actor(world, SEEDS)
            moments: list[tuple] = [(None, None, world.reset(np.arange(3), SEEDS)[0], None)]
            for _ in range(world.max_episode_steps + 6):
                action = actor()
                moments.append((action, *autoreset.step(world, action)))
            assert any(m[1].done.any() for m in moments[1:])
            lives[name] = Joint(world), moments
        return lives[name]

    return of


def joined(joint, action):
    rows = [np.reshape(action[a], (3, -1)) for a in joint.agents]
    return np.concatenate(rows, axis=1) if len(rows) > 1 else action[joint.agents[0]]


def equal(one, other, path=""):
    """Equal in structure, type and value, to the last bit."""
    assert type(one) is type(other), path
    if isinstance(one, dict):
        assert one.keys() == other.keys(), path
        for key in one:
            equal(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, (tuple, list)) or (isinstance(one, np.ndarray) and one.dtype == object):
        assert len(one) == len(other), path
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            equal(a, b, f"{path}[{i}]")
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and one.shape == other.shape, f"{path}: {one.dtype} {other.dtype}"
        assert np.array_equal(one, other), f"{path}: {one} is not {other}"
    else:
        assert one == other, f"{path}: {one} is not {other}"


# The same numbers in all of them


@pytest.mark.parametrize("name", JOINABLE)
def test_the_vector_view_shows_the_world(name, truth):
    joint, moments = truth(name)
    view = VectorView(make(name, 3))
    equal(view.reset(seed=SEEDS[0])[0], joint.join(moments[0][2]))
    for action, result, obs, _ in moments[1:]:
        seen, reward, terminated, truncated, info = view.step(joined(joint, action))
        equal(seen, joint.join(obs))
        equal(reward, joint.reward(result.reward))
        equal(terminated | truncated, result.done)
        equal(truncated, result.truncated)
        for i in np.flatnonzero(result.done):
            equal(info["final_obs"][i], joint.join(result.obs)[i])
            assert info["final_info"]["is_success"][i] == result.info["success"][i]


@pytest.mark.parametrize("name", JOINABLE)
def test_the_gymnasium_view_shows_the_world(name, truth):
    joint, moments = truth(name)
    for i, seed in enumerate(SEEDS):
        view = GymView(make(name))
        equal(view.reset(seed=seed)[0], joint.join(moments[0][2])[i])
        for action, result, obs, _ in moments[1:]:
            seen, reward, terminated, truncated, info = view.step(joined(joint, action)[i])
            equal(seen, joint.join(result.obs)[i])
            assert reward == joint.reward(result.reward)[i]
            assert (terminated or truncated, truncated) == (result.done[i], result.truncated[i])
            assert info["is_success"] is bool(result.info["success"][i])
            if len(joint.agents) > 1:
                assert info["rewards"] == {a: r[i] for a, r in result.reward.items()}
            if result.done[i]:
                equal(view.reset()[0], joint.join(obs)[i])


@pytest.mark.parametrize("name", JOINABLE)
def test_the_parallel_view_shows_the_world(name, truth):
    _, moments = truth(name)
    for i, seed in enumerate(SEEDS):
        view = ParallelView(make(name))
        equal(view.reset(seed=seed)[0], {a: v[i] for a, v in moments[0][2].items()})
        for action, result, obs, _ in moments[1:]:
            living = list(view.agents)
            seen, reward, terminated, truncated, infos = view.step({a: action[a][i] for a in living})
            equal(seen, {a: result.obs[a][i] for a in living})
            assert reward == {a: result.reward[a][i] for a in living}
            assert terminated == {a: result.terminated[a][i] for a in living}
            assert all(truncated[a] == (result.truncated[i] and not terminated[a]) for a in living)
            assert all(infos[a]["is_success"] is bool(result.info["success"][i]) for a in living)
            assert view.agents == [a for a in living if not (terminated[a] or truncated[a])]
            assert (not view.agents) == result.done[i]
            if result.done[i]:
                equal(view.reset()[0], {a: v[i] for a, v in obs.items()})


@pytest.mark.parametrize("name", ONE_GROUP)
def test_the_stable_baselines_view_shows_the_world(name, truth):
    joint, moments = truth(name)

    def rows(values):
        return np.concatenate([values[a] for a in joint.agents])

    view = Sb3View(make(name, 3))
    view.seed(SEEDS[0])
    equal(view.reset(), rows(moments[0][2]))
    for action, result, obs, _ in moments[1:]:
        seen, reward, done, infos = view.step(rows(action))
        equal(seen, rows(obs))
        equal(reward, rows(result.reward).astype(np.float32))
        equal(done, np.tile(result.done, len(joint.agents)))
        last, ended = rows(result.obs), rows(result.terminated)
        for k, info in enumerate(infos):
            assert info["is_success"] is bool(result.info["success"][k % 3])
            assert ("terminal_observation" in info) == done[k]
            if done[k]:
                equal(info["terminal_observation"], last[k])
                assert info["TimeLimit.truncated"] == (result.truncated[k % 3] and not ended[k])


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
@pytest.mark.parametrize("name", [FIRST, "Alone", "Team", "Choices", "Rivals"])
@pytest.mark.parametrize("build", [make, instructed])
def test_the_vector_view_is_gymnasiums_own_vectorisation_of_the_single_view(name, mode, build):
    limit = {"max_episode_steps": 6}
    theirs = SyncVectorEnv([lambda: GymView(build(name, 1, **limit)) for _ in range(3)], autoreset_mode=mode)
    ours = VectorView(build(name, 3, **limit), autoreset_mode=mode)
    for space in ("single_observation_space", "single_action_space", "observation_space", "action_space"):
        assert getattr(ours, space) == getattr(theirs, space)
    equal(ours.reset(seed=SEEDS), theirs.reset(seed=SEEDS))
    ours.action_space.seed(1)
    ended = 0
    for _ in range(20):
        action = ours.action_space.sample()
        one, other = ours.step(action), theirs.step(action)
        equal(one, other)
        ended += (one[2] | one[3]).any()
    assert ended >= 2
    mask = {"reset_mask": np.array([True, False, True])}
    equal(ours.reset(seed=[1, 2, 3], options=dict(mask)), theirs.reset(seed=[1, 2, 3], options=dict(mask)))


# Gymnasium


def test_gym_make_gives_one_copy_with_its_frame_rate():
    env = gymnasium.make(f"ludus.envs:{FIRST}", render_mode="rgb_array")
    assert isinstance(env.unwrapped, GymView) and env.render_mode == "rgb_array"
    assert env.metadata["render_fps"] == env.unwrapped.world.render_fps
    with pytest.raises(ValueError, match="render_mode"):
        GymView(FIRST, render_mode="human")


def test_nothing_is_wrapped_twice():
    env = gymnasium.make(FIRST)
    wrappers = []
    while isinstance(env, gymnasium.Wrapper):
        wrappers, env = [*wrappers, type(env).__name__], env.env
    assert wrappers == ["OrderEnforcing"]


def test_gym_make_passes_settings_on():
    assert isinstance(gymnasium.make(FIRST, nthread=1).unwrapped, GymView)
    with pytest.raises(ValueError, match="colour"):
        gymnasium.make(FIRST, colour="red")


def test_make_vec_gives_the_batch_itself():
    env = gymnasium.make_vec(FIRST, num_envs=256)
    assert isinstance(env, VectorView) and env.world.num_envs == 256
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    other = gymnasium.make_vec(FIRST, num_envs=2, autoreset_mode="NEXT_STEP")
    assert other.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    with pytest.raises(ValueError, match="SAME_STEP"):
        gymnasium.make_vec(FIRST, autoreset_mode="sometimes")


def test_the_batch_cuts_off_by_itself_at_the_length_asked_for():
    env = make_vector(2, max_episode_steps=3, world=FIRST)
    shape = env.action_space.shape or ()
    env.reset(seed=0)
    cuts = [env.step(np.zeros(shape))[3].all() for _ in range(6)]
    assert cuts == [False, False, True, False, False, True]


def test_without_auto_reset_only_the_masked_copies_restart():
    env = VectorView(make("Alone", 3, max_episode_steps=4), autoreset_mode="DISABLED")
    env.reset(seed=0)
    for _ in range(4):
        env.step(np.zeros((3, 2)))
    again, _ = env.reset(options={"reset_mask": np.array([False, True, False])})
    assert (again[:, 1] == 0).tolist() == [False, True, False]
    for wrong in (np.zeros(3, bool), np.ones(2, bool), np.ones(3)):
        with pytest.raises(ValueError, match="reset_mask"):
            env.reset(options={"reset_mask": wrong})


def test_a_joint_action_of_the_wrong_width_is_refused():
    view = GymView(make("Team"))
    view.reset(seed=0)
    with pytest.raises(ValueError, match=r"the action of ann, bob must have shape \(4,\), not \(3,\)"):
        view.step(np.zeros(3))


def test_a_single_copys_action_is_spoken_of_as_one():
    alone, parallel = GymView(make("Alone")), ParallelView(make("Team"))
    alone.reset(seed=0)
    parallel.reset(seed=0)
    for wrong, told in ((np.zeros(3), r"not \(3,\)"), ([[1.0], [1.0, 2.0]], "inhomogeneous")):
        with pytest.raises(ValueError, match=rf"the action of 'ann' must have shape \(2,\).*{told}"):
            alone.step(wrong)
        with pytest.raises(ValueError, match=rf"the action of 'bob' must have shape \(2,\).*{told}"):
            parallel.step({"ann": np.zeros(2), "bob": wrong})
    basic = GymView("ludus/Basic-v0")
    basic.reset(seed=0)
    with pytest.raises(
        ValueError, match=r"the action of 'agent' must be a single number, not an array of shape \(1,\)"
    ):
        basic.step([2])


@pytest.mark.parametrize(
    ("view", "action"),
    [
        (GymView, np.zeros(4)),
        (VectorView, np.zeros((1, 4))),
        (Sb3View, np.zeros((2, 2))),
        (ParallelView, {"ann": np.zeros(2), "bob": np.zeros(2)}),
    ],
)
def test_a_step_before_the_first_reset_is_refused(view, action):
    unbegun: Any = view(make("Team"))
    with pytest.raises(gymnasium.error.ResetNeeded, match=r"toys:make: .*call reset\(\) first"):
        unbegun.step(action)
    unbegun.reset()
    unbegun.step(action)


def test_a_view_that_is_restored_has_begun():
    view, other = Sb3View(make("Team", 2)), Sb3View(make("Team", 2))
    view.reset()
    other.restore(view.state())
    equal(other.step(np.zeros((4, 2)))[0], view.step(np.zeros((4, 2)))[0])


def test_seeds_that_are_too_few_are_refused_by_the_task():
    with pytest.raises(ValueError, match="toys:make: 2 seeds for 4 copies"):
        VectorView(make("Team", 4)).reset(seed=[1, 2])


# One choice


ONE_CHOICE = ("Basic", "GridWorld", "PushBlock", "CooperativePushBlock", "DungeonEscape")


@pytest.mark.parametrize("name", ONE_CHOICE)
def test_a_game_of_one_choice_is_discrete_in_every_view(name):
    """Also among messages and partners, where one talks or somebody else plays."""
    id = f"ludus/{name}-v0"
    world = envs.make(id, 2)
    one, agents = world.action_spaces[world.agents[0]], len(world.agents)
    assert isinstance(one, spaces.Discrete)
    world.reset(np.arange(2), [1, 2])
    script = world.scripted()
    assert all(script[a].shape == (2,) for a in world.agents)
    world.step(script)
    single, batch = gymnasium.make(id), gymnasium.make_vec(id, num_envs=2)
    several = spaces.MultiDiscrete([one.n] * agents)
    assert single.action_space == (one if agents == 1 else several)
    for env in (single, batch):
        env.reset(seed=0)
        env.step(env.action_space.sample())
    parallel, rows = envs.parallel_env(id), envs.sb3_env(id, 2 * agents)
    parallel.reset(seed=0)
    parallel.step({a: 2 for a in parallel.agents})
    rows.reset()
    rows.step(np.full(2 * agents, 2))
    assert rows.action_space == one
    if agents > 1:
        talking = envs.make(id, 2, messages=3, obs="state") if "Push" in name else envs.make(id, 2, messages=3)
        assert talking.action_spaces[talking.agents[0]] == spaces.MultiDiscrete([one.n, 3])
        talking.reset(np.arange(2))
        talking.step(talking.scripted())
        world.groups = {"one": world.agents[:1], "others": world.agents[1:]}
        for policy in ("idle", "random", "scripted", lambda obs: np.zeros(len(obs), int)):
            played = Partners(world, {"others": policy})
            played.reset(np.arange(2), [1, 2])
            played.step({world.agents[0]: np.zeros(2, int)})


def test_dqn_learns_straight_on_a_game_of_one_choice():
    torch.set_num_threads(1)
    model = DQN(
        "MlpPolicy", gymnasium.make("ludus/Basic-v0"), seed=0, learning_starts=50, train_freq=4, buffer_size=500
    )
    before = [p.detach().clone() for p in model.policy.parameters()]
    model.learn(300)
    assert any(not torch.equal(a, b) for a, b in zip(before, model.policy.parameters(), strict=True))
    assert model.num_timesteps == 300 and model.ep_success_buffer


def test_joint_spaces_stand_in_agent_order():
    joint = Joint(make("Choices"))
    assert joint.action_space == spaces.MultiDiscrete([3, 2, 3, 2]) and joint.observation_space.shape == (6,)
    parts = joint.split(np.array([[1, 0, 2, 1]]))
    assert parts["ann"].tolist() == [[1, 0]] and parts["bob"].tolist() == [[2, 1]]


def test_spaces_of_different_kinds_are_not_joined():
    world = make("Team")
    world.action_spaces = {"ann": spaces.Box(-1, 1, (2,)), "bob": spaces.Discrete(2)}
    with pytest.raises(ValueError, match="different kinds"):
        Joint(world)


def test_one_view_holds_one_copy():
    for view in (GymView, ParallelView):
        with pytest.raises(ValueError, match="one copy"):
            view(make("Team", 2))


# Masks


def test_every_view_hands_out_the_masks_of_the_moment():
    world = make("Choices", 3)
    vector, rows = VectorView(make("Choices", 3)), Sb3View(make("Choices", 3))
    single, parallel = GymView(make("Choices")), ParallelView(make("Choices"))
    rows.seed(5)
    rows.reset()
    world.reset(np.arange(3), SEEDS)
    infos = vector.reset(seed=SEEDS)[1], single.reset(seed=5)[1], parallel.reset(seed=5)[1]
    narrow = False
    for _ in range(12):
        masks = world.masks()
        assert masks is not None
        joint = np.concatenate([masks["ann"], masks["bob"]], axis=1)
        equal(infos[0]["action_mask"], joint)
        equal(infos[1]["action_mask"], joint[0])
        equal(single.action_masks(), joint[0])
        equal({a: infos[2][a]["action_mask"] for a in parallel.agents}, {a: masks[a][0] for a in parallel.agents})
        equal(np.stack(rows.env_method("action_masks")), np.concatenate([masks["ann"], masks["bob"]]))
        narrow |= not joint.all()
        up = {a: np.tile([2, 0], (3, 1)) for a in world.agents}
        if autoreset.step(world, up)[0].done[0]:
            break
        both = np.tile([2, 0], (3, 2))
        rows.step(np.tile([2, 0], (6, 1)))
        living = {a: up[a][0] for a in parallel.agents}
        infos = vector.step(both)[-1], single.step(both[0])[-1], parallel.step(living)[-1]
    assert narrow


def test_where_all_is_allowed_the_masks_for_maskable_ppo_say_so():
    world = make("Choices", 2)
    world.masks = lambda: None
    assert Sb3View(world).action_masks().all() and Sb3View(world).action_masks().shape == (4, 5)
    with pytest.raises(ValueError, match="no choices"):
        Sb3View(make("Team", 2)).action_masks()


def test_wrappers_hand_the_masks_through():
    world = make("Choices", 2)
    world.reset(np.arange(2), [1, 2])
    world.groups = {"one": ("ann",), "other": ("bob",)}
    for wrapped in (Instructed(world), Partners(world, {"other": "idle"})):
        masks = wrapped.masks()
        assert masks is not None and tuple(masks) == wrapped.agents


# What an episode is about


TWO_GOALS = "ludus/BasicGoal-v0"


def test_every_view_says_in_words_what_the_episode_is_about():
    """Of a choice the sentence of its goal, at every step and of the episode that ended; of other tasks their own."""
    world = envs.make(TWO_GOALS, 8)
    texts = [goal.text for goal in world.goals]
    single, parallel = gymnasium.make(TWO_GOALS), envs.parallel_env(TWO_GOALS)
    vector, rows = (
        gymnasium.make_vec(TWO_GOALS, num_envs=8, max_episode_steps=2),
        Sb3View(TWO_GOALS, 8, episode_steps=2),
    )
    rows.seed(3)
    rows.reset()
    world.reset(np.arange(8), range(3, 11))
    said = [texts[k] for k in world.aim]
    assert set(said) == set(texts)
    assert vector.reset(seed=3)[1]["instruction"].tolist() == said
    for k in range(8):
        one, several = single.reset(seed=3 + k)[1], parallel.reset(seed=3 + k)[1]
        assert one["instruction"] == several["agent"]["instruction"] == said[k]
    assert single.step(0)[-1]["instruction"] == parallel.step({"agent": 0})[-1]["agent"]["instruction"] == said[7]
    wait = np.zeros(8, int)
    for step in (rows.step, vector.step):
        step(wait)
    assert [info["instruction"] for info in rows.step(wait)[-1]] == said
    infos = vector.step(wait)[-1]
    assert infos["final_info"]["instruction"].tolist() == said
    assert infos["instruction"].tolist() == [texts[k] for k in infos["goal"]]
    assert GymView("ludus/Reach-v0").reset(seed=0)[1]["instruction"] == envs.make("ludus/Reach-v0").goal.text


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_instructions_are_batched_as_gymnasium_batches_words(mode):
    theirs = SyncVectorEnv([lambda: GymView(TWO_GOALS, episode_steps=3) for _ in range(3)], autoreset_mode=mode)
    ours = VectorView(TWO_GOALS, 3, autoreset_mode=mode, episode_steps=3)
    equal(ours.reset(seed=SEEDS), theirs.reset(seed=SEEDS))
    for action in ([2, 1, 0], [0, 2, 0], [2, 0, 0], [0, 0, 2], [1, 0, 0], [0, 0, 0]):
        equal(ours.step(np.array(action)), theirs.step(np.array(action)))
    mask = {"reset_mask": np.array([True, False, True])}
    equal(ours.reset(seed=[1, 2, 3], options=dict(mask)), theirs.reset(seed=[1, 2, 3], options=dict(mask)))


def test_an_instructed_view_shows_the_instruction_behind_every_observation():
    told = Instructed(envs.make(TWO_GOALS, 4))
    obs = told.reset(np.arange(4), range(4))[0]["agent"]
    single, parallel = gymnasium.make(TWO_GOALS, instructed=True), envs.parallel_env(TWO_GOALS, instructed=True)
    vector, rows = (
        gymnasium.make_vec(TWO_GOALS, num_envs=4, instructed=True), envs.sb3_env(TWO_GOALS, 4, instructed=True),
    )  # fmt: skip
    rows.seed(0)
    equal(rows.reset(), obs)
    equal(vector.reset(seed=0)[0], obs)
    for k in range(4):
        equal(single.reset(seed=k)[0], obs[k])
        equal(parallel.reset(seed=k)[0]["agent"], obs[k])
    assert len({row[20:].tobytes() for row in obs}) == 2 and len({row[:20].tobytes() for row in obs}) == 1
    assert single.observation_space == parallel.observation_space("agent") == rows.observation_space


def test_partners_of_an_instructed_view_observe_what_they_always_did():
    seen = []
    view = GymView("ludus/SoccerTwos-v0", partners={"purple": lambda obs: seen.append(obs) or np.zeros((1, 3), int)},
                   instructed=True)  # fmt: skip
    view.reset(seed=0)
    view.step(view.action_space.sample())
    assert view.observation_space.shape == (2 * (336 + 16),) and seen[0].shape == (1, 336)


# Partners


def test_who_plays_both_sides_as_one_is_warned():
    for build in (gymnasium.make, gymnasium.make_vec):
        with pytest.warns(UserWarning, match=r"blue and purple play against each other.* partners=.*'purple': "):
            build("ludus/Tennis-v0")


def test_partners_may_play_in_a_parallel_view():
    view = envs.parallel_env("ludus/SoccerTwos-v0", partners={"purple": "scripted"})
    assert view.possible_agents == ["blue_0", "blue_1"]
    view.reset(seed=0)
    assert view.step({a: view.action_space(a).sample() for a in view.agents})[1].keys() == {"blue_0", "blue_1"}


def test_partners_play_the_other_groups():
    played = []

    def still(obs):
        played.append(obs.copy())
        return np.zeros((len(obs), 2))

    view = GymView(make("Rivals"), partners={"guards": still})
    obs, _ = view.reset(seed=1)
    plain = make("Rivals")
    whole, _ = plain.reset(np.arange(1), [1])
    assert view.action_space.shape == (4,) and view.observation_space.shape == (6,)
    for _ in range(4):
        obs, reward, *_, info = view.step(np.full(4, 0.1))
        assert np.array_equal(played[-1], whole["cid"])
        result = plain.step({"ann": np.full((1, 2), 0.1), "bob": np.full((1, 2), 0.1), "cid": np.zeros((1, 2))})
        whole = result.obs
        assert np.array_equal(obs, np.concatenate([whole["ann"][0], whole["bob"][0]]))
        assert set(info["rewards"]) == {"ann", "bob"} and reward == np.mean([*info["rewards"].values()])


def test_idle_partners_do_nothing_and_random_ones_depend_on_the_seed_alone():
    def life(policy, seed, n=1):
        toy = toys.make(n, "Rivals")
        world = Partners(toy, {"guards": policy})
        world.reset(np.arange(n), range(seed, seed + n))
        zeros = {a: np.zeros((n, 2)) for a in world.agents}
        states = []
        for _ in range(4):
            world.step(zeros)
            states.append(toy.place[:, 2].copy())
        return np.array(states)

    assert not np.array_equal(life("idle", 1), life("random", 1))
    assert np.array_equal(life("random", 1), life("random", 1))
    assert np.array_equal(life("random", 0, 3)[:, 1:2], life("random", 1))


def test_random_partners_are_part_of_the_state():
    toy = toys.make(2, "Rivals")
    world = Partners(toy, {"guards": "random"})
    world.reset(np.arange(2), [1, 2])
    zeros = {a: np.zeros((2, 2)) for a in world.agents}
    world.step(zeros)
    state = world.state()
    ahead = [world.step(zeros).obs["ann"] for _ in range(3)], toy.place.copy()
    world.restore(state)
    equal(([world.step(zeros).obs["ann"] for _ in range(3)], toy.place.copy()), ahead)


def test_wrong_partners_are_refused():
    for partners, words in (
        ({"guard": "idle"}, "did you mean guards"),
        ({"guards": "asleep"}, "one of 'idle', 'random'"),
        ({"guards": "idle", "walkers": "idle"}, "leave one out"),
    ):
        with pytest.raises(ValueError, match=words):
            Partners(make("Rivals"), partners)


# PettingZoo


def test_an_agent_that_ended_leaves_and_the_others_go_on():
    view = ParallelView(make("Team"))
    view.reset(seed=0)
    left = False
    for _ in range(12):
        living = list(view.agents)
        push = {"ann": np.ones(2), "bob": np.zeros(2)}
        _, _, terminated, _, _ = view.step({a: push[a] for a in living})
        if living == ["ann", "bob"] and terminated["ann"]:
            left = True
            assert view.agents == ["bob"]
    assert left
    assert view.agents == [] and view.step({}) == ({}, {}, {}, {}, {})


def test_an_agent_that_ends_in_the_last_step_has_ended_and_was_not_cut_off():
    world = toys.make(1, "Team")
    view = ParallelView(world)
    view.reset(seed=0)
    for _ in range(12):
        last = world.steps[0] == 11
        world.place[:] = 0.99 if last else 0.0, 0.0
        push = float(last)
        _, _, terminated, truncated, _ = view.step({"ann": np.full(2, push), "bob": np.zeros(2)})
    assert (terminated, truncated) == ({"ann": True, "bob": False}, {"ann": False, "bob": True})


def test_an_action_missing_for_a_living_agent_is_refused():
    view = ParallelView(make("Team"))
    view.reset(seed=0)
    with pytest.raises(ValueError, match="no action for agent 'bob'"):
        view.step({"ann": np.zeros(2)})


def test_an_agent_that_there_is_not_is_answered_with_the_nearest():
    view: Any = ParallelView(make("Team"))
    view.reset(seed=0)
    for asked in (view.action_space, view.observation_space, lambda a: view.step({a: 0})):
        with pytest.raises(envs.UnknownName, match="no agent of toys:make 'bobb'; did you mean bob"):
            asked("bobb")
    with pytest.raises(ValueError, match="must be a mapping by agent, not ndarray"):
        view.step(np.zeros((2, 2)))


def test_parallel_env_makes_one_by_id():
    view = envs.parallel_env(FIRST)
    assert view.possible_agents == list(view.world.agents) and view.metadata["name"] == FIRST
    assert view.metadata["render_fps"] == view.world.render_fps


# Stable-Baselines3


def test_rows_are_counted_and_run_agent_by_agent():
    view = envs.sb3_env("toys:make", 6, variant="Team")
    assert (view.num_envs, view.copies) == (6, 3)
    with pytest.raises(ValueError, match="2 agents: num_envs must be a positive multiple of 2, not 3"):
        envs.sb3_env("toys:make", 3, variant="Team")
    with pytest.raises(ValueError, match="multiple of 1, not 0"):
        envs.sb3_env(FIRST, 0)


def test_a_group_has_the_view_and_the_others_a_player():
    view = envs.sb3_env("toys:make", 2, variant="Rivals", group="guards", partners={"walkers": "idle"})
    assert view.members == ("cid",) and view.reset().shape == (2, 3)
    with pytest.raises(ValueError, match="partners="):
        envs.sb3_env("toys:make", 2, variant="Rivals", group="guards")
    with pytest.raises(ValueError, match="did you mean guards"):
        envs.sb3_env("toys:make", 2, variant="Rivals", group="guard", partners={"walkers": "idle"})


def test_rows_keep_what_they_returned():
    view = Sb3View(make(FIRST, 4, max_episode_steps=3))
    view.seed(0)
    kept = [view.reset()]
    copies = [kept[0].copy()]
    for _ in range(8):
        obs, reward, _, infos = view.step(np.zeros((4, *(view.action_space.shape or ()))))
        new = [obs, reward, *(i["terminal_observation"] for i in infos if "terminal_observation" in i)]
        kept, copies = kept + new, copies + [a.copy() for a in new]
    assert all(np.array_equal(a, b) for a, b in zip(kept, copies, strict=True))
    assert kept[0].dtype == np.float32 and reward.dtype == np.float32


def test_infos_of_one_step_are_not_those_of_another():
    view = Sb3View(make("Alone", 4))
    view.reset()
    first = view.step(np.zeros((4, 2)))[3]
    first[0]["is_success"] = "written over"
    assert view.step(np.zeros((4, 2)))[3][0]["is_success"] in (True, False)


def test_a_seed_holds_for_one_reset():
    view = Sb3View(make("Alone", 3))
    view.seed(3)
    first, second = view.reset(), view.reset()
    view.seed(3)
    assert np.array_equal(view.reset(), first) and not np.array_equal(first, second)
    assert np.array_equal(first[1:2], seeded("Alone", 4))


def seeded(name, seed):
    view = Sb3View(make(name))
    view.seed(seed)
    return view.reset()


@pytest.mark.parametrize("build", [make, instructed])
def test_after_restore_the_next_step_is_the_right_one(build):
    view = Sb3View(build(FIRST, 4, max_episode_steps=5))
    view.seed(0)
    view.reset()
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (12, 4, *(view.action_space.shape or ())))
    for action in actions[:3]:
        obs = view.step(action)[0]
    state = view.state()
    ahead = [view.step(a) for a in actions[3:]]
    other = Sb3View(build(FIRST, 4, max_episode_steps=5))
    for again in (view, other):
        equal(again.restore(state), obs)
        equal([again.step(a) for a in actions[3:]], ahead)


def test_it_answers_as_a_vec_env_does():
    view = Sb3View(make("Team", 2))
    assert view.get_attr("max_episode_steps") == [12] * 4 and view.get_attr("render_fps", indices=[0]) == [7]
    assert view.env_is_wrapped(gymnasium.Wrapper) == [False] * 4
    view.reset()
    assert len(view.env_method("describe", 0, "ann", indices=[0, 1])) == 2
    view.set_attr("max_episode_steps", 3)
    assert view.get_attr("max_episode_steps") == [3] * 4
    assert not view.has_attr("nonsense")
    picture = view.render()
    assert picture is not None and picture.ndim == 3 and len(view.get_images()) == 2
    with pytest.raises(ValueError, match="3 actions for 4 rows"):
        view.step(np.zeros((3, 2)))


@pytest.mark.parametrize(
    "algorithm, settings", [(PPO, {"n_steps": 8, "batch_size": 32}), (SAC, {"learning_starts": 8})]
)
def test_algorithms_learn_on_it(algorithm, settings):
    torch.set_num_threads(1)
    view = VecMonitor(Sb3View(instructed(FIRST, 4, max_episode_steps=4)))
    model = algorithm("MlpPolicy", view, seed=0, policy_kwargs={"net_arch": [16]}, **settings)
    before = [p.detach().clone() for p in model.policy.parameters()]
    model.learn(48)
    after = list(model.policy.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(torch.isfinite(p).all() for p in after)
    assert {e["l"] for e in model.ep_info_buffer} == {4} and len(model.ep_success_buffer) == len(model.ep_info_buffer)


@pytest.mark.parametrize("name", ["max_episode_steps", "episode_steps"])
@pytest.mark.parametrize("steps", [3, 77])
def test_an_episode_is_as_long_as_is_asked_for_in_every_view_by_either_name(name, steps):
    """But for gymnasium.make, which keeps the first name for a wrapper that can cut and not lengthen."""
    asked: Any = {name: steps}
    vector: Any = gymnasium.make_vec(FIRST, 1, **asked)
    views = envs.parallel_env(FIRST, **asked), envs.sb3_env(FIRST, 1, **asked), vector
    assert [view.world.max_episode_steps for view in views] == [steps] * 3
    env: Any = gymnasium.make(FIRST, episode_steps=steps)
    again: Any
    for again in (env, gymnasium.make(env.spec)):
        again.reset(seed=0)
        cuts = [again.step(np.zeros(4))[2:4] for _ in range(steps)]
        assert cuts == [(False, False)] * (steps - 1) + [(False, True)]
        assert again.spec.max_episode_steps == steps


def test_gymnasiums_wrappers_that_show_the_time_know_how_long_an_episode_is():
    env = gymnasium.wrappers.TimeAwareObservation(gymnasium.make(FIRST), flatten=False)
    assert env.observation_space["time"].high == gymnasium.make(FIRST).unwrapped.world.max_episode_steps  # type: ignore[index, attr-defined]


def test_a_longer_episode_is_the_worlds_under_wrappers_too():
    wrapped = instructed("Alone", 2)
    wrapped.max_episode_steps = 3
    assert wrapped.unwrapped.max_episode_steps == 3


def test_the_next_step_refuses_what_any_step_refuses_and_takes_sentences():
    view = VectorView("ludus/Reach-v0", 2, autoreset_mode=AutoresetMode.NEXT_STEP, max_episode_steps=1)
    view.reset(seed=1)
    view.step(np.zeros((2, 4)))
    for wrong in (0.0, np.zeros((1, 4)), np.full((2, 4), np.nan)):
        with pytest.raises(ValueError, match="arm"):
            view.step(wrong)
    view = VectorView("ludus/Household-v0", 2, text=True, autoreset_mode="NEXT_STEP", max_episode_steps=1)
    view.reset(seed=1)
    for _ in range(3):
        pages = view.step(("wait", "wait"))[0]
    assert all(view.single_observation_space.contains(str(page)) for page in pages)


def test_a_refused_action_draws_nothing_for_partners_and_seeds_may_be_numpys():
    view = VectorView("ludus/PursuitEvasion-v0", 2, partners={"evader": "random"})
    view.reset(seed=[np.int64(3), np.int64(4)])  # type: ignore[arg-type]
    before = view.world.state()["partners"]
    with pytest.raises(ValueError, match="finite"):
        view.step(np.full(view.action_space.shape or (), np.nan))
    np.testing.assert_array_equal(view.world.state()["partners"], before)


# What is refused, and what is copied


def test_one_copy_is_not_asked_to_be_several():
    with pytest.raises(ValueError, match=r"ludus/Reach-v0: gym.make makes one copy, not 4; use gym.make_vec\("):
        gymnasium.make("ludus/Reach-v0", num_envs=4)
    with pytest.raises(ValueError, match="one copy, not 4"):
        envs.parallel_env("ludus/Reach-v0", num_envs=4)


def test_rows_for_stable_baselines_take_the_render_mode_that_they_have():
    assert envs.sb3_env(FIRST, 1, render_mode="rgb_array").render_mode == "rgb_array"
    for build in (envs.sb3_env, envs.parallel_env, VectorView):
        with pytest.raises(ValueError, match="not 'human'; to watch, `ludus play ID`"):
            build(FIRST, render_mode="human")


@pytest.mark.parametrize("build", [GymView, VectorView, ParallelView])
def test_an_option_of_reset_that_would_be_ignored_is_refused(build):
    with pytest.raises(ValueError, match=r"ludus/BasicGoal-v0: reset has no option 'goal'.*made, by goal="):
        build(TWO_GOALS).reset(options={"goal": "go to the large goal"})


def test_an_episode_that_is_over_or_closed_is_not_stepped():
    env = gymnasium.make(FIRST, episode_steps=1)
    env.reset(seed=0)
    env.step(np.zeros(4))
    with pytest.raises(gymnasium.error.ResetNeeded, match="no episode is on"):
        env.step(np.zeros(4))
    views: tuple[Any, ...] = GymView("toys:make"), VectorView("toys:make", 1), ParallelView("toys:make")
    for view in (*views, Sb3View("toys:make", 2)):
        view.reset()
        view.close()
        with pytest.raises(gymnasium.error.ResetNeeded, match="no episode is on"):
            view.step(np.zeros((2, 2)))


@pytest.mark.parametrize("anew", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize(
    "build",
    [
        lambda: gymnasium.make("ludus/LiftColour-v0", instructed=True, max_episode_steps=9),
        lambda: gymnasium.make("ludus/Household-v0"),
        lambda: gymnasium.make("ludus/SoccerTwos-v0", partners={"purple": "random"}),
        lambda: gymnasium.make_vec("ludus/GridWorld-v0", num_envs=3, max_episode_steps=9),
        lambda: envs.sb3_env("toys:make", 4),
    ],
)
def test_a_copied_view_steps_on_identically(build, anew):
    """Also where it had not begun, with its chance and in the middle of an episode."""
    view = build()
    assert type(anew(view)) is type(view)
    view.reset(seed=3) if isinstance(view, (gymnasium.Env, VectorView)) else view.reset()
    view.action_space.seed(1)
    rows = isinstance(view, Sb3View)

    def life(env):
        moments = []
        for _ in range(12):
            action = np.stack([env.action_space.sample()] * 4) if rows else env.action_space.sample()
            moments.append(env.step(action))
            if isinstance(env, gymnasium.Env) and (moments[-1][2] or moments[-1][3]):
                moments.append(env.reset())
        return moments

    life(view)
    equal(life(anew(view)), life(view))


def test_a_copied_parallel_view_has_the_same_agents_left():
    view = envs.parallel_env("toys:make")
    view.reset(seed=5)
    view.step({"ann": np.ones(2), "bob": np.zeros(2)})
    other, still = copy.deepcopy(view), {a: np.zeros(2) for a in view.agents}
    equal(other.step(still), view.step(still))
    assert other.agents == view.agents and other.world is not view.world


def test_a_view_that_cannot_be_copied_says_why():
    with pytest.raises(TypeError, match=r"toys:make: a view of a World that was made before it .* by its id"):
        copy.deepcopy(GymView(make("Team")))
    there = "ludus.envs.views.external:make"
    with pytest.raises(TypeError, match="cannot be saved"):
        pickle.dumps(GymView(there, env="test_text_external:Corridor-v0", text=True))
