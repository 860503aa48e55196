"""Imports run one way, curricula → agents → envs, and stay within a layer or go down."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("assets", "envs", "agents", "curricula")  # each may import those before it
FILES = sorted(p for layer in LAYERS for p in (ROOT / layer).rglob("*.py"))


def imports(source: str, module: str, package: bool) -> list[str]:
    """Absolute names of all modules that source imports, at its top and inside its functions."""
    names = []
    here = module.split(".") if package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            names += [f"{start}.{alias.name}" for alias in node.names]
    return names


def wrong(source: str, path: Path) -> list[str]:
    """The imports of a file that go up, or name our packages absolutely."""
    module = ".".join(("ludus", *path.with_suffix("").parts)).removesuffix(".__init__")
    allowed = LAYERS[: LAYERS.index(path.parts[0]) + 1]
    found = imports(source, module, path.name == "__init__.py")
    ours = [n.split(".")[1] for n in found if n.startswith("ludus.")]
    bare = [n for n in found if n.split(".")[0] in LAYERS]
    return [n for n in ours if n in LAYERS and n not in allowed] + bare


@pytest.mark.parametrize("path", [str(p.relative_to(ROOT)) for p in FILES])
def test_a_file_imports_nothing_from_a_layer_above(path):
    assert not wrong((ROOT / path).read_text(encoding="utf-8"), Path(path))


@pytest.mark.parametrize(
    "line",
    [
        "from ...agents import learner",
        "from ... import curricula",
        "from ludus.curricula import runner",
        "import ludus.agents.learner",
        "def f():\n    from ...agents.learner import Learner",
        "import agents",
    ],
)
def test_the_reader_of_imports_sees_one_that_goes_up(line):
    assert wrong(line, Path("envs/views/some.py"))


@pytest.mark.parametrize(
    "line", ["from ..core import World", "from . import joint", "import numpy", "import ludus.envs"]
)
def test_the_reader_of_imports_lets_the_others_pass(line):
    assert not wrong(line, Path("envs/views/some.py"))


def test_every_layer_has_files():
    assert {p.relative_to(ROOT).parts[0] for p in FILES} == set(LAYERS)


def test_importing_the_environments_loads_no_engine_and_no_learner():
    code = "import ludus.envs, sys; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "gymnasium" in loaded  # the list is a list of modules
    assert not {"mujoco", "torch", "transformers", "stable_baselines3", "pettingzoo", "scipy"} & set(loaded)
