"""What an instructor learns from its own words: cleaned data, weighted updates, a gate, and a smaller model."""

import dataclasses
import json
import sys
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from ludus.agents.instructors import distilling, lessons, loading, rehearsal, swift, training, updating
from ludus.agents.instructors.corpus import Pair
from ludus.agents.instructors.language_model import LanguageModel
from ludus.agents.instructors.lessons import Lesson
from ludus.agents.instructors.pupil import Pupil
from ludus.agents.instructors.updating import Held, Standing, Update, between, gate, quality, standing, update

NOUNS = ["apple", "mug", "plate", "towel", "book", "egg"]
OLD = [Lesson(f"goal: take the {n}\ndo:", f"take the {n}", "old", 1.0) for n in NOUNS]
NEW = [Lesson(f"goal: clean the {n}\ndo:", f"wash the {n}", "new", 1.0) for n in NOUNS]
ASKED = ("clean the {}", "please clean the {}", "clean the {} now", "now clean the {}")
MORE = [Lesson(f"goal: {a.format(n)}\ndo:", f"wash the {n}", "new", 1.0) for n in NOUNS for a in ASKED]
SMALL = training.Recipe(vocabulary=330, width=48, layers=1, heads=2, inner=48, steps=400, batch=8, rate=1e-2, warmup=5)
QUICK = Update(steps=40, batch=12, rate=1e-2, margin=0.1, strength=0.1)


def held(some):
    return [Held(x.prompt, (x.answer, *[f"{v} the {n}" for v in ("take", "wash") for n in NOUNS[:3]
                                        if f"{v} the {n}" != x.answer])) for x in some]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny model that knows the old briefings, and no new one."""
    pairs = [Pair(x.prompt, x.answer, "old", "", "") for x in OLD]
    return training.make(tmp_path_factory.mktemp("tiny"), pairs, SMALL, lambda _: None)


@pytest.fixture(scope="module")
def tiny(folder):
    return loading.load(folder, dtype="float32")


def weights(decoder):
    return {k: v.clone() for k, v in decoder.model.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[k], other[k]) for k in one)


# Data


def line(prompt="p", said="take", outcome="done", won: bool | None = True, task="t"):
    return {"prompt": prompt, "said": said, "outcome": outcome, "won": won, "task": task}


def test_what_was_done_in_vain_is_worth_nothing_once_enough_was_not():
    vain = [line("q", won=False), line("r", said="look", won=None)]
    few, many = ([line(f"p{i}") for i in range(n)] + vain for n in (lessons.ENOUGH - 1, lessons.ENOUGH))
    assert {x.prompt: x.worth for x in lessons.clean(few)[0] if x.worth < 1} == {"q": 0.25, "r": 0.25}
    assert {x.prompt: x.worth for x in lessons.clean(many)[0] if x.worth < 1} == {"r": 0.25}
    assert {x.worth for x in lessons.clean([*many, line("p0", won=False)])[0]} == {0.25, 0.5, 1.0}, "the mean counts it"


def test_data_is_cleaned_of_what_says_nothing():
    told = [
        line(), line(), line(won=False),  # thrice the same: worth (1 + 1 + 0.25) / 3
        line(said="drop", outcome="done", won=False),  # contradicts what was worth more
        line("q", outcome="cut off", won=None), line("r", outcome="already so"),
        line("s", said="fly", outcome="failed", won=False),
        *[line(f"u{i}", said="jump", outcome="failed", won=False) for i in range(6)],  # the policy cannot
    ]  # fmt: skip
    found, counts = lessons.clean(told)
    assert found == [Lesson("p", "take", "t", 0.75)]
    assert counts == {"lines": 13, "unseen": 2, "beyond": 6, "duplicates": 2, "contradictions": 1, "worthless": 1,
                      "lessons": 1}  # fmt: skip


def test_of_contradictions_the_one_that_was_worth_more_stays_and_of_equals_the_more_frequent():
    assert lessons.clean([line(said="a", won=False), line(said="b")])[0][0].answer == "b"
    assert lessons.clean([line(said="z"), line(said="a"), line(said="a")])[0][0].answer == "a"


def test_what_was_held_out_is_not_learnt_from():
    some = [Lesson(f"prompt {i}", "x", "t", 1.0) for i in range(200)]
    learnt, measured = lessons.parted(some)
    assert 20 < len(measured) < 60 and not {x.prompt for x in learnt} & {x.prompt for x in measured}
    assert len(learnt) + len(measured) == 200


def test_broken_lines_of_data_are_counted_and_left(tmp_path):
    good = json.dumps(line())
    (tmp_path / "d").write_text(f'{good}\n{{"half\n[1]\n{json.dumps(line(won="yes"))}\n"x"\n{good}\n')  # type: ignore[arg-type]
    assert lessons.read(tmp_path / "d") == ([line(), line()], 4) and lessons.read(tmp_path / "no") == ([], 0)


# Arithmetic


def test_worth_weighs_the_cross_entropy_of_each_answer():
    draw = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(2, 3, 5, generator=draw), torch.tensor([[-100, 1, 2], [4, 0, 3]])
    logs = torch.log_softmax(logits, -1)
    first = -(logs[0, 1, 1] + logs[0, 2, 2]) / 2
    second = -(logs[1, 0, 4] + logs[1, 1, 0] + logs[1, 2, 3]) / 3
    got = updating.weighted(logits, labels, torch.tensor([1.0, 0.25]))
    assert torch.isclose(got, (first + 0.25 * second) / 2)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_distillation_is_alpha_cross_entropy_and_the_rest_divergence(alpha):
    draw = torch.Generator().manual_seed(1)
    teacher, student = torch.randn(2, 2, 4, generator=draw), torch.randn(2, 2, 4, generator=draw)
    labels = torch.tensor([[-100, 1], [2, 3]])
    kept = [(0, 1, 1), (1, 0, 2), (1, 1, 3)]
    p, q = teacher.double().softmax(-1).numpy(), student.double().softmax(-1).numpy()
    entropy = np.mean([-np.log(float(q[i, j, k])) for i, j, k in kept])
    apart = np.mean([np.sum(p[i, j] * np.log(p[i, j] / q[i, j])) for i, j, _ in kept])
    got = float(distilling.loss(teacher, student, labels, alpha))
    assert np.isclose(got, alpha * entropy + (1 - alpha) * apart, atol=1e-5)


# Updates and the gate


def test_an_update_learns_and_leaves_the_model_before_as_it_was(tiny):
    first = weights(tiny)
    after = update(tiny, NEW, OLD, QUICK)
    assert quality(tiny, held(NEW)) < 0.4 < 0.9 <= quality(after, held(NEW)) and quality(after, held(OLD)) >= 0.9
    assert same(first, weights(tiny)) and same(weights(after), weights(update(tiny, NEW, OLD, QUICK)))
    other = update(tiny, NEW, OLD, dataclasses.replace(QUICK, seed=1))
    assert not same(weights(after), weights(other))


def test_without_worth_nothing_is_learnt_and_anchors_hold_the_weights(tiny):
    def moved(some, **how):
        after = update(tiny, some, OLD, dataclasses.replace(QUICK, steps=8, replay=0.0, **how))
        return sum(float(((a - b) ** 2).sum()) for a, b in zip(weights(after).values(), weights(tiny).values(),
                                                               strict=True))  # fmt: skip

    worthless = [x._replace(worth=0.0) for x in NEW]
    assert moved(worthless, anchor="none") < 1e-9 < moved(NEW, anchor="none")
    assert moved(NEW, anchor="l2", strength=100.0) < 0.7 * moved(NEW, anchor="none")


def test_an_update_learns_the_tokens_that_are_asked(folder):
    """Also where a tokenizer puts a mark before every text, and where prompts stand in a chat."""
    from tokenizers.processors import TemplateProcessing

    model = loading.load(folder, dtype="float32")
    tokens = model.tokenizer
    mark = tokens.convert_tokens_to_ids(training.END)
    plain = model.encoded("goal: x\ndo:", "take it")
    assert plain == training.encoded(tokens, "goal: x\ndo:", "take it")
    tokens.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{training.END} $A", special_tokens=[(training.END, mark)]
    )
    ids, said = model.encoded("goal: x\ndo:", "take it")
    assert ids == [mark, *plain[0]] and said == plain[1] and mark not in said[:-1]
    tokens.chat_template = "{% for m in messages %}USER {{ m.content }} {% endfor %}ANSWER"
    chat = updating.Decoder(model.model, tokens)
    ids, said = chat.encoded("hello", "take it")
    assert tokens.decode(ids) == f"USER hello ANSWERtake it{training.END}"
    assert ids == chat._prompt_ids(["hello"])[0] + chat._ids("take it")
    seen = updating._batch(chat, model.model, [Lesson("hello", "take it", "t", 1.0)])
    assert seen[0][0].tolist() == ids and seen[2][0].tolist() == said


def test_a_model_that_drops_out_learns_the_same_from_the_same_seed(tiny):
    from transformers import GPT2Config, GPT2LMHeadModel

    size: Any = {"vocab_size": len(tiny.tokenizer), "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 128}
    model = updating.Decoder(GPT2LMHeadModel(GPT2Config(**size)), tiny.tokenizer)  # it drops a tenth, as made
    how, chance = Update(steps=2, batch=4, replay=0.0, anchor="none"), torch.random.get_rng_state()
    first = weights(update(model, NEW, [], how))
    assert torch.equal(chance, torch.random.get_rng_state())
    torch.rand(7)
    assert same(first, weights(update(model, NEW, [], how)))


def test_parts_add_up_to_a_batch(tiny):
    """One part of twelve briefings moves the weights as three parts of twelve do, where all briefings are the same."""
    one, three = (
        weights(update(tiny, NEW[:1], [], dataclasses.replace(QUICK, steps=3, anchor="none", accumulate=n)))
        for n in (1, 3)
    )
    assert all(torch.allclose(one[k], three[k], atol=1e-4) for k in one)


def test_the_gate_takes_what_keeps_the_old_and_gains():
    said = {"before": {"a": 1, "b": 1, "n": 0}, "kept": {"a": 1, "b": 1, "n": 1}, "lost": {"a": 1, "b": 0, "n": 1}}

    class Answers:
        def __init__(self, name):
            self.right = said[name]

        def choose(self, prompts, answers):
            return [np.array([0.0, -1.0] if self.right[p] else [-1.0, 0.0]) for p in prompts]

    ask = {k: [Held(k, ("right", "wrong"))] for k in "abn"}
    old = {"first": ask["a"], "second": ask["b"]}

    def verdict(after, margin=0.0):
        stood = [standing(Answers(name), old, ask["n"]) for name in ("before", after)]  # type: ignore[arg-type]
        return gate(stood[0], stood[1], margin)

    assert verdict("kept").taken and verdict("kept").new == (0.0, 1.0)
    assert not verdict("lost").taken and "second 1.00 to 0.00" in verdict("lost").why
    assert verdict("lost", margin=1.0).taken
    few = Standing({"many": 1.0, "few": 1.0}, 0.0), Standing({"many": 1.0, "few": 0.75}, 1.0)
    assert gate(*few, 0.02, {"few": 0.25}).taken and not gate(*few, 0.02, {"few": 0.2}).taken
    assert not gate(*few, 0.02, {"many": 0.25}).taken
    assert not verdict("before").taken and verdict("before").why == "nothing gained"


def records(some, outcome="done"):
    return [line(x.prompt, x.answer, outcome, outcome == "done", x.task) for x in some]


@pytest.fixture
def old_briefings(monkeypatch):
    monkeypatch.setattr(rehearsal, "load", lambda folder=None: (OLD, {"old": held(OLD)}))
    monkeypatch.setattr(lessons, "HELD_OUT", 3)


def pupil(folder, **how):
    model = LanguageModel(loading.load(folder, dtype="float32"))
    return Pupil(model, "online", dataclasses.replace(QUICK, least=2, **how))


def test_an_update_that_keeps_and_gains_is_taken_and_goes_on_from_a_checkpoint(folder, old_briefings):
    mind = pupil(folder, steps=80)
    assert not mind.due(63) and mind.due(64)
    row = mind.learn(records(MORE * 2), 64, "here")
    assert row["taken"] and row["new"][1] > row["new"][0] and row["old"]["old"][1] >= 0.9, row
    assert not mind.due(100) and json.loads(json.dumps(row))["duplicates"] == 24
    arrays, meta = mind.state()
    again = pupil(folder)
    again.restore(arrays, json.loads(json.dumps(meta)))
    assert again.model._who == mind.model._who.startswith("learnt") * mind.model._who
    assert same(weights(again.model.model), weights(mind.model.model)) and not again.due(100)
    nothing = mind.learn(records(MORE * 2), 128)
    assert not nothing["taken"] and nothing["lines"] == 0  # these lines were learnt already


def test_an_update_that_loses_the_old_is_rolled_back(folder, old_briefings):
    mind = pupil(folder, replay=0.0, anchor="none", rate=0.05)
    first, name = weights(mind.model.model), mind.model._who
    row = mind.learn(records(MORE), 64)
    assert not row["taken"] and row["why"].startswith("lost old 1.00 to "), row
    assert same(first, weights(mind.model.model)) and mind.model._who == name and mind.state()[0] == {}
    assert mind.verdicts == [row]


def test_many_updates_together_lose_no_more_of_the_old_than_one_may(folder, old_briefings, monkeypatch):
    stood = iter([(1.0, 0), (0.985, 1), (0.985, 0), (0.97, 1), (0.985, 0), (0.981, 1)])
    monkeypatch.setattr(
        "ludus.agents.instructors.pupil.standing", lambda *_: Standing({"old": (of := next(stood))[0]}, of[1])
    )
    mind, taken = pupil(folder, steps=1, margin=0.02, shares=(1.0,)), []
    for n in range(3):
        lines = records([x._replace(prompt=f"{n} {x.prompt}") for x in MORE * (n + 1)])
        taken.append(mind.learn(lines, 64)["taken"])
        again = pupil(folder, steps=1, margin=0.02, shares=(1.0,))
        again.restore(*json.loads(json.dumps([{}, mind.state()[1]])))
        assert again._best == {"old": 1.0}
    assert taken == [True, False, True]


def test_what_is_all_right_already_is_not_learnt_again(folder, old_briefings, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "ludus.agents.instructors.pupil.standing", lambda _, old, new: asked.append(len(new)) or Standing({}, 1.0)
    )
    monkeypatch.setattr("ludus.agents.instructors.pupil.update", lambda *_: pytest.fail("it learns what it knows"))
    monkeypatch.setattr("ludus.agents.instructors.pupil.MEASURED", 3)
    mind = pupil(folder)
    row = mind.learn(records(MORE * 2), 64)
    assert not row["taken"] and row["why"] == "nothing to gain" and asked == [3]
    assert mind.state()[0] == {} and mind.state()[1]["learnt"] == 0


def test_too_little_is_not_learnt_from(folder, old_briefings):
    row = pupil(folder).learn(records(MORE, "failed"), 64)
    assert not row["taken"] and row["why"] == "too few lessons" and row["lessons"] == 0


def test_fresh_answers_to_old_prompts_are_the_models_own(tiny):
    strange = [x._replace(answer="wash the sky") for x in OLD]
    how = dataclasses.replace(QUICK, anchor="none", fresh=True)
    assert quality(update(tiny, NEW, strange, how), held(OLD)) >= 0.8
    assert quality(update(tiny, NEW, strange, dataclasses.replace(how, fresh=False)), held(OLD)) < 0.5


def test_between_two_models_lie_those_that_keep_more_and_gain_less(tiny):
    learnt = update(tiny, NEW, [], dataclasses.replace(QUICK, anchor="none"))
    half = weights(between(tiny, learnt, 0.5).model)
    ends = weights(tiny.model), weights(learnt.model)
    assert all(torch.allclose(half[k], (ends[0][k] + ends[1][k]) / 2, atol=1e-6) for k in half)
    assert between(tiny, learnt, 1.0) is learnt


def test_an_update_that_loses_the_old_is_taken_in_part_where_that_keeps_it(folder, old_briefings, monkeypatch):
    mind = pupil(folder, replay=0.0, anchor="none", rate=0.05, shares=(1.0, 0.5, 0.25))
    first, far = weights(mind.model.model), {}

    def stood(model, old, new):
        """All is kept up to half of the way and no further, and any of it gains."""
        away = sum(float((weights(model)[k] - first[k]).abs().sum()) for k in first)
        far["all"] = max(away, far.get("all", 0.0))
        return Standing({"old": float(away < 0.6 * far["all"] or not away)}, float(away > 0))

    monkeypatch.setattr("ludus.agents.instructors.pupil.standing", stood)
    row = mind.learn(records(MORE * 2), 64)
    assert row["taken"] and row["share"] == 0.5 and row["old"]["old"] == (1.0, 1.0)
    away = sum(float((weights(mind.model.model)[k] - first[k]).abs().sum()) for k in first)
    assert away == pytest.approx(far["all"] / 2, rel=1e-3)


def test_adapters_learn_and_are_merged_into_a_model_like_any_other(tiny, monkeypatch):
    first, chance = weights(tiny.model), torch.random.get_rng_state()
    other = [x._replace(answer=OLD[-1].answer) for x in NEW]  # words that it knows
    asked = [Held(x.prompt, (x.answer, *(y.answer for y in OLD if y.answer != x.answer))) for x in other]
    how = dataclasses.replace(QUICK, adapter="lora", steps=60)
    learnt = update(tiny, other, OLD, how)
    assert same(first, weights(tiny.model)) and torch.equal(chance, torch.random.get_rng_state())
    assert quality(tiny, asked) <= 0.5 and quality(learnt, asked) >= 0.8 and quality(learnt, held(OLD)) >= 0.8
    after = weights(learnt.model)
    assert after.keys() == first.keys() and swift.fits(learnt.model)
    changed = {name for name in first if not torch.equal(first[name], after[name])}
    assert changed and all("_proj." in name for name in changed)
    monkeypatch.setattr(updating, "LARGE", 1000)
    assert same(after, weights(update(tiny, other, OLD, dataclasses.replace(how, adapter="auto")).model))


def test_what_cannot_be_is_said(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ValueError, match="needs peft"):
        update(tiny, NEW, OLD, Update(adapter="lora"))
    with pytest.raises(ValueError, match="did you mean kl"):
        Update(anchor="klo")
    with pytest.raises(ValueError, match="did you mean stage"):
        Pupil(LanguageModel(tiny), "stages")
    with pytest.raises(ValueError, match="no lesson"):
        update(tiny, [], OLD, QUICK)


def test_the_shipped_briefings_are_of_two_sides_and_the_shipped_model_knows_them():
    old, kept = rehearsal.load()
    assert len(old) >= 200 and len(kept) >= 8
    assert not {x.prompt for x in old} & {h.prompt for each in kept.values() for h in each}
    assert all(len(set(h.answers)) == len(h.answers) >= 2 for each in kept.values() for h in each)
    for task, several in (("LiftColour", 2), ("OpenDrawer", 2), ("Stack", 2), ("PickPlace", 4), ("GridWorld", 2)):
        right = Counter(h.answers[0] for h in kept[f"ludus/{task}-v0"])
        assert len(right) >= several and max(right.values()) < 0.75 * right.total(), right
    house = [h.answers for h in kept["ludus/Household-v0"]]
    assert all(right.split()[0] in {other.split()[0] for other in others} for right, *others in house)
    some = {task: each[::8] for task, each in kept.items() if "Household" in task or "Fridge" in task}
    model = loading.load()
    assert len(some) == 2 and np.mean([quality(model, each) for each in some.values()]) > 0.8


# A smaller one


def test_batches_are_where_the_larger_model_is(tiny, monkeypatch):
    """No machine of the tests need have a GPU: a device without memory stands for one."""
    seen = []

    class Elsewhere:
        device, config = torch.device("meta"), tiny.model.config

        def __call__(self, **_):
            raise AssertionError

    def logits(model, *batch):
        seen.append((model.device.type, *(t.device.type for t in batch)))
        raise StopIteration

    monkeypatch.setattr(distilling, "logits_of", logits)
    teacher = SimpleNamespace(tokenizer=tiny.tokenizer, model=Elsewhere(), encoded=tiny.encoded)
    pairs = [Pair(x.prompt, x.answer, "old", "", "") for x in OLD]
    with pytest.raises(StopIteration):
        distilling.distil(teacher, pairs, SMALL, 0.5, lambda _: None)  # type: ignore[arg-type]
    assert seen == [("meta",) * 4]


def test_a_smaller_model_learns_from_a_larger_one_and_both_are_measured(tiny, tmp_path):
    pairs = [Pair(x.prompt, x.answer, "old", "", "") for x in OLD]
    recipe = distilling.smaller(SMALL, 40, 1)
    student = distilling.distil(tiny, pairs, recipe, 0.5, lambda _: None)
    rows = distilling.compare({"teacher": tiny, "student": student}, {"old": held(OLD)})
    assert rows[1]["parameters"] < rows[0]["parameters"] and rows[1]["right"] >= 0.6 < rows[0]["right"]
    assert all(row["ms"] > 0 and row["old"] == row["right"] for row in rows)
    out = distilling.save(student, tmp_path / "s", recipe, {})
    assert quality(loading.load(out, dtype="float32"), held(OLD)) >= 0.6
    with pytest.raises(ValueError, match="alpha"):
        distilling.distil(tiny, pairs, recipe, 2)
