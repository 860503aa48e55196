"""Programs of instructions do what they say; whatever else a text holds is refused or bounded."""

import itertools
import time
from typing import Any

import pytest

from ludus.agents.instructors import program
from ludus.agents.instructors.program import ProgramError
from ludus.envs.instructions import Briefing


def briefing(description="", *outcomes):
    return Briefing("goal", description, "ann", ("ann",), (), tuple(outcomes))


def told(text, seen=(), most=30):
    """The sentences of a program; seen: descriptions, one after the other, the last for ever."""
    made, log, said = program.read(text), [], []
    for i in range(most):
        sentence = made.next(log, briefing(seen[min(i, len(seen) - 1)] if seen else ""))
        if sentence is None:
            return said
        said.append(sentence)
    return said


def test_instructions_come_in_their_order():
    assert told('do("take the mug"); do("clean the mug")') == ["take the mug", "clean the mug"]


def test_for_goes_over_words_and_numbers():
    text = 'for thing in ("apple", "mug"):\n    for i in range(1 + 1):\n        do("take the " + thing)'
    assert told(text) == ["take the apple"] * 2 + ["take the mug"] * 2


def test_if_asks_what_is_seen():
    text = 'if sees("closed") and not sees("apple"):\n    do("open it")\nelse:\n    do("take the apple")'
    assert told(text, ["The fridge (closed)."]) == ["open it"]
    assert told(text, ["an apple, closed"]) == ["take the apple"]
    assert told(text, [""]) == ["take the apple"]


def test_while_not_goes_on_until_it_is_done():
    made, log = program.read('while not done("lift the cube"):\n    do("lift the cube")\ndo("rest")'), []
    assert made.next(log, briefing()) == "lift the cube"
    assert made.next(log, briefing("", "lift the cube: timed out")) == "lift the cube"
    assert made.next(log, briefing("", "lift the cube: done")) == "rest"
    assert made.next(log, briefing()) is None


def test_break_and_continue():
    text = 'for n in ("a", "b", "c"):\n    if n == "a":\n        continue\n    if n == "c":\n        break\n    do(n)'
    assert told(text) == ["b"]


def test_fences_are_taken_off():
    assert told('```python\ndo("go")\n```\nand so on') == ["go"]


def test_where_it_stands_is_json_and_answers_are_not_asked_twice():
    made, log = program.read('if sees("dark"):\n    do("a")\n    do("b")'), []
    assert made.next(log, briefing("dark")) == "a"
    assert log == [True, "a"]
    assert made.next(log, briefing("light")) == "b"


# What is refused when it is read. Each expression stands in each of the places where one can stand.

EXPRESSIONS = (
    "__import__('os')", "open('/etc/passwd')", "eval('1')", "exec('1')", "().__class__", "print", "do", "lambda: 0",
    "[x for x in (1, 2)]", "{x for x in (1,)}", "(x for x in (1,))", "{'a': 1}", "{1}", "f'{1}'", "'a' * 9", "2 ** 9",
    "1 - 1", "-1", "a", "a.b", "a[0]", "'a'[0]", "(yield)", "(a := 1)", "1 if True else 2", "b'x'", "1.5", "None",
    "...", "1j", "sees('a', 'b')", "sees()", "sees(x='a')", "sees(*'a')", "done(**{})", "range(3)", "'a'.upper()",
    "'%s' % 1", "'a' < 'b'", "1 < 2 < 3", "'a' in 'ab'", "1 is 1", "not a", "do('x')", "getattr('a', 'b')",
    "globals()", "'a' 'b' + c", "type('a')", "compile('1', '', 'eval')", "input()", "breakpoint()", "sees(open)",
    "sees(sees)", "'" + "x" * 300 + "'",
)  # fmt: skip
PLACES = (
    "do({0})",
    "if {0}:\n    do('x')",
    "while {0}:\n    do('x')",
    "for i in ({0},):\n    do('x')",
    "do('x' + {0})",
)
STATEMENTS = (
    "import os", "from os import system", "x = 1", "x: int = 1", "x += 1", "del x", "global x", "nonlocal x",
    "return", "raise ValueError", "assert False", "def f():\n    pass", "class A:\n    pass",
    "async def f():\n    pass", "with open('x') as f:\n    pass", "try:\n    do('x')\nexcept Exception:\n    pass",
    "match 1:\n    case 1:\n        pass", "type X = int", "do('a')('b')", "'text'", "sees('x')", "do", "break",
    "continue", "while True:\n    do('x')\nelse:\n    do('y')", "for i in 'abc':\n    do('x')",
    "for i in range(1, 2):\n    do('x')", "for i, j in ((1, 2),):\n    do('x')", "for do in ('a',):\n    do('x')",
    "for a.b in ('a',):\n    do('x')", "for i in sees('x'):\n    do('x')",
    "for i in ('a',):\n    pass\nelse:\n    pass", "await do('x')", "yield 1", "do('x', 'y')", "do()", "do(*('x',))",
    "do(sentence='x')", "os.system('x')", "do.__call__('x')", "do('x'", "if", "\x00", "", "   ",
    "(" * 300 + ")" * 300, "do('x')\n" * 2000,
    "if True:\n " + "".join(" " * i + "if True:\n " for i in range(1, 40)) + " " * 41 + "do('x')",
    "for i in (" + "'a'," * 100 + "):\n    do(i)", "do(" + "'a' + " * 200 + "'b')", "do(" + "not " * 500 + "1)",
)  # fmt: skip
HOSTILE = [place.format(e) for e, place in itertools.product(EXPRESSIONS, PLACES)] + list(STATEMENTS)


def test_there_are_hostile_programs_enough():
    assert len(set(HOSTILE)) >= 200


@pytest.mark.parametrize("start", range(0, len(HOSTILE), 40))
def test_hostile_programs_are_refused(start, monkeypatch):
    import builtins

    for name in ("eval", "exec"):
        monkeypatch.setattr(builtins, name, lambda *a: pytest.fail("a program was executed"))
    for text in HOSTILE[start : start + 40]:
        with pytest.raises(ProgramError) as error:
            program.read(text)
        assert "\n" not in str(error.value) and len(str(error.value)) < 400


ENDLESS = (
    "while True:\n    pass",
    "while True:\n    while True:\n        pass",
    "while not done('x'):\n    if sees('y'):\n        do('z')",
    "for a in range(50):\n    for b in range(50):\n        for c in range(50):\n            pass",
    "while True:\n    for a in range(50):\n        continue",
    "while 'a' == 'a' or sees('x'):\n    pass",
)


@pytest.mark.parametrize("text", ENDLESS)
def test_a_program_that_says_nothing_is_stopped(text):
    started = time.process_time()
    with pytest.raises(ProgramError, match="more than"):
        program.read(text).next([], briefing())
    assert time.process_time() - started < 1


def test_a_program_that_never_ends_is_stopped():
    made, log = program.read("while True:\n    do('x')"), []
    with pytest.raises(ProgramError, match="more than 200 instructions"):
        for _ in range(1000):
            made.next(log, briefing())
    assert len(log) < 1000


SENSELESS = (
    "do(1)", "do('')", "do('a' + 1)", "for i in range('x'):\n    do('x')", "do(sees('x'))",
    "for i in range(999999):\n    do('x')", "for i in range(True):\n    do('x')",
)  # fmt: skip


@pytest.mark.parametrize("text", SENSELESS)
def test_what_makes_no_sense_stops_with_one_line(text):
    with pytest.raises(ProgramError, match="line 1: "):
        program.read(text).next([], briefing())


def test_words_do_not_grow_without_bound():
    text = "for i in ('" + "a" * 150 + "',):\n    do(i + i)"
    with pytest.raises(ProgramError, match="words"):
        program.read(text).next([], briefing())


def test_anything_but_a_text_is_refused():
    things: tuple[Any, ...] = (None, 1, b"do('x')", ["do"])
    for thing in things:
        with pytest.raises(ProgramError, match="text"):
            program.read(thing)
