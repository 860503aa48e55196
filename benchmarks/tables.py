"""The tables of methods: what a curriculum does to each of them, over seeds, from runs that are kept.

    python benchmarks/tables.py [CURRICULUM …] [--methods …] [--seeds N] [--jobs 2]

Without a name, every table below. Rows go to results/CURRICULUM.jsonl as their runs end, and those that are there are
not made again; `ludus report benchmarks/results/CURRICULUM.jsonl` prints the table. Rows of references (joint and from
scratch) are then shipped with the package, where a single run and the demo read them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

from ludus.curricula import cli, references
from ludus.envs.registry import nearest

RESULTS = Path(__file__).parent / "results"
SHIPPED = Path(__file__).parents[1] / "curricula" / "references"
ALL = (
    "finetune,replay,joint,l2,ewc,online-ewc,mas,si,packnet,heads,progress-compress,quotas,clear,clonex,agem,distill,"
    "layer-norm,redo,shrink-perturb"
)
SIX = "finetune,replay,joint,ewc,packnet,agem"


class Table(NamedTuple):
    """methods: as `ludus bench` takes them; every algorithm brings its references."""

    methods: str
    seeds: int
    tier: str = "full"


TABLES = {
    "short-life": Table("finetune,replay", 5),
    "first-steps": Table("finetune,replay,joint,finetune@sac,reservoir@sac,replay@sac", 5),
    "text-4": Table(SIX, 3),
    "games-4": Table(SIX, 3),
    "ludus-6": Table("finetune,replay,ewc,packnet", 3, "small"),
    "grasp-4": Table(ALL, 5),
    "avoid-4": Table(ALL, 5),
}


def ship(name: str, results: Path) -> None:
    """Copy a table's rows of references to where the package carries them."""
    rows = [r for r in references.read(results) if r["settings"]["regime"] in ("joint", "scratch")]
    if rows:
        shipped = SHIPPED / f"{name}.jsonl"
        shipped.unlink(missing_ok=True)
        references.add(shipped, rows)


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("curricula", nargs="*", metavar="CURRICULUM")
    ask.add_argument("--methods")
    ask.add_argument("--seeds", type=int)
    ask.add_argument("--first-seed", type=int, default=0)
    ask.add_argument("--jobs", default="0")
    ask.add_argument("--no-references", action="store_true")
    given = ask.parse_args()
    code = 0
    for name in given.curricula or TABLES:
        if name not in TABLES:
            ask.error(str(nearest(name, list(TABLES), "table")))
        table, results = TABLES[name], RESULTS / f"{name}.jsonl"
        words = ["bench", name, "--methods", given.methods or table.methods, "--tier", table.tier]
        words += ["--seeds", str(given.seeds or table.seeds), "--first-seed", str(given.first_seed)]
        words += ["--jobs", given.jobs, "--results", str(results), *["--no-references"] * given.no_references]
        code = max(code, cli.invoke(words))
        ship(name, results)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
