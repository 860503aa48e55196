"""The wheel holds the whole suite: installed in an empty environment it makes, steps and lists everything."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("envs", "agents", "curricula", "assets")
REST = ("pyproject.toml", "setup.py", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that nothing of an earlier build and no neighbour's file gets in."""
    source = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    for name in REST:
        shutil.copy(ROOT / name, source / name)
    pip(sys.executable, "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", source / "out", source)
    return next((source / "out").glob("ludus-*.whl"))


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """An environment with the wheel and, of this one, the libraries alone: a .pth inside a .pth folder is not followed,
    so the editable ludus of this environment stays out."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False, symlinks=True)
    scripts = home / "bin"
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(home)}))
    pip(scripts / "python", "install", "--no-deps", "--no-index", "--no-compile", wheel)
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return scripts / "python"


def pip(python, *arguments):
    command = [sys.executable, "-m", "pip", "--python", str(python), *map(str, arguments), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def run(*command, cwd):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, cwd=cwd, env=clean)


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    wanted = {
        f"ludus/{path.relative_to(ROOT).as_posix()}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == wanted


def test_every_folder_with_python_files_is_a_package():
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert [str(f.relative_to(ROOT)) for f in sorted(folders) if not (f / "__init__.py").is_file()] == []


def test_the_wheel_names_its_licence(wheel):
    archive = zipfile.ZipFile(wheel)
    about = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    assert "License-Expression: Apache-2.0" in archive.read(about).decode()
    assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())


def test_the_installed_wheel_makes_and_steps_every_task_and_reads_every_curriculum(python, tmp_path):
    code = """
import pathlib, sys
import ludus.envs
here = pathlib.Path(ludus.envs.__file__)
assert here.is_relative_to(sys.prefix), here
import gymnasium
for id in set(ludus.envs.ids()) - set(ludus.envs.ids("needs-build")):
    env = gymnasium.make(id)
    env.reset(seed=0)
    env.step(env.action_space.sample())
    env.close()
    print(id)
from ludus.curricula import curriculum
for name in curriculum.names():
    print(curriculum.load(name).name)
"""
    done = run(python, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = done.stdout.split()
    assert {"ludus/Reach-v0", "ludus/Crossing-v0", "first-steps"} <= set(said)


def test_the_installed_wheel_brings_the_command(python, tmp_path):
    done = run(python.parent / "ludus", "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ("run", "video", "speed", "doctor"))


def test_the_versions_that_were_tested_satisfy_what_is_asked_for():
    import tomllib

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (ROOT / "constraints.txt").read_text().splitlines()
    exact = dict(line.split("==") for line in lines if not line.startswith("#"))
    pinned: dict[str, str] = {canonicalize_name(name): version for name, version in exact.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(r) for r in [*project["dependencies"], *project["optional-dependencies"]["dev"]]]
    assert [str(r) for r in wanted if pinned.get(canonicalize_name(r.name), "none") not in r.specifier] == []
    assert pinned["torch"] == "2.13.0"
