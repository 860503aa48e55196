"""Programs of instructions: a small part of Python, read by ast and interpreted here, never executed.

    for thing in ("apple", "mug"):
        do("take the " + thing)
        if not sees("table"):
            do("open the cupboard")
    while not done("put the mug in the table"):
        do("put the mug in the table")

Statements: do(sentence), for over a tuple or range(n), if and else, while, pass, break, continue. Expressions: words,
numbers, the names of loops, +, not, and, or, ==, and the questions sees(words) and done(sentence) about the briefing.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ...envs.instructions import Briefing

LONGEST = 4000  # characters of a program
DEEPEST = 12  # blocks within blocks
STEPS = 500  # statements and expressions between two instructions
TOLD = 200  # instructions in all
WORDS = 200  # characters of a sentence
COUNT = 50  # turns of a for
LARGEST = 10**6  # that a number is below


class ProgramError(ValueError):
    """A program that is refused or stopped; the message says where and why."""


@dataclasses.dataclass(frozen=True)
class Program:
    """A checked program. next(...) is pure: where it stands is a list of what it was answered so far."""

    text: str
    body: tuple[ast.stmt, ...]

    def next(self, log: list[Any], briefing: Briefing, so: Collection[str] = ()) -> str | None:
        """The next instruction, or None at the end; log gets the answers to the questions on the way, and the sentence.

        log: as the last call left it, [] at first: JSON. The program is played again from its beginning with the
        answers noted, so that nothing else need be kept. so: sentences that are done though no outcome says it.
        Raises ProgramError when a bound is reached.
        """
        if sum(isinstance(entry, str) for entry in log) >= TOLD:
            raise ProgramError(f"more than {TOLD} instructions")
        return _Run(log, briefing, so).play(self.body)


def read(text: str) -> Program:
    """The program that text is, fences of Markdown taken off. Raises ProgramError for anything not in the subset."""
    source = _bare(text)
    if not source or len(source) > LONGEST:
        raise ProgramError(f"a program has 1 to {LONGEST} characters, not {len(source)}")
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ProgramError(f"not a program: {' '.join(str(error).split())[:200]}") from None
    _check_block(tree.body, 0, frozenset(), False)
    return Program(source, tuple(tree.body))


def _bare(text: str) -> str:
    if not isinstance(text, str):
        raise ProgramError(f"a program is a text, not {type(text).__name__}")
    lines = text[: LONGEST + 100].strip().splitlines()
    if lines and lines[0].startswith("```"):
        lines = lines[1:]
        lines = lines[: next((i for i, line in enumerate(lines) if line.startswith("```")), len(lines))]
    return "\n".join(lines).strip()


# What is allowed


def _refuse(node: ast.AST, why: str) -> ProgramError:
    return ProgramError(f"line {getattr(node, 'lineno', 1)}: {why}")


def _check_block(block: list[ast.stmt], depth: int, names: frozenset[str], loop: bool) -> None:
    if depth > DEEPEST:
        raise _refuse(block[0], f"more than {DEEPEST} blocks within blocks")
    for node in block:
        _check_statement(node, depth, names, loop)


def _check_statement(node: ast.stmt, depth: int, names: frozenset[str], loop: bool) -> None:
    if isinstance(node, ast.Expr):
        if not (isinstance(node.value, ast.Call) and _called(node.value) == "do"):
            raise _refuse(node, "a statement must be do(sentence), for, if or while")
        _check_arguments(node.value, names, depth)
    elif isinstance(node, ast.For):
        _check_for(node, depth, names)
    elif isinstance(node, (ast.If, ast.While)):
        _check(node.test, names, depth)
        _check_block(node.body, depth + 1, names, loop or isinstance(node, ast.While))
        if isinstance(node, ast.While) and node.orelse:
            raise _refuse(node, "while has no else here")
        _check_block(node.orelse, depth + 1, names, loop)
    elif isinstance(node, (ast.Break, ast.Continue)):
        if not loop:
            raise _refuse(node, "there is no loop to leave")
    elif not isinstance(node, ast.Pass):
        raise _refuse(node, f"{type(node).__name__} is not allowed: there are do(sentence), for, if and while")


def _check_for(node: ast.For, depth: int, names: frozenset[str]) -> None:
    if not isinstance(node.target, ast.Name) or node.orelse or node.target.id in ("do", "sees", "done", "range"):
        raise _refuse(node, "for takes one plain name, and no else")
    if isinstance(node.iter, ast.Call):
        if _called(node.iter) != "range":
            raise _refuse(node, "for goes over words or range(number)")
        _check_arguments(node.iter, names, depth)
    elif isinstance(node.iter, (ast.Tuple, ast.List)):
        if len(node.iter.elts) > COUNT:
            raise _refuse(node, f"more than {COUNT} words to go over")
        for element in node.iter.elts:
            _check(element, names, depth)
    else:
        raise _refuse(node, "for goes over words or range(number)")
    _check_block(node.body, depth + 1, names | {node.target.id}, True)


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _check_arguments(node: ast.Call, names: frozenset[str], depth: int) -> None:
    if len(node.args) != 1 or node.keywords:
        raise _refuse(node, f"{_called(node)} takes one argument")
    _check(node.args[0], names, depth + 1)


def _check(node: ast.expr, names: frozenset[str], depth: int) -> None:
    """Raises ProgramError for an expression outside the subset."""
    if depth > 3 * DEEPEST:
        raise _refuse(node, "an expression too deep")
    if isinstance(node, ast.Constant):
        large = type(node.value) is int and abs(node.value) >= LARGEST  # whose digits Python may refuse to write
        if type(node.value) not in (str, int, bool) or large or len(str(node.value)) > WORDS:
            raise _refuse(node, "only words, numbers, True and False may be written")
    elif isinstance(node, ast.Name):
        if node.id not in names:
            raise _refuse(node, f"no name {node.id!r} here; names are those of for loops")
    elif isinstance(node, ast.Call):
        if _called(node) not in ("sees", "done"):
            raise _refuse(node, "only sees(words) and done(sentence) can be asked")
        _check_arguments(node, names, depth)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check(node.operand, names, depth + 1)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            _check(value, names, depth + 1)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        for side in (node.left, node.right):
            _check(side, names, depth + 1)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
        for side in (node.left, node.comparators[0]):
            _check(side, names, depth + 1)
    else:
        raise _refuse(node, f"{type(node).__name__} is not allowed")


# What it does


class _Leave(Exception):
    """break or continue."""

    def __init__(self, again: bool):
        self.again = again


class _Run:
    """One playing of a program: along the log as far as it goes, then one instruction further."""

    def __init__(self, log: list[Any], briefing: Briefing, so: Collection[str]):
        self.log, self.briefing = log, briefing
        own = briefing.outcomes[briefing.earlier :]  # what was done in the episode before is to be done again
        self.done = {o.lower() for o in own} | {f"{s.lower().strip()}: done" for s in so}
        self.at, self.left = 0, STEPS

    def play(self, body: tuple[ast.stmt, ...]) -> str | None:
        return next(self._block(body, {}), None)

    def _count(self, node: ast.AST) -> None:
        self.left -= 1
        if self.left < 0:
            raise _refuse(node, f"more than {STEPS} steps between two instructions")

    def _block(self, body, names: Mapping[str, Any]) -> Iterator[str]:
        for node in body:
            self._count(node)
            if isinstance(node, ast.Expr):
                yield from self._do(node.value, names)
            elif isinstance(node, ast.If):
                yield from self._block(node.body if self._value(node.test, names) else node.orelse, names)
            elif isinstance(node, ast.While):
                yield from self._turns(node, self._while(node.test, names))
            elif isinstance(node, ast.For) and isinstance(node.target, ast.Name):
                name = node.target.id
                yield from self._turns(node, ({**names, name: v} for v in self._over(node.iter, names)))
            elif isinstance(node, (ast.Break, ast.Continue)):
                raise _Leave(isinstance(node, ast.Continue))

    def _turns(self, node, turns: Iterator[Mapping[str, Any]]) -> Iterator[str]:
        for names in turns:
            self._count(node)
            try:
                yield from self._block(node.body, names)
            except _Leave as leave:
                if not leave.again:
                    return

    def _while(self, test: ast.expr, names: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        while self._value(test, names):
            yield names

    def _over(self, node: ast.expr, names: Mapping[str, Any]) -> list[Any]:
        if isinstance(node, ast.Call):
            count = self._value(node.args[0], names)
            if type(count) is not int or not 0 <= count <= COUNT:
                raise _refuse(node, f"range takes a number from 0 to {COUNT}")
            return list(range(count))
        return [self._value(e, names) for e in node.elts]  # type: ignore[attr-defined]

    def _do(self, call: Any, names: Mapping[str, Any]) -> Iterator[str]:
        sentence = self._sentence(call.args[0], names)
        if self.at < len(self.log):  # told before
            self.at, self.left = self.at + 1, STEPS
            return
        self.log.append(sentence)
        yield sentence

    def _sentence(self, node: ast.expr, names: Mapping[str, Any]) -> str:
        words = self._value(node, names)
        if not isinstance(words, str) or not words.strip() or len(words) > WORDS:
            raise _refuse(node, f"a sentence has 1 to {WORDS} characters")
        return words

    def _value(self, node: ast.expr, names: Mapping[str, Any]) -> Any:
        self._count(node)
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return names[node.id]
        if isinstance(node, ast.Call):
            return self._asked(node, names)
        if isinstance(node, ast.UnaryOp):
            return not self._value(node.operand, names)
        if isinstance(node, ast.BoolOp):
            stop = isinstance(node.op, ast.Or)
            return next((v for v in map(lambda n: bool(self._value(n, names)), node.values) if v is stop), not stop)
        if isinstance(node, ast.BinOp):
            return self._sum(node, names)
        same = self._value(node.left, names) == self._value(node.comparators[0], names)  # type: ignore[attr-defined]
        return same == isinstance(node.ops[0], ast.Eq)  # type: ignore[attr-defined]

    def _sum(self, node: ast.BinOp, names: Mapping[str, Any]) -> Any:
        left, right = self._value(node.left, names), self._value(node.right, names)
        if isinstance(left, str) and isinstance(right, str) and len(left) + len(right) <= WORDS:
            return left + right
        if type(left) is int and type(right) is int and abs(left) + abs(right) < LARGEST:
            return left + right
        raise _refuse(node, "only words and words, or small numbers, can be added")

    def _asked(self, node: ast.Call, names: Mapping[str, Any]) -> bool:
        """A question about the briefing; what was answered before is in the log."""
        words = self._sentence(node.args[0], names).lower().strip()
        if self.at < len(self.log):
            answer = self.log[self.at]
        else:
            seen = _called(node) == "sees"
            answer = words in self.briefing.description.lower() if seen else f"{words}: done" in self.done
            self.log.append(answer)
        self.at += 1
        return bool(answer)
