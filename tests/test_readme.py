"""What the README shows is so. Its programs run in test_docs.py, with those of docs/."""

import os
import re
from pathlib import Path

import pytest

from ludus.curricula import cli, curriculum

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_its_curriculum_is_one(tmp_path):
    (text,) = blocks("yaml")
    (tmp_path / "mine.yaml").write_text(text)
    assert len(curriculum.load(tmp_path / "mine.yaml").stages) == 3


def test_its_two_commands_are_in_the_makefile():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


@pytest.mark.parametrize("page", DOCS[:2], ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    links = [link for link in re.findall(r"\]\(([^)#]+)", page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_picture_is_small():
    assert os.path.getsize(ROOT / "docs" / "images" / "tasks.png") < 900_000


def test_the_commands_that_it_shows_exist_and_explain_themselves():
    shown = set(re.findall(r"(?:^|`)ludus ([a-z]+)", "\n".join(page.read_text() for page in DOCS), re.MULTILINE))
    assert {"run", "bench", "report", "video", "play", "speed", "doctor", "envs", "curricula"} <= shown
    known = {command.name or getattr(command.callback, "__name__", "") for command in cli.build().registered_commands}
    assert shown <= known
