"""Text worlds: plans that always work, masks that tell the truth, talk that is heard, words for the same state."""

import re
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
import yaml
from gymnasium import spaces
from lives import assert_same, flat, live
from sb3_contrib import MaskablePPO
from stable_baselines3.common.monitor import Monitor

from ludus import envs
from ludus.envs.text import layout
from ludus.envs.text.bargain import Bargain, best
from ludus.envs.text.lexicon import read
from ludus.envs.text.world import TextWorld
from ludus.envs.views.gym import GymView
from ludus.envs.views.instructed import Instructed

TEXT = envs.ids("text")
CASES = [
    *[("ludus/Household-v0", {"steps": n}) for n in range(1, 9)],
    *[("ludus/HouseholdTeam-v0", {"steps": n}) for n in (1, 3, 5, 8)],
    *[(name, {}) for name in TEXT if "Household" not in name],
    *[("ludus/Bargain-v0", {"scoring": s}) for s in ("competitive", "mixed")],
]
every_text = pytest.mark.parametrize("name", TEXT)


def build(name, n=1, **settings) -> Any:
    world = envs.make(name, n, **settings)
    assert isinstance(world, TextWorld)
    return world


def play(world):
    """(won, steps) of the script, (num_envs,) each, and whether each of its commands was allowed."""
    n = world.num_envs
    world.reset(np.arange(n), range(1000, 1000 + n))
    won, done, steps, allowed = np.zeros(n, bool), np.zeros(n, bool), np.zeros(n, int), True
    for _ in range(world.max_episode_steps):
        plan, masks = world.scripted(), world.masks()
        allowed &= all((masks[a][np.arange(n), plan[a]] | done).all() for a in world.agents)
        result = world.step(plan)
        steps += ~done
        won |= result.info["success"] & ~done
        done |= result.done
    return won, steps, allowed


# Plans


@pytest.mark.parametrize("name, settings", CASES)
def test_the_planner_solves_every_generated_quest(name, settings):
    won, _, allowed = play(build(name, 200, **settings))
    assert won.all() and allowed


@pytest.mark.parametrize("steps", range(1, 9))
def test_a_quest_takes_as_many_commands_as_were_asked_for(steps):
    _, taken, _ = play(build("ludus/Household-v0", 200, steps=steps))
    assert (taken == steps).mean() > 0.7 and (np.abs(taken - steps) <= 2).all()


def test_what_is_still_to_do_is_what_the_plan_then_does():
    world = build("ludus/Household-v0", 300, steps=(1, 8))
    world.reset(np.arange(300), range(300))
    held = np.argmax(world.at < world.hands[0], axis=1)[::2]  # half of them have something in hand already
    world.at[::2][np.arange(150), held] = world.hands[0]
    left = world.left(world.quests.of(world.aim), world.every, world.room)
    done, taken = np.zeros(300, bool), np.zeros(300, int)
    for _ in range(14):
        taken += ~done & ~world.done(world.quests.of(world.aim), world.every)
        done |= world.step(world.scripted()).done
    assert np.array_equal(taken, left)


@every_text
def test_the_script_solves_what_chance_began(name):
    world = build(name, 64)
    rng = np.random.default_rng(1)
    world.reset(np.arange(64), range(64))
    final = ("accuse", "submit", "finish") + ("open",) * (name == "ludus/Treasure-v0")  # a wrong one is the end
    skip = [i for i, c in enumerate(world.table.commands) if c.verb in final]
    for _ in range(10):
        masks = {a: m.copy() for a, m in world.masks().items()}
        for mask in masks.values():
            mask[:, skip] = False
        world.step({a: random_choice(m, rng) for a, m in masks.items()})
    world.steps[:] = 0
    won = world.was >= 1
    for _ in range(world.max_episode_steps):
        won |= world.step(world.scripted()).info["success"]
    assert won.all()


def random_choice(mask, rng):
    return (mask * rng.random(mask.shape)).argmax(axis=1)


# Masks


@every_text
def test_what_the_masks_allow_does_something_and_what_they_forbid_does_not(name):
    world = build(name, 128)
    rng = np.random.default_rng(0)
    world.reset(np.arange(128), range(128))
    counts = {True: 0, False: 0}
    for t in range(60):
        k = t % len(world.agents)
        mask = world.masks()[world.agents[k]]
        pick = random_choice(mask, rng) if t % 2 else rng.integers(len(world.table), size=128)
        live = ~world.over.any(axis=1) & (pick > 0)
        allowed, before = mask[np.arange(128), pick], world.state()
        world.step({a: pick if j == k else np.zeros(128, int) for j, a in enumerate(world.agents)})
        changed = np.zeros(128, bool)
        for key, array in world.state().items():
            if key not in ("steps", "log", "streams", "blank", "was", "over", "gained"):
                changed |= (array != before[key]).reshape(128, -1).any(axis=1)
        said_again = np.array([world.table.commands[p].verb == "say" for p in pick])  # heard again, not changed
        assert (changed | said_again)[live & allowed].all()
        assert not changed[~allowed].any()
        counts[True] += int((live & allowed).sum())
        counts[False] += int(np.sum(~allowed))
        world.reset(np.flatnonzero(rng.random(128) < 0.1))
    assert min(counts.values()) > 500


@every_text
def test_an_agent_that_ended_may_only_wait(name):
    world = build(name, 8)
    world.reset(np.arange(8), range(8))
    for _ in range(world.max_episode_steps):
        world.step(world.scripted())
    assert world.over.all()
    assert all(m[:, 0].all() and not m[:, 1:].any() for m in world.masks().values())


def test_maskable_ppo_finds_the_masks_and_keeps_to_them():
    torch.set_num_threads(1)
    view = envs.sb3_env("ludus/Household-v0", 16, steps=2)
    kept = []
    step = view.world.step

    def watched(actions):
        kept.append(view.action_masks()[np.arange(16), actions["you"]].all())
        return step(actions)

    view.world.step = watched
    MaskablePPO("MlpPolicy", view, n_steps=16, batch_size=64, n_epochs=1, seed=0).learn(512)
    assert len(kept) == 32 and all(kept)
    single = Monitor(GymView("ludus/Household-v0"))
    MaskablePPO("MlpPolicy", single, n_steps=16, batch_size=16, n_epochs=1, seed=0).learn(32)


# Instructions


@pytest.mark.parametrize("name", envs.ids("text", "choice"))
def test_goals_share_a_start_and_pay_differently(name):
    world, twin = build(name, 64), build(name, 64)
    for w in (world, twin):
        w.reset(np.arange(64), range(64))
    aim = world.aim.copy()
    twin.aim[:] = (aim + 1) % len(world.goals)
    assert_same([flat({"obs": world._observe()})], [flat({"obs": twin._observe()})])
    paid = np.zeros((2, 64))
    for _ in range(6):
        plan = world.scripted()
        for i, w in enumerate((world, twin)):
            paid[i] += w.step(plan).reward[w.agents[0]]
    assert (paid[0] > paid[1]).mean() > 0.6


@pytest.mark.parametrize("name", envs.ids("text", "choice"))
def test_a_goal_can_be_fixed_by_its_sentence(name):
    goal = build(name).goals[-1].text
    world = build(name, 8, goal=goal)
    world.reset(np.arange(8), range(8))
    assert {world.aim_of(i).text for i in range(8)} == {goal}
    with pytest.raises(ValueError, match="did you mean"):
        build(name, goal=goal + "s")


@every_text
def test_an_instructed_text_world_pays_for_progress(name):
    view = Instructed(build(name, 8), progress=1.0, success=1.0)
    view.reset(np.arange(8), range(8))
    total = sum(view.step(view.scripted()).reward[view.agents[0]] for _ in range(view.max_episode_steps))
    assert (np.asarray(total) > 1).all()


# Worlds


def test_detectives_need_each_other():
    together, _, _ = play(build("ludus/Detective-v0", 400))
    alone, _, _ = play(build("ludus/Detective-v0", 400, talk=False))
    assert together.all() and alone.mean() < 0.6


def test_a_detective_notes_whom_its_clues_and_what_it_heard_fit():
    world = build("ludus/Detective-v0", 50)
    world.reset(np.arange(50), range(50))
    world.step(world.scripted())  # everybody tells the clue about the one wanted
    clue = world.clue(0)
    own, *heard = world.notes(world.looks, 0, clue, slice(None))
    fits = own[np.arange(50), :, world.aim] & heard[0] & heard[1]
    assert np.array_equal(np.argmax(fits, axis=1), world.wanted()) and (fits.sum(axis=1) == 1).all()


def test_two_clues_of_three_leave_more_than_one_suspect():
    world = build("ludus/Detective-v0", 200)
    world.reset(np.arange(200), range(200))
    rows = np.arange(200)
    fits = [world.looks[:, :, j] == world.looks[rows, world.wanted(), j][:, None] for j in range(3)]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert ((fits[i] & fits[j]).sum(axis=1) >= 2).all()
    assert ((fits[0] & fits[1] & fits[2]).sum(axis=1) == 1).all()


def test_half_a_map_tells_two_chests_and_both_halves_one():
    world = build("ludus/Treasure-v0", 200)
    world.reset(np.arange(200), range(200))
    halves = np.stack([world.half(0), world.half(1)])
    assert np.array_equal(2 * halves[0] + halves[1], world.hidden)
    assert set(np.unique(halves[0])) == set(np.unique(halves[1])) == {0, 1}
    assert (world.hidden[:, 0] != world.hidden[:, 1]).all()


def test_the_map_leaves_two_chests_until_the_other_half_is_shown():
    world, rows = build("ludus/Treasure-v0", 64), np.arange(64)
    world.reset(rows, range(64))
    for shown, left in ((False, 2), (True, 1)):
        world.read[:] = shown
        for k in range(2):
            may = world.may(k)
            assert (may.sum(axis=2) == left).all() and may[rows[:, None], [0, 1], world.hidden].all()


def test_two_explorers_who_go_towards_each_other_meet_and_do_not_pass():
    world, rows = build("ludus/Treasure-v0", 32), np.arange(32)
    world.reset(rows, range(32))
    world.locked[:], world.room[:, 0] = -1, 0
    world.room[:, 1] = near = np.argmax(world.link[:, 0], axis=1)
    go = {"ann": world.table.number("go", near), "bob": world.table.number("go", np.zeros(32, int))}
    world.step(go)
    assert np.array_equal(world.room, np.stack([near, near], axis=1))
    world.step(go | {"ann": np.zeros(32, int)})
    assert (world.room[:, 1] == 0).all()


def test_who_meets_the_other_on_the_way_is_not_told_that_they_went():
    for seed in range(60):
        world: Any = envs.make("ludus/Treasure-v0", 1, text=True)
        world.reset(np.arange(1), [seed])
        island = world.text_world
        one, other = (island.rooms[r] for r in island.room[0])
        if one != other and island.exits(0)[0, island.room[0, 1]] and island.exits(1)[0, island.room[0, 0]]:
            break
    page = world.step({"ann": [f"go to the {other}"], "bob": [f"go to the {one}"]}).obs["bob"][0]
    assert f"You are in the {other}" in page and f"You go to the {one}" not in page


def test_a_sign_leads_to_every_room_by_the_shortest_way():
    world, rows = build("ludus/Treasure-v0", 64), np.arange(64)
    world.reset(rows, range(64))
    for room in range(len(world.rooms)):
        here = world.room[:, 0].copy()
        for left in range(len(world.rooms), -1, -1):
            assert (world.far[rows, here, room] <= left).all()
            sign = layout.ways(world.link, world.far, here)[:, room]
            assert np.array_equal(sign.sum(axis=1), here != room)
            here = np.where(here == room, room, np.argmax(sign, axis=1))


def test_a_wrong_chest_ends_the_hunt_and_pays_less():
    world = build("ludus/Treasure-v0", 32)
    world.reset(np.arange(32), range(32))
    wrong = (world.hidden[np.arange(32), world.aim] + 1) % 4
    world.locked[:] = -1
    world.room[:, 0] = world.stood[np.arange(32), wrong]
    act = {"ann": world.table.number("open", wrong), "bob": np.zeros(32, int)}
    result = world.step(act)
    assert result.done.all() and not result.info["success"].any() and (result.reward["ann"] < -world.fine / 2).all()


def test_a_locked_room_opens_to_the_key_alone():
    world = build("ludus/Treasure-v0", 64)
    world.reset(np.arange(64), range(64))
    assert not world.exits(0)[np.arange(64), world.locked].any()
    next_to = np.argmax(world.link[np.arange(64), world.locked], axis=1)
    world.room[:, 0] = next_to
    unlock = world.table.number("unlock", world.locked)
    assert not world.mask(0)[np.arange(64), unlock].any()
    world.at[:, world.key], world._masks = world.hands[0], {}
    room = world.locked.copy()
    assert world.mask(0)[np.arange(64), unlock].all()
    world.step({"ann": unlock, "bob": np.zeros(64, int)})
    assert world.exits(0)[np.arange(64), room].all()


def test_the_best_bargain_is_what_no_swap_betters():
    rng = np.random.default_rng(0)
    for _ in range(50):
        pieces, prices = rng.integers(0, 3, (1, 2, 3)), rng.integers(1, 6, (1, 2, 3))
        seen, ahead = set(), [tuple(pieces.ravel())]
        while ahead:  # every division that swaps can reach
            now = ahead.pop()
            if now in seen:
                continue
            seen.add(now)
            goods = np.array(now).reshape(2, 3)
            for i, j in [(i, j) for i in range(3) for j in range(3) if i != j and goods[0, i] and goods[1, j]]:
                other = goods.copy()
                other[0, i], other[1, i], other[1, j], other[0, j] = (
                    other[0, i] - 1, other[1, i] + 1, other[1, j] - 1, other[0, j] + 1,
                )  # fmt: skip
                ahead.append(tuple(other.ravel()))
        found = max((np.array(s).reshape(2, 3) * prices[0]).sum() for s in seen)
        assert best(pieces, prices)[0] == found


def test_scorings_pay_both_each_or_against_each_other():
    paid = {}
    for scoring in ("cooperative", "competitive", "mixed"):
        world = build("ludus/Bargain-v0", 64, scoring=scoring)
        assert isinstance(world, Bargain)
        world.reset(np.arange(64), range(64))
        steps = [world.step(world.scripted()).reward for _ in range(14)]
        paid[scoring] = {a: np.sum([r[a] for r in steps], axis=0) for a in world.agents}
    assert np.array_equal(paid["cooperative"]["ann"], paid["cooperative"]["bob"])
    assert np.allclose(paid["competitive"]["ann"], -paid["competitive"]["bob"]) and paid["competitive"]["ann"].any()
    assert not np.allclose(paid["mixed"]["ann"], paid["mixed"]["bob"]) and (paid["mixed"]["ann"] > 0.8).all()


# What agents know


def test_what_is_in_another_room_or_closed_is_not_observed():
    world = build("ludus/Household-v0", 64)
    world.reset(np.arange(64), range(64))
    seen = world.sees(0)
    before = world._observe()["you"]
    world.made[~seen] ^= True
    world.notice(slice(None))
    assert np.array_equal(world._observe()["you"], before)
    world.made[seen] ^= True
    world.notice(slice(None))
    assert not np.array_equal(world._observe()["you"], before)


def test_a_word_is_heard_by_those_present_and_no_others():
    world = build("ludus/HouseholdTeam-v0", 2)
    world.reset(np.arange(2), [1, 2])
    world.room[0], world.room[1] = [0, 0], [0, 3]
    word = world.table.starts["say"] + 3
    world.step({"ann": np.full(2, word), "bob": np.zeros(2, int)})
    assert world.heard[:, 1, 0].tolist() == [3, -1]
    world.do_say(1, np.arange(2), np.array([5, 5]))
    assert world.heard[:, 0, 1].tolist() == [5, -1]
    assert f"ann last said: {world.words[3]}" in world.describe(0, "bob")


# Words in, words out


@every_text
def test_the_world_in_words_is_the_same_world(name):
    spoken, plain = envs.make(name, 3, text=True), build(name, 3)
    pages, _ = spoken.reset(np.arange(3), [1, 2, 3])
    plain.reset(np.arange(3), [1, 2, 3])
    for _ in range(plain.max_episode_steps):
        numbers = plain.scripted()
        sentences = spoken.scripted()
        one, other = spoken.step(sentences), plain.step(numbers)
        assert_same([one.reward | {"s": one.info["success"]}], [other.reward | {"s": other.info["success"]}])
        for agent in plain.agents:
            assert all(spoken.observation_spaces[agent].contains(page) for page in one.obs[agent])
    assert other.done.all() and one.info["success"].all()
    assert all(plain.goals[0].skill.wordings[0].split()[0] in p or "task" in p for p in pages[plain.agents[0]])


@every_text
def test_it_reads_in_chinese_and_obeys_in_chinese(name):
    world = envs.make(name, 2, text=True, language="zh")
    pages, _ = world.reset(np.arange(2), [1, 2])
    for page in pages[world.agents[0]]:
        letters = [c for c in page if c.isalpha()]
        assert np.mean([c > "\u2e80" for c in letters]) > 0.85
    for _ in range(world.max_episode_steps):
        result = world.step(world.scripted())
    assert result.info["success"].all()


def test_a_life_in_words_is_kept_by_state_and_restore():
    def build() -> Any:
        return envs.make("ludus/HouseholdTeam-v0", 2, text=True)

    world = build()
    world.reset(np.arange(2), [1, 2])
    say = {"ann": ["take the plate", "say hello you"], "bob": ["go to the hall", "打开冰箱"]}
    kept = world.step(say).obs
    state = world.state()
    ahead = [world.step({a: ["put it in the basket", "wait"] for a in world.agents}).obs for _ in range(2)]
    other = build()
    assert all((other.restore(state)[0][a] == kept[a]).all() for a in kept)
    again = [other.step({a: ["put it in the basket", "wait"] for a in world.agents}).obs for _ in range(2)]
    assert all((one[a] == two[a]).all() for one, two in zip(ahead, again, strict=True) for a in one)


def test_free_speech_is_heard_as_it_was_said():
    world: Any = envs.make("ludus/Detective-v0", 1, text=True)
    world.reset(np.arange(1), [1])
    obs = world.step({"ann": ["say trust nobody here"], "bob": ["wait"], "cid": ["wait"]}).obs
    assert "ann says: trust nobody here" in obs["bob"][0] and "You say" in obs["ann"][0]


def test_free_speech_is_heard_by_who_was_there_when_it_was_said():
    world: Any = envs.make("ludus/HouseholdTeam-v0", 1, text=True)
    world.reset(np.arange(1), [1])
    house = world.text_world
    house.room[:], house._masks = 0, {}  # both in the hall
    way = house.rooms[int(np.flatnonzero(house.exits(1)[0])[0])]
    obs = world.step({"ann": ["say hello friend"], "bob": [f"go to the {way}"]}).obs
    assert f"You are in the {way}" in obs["bob"][0] and "ann says: hello friend" in obs["bob"][0]


def test_what_is_typed_in_letters_of_no_word_is_read_again_inside_the_space():
    world: Any = envs.make("ludus/HouseholdTeam-v0", 1, text=True)
    world.reset(np.arange(1), [1])
    obs = world.step({"ann": ["say hé🎉llo"], "bob": ["take ö"]}).obs
    assert all(world.observation_spaces[a].contains(obs[a][0]) for a in world.agents)


@pytest.mark.parametrize("wrong", [["open", 3], [b"open", "x"], "open", None, np.zeros(2), [["a", "b"]]])
def test_what_is_no_sentence_is_refused_by_agent(wrong):
    world = envs.make("ludus/Household-v0", 2, text=True)
    world.reset(np.arange(2), [1, 2])
    with pytest.raises(ValueError, match="'you'"):
        world.step({"you": wrong})


def test_gymnasium_plays_in_words():
    env = gymnasium.make("ludus/Household-v0", text=True)
    page, _ = env.reset(seed=1)
    assert isinstance(env.observation_space, spaces.Text) and env.observation_space.contains(page)
    page, *_ = env.step("make me a sandwich")
    assert "I do not know how to do that." in page


@pytest.mark.parametrize("sentence", ["take the apple", "拿起苹果"])
def test_the_sentence_that_the_page_shows_does_what_its_seed_asks(sentence):
    shown = (Path(__file__).parents[1] / "docs" / "environments" / "text.md").read_text()
    assert "reset(seed=224)" in shown and sentence in shown
    env = gymnasium.make("ludus/Household-v0", text=True)
    page, info = env.reset(seed=224)
    assert info["instruction"] == "take the apple" and page in shown
    page, _, terminated, _, info = env.step(sentence)
    assert page in shown and terminated and info["is_success"]


# A world of one's own


def test_a_world_of_ones_own_is_one_yaml_file(tmp_path):
    own = {
        "agents": {"robot": ["yard", "barn"]},
        "rooms": ["yard", "barn"],
        "furniture": {"crate": {"rooms": ["barn"], "opens": True}, "trough": {"rooms": ["yard"]}},
        "things": {"egg": {"states": ["clean"]}, "rope": {}},
        "states": {"clean": {"verb": "clean", "at": "trough"}},
        "quests": [{"skill": "put"}, {"skill": "clean"}],
        "words": {w: {} for w in ("robot", "yard", "barn", "crate", "trough", "egg", "rope", "clean")},
    }
    path = tmp_path / "farm.yaml"
    path.write_text(yaml.safe_dump(own))
    won, _, _ = play(build("ludus/Household-v0", 100, file=str(path), steps=(1, 6)))
    assert won.all()
    del own["rooms"]
    path = tmp_path / "broken.yaml"
    path.write_text(yaml.safe_dump(own))
    with pytest.raises(ValueError, match="'rooms'"):
        build("ludus/Household-v0", file=str(path))


@every_text
def test_every_noun_has_a_name_in_both_languages(name):
    world = build(name)
    nouns = {noun for command in world.table.commands for _, noun in command.nouns}
    assert all(world.lexicon.word(noun, "zh") != noun for noun in nouns | set(world.agents))


@every_text
def test_a_picture_shows_the_scene_and_the_talk(name):
    world = build(name)
    world.reset(np.arange(1), [1])
    first = world.render()
    world.step(world.scripted())
    assert first.shape == (480, 640, 3) and first.dtype == np.uint8
    assert (first != world.render()).any() and first.std() > 10


ONLY_CLEAN = "things: {apple: {states: [clean]}}\nstates: {clean"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("agents: {you: [hall, kichen]}", "agents: you: no room 'kichen'; did you mean kitchen"),
        ("agents: {you: [hall, kitchen]}", "nobody may enter 'bathroom'"),
        ("agents: {you: [kitchen, hall, bathroom, living room, bedroom]}\nrooms: hall", "rooms: must be a list"),
        ("rooms: [hall, kitchen]", "no room 'bathroom'"),
        (
            "furniture: {fridge: {rooms: [kitchen]}, sink: {rooms: [kichen]}}",
            "furniture: sink: rooms: no room 'kichen'",
        ),
        ("things: {apple: {states: [claen]}}", "things: apple: states: no state 'claen'; did you mean clean"),
        (f"{ONLY_CLEAN}: {{verb: polish, at: sink}}}}", "states: clean: verb: no verb 'polish'"),
        (f"{ONLY_CLEAN}: {{verb: clean, at: snk}}}}", "states: clean: at: no furniture 'snk'; did you mean sink"),
        ("quests: [{skill: fly}]", "quests: number 1: skill: no skill 'fly'"),
        ("quests: [{skill: put, place: [tabel]}]", "place: no place 'tabel'; did you mean table"),
        ("base: mine.yaml", "cannot be its own base"),
    ],
)
def test_what_a_house_of_ones_own_gets_wrong_is_told_with_its_place(said, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(said if said.startswith("base") else f"base: household\n{said}\n")
    with pytest.raises(ValueError, match=re.escape(words)):
        envs.make("ludus/Household-v0", 1, file="mine.yaml")


@pytest.mark.parametrize("name", ["Bargain", "Detective", "Assistant", "Workshop", "Dialogue", "Treasure"])
def test_a_section_that_is_missing_or_of_another_kind_is_named(name, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("agents: [ann]\n")
    with pytest.raises(ValueError, match=r"mine.yaml: the section '\w+' is missing; there is agents"):
        envs.make(f"ludus/{name}-v0", 1, file=str(file))
    file.write_text(f"base: {name.lower()}\nwords: none\n" if name != "Treasure" else "base: treasure\ntreasures: 3\n")
    with pytest.raises(ValueError, match=r"mine.yaml: \w+: must be a "):
        envs.make(f"ludus/{name}-v0", 1, file=str(file))


def test_data_files_hold_what_worlds_need():
    for name in ("household", "household-team", "treasure"):
        data = read(name)
        nouns = {*data["rooms"], *data["furniture"], *data["things"], *data["states"], *data["agents"]}
        assert nouns <= set(data["words"]), nouns - set(data["words"])


@every_text
def test_the_same_seed_lives_the_same_life_as_masks_too(name):
    lives = [live(build(name, 3), [4, 5, 6], 12) for _ in range(2)]
    assert_same(*lives)
