"""The tables of methods: what a curriculum does to each of them, over seeds, from runs that are kept.

    python benchmarks/tables.py [CURRICULUM …] [--methods …] [--seeds N] [--jobs 2]

Without a name, every table below. Rows go to results/CURRICULUM.jsonl as their runs end, and those that are there are
not made again; the table is then written where README.md or docs/benchmark.md says <!-- table: CURRICULUM -->. Rows of
references (joint and from scratch) are shipped with the package, where a single run and the demo read them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

from ludus.curricula import cli, curriculum, plan, references
from ludus.curricula.report import tables
from ludus.curricula.rows import put
from ludus.envs.registry import nearest

RESULTS = Path(__file__).parent / "results"
PAGES = [Path(__file__).parents[1] / page for page in ("README.md", "docs/benchmark.md")]
SHIPPED = Path(__file__).parents[1] / "curricula" / "references"
ALL = (  # that PPO can learn by: quotas and clonex need a buffer of SAC's kind
    "finetune,replay,joint,l2,ewc,online-ewc,mas,si,packnet,heads,progress-compress,clear,agem,distill,"
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


def current(name: str, results: Path) -> list[dict[str, Any]]:
    """The rows that the curriculum would give now."""
    made, table = curriculum.load(name), TABLES[name]

    def wanted(row: dict[str, Any]) -> bool:
        algorithm, methods, regime = plan.parse(row["label"])
        return plan.plan(made, algorithm, methods, regime, tier=table.tier).hash == row["hash"]

    return list(filter(wanted, references.read(results)))


def ship(name: str, results: Path) -> None:
    """Copy a table's rows of references to where the package carries them."""
    rows = [r for r in current(name, results) if r["settings"]["regime"] in ("joint", "scratch")]
    if rows:
        shipped = SHIPPED / f"{name}.jsonl"
        shipped.unlink(missing_ok=True)
        references.add(shipped, rows)


def publish(name: str, results: Path) -> None:
    """Write the table of the rows that the curriculum would give now, into the pages that show it."""
    made, table = curriculum.load(name), TABLES[name]
    order = [m.partition("@")[0] for m in table.methods.split(",") if m != "joint"] + ["scratch", "joint"]

    def place(row: dict[str, Any]) -> tuple[bool, int]:
        method, _, algorithm = row["label"].partition("@")
        return algorithm != made.usual, order.index(method) if method in order else len(order)

    rows = sorted(current(name, results), key=place)
    if not rows:
        lines = ["| not measured with the settings as they are now |", "|---|"]
    else:
        lines = tables.markdown([references.run_of(row) for row in rows]).splitlines()
    one = [line for i, line in enumerate(lines) if line and (i < 2 or line not in lines[:2])]  # of several, one heading
    for page in PAGES:
        put(page, name, "\n".join(one))


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
        publish(name, results)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
