"""A language model instructs: its choices are exact, kept, counted and bounded, and no fault of it loses a run."""

import contextlib
import functools
import hashlib
import json
import sqlite3
import time
from typing import Any

import numpy as np
import pytest
import torch

from ludus.agents.instructors import cache as cache_module
from ludus.agents.instructors import decoder, loading, training
from ludus.agents.instructors.cache import Cache
from ludus.agents.instructors.corpus import Pair
from ludus.agents.instructors.decoder import Decoder
from ludus.agents.instructors.language_model import LanguageModel, explain
from ludus.agents.instructors.prompts import prompt, shortened
from ludus.agents.instructors.scenes import Theatre
from ludus.curricula import curriculum
from ludus.curricula.plan import plan
from ludus.envs import registry
from ludus.envs.instructions import Briefing, parse
from ludus.envs.views.instructed import Instructed

FEASIBLE = ("take the mug", "take the apple", "put the apple in the basket", "open the fridge")
TOLD = [
    f"goal: {verb} the {noun}\nseen: the {noun} is here\npast: \ndo:" for verb in ("take", "clean") for noun in "abc"
]
PAIRS = [Pair(p, "take the " + p[10 + p.index("take") - 6] if "take" in p else "clean it", "t", "l", "g") for p in TOLD]
SMALL = training.Recipe(vocabulary=400, width=32, layers=2, heads=2, inner=32, steps=2, batch=4)


def briefing(goal="take the apple", feasible=FEASIBLE, **more):
    return Briefing(goal, more.pop("description", "You are here."), "you", ("you",), feasible, **more)


def grammar(text):
    if text not in FEASIBLE:
        raise ValueError(f"no instruction {text!r} here; did you mean {FEASIBLE[0]!r}?")


class Fake:
    """A model that says what it is told to."""

    name = "fake"

    def __init__(self, *texts, scores=(0.0, -1.0, -2.0, -3.0)):
        self.texts, self.scores, self.tokens, self.asked = list(texts), scores, 0, []

    def choose(self, prompts, answers, priors=None):
        self.tokens += len(prompts)
        self.asked += prompts
        return [np.array(self.scores[: len(a)]) + (0 if priors is None else p)
                for a, p in zip(answers, priors or prompts, strict=True)]  # fmt: skip

    def write(self, prompts):
        self.asked += prompts
        return [self.texts.pop(0) for _ in prompts]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return training.make(tmp_path_factory.mktemp("tiny"), PAIRS, SMALL, lambda _: None)


@pytest.fixture(scope="module")
def tiny(folder):
    return loading.load(folder, dtype="float32")


def say(instructor, *briefings, states=None):
    return instructor.instruct(briefings, states or [None] * len(briefings))[0]


# Choosing


def likelihood(model: Decoder, text: str, answer: str) -> float:
    """log p(answer, end | text), by one plain pass without padding or cache."""
    (asked,), said = model._prompt_ids([text]), model._ids(answer)
    with torch.inference_mode():
        logs = torch.log_softmax(model.model(torch.tensor([asked + said])).logits[0].float(), -1)
    return sum(float(logs[len(asked) - 1 + i, token]) for i, token in enumerate(said))


def test_the_best_candidate_has_its_exact_likelihood_and_no_other_is_better(tiny):
    prompts = [prompt(briefing(description="word " * n)) for n in (1, 9, 30)]
    for text, scores in zip(prompts, tiny.choose(prompts, [FEASIBLE] * 3), strict=True):
        exact = [likelihood(tiny, text, a) for a in FEASIBLE]
        assert np.argmax(scores) == np.argmax(exact)
        assert np.isclose(scores.max(), max(exact), atol=2e-3) and (scores >= np.array(exact) - 2e-3).all()


@pytest.mark.parametrize("heads", [(4, 4), (4, 2)], ids=["a head each", "shared keys"])
def test_our_own_pass_of_a_small_model_has_the_librarys_numbers_and_sees_new_weights(tiny, heads):
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {"num_attention_heads": heads[0], "num_key_value_heads": heads[1], "num_hidden_layers": 2}
    size = {"vocab_size": len(tiny.tokenizer), "hidden_size": 32, "intermediate_size": 48}
    model = LlamaForCausalLM(LlamaConfig(**size, **shape, pad_token_id=0, eos_token_id=0))
    ours, other = Decoder(model, tiny.tokenizer), Decoder(model, tiny.tokenizer)
    other._reader = lambda: decoder._Library(model)
    asked = [prompt(briefing(description="word " * n)) for n in (1, 9, 30)], [FEASIBLE, FEASIBLE[:2], FEASIBLE]
    before = ours.choose(*asked)
    np.testing.assert_allclose(np.concatenate(before), np.concatenate(other.choose(*asked)), atol=2e-3)
    assert ours._swift is not None and ours.tokens == other.tokens
    with torch.no_grad():
        model.get_parameter("model.layers.0.mlp.up_proj.weight").mul_(3.0)
    after = np.concatenate(ours.choose(*asked))
    np.testing.assert_allclose(after, np.concatenate(other.choose(*asked)), atol=2e-3)
    assert np.abs(after - np.concatenate(before)).max() > 0.01


def test_a_prior_of_success_changes_the_choice(tiny):
    text = [prompt(briefing())]
    best = int(np.argmax(tiny.choose(text, [FEASIBLE])[0]))
    prior = np.zeros(4)
    prior[best] = -50
    assert np.argmax(tiny.choose(text, [FEASIBLE], [prior])[0]) != best
    chance = np.where(np.arange(4) == best, 1e-9, 1.0)
    model = LanguageModel(tiny, success=lambda b, c: chance)
    assert say(model, briefing()) != [FEASIBLE[best]]


def test_of_equals_the_first_is_chosen():
    assert say(LanguageModel(Fake(scores=(-1.0, -0.5, -0.5, -0.5))), briefing()) == [FEASIBLE[1]]


def test_a_batch_says_what_each_alone_is_told(tiny):
    asked = [briefing(f"take the {noun}", description=f"There is the {noun}." * n) for n, noun in enumerate("abcdefg")]
    together = say(LanguageModel(tiny), *asked)
    assert together == [say(LanguageModel(tiny), b)[0] for b in asked]


def test_what_is_feasible_is_not_told(tiny):
    assert not any(text in prompt(briefing("go home")) for text in FEASIBLE)


def test_a_choice_is_explained():
    model = LanguageModel(Fake())
    say(model, briefing(memories=("the mug is in the sink",)))
    text = explain(model.choices[0])
    assert "-1.000  take the apple" in text and "remembered: the mug is in the sink" in text


def test_a_prompt_tells_outcomes_of_its_own_episode_alone():
    outcomes = ("take the mug: done", "take the apple: failed", "open the fridge: done")
    told = [prompt(briefing(outcomes=outcomes, earlier=n)).splitlines()[-2] for n in (0, 2, 3)]
    assert told == ["past: take the apple: failed; open the fridge: done", "past: open the fridge: done", "past: "]


def test_the_episode_that_begins_by_itself_is_instructed_as_well_as_the_first():
    """The shipped model was taught first episodes: what was done in the one before must not look done."""
    theatre, model, success = Theatre("ludus/Stack-v0", 16), LanguageModel(), []

    def asked(briefings, states):
        theatre.asking.taken()
        theatre.oracle.next()
        return model.instruct(briefings, states)

    world = theatre.world
    view = Instructed(theatre.asking, lambda texts: np.zeros((len(texts), 1)), asked, timeout=theatre.timeout)
    for episode in range(2):
        view.reset(np.arange(16), None if episode else range(5000, 5016))
        won, on = np.zeros(16, bool), np.ones(16, bool)
        for _ in range(world.max_episode_steps):
            told = [[theatre.oracle.understand(view.instruction(i, a)) for a in world.agents] for i in range(16)]
            step = view.step(theatre.oracle.act(np.array(told)))
            won |= on & step.done & step.info["success"]
            on &= ~step.done
        success.append((won | on & step.info["success"]).mean())
    theatre.close()
    assert success[0] > 0.6 and success[1] >= success[0] - 0.15


def test_a_prompt_too_long_keeps_its_goal_and_is_cut_by_its_own_candidates_alone(tiny):
    tiny = Decoder(tiny.model, tiny.tokenizer)
    memories = tuple(f"the plate {i} is in the wardrobe of the hall" for i in range(9))
    seen = "There is the table: mug, plate, apple in it. " * 40
    text = prompt(briefing(description=seen, memories=memories))
    assert len(tiny._prompt_ids([text])[0]) > tiny.room
    (ids,), _ = tiny._padded([text], [6])
    told = tiny.tokenizer.decode(ids)
    assert told.startswith("goal: take the apple\n") and told.endswith("\npast: \ndo:") and len(ids) > tiny.room - 40
    assert told.count("known: ") == 9 and shortened(text, 700) == text
    other = [prompt(briefing()), ["put the very small red cube into the big blue basket " * 5]]
    (alone,) = tiny.choose([text], [FEASIBLE])
    np.testing.assert_array_equal(alone, tiny.choose([text, other[0]], [FEASIBLE, other[1]])[0])


def test_places_that_a_model_does_not_have_are_not_asked_for(tiny):
    from transformers import GPT2Config, GPT2LMHeadModel

    size: Any = {"vocab_size": len(tiny.tokenizer), "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64}
    model = Decoder(GPT2LMHeadModel(GPT2Config(**size)), tiny.tokenizer)
    long, short = prompt(briefing(description="word " * 90)), prompt(briefing())
    scores = model.choose([long, short], [["a"], ["put the red cube into the blue basket"]])
    assert all(np.isfinite(s).all() for s in scores)


# Kept


def test_what_was_answered_is_asked_no_more(tmp_path):
    first = LanguageModel(Fake(), cache=tmp_path / "answers.sqlite")
    said = say(first, briefing(), briefing("open it"), briefing())
    again = LanguageModel(fake := Fake(scores=(-9.0, 0, 0, 0)), cache=tmp_path / "answers.sqlite")
    assert say(again, briefing(), briefing("open it"), briefing()) == said
    assert fake.asked == [] and again.counts["cached"] == 3 and first.counts["calls"] == 2


def test_a_checkpoint_goes_on_with_the_same_answers():
    first = LanguageModel(Fake())
    said = say(first, briefing())
    second = LanguageModel(fake := Fake(scores=(-9.0, 0, 0, 0)))
    second.restore(json.loads(json.dumps(first.state())))
    assert say(second, briefing()) == said and fake.asked == [] and second.counts["asked"] == 2


def test_a_cache_that_is_no_cache_is_left_alone(tmp_path):
    (tmp_path / "answers").write_text("this is no database " * 100)
    cache = Cache(tmp_path / "answers")
    cache.put({"a": 1})
    assert cache.get(["a", "b"]) == {"a": 1} and "database" in cache.broken


def test_a_text_can_be_forgotten(tmp_path):
    cache = Cache(tmp_path / "answers")
    cache.put({"a": {"said": "my secret"}, "b": {"said": "other"}})
    assert cache.forget("secret") == 1
    assert Cache(tmp_path / "answers").get(["a", "b"]) == {"b": {"said": "other"}}


class Chances:
    """The policy's own chance: sure of one candidate."""

    def __init__(self, sure):
        self.sure = sure

    def __call__(self, b, candidates):
        return np.where(np.arange(len(candidates)) == self.sure, 1.0, 1e-9)


def test_what_changes_an_answer_is_in_its_key(folder, tiny, tmp_path):
    chances, file = Chances(0), tmp_path / "answers.sqlite"
    assert say(LanguageModel(Fake(), success=chances, cache=file), briefing()) == [FEASIBLE[0]]
    model = LanguageModel(Fake(), success=Chances(3), cache=file)
    assert say(model, briefing()) == [FEASIBLE[3]] and model.counts["cached"] == 0
    chances.sure = 2  # a policy that has learnt since
    assert say(LanguageModel(Fake(), success=chances, cache=file), briefing()) == [FEASIBLE[2]]
    usual = LanguageModel(folder)._who
    other = [{"dtype": "bfloat16"}, {"longest": 9}, {"chat": False}]
    assert len({usual, *(LanguageModel(folder, **how)._who for how in other)}) == 4
    assert usual == LanguageModel(folder, dtype="auto", device="cpu", offline=True)._who
    world = registry.make("ludus/Household-v0", 1)
    skills = functools.partial(parse, skills=world.skills), functools.partial(parse, skills=world.skills[:2])
    keys = {LanguageModel(tiny)._key(briefing(grammar=g), "write") for g in (None, *skills, skills[0])}
    assert len(keys) == 3 and len({LanguageModel(tiny)._key(briefing(grammar=g), "choose") for g in skills}) == 1
    world.close()


def test_decoders_that_answer_otherwise_have_other_names(folder):
    first, again, wider = (loading.load(folder, dtype=d) for d in ("float32", "float32", "bfloat16"))
    first.choose([prompt(briefing())], [FEASIBLE])
    assert first.name == again.name == LanguageModel(again)._who
    names = {first.name, wider.name, Decoder(first.model, first.tokenizer, longest=9).name}
    again.tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    names |= {Decoder(again.model, again.tokenizer).name, Decoder(again.model, again.tokenizer, chat=False).name}
    with torch.no_grad():
        next(again.model.parameters())[0, 0] += 1
    assert len({*names, Decoder(again.model, again.tokenizer).name}) == 6


def test_a_folder_is_known_by_its_tokenizer_too_and_the_shipped_model_as_ever(folder, tmp_path):
    def changed(where):
        told = json.loads((where / "tokenizer_config.json").read_text())
        (where / "tokenizer_config.json").write_text(json.dumps(told | {"chat_template": "hello"}))

    assert loading.fingerprint(folder).split()[1] != loading.fingerprint(spoiled(folder, tmp_path, changed)).split()[1]
    digest = hashlib.sha256()
    for file in sorted(loading.shipped().glob("*.safetensors")):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    assert loading.fingerprint("shipped") == f"shipped {digest.hexdigest()[:16]}" == LanguageModel()._who


def test_the_hash_of_a_run_with_the_shipped_model_does_not_depend_on_how_models_are_told_apart(monkeypatch):
    made = curriculum.load("short-life")
    before = plan(made, instructor="language-model").hash
    monkeypatch.setattr(loading, "fingerprint", lambda _: "anything else")
    monkeypatch.setattr(loading, "shaping", lambda _: "anything else")
    assert plan(made, instructor="language-model", language_model={"model": "shipped"}).hash == before


def test_many_answers_are_kept_at_once_and_those_of_a_checkpoint_in_memory_alone(tmp_path):
    cache = Cache(tmp_path / "answers")
    started = time.monotonic()
    cache.put({str(i): {"said": "x" * 200} for i in range(2000)})
    assert time.monotonic() - started < 3  # a transaction each took half a minute
    cache.close()
    assert len(Cache(tmp_path / "answers").get([str(i) for i in range(2000)])) == 2000
    model = LanguageModel(Fake(), cache=tmp_path / "answers")
    model.restore({"answers": {"new": {"said": "take the mug"}}, "counts": dict(model.counts), "notes": []})
    assert model.cache.get(["new"]) and not Cache(tmp_path / "answers").get(["new"])


def test_a_file_of_answers_that_another_process_holds_is_tried_again_and_it_is_said_once(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "WAIT", 0.05)
    model = LanguageModel(Fake(), cache=tmp_path / "answers")
    other = sqlite3.connect(tmp_path / "answers", isolation_level=None)
    other.execute("begin immediate")
    with pytest.warns(RuntimeWarning, match="answers are kept in memory alone: .*locked") as told:
        say(model, briefing())
        say(model, briefing("open it"))
    assert len(told) == 1
    other.execute("rollback")
    monkeypatch.setattr(model.cache, "_again", 0.0)  # the pause is over
    say(model, briefing("go home"))
    assert other.execute("select count(*) from answers").fetchone() == (3,) and not model.cache.broken
    other.execute("begin immediate")
    say(model, briefing("go on"))
    other.execute("rollback")
    model.cache.close()  # at the end once more
    assert other.execute("select count(*) from answers").fetchone() == (4,)
    other.close()


# Writing


def test_what_is_written_is_parsed_then_tried_again_with_the_error_then_chosen():
    fake = Fake("take the apple", "fetch!", "", "take the mug", "nonsense " * 99999)
    model = LanguageModel(fake, "write")
    asked = [briefing(f"goal {n}", grammar=grammar) for n in range(3)]
    assert say(model, *asked) == ["take the apple", "take the mug", FEASIBLE[0]]
    assert any("error: no instruction 'fetch!' here; did you mean 'take the mug'?" in p for p in fake.asked)
    counted = {k: model.counts[k] for k in ("valid", "retried", "replaced", "fell_back")}
    assert counted == {"valid": 1, "retried": 2, "replaced": 1, "fell_back": 0}


def test_a_program_is_told_sentence_by_sentence_and_again_where_it_failed():
    model = LanguageModel(Fake('do("take the apple"); do("put the apple in the basket")'), "program")
    state, said = None, []
    for outcome in ("", "take the apple: timed out", "take the apple: done", "put the apple in the basket: done"):
        outcomes = (outcome,) if outcome else ()
        (text,), (state,) = model.instruct([briefing(grammar=grammar, outcomes=outcomes)], [state])
        said.append(text)
        state = json.loads(json.dumps(state))
    assert said == ["take the apple"] * 2 + ["put the apple in the basket"] * 2  # the last one stands once it was done
    assert model.counts["valid"] == 1 and model.counts["calls"] == 1


def test_a_program_that_has_lost_its_way_is_chosen_for():
    model = LanguageModel(Fake('do("put the apple in the basket")'), "program")
    state, said = None, []
    for n in range(4):
        outcomes = ("put the apple in the basket: timed out",) * n
        (text,), (state,) = model.instruct([briefing(grammar=grammar, outcomes=outcomes)], [state])
        said.append(text)
    assert said == ["put the apple in the basket"] * 3 + [FEASIBLE[0]]


def test_what_is_no_program_is_counted_and_chosen_for():
    model = LanguageModel(Fake("import os"), "program")
    assert say(model, briefing(grammar=grammar)) == [FEASIBLE[0]] and model.counts["replaced"] == 1


def programmed(text, *asked):
    """What is said to briefings, one after the other, by a model whose every program is text."""
    model, state, said = LanguageModel(Fake(*[text] * 9), "program"), None, []
    for b in asked:
        (sentence,), (state,) = model.instruct([b], [state])
        said.append(sentence)
        state = json.loads(json.dumps(state))
    return said, model


def told(episode, tried, *outcomes, earlier=0):
    return briefing(grammar=grammar, episode=episode, tried=tried, outcomes=outcomes, earlier=earlier)


def test_a_program_goes_on_where_an_instruction_was_so_already():
    """Asked again in the same episode without an outcome, it does not begin anew and say the same for ever."""
    text = 'do("open the fridge"); do("take the apple")'
    said, model = programmed(text, told(1, 0), told(1, 0), told(1, 1, "take the apple: timed out"))
    assert said == ["open the fridge", "take the apple", "take the apple"] and model.counts["calls"] == 1
    said, _ = programmed('while not done("open the fridge"):\n    do("open the fridge")\ndo("take the apple")',
                         told(1, 0), told(1, 0))  # fmt: skip
    assert said == ["open the fridge", "take the apple"]


def test_a_program_knows_all_that_it_has_done_in_an_episode_though_a_briefing_tells_the_last_alone():
    first, second, third, last = FEASIBLE
    way = [first, second, third, last, second]
    text = "; ".join(f'do("{f}")' for f in way) + f'\nif not done("{first}"):\n    do("{first}")\ndo("{last}")'
    done = [f"{f}: done" for f in way]
    said, _ = programmed(text, *(told(1, n, *done[max(0, n - 4) : n]) for n in range(len(way) + 1)))
    assert said == [*way, last]


def test_a_program_begins_anew_with_an_episode_and_what_was_done_before_is_not_done_in_it():
    text = 'if not done("take the mug"):\n    do("take the mug")\ndo("take the apple")'
    before = "take the mug: done"
    said, model = programmed(
        text, told(1, 0), told(1, 1, before), told(2, 1, before, earlier=1), told(2, 2, before, "take the mug: failed",
                                                                                 earlier=1))  # fmt: skip
    assert said == ["take the mug", "take the apple", "take the mug", "take the mug"]
    assert model.counts["cached"] == 1  # the same was asked for the same


def test_a_world_is_told_the_next_sentence_of_a_program_when_the_first_is_so_from_the_start():
    world = registry.make("ludus/Household-v0", 1)
    asked, fake = [], Fake(*['do("open the fridge"); do("open the wardrobe")'] * 9)
    model = LanguageModel(fake, "program")
    view = Instructed(world, instruct=lambda b, s: (asked.append(b), model.instruct(b, s))[1])
    view.reset(np.arange(1), [3])  # its fridge is open
    (agent,) = world.agents
    for _ in range(3):
        view.step({agent: np.zeros((1, *np.shape(world.action_spaces[agent].sample())), np.int64)})
    assert view.instruction(0, agent) == "open the wardrobe" and len(asked) == 2
    world.close()


@pytest.mark.parametrize(
    "odd", ["do(0x" + "f" * 3900 + ")", "do(10 ** 9)", "do(" + "-" * 900 + "1)", "\0", "do(1e999)"]
)
def test_one_odd_program_does_not_turn_the_model_off(odd):
    said, model = programmed(odd, told(1, 0))
    assert said == [FEASIBLE[0]] and model.counts["fell_back"] == 0 and model.notes == []


# Bounds and faults


@pytest.mark.parametrize("limit", [{"calls": 2}, {"tokens": 2}, {"seconds": 0.0}])
def test_with_a_budget_spent_the_script_instructs_and_it_is_said(limit):
    model = LanguageModel(Fake(), **limit)
    with pytest.warns(RuntimeWarning, match="budget of .* is spent: the script instructs"):
        for n in range(4):
            assert say(model, briefing(description=str(n))) in ([FEASIBLE[0]], ["take the apple"])
    assert model.counts["fell_back"] == (4 if "seconds" in limit else 2)


def test_retries_are_calls_of_a_budget_too():
    asked = [briefing(grammar=grammar, description=str(n)) for n in range(4)]
    for limit, retried, replaced in ((4, 0, 0), (6, 2, 0), (9, 4, 1), (12, 4, 4), (None, 4, 4)):
        fake = Fake(*["wash the sky"] * 20)
        model = LanguageModel(fake, "write", calls=limit)
        with contextlib.nullcontext() if limit in (12, None) else pytest.warns(RuntimeWarning, match="budget of"):
            said = say(model, *asked)
        assert len(said) == 4 and model.counts["calls"] == min(limit or 12, 12)
        counted = [model.counts[k] for k in ("retried", "replaced", "fell_back")]
        assert counted == [retried, replaced, 4 - replaced]


class Broken(Fake):
    def __init__(self, fault):
        super().__init__()
        self.fault = fault

    def choose(self, prompts, answers, priors=None):
        if self.fault == "hangs":
            time.sleep(5)
        if self.fault == "raises":
            raise SystemExit("out of memory")
        return [] if self.fault == "returns nothing" else [np.array([]) for _ in prompts]


@pytest.mark.parametrize("fault", ["hangs", "raises", "returns nothing", "returns too little"])
def test_a_model_that_fails_is_a_counted_fall_back(fault):
    model = LanguageModel(Broken(fault), timeout=0.2)
    with pytest.warns(RuntimeWarning, match="the script instructs"):
        assert say(model, briefing(), briefing("go")) == ["take the apple", "take the mug"]
    assert model.counts["fell_back"] == 2 and model.counts["hung"] == (fault == "hangs")
    started = time.monotonic()
    say(model, briefing("anew"))
    assert time.monotonic() - started < 0.2  # it is not asked again


def test_scores_that_are_no_numbers_choose_nothing_and_are_not_kept():
    class Odd(Fake):
        def choose(self, prompts, answers, priors=None):
            bad = [np.nan, np.inf, -np.inf]
            return [np.array([bad[n] if n < 3 else -1.0, 0.0, -2, -3][: len(a)]) if n < 2 else np.full(4, -np.inf)
                    if n == 2 else np.array([-1.0, 0, -2, -3]) for n, a in enumerate(answers)]  # fmt: skip

    model = LanguageModel(Odd())
    asked = [briefing("open the fridge", description=str(n)) for n in range(4)]
    with pytest.warns(RuntimeWarning, match="named none of the candidates: the script instructs"):
        assert say(model, *asked) == ["open the fridge"] * 3 + [FEASIBLE[1]]
    assert model.counts["fell_back"] == 3 and len(model.cache.answers) == 1 and not model._gone


def test_a_model_may_take_its_time_to_be_opened(monkeypatch):
    def slow(*_, **__):
        time.sleep(0.7)
        return Fake()

    monkeypatch.setattr("ludus.agents.instructors.language_model.load", slow)
    model = LanguageModel("shipped", timeout=0.5)
    assert say(model, briefing()) == [FEASIBLE[0]] and model.counts["fell_back"] == 0 == model.counts["hung"]


def spoiled(folder, tmp_path, how):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    how(tmp_path)
    return tmp_path


SPOILT = {
    "no config": (lambda f: (f / "config.json").unlink(), "no config.json"),
    "broken config": (lambda f: (f / "config.json").write_text("{"), "config.json: cannot be read"),
    "no mapping": (lambda f: (f / "config.json").write_text("[1]"), "no mapping"),
    "pickled": (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "is a pickle"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no weights"),
    "cut short": (lambda f: (f / "model.safetensors").write_bytes(b"\x08" + b"\0" * 30), "cannot be opened"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").write_text("no"), "cannot be opened"),
    "own code": (
        lambda f: (f / "config.json").write_text('{"auto_map": {"AutoModelForCausalLM": "evil.Model"}}'),
        "its own Python code",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_broken_folder_is_one_clear_line(how, folder, tmp_path):
    change, message = SPOILT[how]
    with pytest.raises(loading.ModelError, match=message) as error:
        loading.load(spoiled(folder, tmp_path, change))
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def test_a_missing_folder_and_a_wrong_name_are_one_clear_line(tmp_path):
    with pytest.raises(loading.ModelError, match="no folder of a language model"):
        loading.load(tmp_path / "nothing")
    with pytest.raises(loading.ModelError, match="cannot be opened"):
        loading.load("nobody/no-such-model")
    with pytest.raises(ValueError, match="did you mean choose"):
        LanguageModel(Fake(), "chose")


def test_a_chat_template_is_used_where_there_is_one(folder):
    model = loading.load(folder, dtype="float32")
    model.tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<answer>"
    chat = Decoder(model.model, model.tokenizer)
    assert chat.tokenizer.decode(chat._prompt_ids(["hello"])[0]) == "<user>hello<answer>"
    assert len(chat.write(["hello"])) == 1 and not Decoder(model.model, model.tokenizer, chat=False).chat


def test_the_same_seed_makes_the_same_model(folder, tmp_path):
    again = training.make(tmp_path, PAIRS, SMALL, lambda _: None)
    other = training.make(tmp_path / "other", PAIRS, training.dataclasses.replace(SMALL, seed=1), lambda _: None)
    weights = [(f / "model.safetensors").read_bytes() for f in (folder, again, other)]
    assert weights[0] == weights[1] != weights[2]
