"""A language model behind an address: what a server says is kept, and what it does wrong costs one briefing."""

import http.server
import json
import socket
import threading
import time

import pytest

from ludus.agents.instructors import endpoint
from ludus.agents.instructors.language_model import STRIKES, LanguageModel
from ludus.envs.instructions import Briefing

FEASIBLE = ("take the mug", "take the apple", "put the apple in the basket", "open the fridge")


def briefing(goal="take the apple", feasible=FEASIBLE, **more):
    return Briefing(goal, more.pop("description", "You are here."), "you", ("you",), feasible, **more)


def say(instructor, *briefings):
    return instructor.instruct(briefings, [None] * len(briefings))[0]


class Server:
    """Answers requests with the next of its replies: (status, body, seconds to wait)."""

    def __init__(self, *replies):
        replies, bodies, headers = list(replies), [], []
        self.bodies, self.headers = bodies, headers

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                status, body, wait = replies.pop(0) if len(replies) > 1 else replies[0]
                time.sleep(wait)
                headers.append(dict(self.headers))
                try:
                    self.send_response(status)
                    if status in (301, 302, 307):
                        self.send_header("Location", body.decode())
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass

            def do_GET(self):
                headers.append(dict(self.headers))
                self.send_error(404)

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


def asked_for(many):
    return [briefing(description=str(n)) for n in range(many)]


def test_every_answer_is_kept_however_long_all_of_them_take():
    with Server((*reply("2")[:2], 0.05)) as server:
        model = LanguageModel(endpoint.Endpoint(server.url, "small"), timeout=0.5)
        assert say(model, *asked_for(14)) == [FEASIBLE[1]] * 14
        assert len(model.cache.answers) == 14 == len(server.bodies) and model.counts["hung"] == 0


def test_one_refusal_of_many_costs_one_briefing():
    with Server(*[reply("2")] * 3, (400, b"", 0), reply("2")) as server:
        model = LanguageModel(endpoint.Endpoint(server.url, "small", wait=0.01))
        with pytest.warns(RuntimeWarning, match="HTTP 400: the script instructs"):
            say(model, *asked_for(8))
        assert model.counts["fell_back"] == 1 and len(model.cache.answers) == 7
        say(model, *asked_for(9))  # the one that was refused, and a new one
        assert len(server.bodies) == 10 and model.counts["fell_back"] == 1


def test_a_server_that_refuses_thrice_in_a_row_is_asked_no_more():
    with Server((400, b"", 0)) as server:
        model = LanguageModel(endpoint.Endpoint(server.url, "small", wait=0.01))
        with pytest.warns(RuntimeWarning, match="HTTP 400"):
            say(model, *asked_for(8))
        say(model, briefing("anew"))
        assert len(server.bodies) == STRIKES and model.counts["fell_back"] == 9


def test_what_was_given_up_spends_nothing_more():
    with Server(reply("2"), (503, b"", 0.4)) as server:
        served = endpoint.Endpoint(server.url, "small", retries=5, wait=0.01)
        model = LanguageModel(served, timeout=0.6)
        with pytest.warns(RuntimeWarning, match="no answer within 0.6 s"):
            say(model, *asked_for(5))
        assert len(model.cache.answers) == 1 and model.counts["fell_back"] == 4 and model.counts["hung"] == 1
        time.sleep(0.6)  # what was under way ends
        spent = len(server.bodies)
        time.sleep(0.7)
        assert len(server.bodies) == spent <= 3
        with pytest.raises(endpoint.EndpointError, match="its time is up"):
            served.write(["hello"])


def test_after_its_deadline_nothing_is_asked():
    with Server(reply("2")) as server:
        served = endpoint.Endpoint(server.url, "small")
        served.deadline = time.monotonic() - 1
        with pytest.raises(endpoint.EndpointError, match="its time is up"):
            served.write(["hello"])
        assert server.bodies == []


def test_a_run_that_goes_on_may_spend_what_is_left_and_no_more():
    with Server(reply("2", tokens=30)) as server:
        before, after = (LanguageModel(endpoint.Endpoint(server.url, "small", limit=100)) for _ in range(2))
        say(before, *asked_for(2))
        after.restore(json.loads(json.dumps(before.state())))
        for model in (before, after):
            with pytest.warns(RuntimeWarning, match="limit of 100 tokens is spent"):
                say(model, *asked_for(6))
        assert before.counts["fell_back"] == after.counts["fell_back"] == 2
        assert before.counts["tokens"] == after.counts["tokens"] == 120


@pytest.mark.parametrize("status", [301, 302, 307])
def test_the_key_goes_to_nobody_else(status, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with Server(reply("2")) as other, Server((status, other.url.encode(), 0)) as server:
        model = LanguageModel(endpoint.Endpoint(server.url, "small", wait=0.01))
        with pytest.warns(RuntimeWarning, match="redirects to 'http.*: the script instructs"):
            say(model, briefing())
        assert other.headers == [] and server.headers[0]["Authorization"] == "Bearer sk-secret"
        assert model.counts["fell_back"] == 1


NAMED = {
    "2": 1, " 2. ": 1, "**2**": 1, "2. take the apple": 1, "The answer is 2.": 1, "Take the apple.": 1,
    "'open the fridge'": 3, "2) of 4": 1, "2 take it": 1, "I am sorry, I cannot do that.": None, "": None, "5": None,
    "0": None, "1 or 2": None, "1.5 or 2": None, "999999": None,
}  # fmt: skip


@pytest.mark.parametrize("text", NAMED)
def test_what_a_server_names_is_chosen_and_nonsense_is_no_choice(text):
    with Server(reply(text)) as server:
        model = LanguageModel(endpoint.Endpoint(server.url, "small"))
        asked = briefing("open the fridge")
        if NAMED[text] is not None:
            assert say(model, asked) == [FEASIBLE[NAMED[text]]]
            return
        with pytest.warns(RuntimeWarning, match="named none of the candidates: the script instructs"):
            assert say(model, asked) == ["open the fridge"]
        assert model.counts["fell_back"] == 1 and not model.cache.answers
        assert model.choices[0].by == "the model named none of the candidates: the script instructs"
        say(model, asked)
        assert len(server.bodies) == 2  # it may do better


def test_an_answer_with_a_digit_in_it_is_read_by_its_words():
    dials = ("set the dial to 3", "set the dial to 2", "set the dial to 1")
    with Server(reply("set the dial to 1")) as server:
        model = LanguageModel(endpoint.Endpoint(server.url, "small"))
        assert say(model, briefing(feasible=dials)) == ["set the dial to 1"]


@pytest.mark.parametrize("garbage", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"])
def test_a_reply_that_is_no_http_is_asked_for_again(garbage):
    good = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + reply("2")[1]
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            for told in (garbage, good):
                connection, _ = server.accept()
                with connection, connection.makefile("rb") as asked:
                    lines = list(iter(asked.readline, b"\r\n"))
                    asked.read(next(int(x.split()[1]) for x in lines if x.lower().startswith(b"content-length")))
                    connection.sendall(told)

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        model = LanguageModel(endpoint.Endpoint(url, "small", wait=0.01))
        assert say(model, briefing()) == [FEASIBLE[1]] and model.notes == []
