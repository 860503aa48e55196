"""A language model instructs: its choices are exact, kept, counted and bounded, and no fault of it loses a run."""

import http.server
import json
import threading
import time

import numpy as np
import pytest
import torch

from ludus.agents.instructors import decoder, endpoint, loading, training
from ludus.agents.instructors.cache import Cache
from ludus.agents.instructors.corpus import Pair
from ludus.agents.instructors.decoder import Decoder
from ludus.agents.instructors.language_model import LanguageModel, explain
from ludus.agents.instructors.prompts import prompt
from ludus.envs.instructions import Briefing

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


# Bounds and faults


@pytest.mark.parametrize("limit", [{"calls": 2}, {"tokens": 2}, {"seconds": 0.0}])
def test_with_a_budget_spent_the_script_instructs_and_it_is_said(limit):
    model = LanguageModel(Fake(), **limit)
    with pytest.warns(RuntimeWarning, match="budget of .* is spent: the script instructs"):
        for n in range(4):
            assert say(model, briefing(description=str(n))) in ([FEASIBLE[0]], ["take the apple"])
    assert model.counts["fell_back"] == (4 if "seconds" in limit else 2)


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


# A server


class Server:
    """Answers requests with the next of its replies: (status, body, seconds to wait)."""

    def __init__(self, *replies):
        replies, bodies = list(replies), []
        self.bodies = bodies

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                status, body, wait = replies.pop(0) if len(replies) > 1 else replies[0]
                time.sleep(wait)
                try:
                    self.send_response(status)
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def reply(text, tokens=7):
    told = {"choices": [{"message": {"content": text}}], "usage": {"total_tokens": tokens}}
    return 200, json.dumps(told).encode(), 0


def test_a_server_instructs():
    with Server((500, b"", 0), reply("2")) as server:
        model = LanguageModel(endpoint.Endpoint(server.url, "small", wait=0.01))
        assert say(model, briefing()) == [FEASIBLE[1]]
        assert len(server.bodies) == 2 and server.bodies[1]["model"] == "small" and model.counts["tokens"] == 7


FAULTS = {
    "refuses": (404, b"no", 0), "is down": (503, b"", 0), "is slow": (200, b"{}", 1.0), "babbles": (200, b"<html>", 0),
    "says nothing": (200, b"{}", 0), "sends megabytes": (200, b"x" * (3 << 20), 0), "sends a list": (200, b"[]", 0),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_fails_is_a_counted_fall_back(fault):
    with Server(FAULTS[fault]) as server:
        model = LanguageModel(endpoint.Endpoint(server.url, "small", timeout=0.2, retries=1, wait=0.01))
        with pytest.warns(RuntimeWarning, match="the script instructs"):
            assert say(model, briefing()) == ["take the apple"]
        assert model.counts["fell_back"] == 1 and len(server.bodies) == (
            1 if fault in ("refuses", "says nothing") else 2
        )


def test_a_server_is_asked_no_more_when_the_limit_is_spent():
    with Server(reply("1", tokens=50)) as server:
        model = LanguageModel(endpoint.Endpoint(server.url, "small", limit=60))
        with pytest.warns(RuntimeWarning, match="limit of 60 tokens is spent"):
            for n in range(5):
                say(model, briefing(description=str(n)))
        assert len(server.bodies) == 2 and model.counts["fell_back"] == 3


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ValueError, match="http"):
        endpoint.Endpoint("file:///etc/passwd", "small")
