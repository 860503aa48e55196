"""Reports: learning beside forgetting, nothing from outside, names that stay names; tables that say the same."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ludus.curricula import references, report, statistics
from ludus.curricula.metrics import Scores
from ludus.curricula.record import Record, Run, RunError, read_run
from ludus.curricula.report import choices, plots, scatter, tables, words
from ludus.curricula.report import page as page_of
from ludus.curricula.report.summary import studies
from ludus.curricula.report.words import headline, reading
from ludus.curricula.statistics import profile, profile_band

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import report_proof  # pyright: ignore[reportMissingImports]

TASKS = ("ludus/Reach-v0", "ludus/Push-v0", "ludus/Lift-v0")
CURRICULUM = {"name": "first-steps", "observation": 20, "action": 4}
HOSTILE = "<script>alert(1)</script>"
KEPT = {"finetune": 0.1, "replay": 0.97, "joint": 1.0, "scratch": 1.0}


def life(method: str, seed: int, tasks=TASKS, points=6, peak=0.98):
    """Rows of a made-up life: every stage learns its task; the earlier ones keep a share of theirs."""
    random = np.random.default_rng([seed, len(method)])
    joint, scratch = method == "joint", method == "scratch"
    stages = [tuple(range(len(tasks)))] if joint else [(i,) for i in range(len(tasks))]
    score, rows = np.zeros(len(tasks)), []
    grid = [(-1, 0, False)] + [(s, p + 1, p == points - 1) for s in range(len(stages)) for p in range(points)]
    for evaluation, (stage, point, last) in enumerate(grid):
        if stage >= 0:
            earlier = [i for i in range(len(tasks)) if i < stages[stage][0]]
            score[earlier] *= KEPT[method] ** (1 / points)
            score[list(stages[stage])] = peak * (1 - np.exp(-4.5 * point / points)) / (1 - np.exp(-4.5))
        noise = score + (score > 0.02) * random.normal(0, 0.01, len(tasks))
        size = 10_000 * (len(tasks) if joint else 1)
        for i in [stage] if scratch and stage >= 0 else range(len(tasks)):
            rows.append({
                "evaluation": evaluation, "stage": stage, "task": tasks[i], "index": i,
                "step": max(stage, 0) * size + size * point // points, "stage_step": size * point // points,
                "last": last, "episodes": 100 if last else 20, "success": float(np.clip(noise[i], 0, 1)),
                "return": 1.0, "length": 50.0, "diverged": 0, "agents": {"arm": float(np.clip(noise[i], 0, 1))},
            })  # fmt: skip
    return rows


def honest(about) -> str:
    """The hash that settings give; made-up ones get what no run has."""
    run = Run(Path("made-up"), about, [], Scores.from_rows([]), {})
    try:
        return references.plan_of(run, about["regime"], keep_methods=True).hash
    except RunError:
        return "0" * 64


def make(folder: Path, method="finetune", seed=0, rows=None, costs=None, tasks=TASKS, **settings):
    """A run folder, read."""
    folder.mkdir(parents=True)
    resets = {"optimizer": True, "buffer": True, "exploration": False}
    stages = [{"task": task, "steps": 10_000, "settings": {}, "resets": resets} for task in tasks]
    about = {
        "format": 1, "suite": "0.1.0", "curriculum": CURRICULUM | {"stages": stages}, "algorithm": "ppo",
        "settings": {"rows": 64}, "methods": [{"name": method, "settings": {}}] if method == "replay" else [],
        "regime": method if method in ("joint", "scratch") else "sequence", "label": f"{method}@ppo",
        "input": "instructed", "instructor": "fixed", "tier": "small", "seed": seed, "device": "cpu",
        "versions": {"python": "3.11.9", "torch": "2.13.0"}, "command": "ludus run",
    }  # fmt: skip
    about |= settings
    about.setdefault("hash", honest(about))
    (folder / "run.json").write_text(json.dumps(about))
    Record(folder / "evaluations.jsonl").write(*(life(method, seed, tasks) if rows is None else rows))
    paid = {"steps": 30_000, "seconds": 123.4, "parameters": 9000, "memory_kept_bytes": 3 * 2**20}
    (folder / "costs.json").write_text(json.dumps(paid if costs is None else costs))
    return read_run(folder)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return [make(root / f"{m}-{s}", m, s) for m in ("finetune", "replay", "joint", "scratch") for s in range(3)]


@pytest.fixture(scope="module")
def page(bench, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "report.html"
    assert report.write(bench, out) == out
    return out.read_text()


def told(renderable) -> str:
    console = Console(width=220, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(renderable)
    return console.export_text()


def test_the_report_says_in_words_what_was_learnt_and_what_was_lost(page):
    assert re.search(r"finetune@ppo</b> learnt all 3 tasks, lost 0\.9\d of the success on what it had learnt", page)
    assert re.search(r"replay@ppo</b> learnt all 3 tasks, lost 0\.0\d of the success", page)
    assert "joint@ppo</b> trained on all tasks at once" in page


def test_learning_stands_beside_forgetting_with_intervals(page):
    head = re.search(r"<thead><tr><th>method</th>(.*?)</thead>", page)
    assert head and re.findall(r"<th>(.*?)</th>", head[1])[:3] == ["seeds", "learnt", "lost again"]
    row = re.search(r"<th>finetune@ppo.*?</tr>", page, re.S)
    assert row and len(re.findall(r"\[−?\d\.\d\d, −?\d\.\d\d\]", row[0])) == 6


def test_nothing_comes_from_outside(page):
    sources = re.findall(r"""(?:src|href|url|action)\s*[=(]\s*["']?([^"'>)\s]+)""", page)
    assert sources and all(source.startswith(("data:", "#")) for source in sources)
    assert "http://" not in page and "https://" not in page
    assert "default-src 'none'" in page


def test_the_one_script_is_ours_and_the_only_one_that_the_browser_lets_run(page):
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert page.count("<script") == 1 and script == page_of.resource("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert not re.search(r"\bon\w+=", page.split("<script>")[0])


def test_the_style_reaches_the_browser_unescaped(page):
    assert '"Helvetica Neue"' in page[: page.index("</style>")] and "&#34;" not in page[: page.index("</style>")]


def test_every_number_is_explained(page):
    for about in ("learnt", "lost again", "forward transfer", "references", "seeds", "policy", "input", "reset at a"):
        assert f"<dt>{about}" in page
    assert "runs of this report; joint: 3 seeds, from scratch: 3 seeds" in page
    assert "optimizer, buffer; kept: exploration" in page
    assert "mean of the last 5 evaluations" in page and "100 episodes" in page


def test_settings_costs_and_versions_are_shown(page):
    assert "2.13.0" in page and "peak memory" not in page
    assert "3 MiB" in page and "30\u202f000" in page


def test_there_are_as_many_pictures_as_the_data_have(page):
    """A timeline for all four, a matrix for three, changes for two, the profiles; as drawn points, two planes."""
    assert page.count("<img") == 4 + 3 + 2 + 1
    assert page.count("<svg") == 2 and "Forgetting against transfer" in page
    assert "Quality against" not in page and "told otherwise" not in page and "instructor said" not in page


def test_the_same_runs_give_the_same_bytes(bench, tmp_path):
    first, second = (report.write(bench[:1], tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second


def test_hostile_names_stay_text(tmp_path):
    tasks = (f"x/{HOSTILE}$\\frac", "_hidden[red]|`a`", "ludus/任务-v0")
    run = make(
        tmp_path / "run", tasks=tasks, label=f"{HOSTILE}[/]|", tier=HOSTILE, input=HOSTILE, settings={HOSTILE: HOSTILE},
        versions={HOSTILE: HOSTILE}, costs={HOSTILE: 1, "seconds": HOSTILE}, hash=HOSTILE, command=HOSTILE,
    )  # fmt: skip
    video = tmp_path / f"{HOSTILE.replace('/', '')}.mp4"
    video.write_bytes(b"no film")
    page = report.write([run], tmp_path / "report.html", videos=[video]).read_text()
    assert HOSTILE not in page and page.count("<script") == 1 and "&lt;script&gt;" in page
    assert HOSTILE in told(tables.comparison([run])) and HOSTILE in told(tables.closing(run)).replace("\n", "")
    assert "<script" not in tables.markdown([run]) and "[/]\\| |" in tables.markdown([run])


@pytest.mark.parametrize("odd", [7, "x", [], [[{}]], {"a": {"b": [None, True]}}, None], ids=repr)
def test_settings_of_any_shape_are_shown_without_a_stumble(tmp_path, odd):
    keys = ("methods", "settings", "versions", "tier", "input", "hash", "instructor", "suite", "device")
    curriculum = {"name": "odd", "stages": odd, "evaluation": odd}
    run = make(tmp_path / "run", costs={"seconds": odd}, curriculum=curriculum, **dict.fromkeys(keys, odd))
    study = studies([run])[0]
    assert list(page_of._settings(study, shared=True)) and page_of.costs(study) and reading(study)


def test_an_unlearnt_stage_is_marked_everywhere(tmp_path):
    rows = life("finetune", 0)
    for row in rows:
        row["success"] *= 0.5 if row["index"] == 1 else 1
    run = make(tmp_path / "run", rows=rows)
    page = report.write([run], tmp_path / "report.html").read_text()
    assert '<small class="warn">not learnt: Push</small>' in page and "did not learn Push" in page
    assert "not learnt: Push" in told(tables.comparison([run]))
    assert re.search(r"Push  not learnt", told(tables.closing(run)))
    assert "not learnt: Push" in tables.markdown([run])


def test_a_run_that_learnt_nothing_claims_no_calm(tmp_path):
    run = make(tmp_path / "run", rows=[row | {"success": 0.0} for row in life("finetune", 0)])
    study = studies([run])[0]
    assert "its forgetting cannot be told" in headline(study)[0][1]
    assert "| — |" in tables.markdown([run])


@pytest.mark.parametrize("evaluations", [0, 4])
def test_a_run_that_has_not_ended_has_no_final_numbers(tmp_path, evaluations):
    def begun(method):
        rows = [row for row in life(method, 0) if row["evaluation"] < evaluations]
        return make(tmp_path / method, method, rows=rows)

    runs = [begun(method) for method in ("finetune", "joint", "scratch")]
    page = report.write(runs, tmp_path / "report.html").read_text()
    assert page.count('class="warn">not ended') == 3 and page.count("has not ended (1 seed)") == 3
    lines = tables.markdown(runs).splitlines()[2:]
    assert all(line.endswith("| 1 | — | — | — | — | — | — |") for line in lines), lines
    assert all("not learnt" not in told(tables.closing(run)) for run in runs)


def test_one_run_without_a_record_does_not_hide_the_others(tmp_path):
    for seed in range(2):
        make(tmp_path / str(seed), seed=seed)
    (tmp_path / "1" / "evaluations.jsonl").unlink()
    runs = [read_run(tmp_path / str(seed)) for seed in range(2)]
    page = report.write(runs, tmp_path / "report.html").read_text()
    assert "has not ended (1 seed)" in page and "the run has not ended (missing in 1 of 2 seeds)" in page
    assert "has not ended" in told(tables.comparison(runs))


def test_a_report_says_of_each_method_what_was_reset_how_many_heads_it_has_and_what_it_is_held_against(tmp_path):
    def said(*runs):
        found = dict(reading(studies(list(runs))[0]))
        return [found[about] for about in ("reset at a boundary", "policy", "references")]

    usual = make(tmp_path / "a", settings={"rows": 64, "resets": {"critic": True}})
    reset, policy, held = said(usual)
    assert reset == "optimizer, buffer, critic; kept: exploration."
    assert policy == "deterministic in evaluations; one head for all tasks." and held.startswith("none;")
    heads = make(tmp_path / "b", methods=[{"name": "heads", "settings": {}}], label="heads@ppo")
    reset, policy, held = said(usual, heads, make(tmp_path / "c", "joint"))
    kept = "optimizer, buffer; kept: exploration"
    assert reset == f"finetune@ppo: optimizer, buffer, critic; kept: exploration; heads@ppo: {kept}."
    assert policy.endswith("; finetune@ppo: one head for all tasks; heads@ppo: a head for each task.")
    assert "finetune@ppo: none; joint: 0 seeds" in held and "heads@ppo: runs of this report; joint: 1 seed" in held


def test_a_stage_that_is_not_announced_resets_nothing():
    resets = {"optimizer": True}
    stages = [{"resets": resets}, {"resets": resets, "announced": False}]
    found = words.resets({"curriculum": {"stages": stages}})
    assert found == "optimizer; nothing where a stage is not announced"


def test_one_seed_says_that_it_has_no_interval(bench):
    text = told(tables.comparison(bench[:1]))
    assert "one seed: no interval" in text and "[0" not in text
    assert "one seed: no interval" not in told(tables.comparison(bench))
    assert "one seed: no interval" in told(tables.closing(bench[0]))


def test_a_run_whose_model_gave_none_of_its_instructions_says_so(tmp_path):
    costs = {"instructor_asked": 1200, "instructor_fell_back": 30}
    assert "30 of 1,200 instructions are the script's" in told(tables.closing(make(tmp_path / "a", costs=costs)))
    costs["instructor_fell_back"] = 0
    assert "the script's" not in told(tables.closing(make(tmp_path / "b", costs=costs)))


def test_shipped_references_are_named_and_runs_of_the_report_come_first(bench):
    alone, joint, scratch = bench[:3], bench[6:9], bench[9:]
    given = references.shelf([*joint, *scratch])
    hashes = [runs[0].settings["hash"][:8] for runs in (joint, scratch)]
    named = f"shipped records: joint {hashes[0]} (3 seeds), scratch {hashes[1]} (3 seeds)"
    assert named in told(tables.comparison(alone, given))
    wrong = {joint[0].settings["hash"]: alone, scratch[0].settings["hash"]: alone}
    assert "shipped" not in told(tables.comparison(bench, wrong))
    assert tables.markdown(bench, wrong) == tables.markdown(bench)
    assert tables.markdown(alone, given).splitlines()[2] == tables.markdown(bench).splitlines()[2]
    assert "| — | — |" in tables.markdown(alone, {"0" * 64: joint})
    both = told(tables.comparison(bench[:9], given))
    assert f"runs of this report; shipped records: scratch {hashes[1]} (3 seeds)" in both


def varied(runs, *peaks):
    """The runs with every score times the peak of their seed."""
    stages = () if runs[0].regime == "joint" else TASKS
    rows = [[row | {"success": row["success"] * p} for row in run.rows] for run, p in zip(runs, peaks, strict=True)]
    made = zip(runs, rows, strict=True)
    return [Run(run.folder, run.settings, found, Scores.from_rows(found, stages), run.costs) for run, found in made]


def width(found):
    assert found.low is not None and found.high is not None
    return found.high - found.low


def test_noise_of_the_references_is_in_the_intervals_of_what_is_divided_by_them(bench):
    alone = bench[:3]
    loud = [*varied(bench[6:9], 1.0, 0.7, 0.8), *varied(bench[9:], 1.0, 0.8, 0.9)]
    (group, *_), held = studies([*alone, *loud])[0].groups, studies([*alone, *loud])[0].groups[1:]
    for metric in ("forward_transfer", "meal.forward_transfer", "share_of_joint"):
        exact = statistics.interval(group.numbers(metric))
        assert group.interval(metric).estimate == exact.estimate
        assert width(group.interval(metric)) > 2 * width(exact), metric
    assert group.interval("average_performance") == statistics.interval(group.numbers("average_performance"))
    for row, metric in zip(held, ("share_of_joint", "forward_transfer"), strict=True):  # against their own mean
        found, own = row.interval(metric), statistics.interval(row.numbers(metric))
        assert found[:3] == pytest.approx(own[:3]) and width(found) > 0


def test_an_interval_that_most_resamples_cannot_give_is_a_dash_with_its_reason(bench):
    perfect = [Run(r.folder, r.settings, [row | {"success": 1.0} for row in r.rows], r.scores, {}) for r in bench[9:11]]
    perfect = [Run(r.folder, r.settings, r.rows, Scores.from_rows(r.rows, TASKS), {}) for r in perfect]
    runs = [*bench[:3], *perfect, bench[11]]
    cell = words.cell(studies(runs)[0].groups[0], "forward_transfer")
    assert cell.range == "[—]" and re.search(r"−?\d", cell.text)
    assert re.fullmatch(r"no interval: nothing to divide by in \d\d % of the resamples", cell.remark)
    assert all(cell.remark in " ".join(shown.split()) for shown in (tables.markdown(runs), _page(runs)))


def _page(runs):
    return page_of.template("template.html").render(
        sections=[page_of._section(study) for study in studies(runs)], videos=[], columns=words.COLUMNS,
        css="", script="", allowed="", families=[],
    )  # fmt: skip


def test_references_are_of_the_same_algorithm_and_input(tmp_path, bench):
    other = make(tmp_path / "a", algorithm="sac", label="finetune@sac")
    blind = make(tmp_path / "b", input="blind")
    for line in tables.markdown([other, blind, *bench[6:]]).splitlines()[2:4]:
        assert line.endswith("| — | — |"), line


def test_one_label_with_two_settings_is_two_rows(tmp_path, bench):
    longer = make(tmp_path / "a", hash="b" * 64)
    assert [group.name for group in studies([bench[0], longer])[0].groups] == [
        f"finetune@ppo · instructed · {bench[0].settings['hash'][:6]}",
        "finetune@ppo · instructed · bbbbbb",
    ]


def test_the_same_seed_twice_is_refused(bench, tmp_path):
    with pytest.raises(RunError, match="the same seed of finetune@ppo"):
        report.write([bench[0], bench[0]], tmp_path / "report.html")
    with pytest.raises(RunError, match="no runs"):
        report.write([], tmp_path / "report.html")


def test_curricula_and_sizes_do_not_share_a_table(tmp_path, bench):
    assert len(studies([bench[0], make(tmp_path / "a", tier="full"), make(tmp_path / "b", tasks=TASKS[:2])])) == 3


def test_small_videos_are_embedded_and_large_ones_linked(bench, tmp_path):
    small, large = tmp_path / "small.mp4", tmp_path / "videos" / "large one.mp4"
    large.parent.mkdir()
    small.write_bytes(b"film")
    with open(large, "wb") as file:
        file.truncate(5 * 2**20)
    page = report.write(bench[:1], tmp_path / "report.html", videos=[small, large]).read_text()
    assert 'src="data:video/mp4;base64,ZmlsbQ=="' in page and 'href="videos/large%20one.mp4"' in page
    with pytest.raises(RunError, match=r"\.mp4"):
        report.write(bench[:1], tmp_path / "report.html", videos=[tmp_path / "run.json"])


def test_pictures_draw_what_the_record_says(bench):
    group = studies(bench)[0].groups[0]
    axes = plots.matrix(group).axes[0]
    drawn = np.array([float(text.get_text()) for text in axes.texts]).reshape(4, 3)
    assert np.allclose(drawn, np.mean([np.vstack([s.at_end(-1), s.matrix]) for s in group.scores], axis=0), atol=0.005)
    rows = plots.timeline(group).axes
    assert len(rows) == 3 and len(rows[1].lines) == 4
    assert np.allclose(
        np.asarray(rows[1].lines[-1].get_ydata(), float), np.mean([s.score[:, 1] for s in group.scores], axis=0)
    )


def test_points_say_what_they_are_and_whose(bench):
    groups = studies(bench)[0].groups[:2]
    drawn = scatter.inline(scatter.tradeoff(groups))
    said = re.findall(r'<g class="tip" data-method="(\d)"><title>(.*?)</title>', drawn)
    assert len(said) == 2 * (3 + 1) and {method for method, _ in said} == {"0", "1"}
    lost = groups[0].interval("bars.forgetting").estimate
    assert ("0", f"finetune@ppo, 3 seeds: learnt in the own stage 0.98, lost of it at the end {lost:.2f}") in said
    assert "http" not in drawn and "<metadata" not in drawn


def test_names_in_points_stay_text(tmp_path):
    label = f'{HOSTILE}"]]>&amp;'
    group = studies([make(tmp_path / "run", label=label)])[0].groups[0]
    drawn = scatter.inline(scatter.tradeoff([group]))
    assert "<script" not in drawn and html.escape(label) in drawn


def test_changes_are_differences_of_the_matrix(bench):
    group = studies(bench)[0].groups[0]
    texts = [text.get_text().replace("−", "-") for text in plots.changes(group).axes[0].texts]
    assert np.allclose(np.array(texts, float).reshape(3, 3), np.diff(group.matrix, axis=0), atol=0.0051)
    assert float(texts[3]) < -0.5  # learning the second task forgot the first


def test_quality_stands_against_the_costs_in_which_methods_differ(tmp_path):
    dear = {"steps": 30_000, "seconds": 600.0, "memory_kept_bytes": 3 * 2**20, "resumes": 2, "player_restarts": 1}
    cheap = {"steps": 30_000, "seconds": 60.0, "memory_kept_bytes": 0}
    runs = [make(tmp_path / "a", costs=cheap), make(tmp_path / "b", "replay", costs=dear)]
    page = report.write(runs, tmp_path / "report.html").read_text()
    assert re.findall(r"Quality against ([\w ]+)", page) == ["time in all", "memory kept from the past"]
    assert "time in all 10.0 min, success at the end 0.9" in page and "memory kept from the past 3 MiB" in page
    assert "2 runs · 2 methods · 3 tasks · 60\u202f000 steps · 11.0 min of work · 3 restarts" in page
    assert "restarts of game players" in page


@pytest.mark.parametrize(
    ("points", "kept"),
    [
        ([(1, 0.5), (2, 0.9), (3, 0.7)], [0, 1]),
        ([(2, 0.5), (1, 0.5), (1, 0.6)], [2]),
        ([(3, 1.0), (1, 0.1), (2, 0.1)], [1, 0]),
    ],
)
def test_the_front_is_whom_no_other_beats_in_both(points, kept):
    assert scatter.front(np.array(points, float)) == kept


def test_one_method_told_otherwise_is_shown_side_by_side(tmp_path):
    runs = [make(tmp_path / f"{how}-{s}", seed=s, input=how) for how in ("instructed", "blind") for s in range(2)]
    (study,) = studies([*runs, make(tmp_path / "other", "replay")])
    (shown,) = page_of._ablations(study)
    assert shown["title"] == "finetune@ppo"
    axes = plots.contrast(study.groups[:2], ["a", "b"]).axes[0]
    means = [float(np.asarray(line.get_xdata(), float)[0]) for line in axes.lines if line.get_markersize() == 8]
    assert np.allclose(means, [group.interval("average_performance").estimate for group in study.groups[:2]])


def test_what_the_instructor_said_is_counted_and_stays_text(tmp_path):
    run = make(tmp_path / "run", instructor="language-model")
    lines = [{"task": "ludus/Household-v0", "said": said, "outcome": outcome, "seen": HOSTILE}
             for said, outcome, times in (("take the cup", "done", 3), ("take the cup", "failed", 1), (HOSTILE, "", 1))
             for _ in range(times)]  # fmt: skip
    broken = "7\n[[[\n" + "[" * 100_000 + "\n"
    (run.folder / "instructions.jsonl").write_text(broken + "".join(json.dumps(line) + "\n" for line in lines) + '{"ta')
    first, second = choices.said([run])
    assert (first.text, first.times, first.done) == ("take the cup", 4, 0.75) and second.text == HOSTILE
    page = report.write([run], tmp_path / "report.html").read_text()
    assert "What the instructor said" in page and "<td>75&nbsp;%</td>" in page and HOSTILE not in page


def test_bands_of_profiles_hold_the_profile_and_widen_with_spread():
    thresholds = np.linspace(0, 1, 11)
    same, apart = np.full((5, 3), 0.55), np.linspace(0, 1, 15).reshape(5, 3)
    low, high = profile_band(same, thresholds)
    assert np.array_equal(low, high) and np.array_equal(low, profile(same, thresholds))
    low, high = profile_band(apart, thresholds)
    assert (low <= profile(apart, thresholds)).all() and (profile(apart, thresholds) <= high).all()
    assert (high - low)[1:10].min() > 0.1 and low[0] == high[0] == 1


def test_made_up_runs_of_the_proof_make_a_report(tmp_path):
    """A slice of what benchmarks/report_proof.py does for a thousand."""
    assert report_proof.make(tmp_path, methods=2, seeds=2) == 4 * 93
    runs = [read_run(folder) for folder in sorted(tmp_path.iterdir())]
    (study,) = studies(runs)
    assert [len(group.runs) for group in study.groups] == [2, 2] and not any(g.unfinished for g in study.groups)
    size = report.write(runs, tmp_path / "report.html").stat().st_size
    assert 50_000 < size < 500_000


def test_the_markdown_table_is_the_readmes(bench):
    lines = tables.markdown(bench).splitlines()
    assert lines[0].startswith("| method | seeds | learnt | lost again |")
    assert len(lines) == 6 and all(line.count("|") == 9 for line in lines)
    assert "| 3 |" in lines[2]


def test_reading_names_the_regime_of_the_references(bench):
    assert dict(reading(studies(bench[:3])[0]))["references"] == "none; joint: 0 seeds, from scratch: 0 seeds."
