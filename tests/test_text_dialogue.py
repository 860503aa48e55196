"""Questions about another world's episode: the words of the story are enough to answer what its state judges."""

from typing import Any

import numpy as np
import pytest

from ludus import envs
from ludus.envs.text import stories

NAME = "ludus/Dialogue-v0"


@pytest.fixture(scope="module")
def talk() -> Any:
    world: Any = envs.make(NAME, 256)
    world.reset(np.arange(256), range(256))
    return world


def test_a_careful_reader_of_the_events_finds_what_the_state_says(talk):
    """Follow things and people through the events alone, from where things were before."""
    house, told = talk.stories.house, talk.stories
    for s in range(len(told)):
        at, room, handled = told.begun[s].copy(), {}, np.zeros(told.handled.shape[1:], bool)
        for who, where, number in told.events[s]:
            if number < 0:
                break
            command, place = house.table.commands[number], house.table.arguments[number]
            room[who] = int(place[0]) if command.verb == "go" else int(where)
            if command.verb in ("take", "put", "drop"):
                spot = {"take": house.hands[who], "put": len(house.rooms) + place[1], "drop": where}[command.verb]
                at[place[0]], handled[who, place[0]] = spot, True
        assert np.array_equal(at, house.at[s]) and np.array_equal(handled, told.handled[s])
        assert all(house.room[s, k] == r for k, r in room.items())


def test_stories_have_both_people_and_end_with_what_was_asked(talk):
    told = talk.stories
    assert (told.house.was >= 1).all() and (told.events[:, 0, 2] > 0).all()
    assert all((told.events[:, :, 0] == k).any() for k in (0, 1))


def test_every_question_has_an_answer_in_its_story(talk):
    assert talk.truth(talk.aim).any(axis=1).all()
    assert {g.skill.name for g in talk.goals} == {"where", "which_room", "who_moved", "what_made", "summarise"}


def test_a_wrong_answer_and_a_chatty_one_fail():
    world: Any = envs.make(NAME, 64)
    world.reset(np.arange(64), range(64))
    world.mentioned[:] = True
    world._masks = {}
    finish = {"cleo": np.zeros(64, int), "dan": world.table.number("finish", np.zeros(64, int))}
    result = world.step(finish)
    assert result.done.all() and not result.info["success"].any() and (result.reward["dan"] < -0.5).all()
    world.reset(np.arange(64), range(64))
    world.mentioned[:] = ~world.truth(world.aim)
    world._masks = {}
    assert not world.step(finish).info["success"].any()


def test_a_summary_is_judged_by_its_words(talk):
    goal = "summarise what happened"
    world: Any = envs.make(NAME, 64, goal=goal)
    world.reset(np.arange(64), range(64))
    truth = world.truth(world.aim)
    assert (truth.sum(axis=1) >= 2).all()
    world.mentioned[:] = truth
    assert np.allclose(world.f1(world.aim), 1)
    first = np.argmax(truth, axis=1)
    world.mentioned[np.arange(64), first] = False
    count = truth.sum(axis=1)
    assert np.allclose(world.f1(world.aim), 2 * (count - 1) / (2 * count - 1))


def test_who_answers_did_not_see_what_happened(talk):
    assert any("cleo" not in talk.describe(i, "dan") and "take the" in talk.describe(i, "cleo") for i in range(20))
    assert not any("take the" in talk.describe(i, "dan") for i in range(50))
    before = talk._observe()["dan"]
    talk.story[:], kept = (talk.story + 1) % len(talk.stories), talk.story.copy()
    begun = talk.stories.begun[talk.story] == talk.stories.begun[kept]
    after = talk._observe()["dan"]
    changed = (before != after).any(axis=1)
    talk.story[:] = kept
    assert np.array_equal(changed, ~begun.all(axis=1))


def test_stories_of_other_seeds_are_other_stories():
    one, other = stories.told("household-team", 20, 0, (2, 6)), stories.told("household-team", 20, 10, (2, 6))
    assert np.array_equal(one.events[10:], other.events[:10]) and not np.array_equal(one.events[:10], other.events[:10])


def test_one_agent_can_read_and_answer_alone():
    world: Any = envs.make(NAME, 100, alone=True)
    world.reset(np.arange(100), range(100))
    for _ in range(8):
        result = world.step(world.scripted())
    assert world.over.all() and (world.was >= 1).all() and result.info["success"].all()
