"""The table of first-steps in the README: every method and reference, five seeds, on PPO and SAC.

    python benchmarks/first_steps.py [--methods …] [--seeds 5] [--jobs 2]

Rows go to results/first-steps.jsonl as their runs end, and those that are there are not made again. The joint and
from-scratch rows are then shipped with the package, where a single run and the demo read them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ludus.curricula import cli, references

RESULTS = Path(__file__).parent / "results" / "first-steps.jsonl"
SHIPPED = Path(__file__).parents[1] / "curricula" / "references" / "first-steps.jsonl"
METHODS = "finetune,replay,joint,finetune@sac,reservoir@sac,replay@sac"


def ship() -> None:
    """Copy the reference rows to where the package carries them."""
    rows = [r for r in references.read(RESULTS) if r["settings"]["regime"] in ("joint", "scratch")]
    if rows:
        SHIPPED.unlink(missing_ok=True)
        references.add(SHIPPED, rows)


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--methods", default=METHODS)
    ask.add_argument("--seeds", default="5")
    ask.add_argument("--jobs", default="0")
    given = ask.parse_args()
    words = ["bench", "first-steps", "--methods", given.methods, "--seeds", given.seeds, "--jobs", given.jobs]
    code = cli.invoke([*words, "--results", str(RESULTS)])
    ship()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
