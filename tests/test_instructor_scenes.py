"""Scenes to learn from and to be measured on: sides disjoint by hash, oracles that succeed, copying that does not."""

import re
from collections import Counter

import numpy as np
import pytest

from ludus.agents.instructors import corpus, training
from ludus.agents.instructors.language_model import LanguageModel
from ludus.agents.instructors.scenes import (
    HELD_OUT,
    LONG,
    SIDES,
    TRAIN,
    Theatre,
    goal_sides,
    held_out_goals,
    layout_side,
    wordings,
)  # fmt: skip
from ludus.envs import registry
from ludus.envs.views.instructed import Instructed


def goal_copying(briefings, states):
    return [b.goal for b in briefings], list(states)


@pytest.mark.parametrize("task", LONG)
def test_the_oracle_succeeds_in_steps_and_who_copies_the_goal_does_not(task):
    theatre = Theatre(task, 8)
    told, copied = theatre.play(None, range(8)), theatre.play(goal_copying, range(8))
    theatre.close()
    assert told.success.mean() >= 0.9 and copied.success.mean() <= 0.5
    for copy in np.flatnonzero(told.success & ~copied.success):
        own = [e for e in told.examples if e.copy == copy]
        assert len({e.answer for e in own}) >= 2 and all(len(e.briefing.feasible) >= 4 for e in own)


def test_layouts_goals_and_wordings_of_the_two_sides_are_disjoint():
    found = {side: {"layout": set(), "goal": set(), "wording": set()} for side in SIDES}
    for side in SIDES:
        for episode in corpus.episodes("ludus/Household-v0", 3, 1, 96, side):
            for e in episode:
                found[side]["layout"].add(e.layout)
                found[side]["goal"].add((e.goal.skill.name, e.goal.arguments))
                found[side]["wording"].add(e.briefing.goal)
    for kind in ("layout", "goal", "wording"):
        train, held = (found[side][kind] for side in SIDES)
        assert len(train) >= 3 and len(held) >= 2 and not train & held


@pytest.mark.parametrize("task", LONG)
def test_no_training_wording_is_held_out(task):
    world = registry.make(task)
    for goal in world.goals:
        train = {w.lower() for w in wordings(goal, TRAIN, corpus.extra())}
        assert train and not train & {w.lower() for w in wordings(goal, HELD_OUT)}
    world.close()


def test_a_quarter_of_several_goals_is_held_out_and_a_fifth_of_the_layouts():
    world = registry.make("ludus/Household-v0")
    held = held_out_goals(world.goals)
    assert len(held) == len(world.goals) // 4 == goal_sides(world.goals).count(HELD_OUT)
    sides = [layout_side(str(n)) for n in range(1000)]
    assert 150 < sides.count(HELD_OUT) < 250


def test_the_corpus_has_both_languages_and_programs_and_is_seeded():
    first, again = (corpus.pairs("ludus/Household-v0", 5, 1, 24) for _ in range(2))
    assert first == again != corpus.pairs("ludus/Household-v0", 6, 1, 24)
    told = "".join(p.prompt for p in first)
    assert any("\u4e00" <= c <= "\u9fff" for c in told) and any(p.answer.startswith('do("') for p in first)
    (pair,) = corpus.pairs("ludus/Household-v0", 5, 1, 24, language="zh")[:1]
    assert "你" in pair.prompt


def test_renaming_tells_the_same_scene_of_other_things():
    prompt, answer = "goal: 把苹果放进篮子\nseen: You hold the apple.", "put the apple in the basket"
    words = corpus.words()["concepts"]
    for seed in range(20):
        told, said = corpus.renamed((prompt, answer), np.random.default_rng(seed))
        thing, place = told.split("hold the ")[1].rstrip("."), said.split(" in the ")[1]
        assert f"put the {thing} in the {place}" == said
        assert told.startswith(f"goal: 把{words['things'][thing]}放进{words['places'][place]}")


def test_where_goals_are_few_all_are_learnt_but_never_those_held_out_with_their_own_nouns():
    world = registry.make("ludus/LiftColour-v0")
    (held,) = held_out_goals(world.goals)
    world.close()
    pairs = corpus.pairs("ludus/LiftColour-v0", 5, 1, 24)
    assert {p.goal for p in pairs} > {held}
    (text,) = {p.answer for p in pairs if p.goal == held and p.answer.startswith("lift")}
    draw = np.random.default_rng(0)
    told = [corpus.retold(p, draw)[1] for p in pairs for _ in range(20)]
    assert len(told) > 200 and not [t for t in told if text in t]
    assert any(text in corpus.renamed((p.answer,), draw)[0] for p in pairs for _ in range(20))  # by chance it would be


def test_a_task_with_one_start_is_learnt_too():
    assert {p.answer for p in corpus.pairs("ludus/BasicGoal-v0", 0, 1, 8)} == {
        f"go to the {w} goal" for w in ("small", "large")
    }


def test_no_goal_that_is_held_out_stands_in_a_training_scene_and_is_never_asked_for():
    pairs = [p for p in corpus.pairs("ludus/LiftColour-v0", 5, 1, 8) if p.answer.startswith("lift")]
    draw, stands, asked = np.random.default_rng(0), Counter(), Counter()
    for prompt, answer in (corpus.retold(p, draw) for p in pairs for _ in range(100)):
        options = {"lift the " + said for said in re.findall(r"([a-z]+ cube)", prompt)}
        assert answer in options and "lift the blue cube" not in options
        stands.update(options)
        asked[answer] += 1
    shares = [asked[told] / n for told, n in stands.items() if n > 60]
    assert (
        len(shares) > 10 and min(shares) > 0.3 and max(shares) < 0.7
    )  # whatever stands there is asked for half the time


@pytest.mark.parametrize("task", LONG)
def test_a_thing_is_renamed_in_both_languages_or_in_neither(task):
    world = registry.make(task)
    kinds, pattern = corpus._renaming()
    english = {word: name for kind in kinds for name, said in kind.items() for word in (name, said)}

    def named(text):
        return sorted(english[found] for found in pattern.findall(text))

    for skill in world.skills:
        for word, said in skill.in_chinese.items():
            assert named(word) == named(said), (word, said)
        for wording in (*skill.chinese, *(w for w in corpus.extra().get(skill.name, []) if corpus._CJK.search(w))):
            bare = re.sub(r"{\w+}", "", wording)
            assert set(named(bare)) <= set(named(skill.wordings[0])), wording  # 方 is no colour in 方块
    world.close()


def test_of_chinese_every_character_is_a_token():
    tokens = training.tokenizer(["把蓝色方块拿起来 blue cube 12"] * 50, 500)
    assert [tokens.decode([i]) for i in tokens("蓝色方块 12")["input_ids"]] == ["蓝", "色", "方", "块", " ", "1", "2"]


def test_a_single_world_and_a_batch_are_told_the_same():
    """What the instructed view tells the oracle's successor: the briefing of copy i is the single world's."""

    def briefings(seeds):
        heard = []
        world = registry.make("ludus/Household-v0", len(seeds))
        view = Instructed(world, instruct=lambda b, s: (heard.extend(b), goal_copying(b, s))[1])
        view.reset(np.arange(len(seeds)), seeds)
        return heard

    assert briefings([7, 8, 9])[1] == briefings([8])[0]


@pytest.mark.parametrize("task", ["Household-v0", "LiftColour-v0", "OpenDrawer-v0", "FetchFromFridge-v0"])
def test_the_shipped_model_does_what_the_oracle_does_in_scenes_that_it_never_saw(task):
    """A slice of benchmarks/instructor.py: goals in wordings for training, in English and Chinese, choosing."""
    theatre, seeds = Theatre(f"ludus/{task}", 24), range(1 << 35, (1 << 35) + 24)
    oracle = theatre.play(None, seeds, corpus.phraser("train", np.random.default_rng(1)))
    played = theatre.play(LanguageModel().instruct, seeds, corpus.phraser("train", np.random.default_rng(1)))
    copied = theatre.play(goal_copying, seeds)
    theatre.close()
    assert played.success.sum() >= 0.9 * oracle.success.sum() > 0.9 * 20
    assert copied.success.sum() <= 12


@pytest.mark.parametrize(
    "task", ["FoodCollectorGoal-v0", "PushBlockGoal-v0", "StrikersVsGoalieGoal-v0", "InsertPeg-v0", "Treasure-v0"]
)
def test_of_goals_that_are_one_instruction_the_shipped_model_names_the_one_that_it_was_told(task):
    theatre = Theatre(f"ludus/{task}", 24)
    examples = [e for e in theatre.play(None, range(24), steps=1).examples if e.answer.text in e.briefing.feasible]
    texts, _ = LanguageModel().instruct([e.briefing for e in examples], [None] * len(examples))
    theatre.close()
    assert len({e.answer for e in examples}) > 1
    assert np.mean([text == e.answer.text for text, e in zip(texts, examples, strict=True)]) >= 0.9
