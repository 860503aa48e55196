"""The command line answers at once, says what is wrong in one line, and exits with a code that scripts can trust."""

import json
import os
import shutil
import signal
import subprocess
import sys
from importlib import metadata

import pytest
from test_report import make

from ludus.curricula import bench, cli, folder, plan, references, runner
from ludus.curricula.curriculum import Curriculum, load
from ludus.curricula.progress import Progress, clock, short, shown
from ludus.curricula.record import read_run

TINY = """\
observation: 20
action: 4
evaluation: {per_stage: 1, episodes: 2, last_episodes: 2}
stages: [{task: Reach-v0, steps: 400}, {task: Push-v0, steps: 400}]
algorithms:
  ppo: {rows: 32, settings: {n_steps: 8, batch_size: 128, n_epochs: 1}}
tiers: {full: {}, smoke: {steps: 0.5}}
"""
HEAVY = ("torch", "mujoco", "matplotlib", "stable_baselines3", "gymnasium", "numpy")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY)


def call(capsys, *words):
    """The exit code, and what was printed to stdout and stderr."""
    code = cli.invoke(words)
    said = capsys.readouterr()
    return code, said.out, said.err


def started(*words):
    command = [sys.executable, "-m", "ludus.curricula.cli", *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # in the background it is ignored
    )  # fmt: skip


def test_help_loads_nothing_heavy():
    code = "import sys; from ludus.curricula import cli; cli.invoke(['--help']); cli.invoke(['run', '--help'])"
    code += f"; sys.exit(','.join(m for m in {HEAVY!r} if m in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("envs", "curricula", "bench", "report", "doctor", "speed", "play"))


@pytest.mark.parametrize("command", ["envs", "curricula", "run", "bench", "report", "demo", *cli.ELSEWHERE])
def test_every_command_explains_itself_and_its_options(capsys, command):
    code, out, _ = call(capsys, command, "--help")
    assert code == 0 and "Options:" in out
    options = [line for line in out.splitlines() if line.strip().startswith("--") and "--help" not in line]
    assert all(len(line.split()) > 2 for line in options), options


def test_what_there_is_is_listed_for_people_and_machines(capsys):
    code, out, _ = call(capsys, "envs", "team", "--json")
    tasks = json.loads(out)
    assert code == 0 and {t["id"] for t in tasks} >= {"ludus/Crossing-v0"}
    assert all(len(t["agents"]) > 1 and t["goal"] for t in tasks)
    code, out, _ = call(capsys, "curricula")
    assert code == 0 and "first-steps" in out
    code, out, _ = call(capsys, "curricula", "tiny.yaml")
    assert code == 0 and json.loads(out)["stages"][0]["task"] == "ludus/Reach-v0"
    code, out, _ = call(capsys, "curricula", "--schema")
    assert code == 0 and "stages" in json.loads(out)["properties"]


WRONG = {
    "command": (["rnu"], "did you mean 'run'"),
    "option": (["run", "first-steps", "--sed", "1"], "no such option"),
    "argument": (["run"], "missing argument"),
    "tag": (["envs", "teem"], "no tag or task 'teem'; did you mean team"),
    "curriculum": (["run", "frist-steps"], "no curriculum or task 'frist-steps'; did you mean first-steps"),
    "task": (["run", "ludus/Rech-v0"], "no task 'ludus/Rech-v0'; did you mean ludus/Reach-v0"),
    "file": (["run", "nowhere.yaml"], "nowhere.yaml: no such file"),
    "algorithm": (["run", "tiny.yaml", "--algorithm", "pp"], "no algorithm 'pp'; did you mean ppo"),
    "method": (["run", "tiny.yaml", "--method", "replya"], "no method 'replya'; did you mean replay"),
    "method in a bench": (["bench", "tiny.yaml", "--methods", "finetune,replay@scs"], "no algorithm 'scs'"),
    "method that does not run there": (["bench", "tiny.yaml", "--methods", "reservoir"], "dqn, not on ppo"),
    "tier": (["run", "tiny.yaml", "--tier", "smok"], "did you mean smoke"),
    "seed": (["run", "tiny.yaml", "--seed", "-1"], "'--seed'"),
    "algorithm twice": (["run", "tiny.yaml", "--method", "finetune@sac", "--algorithm", "ppo"], "names its algorithm"),
    "agent and algorithm": (["run", "tiny.yaml", "--method", "finetune@sac", "--agent", "a:B"], "leave out 'a:B'"),
    "logs of an agent": (["run", "tiny.yaml", "--algorithm", "q-learning", "--tensorboard"], "not q-learning"),
    "a page of JSON": (["report", "one", "--json", "--out", "x.html"], "leave out --out"),
    "Markdown of JSON": (["report", "one", "--json", "--markdown"], "leave out --markdown"),
    "who acts in a run that is exported": (["export", "one", "--policy", "nonsense"], "one is a run"),
    "episodes of a run that is exported": (["export", "one", "--episodes", "20"], "one is a run"),
    "the seed of a run that is exported": (["export", "one", "--seed", "0"], "one is a run"),
    "who acts in a run that is filmed": (["video", "one", "--policy", "best"], "--seconds are for a task"),
    "how long a run is filmed": (["video", "one", "--seconds", "3"], "--seconds are for a task"),
    "films of a run as one file": (["video", "one", "--out", "v.mp4"], "name a folder"),
    "a foe in a home": (["play", "Household-v0", "--against", "nobody-at-all"], "leave --against out"),
    "a file for an arm": (["play", "Lift-v0", "--file", "mine.yaml"], "--file is for a world of words"),
    "a language for an arm": (["play", "Lift-v0", "--language", "en"], "--language is for a world of words"),
    "what was said to an arm": (["play", "Lift-v0", "--transcript", "t"], "--transcript is for a world of words"),
    "a task of whose forgetting": (["ablate", "one", "--whose-forgetting", "--task", "Reach-v0"], "leave --task out"),
    "the speed of words": (["speed", "Household-v0"], "`ludus envs robots` or `games`"),
    "entries that are not there": (["leaderboard", "nowhere.jsonl"], "nowhere.jsonl: no such file"),
    "run": (["report", "nowhere"], "nowhere"),
    "no run": (["report", "."], "holds no run"),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_one_line_and_exit_code_2(capsys, tmp_path, words, said):
    if "one" in words:
        (tmp_path / "one").mkdir()
        (tmp_path / "one" / "run.json").write_text("{}")
    code, _, err = call(capsys, *words)
    assert code == 2, err
    assert said.lower() in err.lower() and err.count("\n") == 1 and "Traceback" not in err
    assert not (tmp_path / "runs").exists() and not list(tmp_path.glob("*.mp4"))


def test_a_report_of_all_that_lies_in_a_folder_can_be_made_again(capsys, tmp_path):
    runs = tmp_path / "runs"
    for seed in range(2):
        make(runs / f"finetune-{seed}", seed=seed)
    (runs / "crossplay.json").write_text('{"matrices": []}')
    for _ in range(2):
        code, out, err = call(capsys, "report", *map(str, sorted(runs.iterdir())))
        assert code == 0 and f"report: {runs / 'report.html'}" in out, err
    code, _, err = call(capsys, "report", str(runs / "report.html"), str(runs / "crossplay.json"))
    assert code == 2 and "report.html" in err


def test_a_bench_looks_into_its_folders_before_anything_starts(capsys, tmp_path):
    todo = bench.jobs("tiny.yaml", load("tiny.yaml"), ["finetune", "joint"], [0], tmp_path / "b", references=False)
    there = {key: getattr(todo[1].plan, key) for key in bench.TOLD_APART}
    todo[1].folder.mkdir(parents=True)
    (todo[1].folder / "run.json").write_text(json.dumps(there))
    bench.check(todo)  # begun: to be gone on with
    (todo[1].folder / "run.json").write_text(json.dumps(there | {"tier": "of another name"}))
    bench.check(todo)  # of the same size
    (todo[1].folder / "run.json").write_text(json.dumps(there | {"input": "blind", "hash": "another"}))
    words = ["bench", "tiny.yaml", "--methods", "finetune,joint", "--no-references", "--out", "b"]
    code, _, err = call(capsys, *words)
    assert code == 2 and err.count("\n") == 1 and not todo[0].folder.exists()
    assert "another run is there (input 'blind', not 'instructed'); choose another --out" in err


def test_a_demo_of_another_size_has_a_folder_of_its_own(capsys, monkeypatch):
    def told(out, *_):
        raise ValueError(f"to {out}")

    monkeypatch.setattr("ludus.curricula.demo.demo", told)
    assert call(capsys, "demo")[2] == "ludus: to runs/demo\n"
    assert call(capsys, "demo", "--tier", "smoke")[2] == "ludus: to runs/demo-smoke\n"
    assert call(capsys, "demo", "--tier", "smoke", "--out", "mine")[2] == "ludus: to mine\n"


def test_a_run_a_report_and_a_second_run(capsys, tmp_path):
    code, out, err = call(capsys, "run", "tiny.yaml", "--out", "one", "--threads", "1")
    assert code == 0, err
    assert "stage 2 of 2 (Push)" in out and "report: one/report.html" in out
    assert (tmp_path / "one" / "report.html").stat().st_size > 1000
    settings = json.loads((tmp_path / "one" / "run.json").read_text())
    assert settings["label"] == "finetune@ppo" and settings["versions"]["torch"] and len(settings["hash"]) == 64
    code, _, err = call(capsys, "run", "tiny.yaml", "--out", "one")
    assert code == 2 and "--resume" in err
    code, out, _ = call(capsys, "report", "one", "--json")
    assert code == 0 and json.loads(out)[0]["complete"]
    own = (tmp_path / "one" / "report.html").read_bytes()
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    (tmp_path / "other" / "run.json").write_text(json.dumps(settings | {"seed": 7}))
    code, out, err = call(capsys, "report", "one", "other")
    assert code == 0 and f"report: {tmp_path / 'report.html'}" in out, err
    assert (tmp_path / "one" / "report.html").read_bytes() == own, "a report of several is nobody's own"


def test_an_interrupted_run_says_one_line_exits_with_1_and_goes_on(tmp_path):
    long = TINY.replace("steps: 400", "steps: 200000")
    (tmp_path / "long.yaml").write_text(long)
    process = started("run", "long.yaml", "--out", "long", "--json", "--threads", "1")
    assert process.stdout is not None
    process.stdout.readline()  # it has begun
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1 and err.count("\n") == 1 and "--resume" in err, err
    told = []

    def stop(progress):
        told.append(progress)
        raise KeyboardInterrupt

    with pytest.raises(Exception, match="interrupted"):
        runner.run("long.yaml", out="long", resume=True, threads=1, progress=stop)
    assert told[0].steps == 400000


def test_an_interrupted_bench_stops_its_runs_and_says_one_line(tmp_path):
    (tmp_path / "long.yaml").write_text(TINY.replace("steps: 400", "steps: 200000"))
    process = started("bench", "long.yaml", "--methods", "finetune", "--no-references", "--out", "b")
    assert process.stdout is not None
    process.stdout.readline()  # its run has begun
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1 and err == (
        "ludus: interrupted; what was done is kept, and the same command goes on from there\n"
    )
    with folder.locked(tmp_path / "b" / "finetune@ppo-0"):
        pass  # nobody lives there any more


def test_a_bench_makes_what_is_missing_and_one_table(capsys, tmp_path):
    words = ["bench", "tiny.yaml", "--methods", "finetune", "--jobs", "2", "--results", "rows.jsonl", "--out", "b"]
    code, out, err = call(capsys, *words)
    assert code == 0, err
    rows = references.read(tmp_path / "rows.jsonl")
    assert {r["label"] for r in rows} == {"finetune@ppo", "joint@ppo", "scratch@ppo"}
    assert all(label in out for label in ("finetune", "joint", "scratch"))
    for row in rows:  # the table can be computed again from the rows alone
        run = read_run(tmp_path / "b" / f"{row['label']}-0")
        again = references.run_of(row)
        assert again.scores.score.tobytes() == run.scores.score.tobytes()
        assert again.scores.trained == run.scores.trained and again.scores.tasks == run.scores.tasks
        assert references.row_of(run) | {"date": ""} == row | {"date": ""}
    made = (tmp_path / "rows.jsonl").read_bytes()
    for made_by in (tmp_path / "b").iterdir():
        if made_by.is_dir():
            (made_by / "metrics.json").unlink()  # would be made again if the rows were not there
    code, again, err = call(capsys, *words)
    assert code == 0 and (tmp_path / "rows.jsonl").read_bytes() == made
    assert again[again.index("tiny (full)") :] == out[out.index("tiny (full)") :]
    code, out, _ = call(capsys, "report", "rows.jsonl", "--markdown", "--out", "r.html")
    assert code == 0 and "| finetune" in out


def test_a_bench_whose_runs_fail_says_so_and_keeps_the_others(capsys, tmp_path):
    (tmp_path / "b" / "joint@ppo-0").mkdir(parents=True)
    (tmp_path / "b" / "joint@ppo-0" / "notes.txt").write_text("mine")
    (tmp_path / "b" / "scratch@ppo-0").mkdir()
    words = ["bench", "tiny.yaml", "--methods", "joint,finetune,scratch", "--no-references", "--out", "b"]
    with folder.locked(tmp_path / "b" / "scratch@ppo-0"):
        code, _, err = call(capsys, *words, "--results", "rows.jsonl")
    assert code == 1 and "2 of 3 runs failed" in err and "holds files but no run.json" in err
    assert "another process runs here" in err and err.count("ludus:") == 1
    assert [r["label"] for r in references.read(tmp_path / "rows.jsonl")] == ["finetune@ppo"]


def test_a_bench_tells_of_a_run_as_soon_as_it_is_finished(tmp_path, monkeypatch):
    write = "import pathlib as p, sys; a = sys.argv; [p.Path(a[1], n).write_text(t) for n, t in zip(a[2::2], a[3::2])]"

    def command(job, threads):
        files = {"run.json": json.dumps({"hash": job.plan.hash}), "metrics.json": "{}"}
        return [sys.executable, "-c", write, str(job.folder), *(word for pair in files.items() for word in pair)]

    monkeypatch.setattr(bench.Job, "command", command)
    todo = bench.jobs("tiny.yaml", load("tiny.yaml"), ["finetune"], [0, 1], tmp_path, references=False)
    for job in todo:
        job.folder.mkdir(parents=True)
    told = []
    failed = bench.perform(todo, 1, lambda _: None, lambda job: told.append((job, [j.finished for j in todo])))
    assert not failed
    assert told == [(todo[0], [True, False]), (todo[1], [True, True])]


def test_every_algorithm_of_a_bench_brings_its_references(tmp_path):
    stages = [{"task": "ludus/Reach-v0", "steps": 9}]
    text = json.dumps({"name": "c", "observation": 20, "action": 4, "stages": stages})
    made = Curriculum.model_validate_json(text)
    todo = bench.jobs("c", made, ["finetune", "replay@sac", "joint"], [0, 1], tmp_path)
    assert sorted({j.plan.label for j in todo}) == sorted(
        ["finetune@ppo", "replay@sac", "joint@ppo", "joint@sac", "scratch@ppo", "scratch@sac"]
    )
    assert len(todo) == 12 and len({j.folder for j in todo}) == 12
    words = todo[1].command(threads=2)
    assert words[1:5] == ["-m", "ludus.curricula.cli", "run", "c"] and "--resume" in words


def test_shipped_references_are_used_by_hash_and_said_to_be_shipped(tmp_path, monkeypatch, capsys):
    how = ["--threads", "1", "--json"]
    for method in ("finetune", "joint"):
        assert call(capsys, "run", "tiny.yaml", "--method", method, "--out", method, *how)[0] == 0
    run, joint = read_run(tmp_path / "finetune"), read_run(tmp_path / "joint")
    assert references.plan_of(run, "joint").hash == joint.settings["hash"]
    monkeypatch.setattr(references, "_library", lambda _: [references.row_of(joint)])
    held, notes = references.shipped([run])
    found = references.of(run, {}, held)
    assert len(found.joint) == 1 and not found.scratch and not notes
    assert found.label == f"shipped records: joint {joint.settings['hash'][:8]} (1 seeds)"
    run.settings["settings"]["rows"] = 33
    held, notes = references.shipped([run])
    assert not references.of(run, {}, held).joint and "of other settings: not used" in notes[0]


def test_the_default_folder_tells_sizes_apart():
    assert str(plan.default_out("c", "full")) == "runs/c" and str(plan.default_out("c", "smoke")) == "runs/c-smoke"


def test_progress_is_shown_as_lines_and_as_json(capsys):
    told = Progress("replay@ppo", 3, "learning", 1, 3, "ludus/Lift-v0", 500, 1000, {"ludus/Reach-v0": 0.25})
    with shown() as tell:
        tell(told)
        tell(told)  # no news: no line
        tell(told._replace(success={"ludus/Reach-v0": 0.5}))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and "replay@ppo seed 3: stage 2 of 3 (Lift), 500 of 1,000 steps" in lines[0]
    assert "Reach 50%" in lines[1]
    with shown(as_json=True) as tell:
        tell(told)
    assert Progress(**json.loads(capsys.readouterr().out)) == told
    assert (clock(None), clock(61), clock(7325), short("ludus/TwoArmLift-v0")) == (
        "unknown time", "1:01", "2:02:05", "TwoArmLift",
    )  # fmt: skip


def test_a_bug_shows_its_traceback_where_one_asks_for_it(monkeypatch, capsys):
    def broken(_):
        raise RuntimeError("a bug\nin two lines")

    monkeypatch.setattr(cli, "build", broken)
    assert call(capsys, "envs") == (1, "", "ludus: a bug in two lines\n")
    monkeypatch.setenv("LUDUS_DEBUG", "1")
    with pytest.raises(RuntimeError):
        cli.invoke(["envs"])


def test_who_says_nothing_is_shown_what_there_is(capsys):
    assert cli.invoke([]) == 0
    said = capsys.readouterr()
    assert "Usage: ludus" in said.out and said.out.count("\n") > 10 and not said.err


def test_it_says_its_version(capsys):
    assert cli.invoke(["--version"]) == 0
    assert capsys.readouterr().out == f"ludus {metadata.version('ludus')}\n"


def test_help_is_quick():
    """Under a second of processor time: what a busy machine adds does not count."""
    before = os.times()
    started("--help").communicate(timeout=60)
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 1.0


def test_tasks_are_listed_by_family_by_tag_or_by_name_and_say_what_there_is_to_choose_from(capsys):
    def listed(*words):
        _, out, _ = call(capsys, "envs", *words, "--json")
        return {t["id"]: t["action"] for t in json.loads(out)}

    assert listed("GridWorld-v0", "Lift-v0") == {"ludus/GridWorld-v0": ["5 choices"], "ludus/Lift-v0": ["(4,)"]}
    assert listed("games", "single") == listed("unity", "single")
    assert "×" in listed("WallJump-v0")["ludus/WallJump-v0"][0]
    code, _, err = call(capsys, "bench", "first-steps", "--methods", "")
    assert code == 2 and "--methods names no method" in err
