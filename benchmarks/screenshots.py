"""The report as Chromium shows it: on a screen, on a telephone, on paper; small pictures are kept to be looked at.

    python benchmarks/screenshots.py [RUNS_OR_ROWS …]

Without arguments the report of the committed rows of first-steps. Chromium comes from the system's packages (apt
install chromium) or is named by LUDUS_CHROMIUM; it has no network here. Held: nothing is refused or complained of on
the page's console, the pictures are not empty, and the paper has pages. A dated row goes to
results/screenshots.jsonl, the pictures to results/screenshots/.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).parent / "results"
RESULTS, KEPT = HERE / "screenshots.jsonl", HERE / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WINDOWS = {"screen": (1280, 3600), "telephone": (500, 2400)}  # name: width, and how much of the page is looked at
WIDTH = {"screen": 800, "telephone": 400}  # of a picture that is kept
COLOURS = 96  # of it


def browser() -> str:
    """The path of a Chromium. Raises SystemExit with one line where there is none."""
    found = os.environ.get("LUDUS_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found or not shutil.which(found):
        raise SystemExit("screenshots: there is no Chromium here; apt install chromium, or name one by LUDUS_CHROMIUM")
    return found


def reported(sources: list[Path], out: Path) -> Path:
    """The report of runs or rows, made as `ludus report` makes it."""
    from ludus.curricula import cli

    if cli.invoke(["report", *map(str, sources), "--out", str(out)]):
        raise SystemExit("screenshots: the report could not be made")
    return out


def opened(page: Path, *words: str) -> list[str]:
    """Open a page in a new Chromium without network; what its console said."""
    with tempfile.TemporaryDirectory() as profile:
        quiet = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"]
        quiet += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}", "--disable-dev-shm-usage"]
        command = [browser(), *quiet, *words, page.resolve().as_uri()]
        made = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if made.returncode:
        raise SystemExit(f"screenshots: Chromium ended with {made.returncode}: {made.stderr.strip()[-200:]}")
    return re.findall(r"CONSOLE.*?\] (.*)", made.stderr)


def shot(page: Path, name: str, keep: Path) -> dict[str, Any]:
    """One window: what the console said and how much of it is ink; a small picture is kept."""
    width, height = WINDOWS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shot.png")
        said = opened(page, f"--window-size={width},{height}", f"--screenshot={path}")
        with Image.open(path) as whole:
            picture = whole.convert("RGB")
    small = picture.resize((WIDTH[name], round(height * WIDTH[name] / width)), Image.Resampling.LANCZOS)
    keep.mkdir(parents=True, exist_ok=True)
    small.quantize(COLOURS).save(keep / f"{name}.png", optimize=True)
    inked = float((np.asarray(small.convert("L")) < 160).mean())
    return {"inked": round(inked, 4), "console": said}


def printed(page: Path, out: Path) -> dict[str, Any]:
    """On paper: how many pages."""
    said = opened(page, f"--print-to-pdf={out}", "--no-pdf-header-footer")
    return {"pages": len(re.findall(rb"/Type\s*/Page\b", out.read_bytes())), "console": said}


def looked(sources: list[Path], keep: Path) -> dict[str, Any]:
    """Everything that is held, of one report."""
    with tempfile.TemporaryDirectory() as folder:
        page = reported(sources, Path(folder, "report.html"))
        shown: dict[str, Any] = {name: shot(page, name, keep) for name in WINDOWS}
        return shown | {"paper": printed(page, Path(folder, "report.pdf")), "bytes": page.stat().st_size}


def good(row: dict[str, Any]) -> bool:
    silent = not any(row[name]["console"] for name in (*WINDOWS, "paper"))
    whole = all(row[name]["inked"] > 0.005 for name in WINDOWS)
    return silent and whole and row["paper"]["pages"] > 0


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("sources", nargs="*", type=Path, default=[HERE / "first-steps.jsonl"])
    given = ask.parse_args()
    version = subprocess.run([browser(), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    row = {"date": datetime.now(UTC).strftime("%Y-%m-%d"), "browser": version, "of": [p.name for p in given.sources]}
    row |= looked(given.sources, KEPT)
    row["good"] = good(row)
    print(json.dumps(row))
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    return 0 if row["good"] else 1


if __name__ == "__main__":
    sys.exit(main())
