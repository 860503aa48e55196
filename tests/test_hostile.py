"""Files that others made are data: nothing in them is executed; each wrong one is refused in one line, exit code 2."""

import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save

from ludus.curricula import checkpoint, cli, references, runner
from ludus.curricula.curriculum import Curriculum

TINY = {
    "name": "tiny",
    "observation": 20,
    "action": 4,
    "evaluation": {"per_stage": 1, "episodes": 2, "last_episodes": 2},
    "stages": [{"task": "ludus/Reach-v0", "steps": 100}],
    "algorithms": {"ppo": {"rows": 16, "settings": {"n_steps": 4, "batch_size": 64, "n_epochs": 1}}},
}
YAML = "observation: 20\naction: 4\nstages: [{task: Reach-v0, steps: 100}]\n"


class Trap:
    """Unpickled, it would leave a mark."""

    def __reduce__(self):
        return (eval, ("open('executed', 'w')",))


PICKLE = pickle.dumps(Trap())
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{c}: &{c} [{','.join([f'*{p}'] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "run"
    curriculum = Curriculum.model_validate_json(json.dumps(TINY))
    return runner.run(curriculum, out=folder, threads=1)


@pytest.fixture
def run(made, tmp_path, monkeypatch):
    """A copy of a good run, in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path / "run")
    return tmp_path / "run"


def refused(capsys, *words):
    """What stderr said; it must be one line, exit code 2, and nothing executed."""
    capsys.readouterr()
    code = cli.invoke(words)
    err = capsys.readouterr().err
    assert code == 2, (code, err)
    assert err.count("\n") == 1 and len(err) < 700 and "Traceback" not in err, err
    return err


CURRICULA = {
    "a tag that calls": ("x: !!python/object/apply:os.system ['touch executed']\n" + YAML, "tags are not allowed"),
    "a tag that makes": (
        "x: !!python/object/new:subprocess.Popen [[touch, executed]]\n" + YAML,
        "tags are not allowed",
    ),
    "a name that imports": ("x: !!python/module:antigravity\n" + YAML, "tags are not allowed"),
    "an alias bomb": (BOMB + YAML, "aliases are not allowed"),
    "an anchor that holds itself": ("x: &x [*x]\n" + YAML, "aliases are not allowed"),
    "a merge key": (YAML.replace("{task", "{<<: {a: 1}, task"), "key must be a word"),
    "a deep nest": ("x: " + "[" * 5000 + "]" * 5000, "nested deeper"),
    "a deep nest of mappings": ("{x: " * 3000, "nested deeper"),
    "a large file": ("#" * 400_000 + "\n" + YAML, "larger than"),
    "a number of many digits": (YAML.replace("100", "9" * 6000), "wrong.yaml"),
    "bytes that are no text": (b"\xff\xfe\x00a", "not UTF-8"),
    "a null byte": ("about: '\0'\n" + YAML, "wrong.yaml"),
    "a pickle": (PICKLE, "wrong.yaml"),
    "nothing": ("", "mapping"),
    "a list": ("- 1\n", "mapping"),
    "two documents": (YAML + "---\n" + YAML, "wrong.yaml"),
    "code as a task": (YAML.replace("Reach-v0", "'os:system'"), "--allow-code"),
    "a path as a name": (f"name: ../../etc/passwd\n{YAML}", "name"),
    "HTML as a name": (f"name: <script>alert(1)</script>\n{YAML}", "name"),
    "HTML as a task": (YAML.replace("Reach-v0", "<img src=x onerror=alert(1)>"), "no task"),
    "a terminal's escapes": (YAML.replace("Reach-v0", '"\\e[2J\\e]0;x\\a"'), "no task"),
    "lines in a key": ('"a\\nb\\nc": 1\n' + YAML, "no such key"),
}


@pytest.mark.parametrize(("text", "said"), CURRICULA.values(), ids=CURRICULA)
def test_a_hostile_curriculum(tmp_path, monkeypatch, capsys, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    err = refused(capsys, "run", "wrong.yaml")
    assert said in err and "\x1b" not in err
    assert [p.name for p in tmp_path.iterdir()] == ["wrong.yaml"]


def _append(name, line):
    return lambda run: (run / name).write_bytes((run / name).read_bytes() + line)


def _edit(name, old, new):
    return lambda run: (run / name).write_text((run / name).read_text().replace(old, new))


def _put(name, data):
    return lambda run: (run / name).write_bytes(data)


def _double(run):
    lines = (run / "evaluations.jsonl").read_text().splitlines(keepends=True)
    (run / "evaluations.jsonl").write_text("".join([*lines, lines[-1]]))


def _outside(name):
    def harm(run):
        (run.parent / "outside").write_bytes((run / name).read_bytes())
        (run / name).unlink()
        (run / name).symlink_to("../outside")

    return harm


def _sparse(name):
    def harm(run):
        with open(run / name, "r+b") as file:
            file.truncate(1 << 40)

    return harm


RUNS = {
    "NaN in the record": _edit("evaluations.jsonl", '"return": ', '"return": NaN, "x": '),
    "infinity in the record": _edit("evaluations.jsonl", '"length": ', '"length": Infinity, "x": '),
    "a score above one": _edit("evaluations.jsonl", '"success": 0.0', '"success": 1.5'),
    "a line twice": _double,
    "a line cut short": _append("evaluations.jsonl", b'{"evaluation": 2, "sta'),
    "a line without an end": _append("evaluations.jsonl", b"[" * 100_000),
    "a record that is a pickle": _put("evaluations.jsonl", PICKLE),
    "settings that are a pickle": _put("run.json", PICKLE),
    "settings that are nothing": _put("run.json", b""),
    "settings that are deep": _put("run.json", b"[" * 100_000),
    "settings of another format": _edit("run.json", '"format": 1', '"format": 99'),
    "a huge record": _sparse("evaluations.jsonl"),
    "huge settings": _sparse("run.json"),
    "a record outside": _outside("evaluations.jsonl"),
    "settings outside": _outside("run.json"),
}


@pytest.mark.parametrize("harm", RUNS.values(), ids=RUNS)
def test_a_hostile_run_is_not_reported(run, capsys, harm):
    harm(run)
    err = refused(capsys, "report", "run")
    assert "run/" in err
    assert not (run / "report.html").exists() and not (run.parent / "executed").exists()


def test_names_with_markup_are_text_in_the_report(run, capsys):
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    for name in ("evaluations.jsonl", "run.json"):
        _edit(name, "ludus/Reach-v0", evil)(run)
    _edit("run.json", "finetune@ppo", evil)(run)
    code = cli.invoke(["report", "run"])
    said = capsys.readouterr()
    if code == 0:
        page = (run / "report.html").read_text()
        assert "<script>alert" not in page and "<img src=x" not in page and "&lt;script&gt;" in page
    else:
        assert code == 2 and said.err.count("\n") == 1


WEIGHTS = {
    "a pickle": PICKLE,
    "cut short": save({"a": np.zeros(4, np.float32)})[:-3],
    "a header of 2^62 bytes": (2**62).to_bytes(8, "little") + b"{}",
    "offsets outside": (64).to_bytes(8, "little")
    + b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}'.ljust(64),
    "nothing": b"",
    "other names": save({"a": np.zeros(4, np.float32)}),
}


@pytest.mark.parametrize("data", WEIGHTS.values(), ids=WEIGHTS)
def test_hostile_weights_are_not_filmed(run, capsys, data):
    (run / "policies" / "stage-0.safetensors").write_bytes(data)
    assert "stage-0.safetensors" in refused(capsys, "video", "run", "--out", "films")


@pytest.mark.parametrize("data", WEIGHTS.values(), ids=WEIGHTS)
def test_a_hostile_checkpoint_is_not_resumed(run, capsys, data):
    (run / "metrics.json").unlink()  # as if it had not ended
    checkpoint.save(run / "checkpoints", 1, {"a": np.zeros(1)}, {"at": {}})
    (run / "checkpoints" / "1" / "arrays.safetensors").write_bytes(data)
    (run.parent / "tiny.yaml").write_text(json.dumps({k: v for k, v in TINY.items() if k != "name"}))
    err = refused(capsys, "run", "tiny.yaml", "--out", "run", "--resume")
    assert "arrays.safetensors" in err and "resume" in err


ROWS = {
    "a pickle": PICKLE,
    "NaN": b'{"label": NaN}\n',
    "another thing": b'{"label": "x"}\n',
    "a list": b"[]\n",
    "a deep nest": b"[" * 100_000 + b"\n",
}


@pytest.mark.parametrize("data", ROWS.values(), ids=ROWS)
def test_hostile_rows_of_results(tmp_path, monkeypatch, capsys, data):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_bytes(data)
    assert "rows.jsonl" in refused(capsys, "report", "rows.jsonl")


def test_a_row_that_stands_twice_is_refused(run, capsys):
    from ludus.curricula.record import read_run

    line = json.dumps(references.row_of(read_run(run))) + "\n"
    (run.parent / "rows.jsonl").write_text(line * 2)
    assert "rows.jsonl:2" in refused(capsys, "report", "rows.jsonl")


def test_nothing_is_executed(run):
    """The same under an audit hook: no process is started, and nothing is looked up to be unpickled."""
    (run / "policies" / "stage-0.safetensors").write_bytes(PICKLE)
    (run.parent / "pickled.jsonl").write_bytes(PICKLE)
    (run.parent / "tag.yaml").write_text("x: !!python/object/apply:os.system ['touch executed']\n" + YAML)
    (run / "extra.pkl").write_bytes(PICKLE)
    code = """
import sys
from ludus.curricula import checkpoint, cli, curriculum, record, references, runner, video
from ludus.curricula.report import page
from safetensors import numpy
import yaml
bad = []
def hook(event, args):
    if event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "pickle.find_class"):
        bad.append(event)
sys.addaudithook(hook)
codes = [cli.invoke(words) for words in (
    ["run", "tag.yaml"], ["report", "pickled.jsonl"], ["report", "run/extra.pkl"], ["video", "run", "--out", "films"],
)]
print(codes, bad)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=run.parent)
    assert done.stdout.strip().splitlines()[-1] == "[2, 2, 2, 2] []", done.stdout + done.stderr
    assert not (run.parent / "executed").exists()


def test_the_trap_would_have_caught_someone(tmp_path, monkeypatch):
    """The corpus is live ammunition: whoever unpickles it leaves the mark."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(PICKLE)
    assert (tmp_path / "executed").exists()
