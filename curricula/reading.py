"""YAML files that were handed to us: read with care, every fault told in one line with file, line and field."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator
from typing import Any

import pydantic
import yaml

LIMIT = 1 << 18  # bytes of a file
DEPTH = 12  # of nesting in it

Marks = dict[tuple, int]  # the path of a value in the file -> its line


class Invalid(ValueError):
    """A file that cannot be used; the message is one line: file, line, field, what would be right."""


class Misfit(ValueError):
    """Something wrong at a place of a file, given by its path."""

    def __init__(self, where: tuple, problem: str):
        super().__init__(problem)
        self.where = where


def read(source: Any, what: str = "a curriculum") -> tuple[dict[str, Any], Marks]:
    """The mapping in a YAML file (a Path or a packaged resource), and the line of every path in it. Raises Invalid."""
    return _parse(_text(source), source.name, what)


def told(error: Misfit, file: str, marks: Marks) -> Invalid:
    return Invalid(f"{file}, line {_line(marks, error.where)}: {_dotted(error.where)}: {error}")


def _text(source) -> str:
    with source.open("rb") as file:
        raw = file.read(LIMIT + 1)
    if len(raw) > LIMIT:
        raise Invalid(f"{source.name}: larger than {LIMIT} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"{source.name}: not UTF-8 text (byte {error.start})") from None


def _parse(text: str, file: str, what: str) -> tuple[dict[str, Any], Marks]:
    marks: Marks = {}
    try:
        _refuse_tricks(text)
        node = yaml.compose(text, yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode):
            raise Misfit((), f"{what} is a mapping of keys to values")
        marks.update(_walk(node, ()))
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Invalid(f"{file}, line {line}: {error.problem}") from None
    except Misfit as error:
        raise Invalid(f"{file}, line {error.where[0] if error.where else 1}: {error}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise Invalid(f"{file}: {' '.join(str(error).split())[:200]}") from None
    return data, marks


def _refuse_tricks(text: str) -> None:
    """Look at the events alone, before anything is built from them."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line, tag = (event.start_mark.line + 1 if event.start_mark else 1,), getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Misfit(line, "anchors and aliases are not allowed here; write the value out")
        if tag:
            raise Misfit(line, f"tags are not allowed here: {shown(tag)}")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            raise Misfit(line, f"nested deeper than {DEPTH}")


def _walk(node: yaml.Node, path: tuple) -> Iterator[tuple[tuple, int]]:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
                raise Misfit((line,), f"a key must be a word, not {shown(str(key.value))}")
            if key.value in seen:
                raise Misfit((line,), f"{_dotted((*path, key.value))}: stands there twice")
            seen.add(key.value)
            yield (*path, key.value), line
            yield from _walk(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            yield (*path, i), item.start_mark.line + 1
            yield from _walk(item, (*path, i))
    elif node.tag.rsplit(":", 1)[1] not in ("str", "int", "float", "bool", "null"):
        raise Misfit((node.start_mark.line + 1,), f"{_dotted(path)}: write {shown(node.value)} in quotes")
    elif node.tag.endswith(":float") and not math.isfinite(yaml.safe_load(node.value)):  # 1.0e+400 is none either
        raise Misfit((node.start_mark.line + 1,), f"{_dotted(path)}: must be a finite number, not {node.value}")


def one_line(error: pydantic.ValidationError, file: str, marks: Marks, fields: Callable[[tuple], list[str]]) -> Invalid:
    """The first fault; fields: path -> the keys that may stand there."""
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")  # a misspelt key explains a missing one
    where = tuple(x for x in first["loc"] if isinstance(x, int) or not x.startswith("function-"))
    problem = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(where[-1]), fields(where), 1, 0.0)
        problem = f"no such key; did you mean {near[0]!r}?"
    elif first["type"] == "missing":
        problem = "is missing"
    elif first["type"] != "value_error" and isinstance(first["input"], (str, int, float)):
        problem += f", not {shown(repr(first['input']))}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    at = _dotted(where) + ": " if where else ""
    return Invalid(" ".join(f"{file}, line {_line(marks, where)}: {at}{problem}{more}".split()))


def _line(marks: Marks, where: tuple) -> int:
    """The line of the longest part of the path that stands in the file."""
    return next((marks[where[:n]] for n in range(len(where), 0, -1) if where[:n] in marks), 1)


def _dotted(where: tuple) -> str:
    return shown(".".join(map(str, where)))


def shown(text: str) -> str:
    """Foreign text fit for one line of a message."""
    return "".join(c if c.isprintable() else "?" for c in text)[:120]
