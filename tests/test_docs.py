"""The pages of docs/, and the README, are whole: programs run, links lead somewhere, every page can be found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from test_report import make

from ludus.curricula import curriculum

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
SHOWN = [ROOT / "README.md", *PAGES]
FENCE = re.compile(r"^```(python|yaml)(?: title=\"([\w.]+)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXCERPTS = {  # pages with programs that are shown and not run ("py"), and why
    "architecture.md": "a class without its bodies",
    "self-play.md": "a million steps",
    "teams.md": "parts of a longer program",
    "environments/unity.md": "a build of Unity's",
    "environments/text.md": "others' environments",
    "methods.md": "parts of a longer program",
    "evolution.md": "forty runs",
    "instructor.md": "parts of a longer program",
}
RUN = """
import json, os, sys
for page, title, program in json.load(sys.stdin):
    folder = os.path.join(sys.argv[1], page)
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    if title:
        with open(title, "w") as file:
            file.write(program)
    else:
        print(page, flush=True, file=sys.stderr)
        sys.path.insert(0, folder)
        exec(compile(program, page, "exec"), {"__name__": "__main__"})
        sys.path.remove(folder)
"""


def name(page: Path) -> str:
    return str(page.relative_to(DOCS if page.is_relative_to(DOCS) else ROOT))


def parts(page: Path) -> list[tuple[str, str, str]]:
    """(language, title, text) of a page's programs and curricula."""
    return FENCE.findall(page.read_text())


def nav(entry) -> list[str]:
    """Every page that the navigation names."""
    if isinstance(entry, str):
        return [entry]
    return [page for part in (entry.values() if isinstance(entry, dict) else entry) for page in nav(part)]


def test_every_program_runs_as_it_stands(tmp_path):
    """A titled block is saved under its title, any other run; all in one process, since imports are what takes time."""
    todo = [(name(p), title, text) for p in SHOWN for lang, title, text in parts(p) if title or lang == "python"]
    assert len(todo) >= 25
    make(tmp_path / "metrics.md" / "runs" / "first-steps" / "replay@ppo-0", "replay")  # the run that this page reads
    alone = os.environ | {"OMP_NUM_THREADS": "1", "LUDUS_THREADS": "1"}
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    done = subprocess.run(command, input=json.dumps(todo), cwd=tmp_path, env=alone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tutorials/curriculum.md/report.html").is_file()
    assert (tmp_path / "README.md/films/rl-video-episode-0.mp4").is_file()


def test_programs_that_are_only_shown_are_few_and_known():
    shown = {name(page) for page in PAGES if "```py\n" in page.read_text()}
    assert shown <= EXCERPTS.keys()


@pytest.mark.parametrize("page", [page for page in PAGES if "\nstages:" in page.read_text()], ids=name)
def test_every_curriculum_is_one(page, tmp_path):
    """Where a block shows stages alone or a part of a file, it is not a whole curriculum; whole ones have widths."""
    for lang, _, text in parts(page):
        if lang == "yaml" and {"stages", "observation"} <= yaml.safe_load(text).keys():
            (tmp_path / "mine.yaml").write_text(text)
            assert curriculum.load(tmp_path / "mine.yaml").stages


def test_every_page_is_in_the_navigation():
    named = nav(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert sorted(named) == sorted(map(name, PAGES)), "nav in mkdocs.yml names every page of docs/ once"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_pages_and_headings(page):
    """Within docs/: the site has nothing else. Headings are named as MkDocs names them."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in link:
            path, _, heading = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.is_file() and target.is_relative_to(DOCS), link
            assert not heading or heading in headings(target), link


def headings(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


def test_what_the_reference_names_exists():
    for page in (DOCS / "reference").glob("*.md"):
        for module in re.findall(r"^::: ludus\.([\w.]+)", page.read_text(), re.MULTILINE):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), module


def test_nothing_of_the_site_comes_from_elsewhere():
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert site["strict"] and site["theme"]["font"] is False
    assert "extra_javascript" not in site and "extra_css" not in site
