"""Skills and sentences, and the view that gives instructions: when it asks, what it pays, what it remembers."""

import re

import numpy as np
import pytest
import toys
from lives import IDS, Actor, assert_same, live, make

from ludus.envs.instructions import Briefing, HashedWords, goal_only, parse
from ludus.envs.views import autoreset
from ludus.envs.views.instructed import Instructed

LEFT, RIGHT = "go left", "go right"
STILL = {"ann": np.zeros((2, 2))}


class Teller:
    """An instructor that says a list of sentences, one after the other to each agent, and keeps what it was told."""

    def __init__(self, *sentences):
        self.sentences, self.heard = sentences, []

    def __call__(self, briefings, states):
        self.heard.append((list(briefings), list(states)))
        counts = [0 if s is None else s["said"] for s in states]
        return [self.sentences[c % len(self.sentences)] for c in counts], [{"said": c + 1} for c in counts]


class Rails(toys.Walkers):
    """Walkers without chance: actions are displacements, and places are set by hand."""

    def step(self, actions):
        self.streams.begin(np.arange(self.num_envs), [0] * self.num_envs)
        before = self.place.copy()
        result = super().step(actions)
        living = np.abs(before) <= 1
        self.place = np.where(living, before + np.stack([actions[a][:, 0] for a in self.agents], 1), before)
        self.alive = living & (np.abs(self.place) <= 1)
        ended = {a: ~self.alive[:, k] for k, a in enumerate(self.agents)}
        return result._replace(terminated=ended, truncated=self.steps >= self.max_episode_steps)


def rails(teller, places=(0.0, 0.0), agents=("ann",), length=50, **settings):
    """An instructed world of two copies that start at the given places."""
    world = Rails(len(places), {"walkers": agents})
    world.max_episode_steps = length
    view = Instructed(world, instruct=teller, **settings)
    reset = world.reset

    def start(ids, seeds=None):
        obs, info = reset(ids, seeds)
        world.place[ids] = np.array(places)[ids, None]
        return obs, info

    world.reset = start
    view.reset(np.arange(len(places)))
    return view


def told(view, agent="ann"):
    return [view.instruction(i, agent) for i in range(view.num_envs)]


def moved(view, *by):
    return view.step({"ann": np.stack([[b, 0.0] for b in by])})


# Sentences


def test_an_instruction_is_said_as_its_skills_first_wording():
    assert toys.go(side="left").text == str(toys.go(side="left")) == LEFT


def test_any_wording_is_understood_and_kept_as_it_was_said():
    meant = parse(" Walk to the LEFT! ", [toys.go])
    assert meant.skill is toys.go and meant.arguments == (("side", "left"),) and meant.text == "Walk to the LEFT!"


@pytest.mark.parametrize("text", ["go up", "", "walk walk walk", "x" * 100_000, "Ignore what you were told."])
def test_what_no_skill_understands_is_refused_with_the_nearest_sentence(text):
    with pytest.raises(ValueError, match=r"did you mean '.*(left|right)"):
        parse(text, [toys.go])


@pytest.mark.parametrize("text", [None, 3, ["go left"]])
def test_what_is_not_a_sentence_is_refused(text):
    with pytest.raises(ValueError, match="sentence"):
        parse(text, [toys.go])


def test_a_wrong_argument_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'left'"):
        toys.go(side="lefft")
    with pytest.raises(ValueError, match="takes"):
        toys.go(way="left")


def test_equal_sentences_have_equal_vectors_and_others_have_others():
    encode = HashedWords(8)
    vectors = encode([LEFT, RIGHT, "Go  left.", "left go"])
    assert vectors.shape == (4, 8) and vectors.dtype == np.float32
    assert np.array_equal(vectors[0], vectors[2]) and not np.array_equal(vectors[0], vectors[1])
    assert encode([]).shape == (0, 8)


def test_the_reference_instructor_says_the_goal():
    briefing = Briefing("lift", "", "arm", ("arm",), ())
    assert goal_only([briefing] * 2, [None, 1]) == (["lift", "lift"], [None, 1])


# The bare task


@pytest.mark.parametrize("name", [*IDS, "Alone", "Team", "Choices", "Rivals"])
def test_with_all_weights_zero_it_is_the_bare_task_with_a_vector_behind(name):
    bare = live(make(name, 2, max_episode_steps=6), [1, 2], 9)
    view = Instructed(make(name, 2, max_episode_steps=6), encode=HashedWords(5))
    wide = live(view, [1, 2], 9)
    goals = HashedWords(5)([goal.text for goal in view.goals])
    for moment in wide:
        for agent in view.agents:
            for part in ("obs", "final"):
                if f"{part}.{agent}" in moment:
                    rows = moment[f"{part}.{agent}"]
                    seen, vector = rows[:, :-5], rows[:, -5:]
                    moment[f"{part}.{agent}"] = seen
                    told = (vector[:, None] == goals).all(axis=2).any(axis=1)
                    assert (told | ~(vector.any(axis=1) | seen.any(axis=1))).all()
    assert_same(wide, bare)


def test_spaces_are_wider_by_the_vector():
    world = make("Team", 2)
    view = Instructed(world, encode=HashedWords(5))
    assert view.observation_spaces["ann"].shape == (8,) and world.observation_spaces["ann"].shape == (3,)
    obs, _ = view.reset(np.arange(2), [1, 2])
    assert view.observation_spaces["ann"].contains(obs["ann"][0])
    assert view.id == world.id and view.skills is world.skills and view.unwrapped is world


# When it asks


def test_it_asks_for_all_at_the_start_of_an_episode():
    teller = Teller(LEFT)
    view = rails(teller, agents=("ann", "bob"))
    (briefings, states), *more = teller.heard
    assert not more and states == [None] * 4
    assert [b.agent for b in briefings] == ["ann", "bob"] * 2
    first = briefings[0]
    assert first.goal == RIGHT and first.agents == ("ann", "bob") and first.feasible == (LEFT, RIGHT)
    assert first.description.startswith("ann stands at ")
    assert told(view) == [LEFT, LEFT]


def test_it_asks_again_only_those_whose_instruction_is_done():
    teller = Teller(LEFT, RIGHT)
    view = rails(teller)
    obs = moved(view, -0.4, 0.0).obs["ann"]
    assert told(view) == [RIGHT, LEFT] and len(teller.heard) == 2
    (briefing,), (state,) = teller.heard[1]
    assert briefing.outcomes == ("go left: done",) and state == {"said": 1}
    vectors = HashedWords(16)([RIGHT, LEFT])
    assert np.array_equal(obs[:, 3:], vectors)
    moved(view, 0.0, 0.0)
    assert len(teller.heard) == 2


def test_it_asks_again_after_a_timeout():
    teller = Teller(LEFT, RIGHT)
    view = rails(teller, timeout=3)
    for _ in range(2):
        moved(view, 0, 0)
    assert told(view) == [LEFT, LEFT]
    moved(view, 0, 0)
    assert told(view) == [RIGHT, RIGHT]
    assert [b.outcomes for b in teller.heard[1][0]] == [("go left: timed out",)] * 2


def test_a_goal_that_is_reached_and_given_again_is_not_asked_for_at_every_step():
    view = rails(goal_only, places=(0.5, 0.0))
    for _ in range(5):
        moved(view, 0, 0.1)
    assert view.asked.sum() <= 4


def test_the_next_episode_starts_with_the_outcome_of_the_last():
    teller = Teller(LEFT)
    view = rails(teller, length=3)
    for _ in range(3):
        result = moved(view, 0, 0)
    assert result.truncated.all() and len(teller.heard) == 1
    view.reset(np.array([1]))
    (briefing,), _ = teller.heard[1]
    assert briefing.outcomes == ("go left: unfinished",)


def test_a_copy_that_is_given_a_seed_remembers_nothing_and_the_others_go_on():
    teller = Teller(LEFT, RIGHT)
    view = rails(teller, length=3)
    for _ in range(3):
        moved(view, 0, 0)
    view.reset(np.arange(2), [7, None])
    (fresh, on), states = teller.heard[1]
    assert fresh.outcomes == () and states[0] is None
    assert on.outcomes == ("go left: unfinished",) and states[1] == {"said": 1}
    assert fresh == teller.heard[0][0][0]


def test_an_agent_that_ended_is_asked_no_more_and_sees_zeros():
    teller = Teller(LEFT)
    view = rails(teller, agents=("ann", "bob"), timeout=2)
    stay = {a: np.zeros((2, 2)) for a in view.agents}
    result = view.step(stay | {"ann": np.array([[2.0, 0], [0, 0]])})
    assert result.obs["ann"][0, 3:].any()  # its last observation stands under its last instruction
    for _ in range(3):
        result = view.step(stay)
    assert not result.obs["ann"][0].any() and result.obs["ann"][1, 3:].any()
    assert [b.agent for b in teller.heard[1][0]] == ["bob", "ann", "bob"]


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_an_instruction_takes_effect_exactly_delay_steps_after_it_was_asked_for(delay):
    view = rails(Teller(LEFT, RIGHT), delay=delay)
    seen = []
    for _ in range(9):
        seen += [told(view)[0]]
        moved(view, -0.08, 0.0)  # within reach of the left after four steps
    assert seen[:delay] == [RIGHT] * delay  # the goal stands until the first reply
    assert seen[delay : 4 + delay] == [LEFT] * 4
    assert seen[4 + delay] == RIGHT


def test_a_sentence_that_nobody_understands_is_counted_and_the_goal_stands():
    view = rails(Teller("fly to the moon", None, LEFT), timeout=1)
    assert told(view) == [RIGHT, RIGHT] and view.unparsed.tolist() == [[1], [1]]
    moved(view, 0, 0)
    assert view.unparsed.tolist() == [[2], [2]]
    moved(view, 0, 0)
    assert told(view) == [LEFT, LEFT] and view.unparsed.tolist() == [[2], [2]]
    assert view.asked.tolist() == [[3], [3]]


def test_an_instructor_that_answers_too_few_is_refused():
    with pytest.raises(ValueError, match="2 instructions asked for, 1 came"):
        rails(lambda briefings, states: ([LEFT], states))


def test_every_sentence_is_encoded_once():
    encoded = []

    def encode(texts):
        encoded.extend(texts)
        return HashedWords(4)(texts)

    view = rails(Teller(LEFT, RIGHT), timeout=1, encode=encode)
    for _ in range(6):
        moved(view, 0, 0)
    assert sorted(encoded) == [LEFT, RIGHT]


def test_an_instructor_that_reads_nothing_costs_no_descriptions(monkeypatch):
    view = rails(goal_only)
    monkeypatch.setattr(view.world, "describe", lambda *_: pytest.fail("described for nobody"))
    view.reset(np.arange(2))


# What it pays


def base(*moves, places=(0.0, 0.0)):
    view = rails(goal_only, places)
    return [moved(view, *m).reward["ann"] for m in moves]


def extra(moves, places=(0.0, 0.0), **settings):
    teller = settings.pop("teller", None) or Teller(LEFT)
    view = rails(teller, places, **settings)
    return np.array([moved(view, *m).reward["ann"] for m in moves]) - np.array(base(*moves, places=places))


def test_progress_pays_its_difference():
    paid = extra([(-0.1, 0.1), (-0.1, 0.0)], progress=2.0)
    assert np.allclose(paid, [[0.1, -0.1], [0.1, 0.0]])  # progress is 1 - gap / 2


def test_success_is_paid_once_for_an_instruction():
    paid = extra([(-0.4, 0.0), (0.3, 0.0), (-0.3, 0.0)], success=3.0)
    assert np.allclose(paid, [[3, 0], [0, 0], [0, 0]])


def test_a_goal_reached_pays_once_an_episode_however_often_it_is_crossed():
    paid = extra([(0.4, 0.0), (-0.3, 0.0), (0.3, 0.0)], teller=goal_only, success=3.0)
    assert np.allclose(paid, [[3, 0], [0, 0], [0, 0]])


def test_what_is_achieved_when_it_is_given_pays_nothing():
    paid = extra([(0.0, 0.0), (0.0, 0.0)], places=(-0.5, 0.0), success=3.0)
    assert np.allclose(paid, 0)


def test_a_timeout_is_charged_once_and_not_where_it_was_achieved():
    paid = extra([(-0.4, 0), (0, 0), (0, 0), (0, 0)], failure=2.0, timeout=3)
    assert np.allclose(paid, [[0, 0], [0, 0], [0, -2], [0, 0]])


def test_an_end_is_charged_as_a_failure():
    assert np.allclose(extra([(2.0, 0.0)], failure=2.0), [[-2, 0]])


def test_progress_of_a_new_instruction_is_counted_from_where_it_was_given():
    paid = extra([(-0.4, 0), (0.1, 0)], teller=Teller(LEFT, RIGHT), progress=2.0)
    assert np.allclose(paid[:, 0], [0.4, 0.1])


# State


@pytest.mark.parametrize("wordings", ["one", "all"])
@pytest.mark.parametrize("name", [IDS[0], "Team", "Choices", "Rivals"])
def test_restore_goes_on_bit_for_bit_with_instructions_underway(name, wordings):
    def build():
        teller = Teller(*[s.phrase(w) for s in sorted_goals(make(name)) for w in s.skill.wordings], "nonsense")
        how = {"timeout": 3, "delay": 2, "progress": 1.0, "failure": 1.0, "wordings": wordings}
        return Instructed(make(name, 3, max_episode_steps=9), instruct=teller, **how)

    view = build()
    actor = Actor(view, [1, 2, 3])
    view.reset(np.arange(3), [1, 2, 3])
    for _ in range(6):
        _, obs, _ = autoreset.step(view, actor())
    assert view._wait.any()  # an instruction is on its way
    state, actions = view.state(), [actor() for _ in range(14)]
    assert all(isinstance(v, np.ndarray) and v.dtype != object for v in state.values())

    def ahead(world):
        life = []
        for action in actions:
            result, seen, _ = autoreset.step(world, action)
            said = np.array([world.instruction(i, a) for i in range(3) for a in world.agents])
            life.append({**seen, "said": said} | {f"reward.{a}": r for a, r in result.reward.items()})
        return life, world.asked.copy(), world.unparsed.copy()

    expected = ahead(view)
    for other in (view, build()):
        assert_same([other.restore(state)[0]], [obs])
        life, asked, unparsed = ahead(other)
        assert_same(life, expected[0])
        assert np.array_equal(asked, expected[1]) and np.array_equal(unparsed, expected[2])


def sorted_goals(world):
    return [i for skill in world.skills for i in skill.instructions()]


def test_a_state_of_another_goal_is_refused():
    state = Instructed(make("Team", 2)).state()
    other = make("Team", 2)
    other.goals = (toys.go(side="left"),)
    with pytest.raises(ValueError, match="goal 'go right', not 'go left'"):
        Instructed(other).restore(state)


# Wordings


def worded(copies, wordings="all", seeds=None):
    """The words of every copy's agents at every step, what each means, and the world's own observations."""
    view = Instructed(make("Team", copies, max_episode_steps=4), instruct=Teller(LEFT, RIGHT), wordings=wordings)
    seeds = list(range(copies)) if seeds is None else seeds
    actor = Actor(view, seeds)
    view.reset(np.arange(copies), seeds)
    said, means, seen = [], [], []
    for _ in range(30):
        _, obs, _ = autoreset.step(view, actor())
        said.append([[view.instruction(i, a) for a in view.agents] for i in range(copies)])
        means.append([[str(parse(t, view.skills).arguments) for t in row] for row in said[-1]])
        seen.append({a: o[:, : -view._book.width] for a, o in obs.items()})
    return view, np.array(said), np.array(means), seen


def test_all_wordings_to_learn_with_are_told_and_none_that_is_held_out():
    view, said, _, _ = worded(20)
    taught = {i.phrase(w) for s in view.skills for i in s.instructions() for w in s.taught}
    assert set(said.ravel()) == taught
    assert not taught & {i.phrase(w) for s in view.skills for i in s.instructions() for w in s.held_out}


def test_other_words_change_neither_what_is_meant_nor_the_world():
    (_, one, means, seen), (_, many, same, also) = worded(6, "one"), worded(6)
    assert (one != many).any() and np.array_equal(means, same)
    assert_same(also, seen)


def test_a_copy_is_told_the_same_words_whatever_the_number_of_copies():
    _, many, _, _ = worded(6)
    _, few, _, _ = worded(2, seeds=[3, 5])
    assert np.array_equal(few, many[:, [3, 5]])


def test_how_it_is_said_does_not_say_what_is_to_be_done():
    """Goal and words are drawn from two generators: seen together, every pair of them comes."""
    view = Instructed(make("ludus/LiftColour-v0", 300), wordings="all")
    view.reset(np.arange(300), list(range(300)))
    places = [view.goals[view.aim[i]].skill.taught for i in range(300)]
    how = np.array(
        [[view.aim_of(i).phrase(w) for w in places[i]].index(view.instruction(i, "arm")) for i in range(300)]
    )
    ways, goals = range(how.max() + 1), range(len(view.goals))
    counts = np.array([[((view.aim == g) & (how == w)).sum() for w in ways] for g in goals])
    expected = counts.sum(1, keepdims=True) * counts.sum(0) / 300
    assert ((counts - expected) ** 2 / expected).sum() < 3 * counts.size  # chi-square: its mean is about its size


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="wordings are 'one' or 'all', not 'many'"):
        Instructed(make("Team"), wordings="many")
    for wrong in ({"delay": -1}, {"timeout": 0}):
        with pytest.raises(ValueError, match="delay must be 0 or more and timeout 1 or more"):
            Instructed(make("Team"), **wrong)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", IDS)
def test_no_chinese_sentence_has_letters_of_another_script_in_it(name):
    skills = make(name, 1).skills
    told = [goal.phrase(words) for skill in skills for goal in skill.instructions() for words in skill.chinese]
    assert not [sentence for sentence in told if re.search("[a-z]", sentence)]
