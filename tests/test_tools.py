"""The hands-on commands: films of runs, speed, play, doctor."""

import json
import os
import shutil
import subprocess
import sys
import time

import imageio_ffmpeg
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import ludus.envs
from ludus.curricula import actors, curriculum, doctor, evaluation, film, play, runner, speed, video
from ludus.curricula.record import RunError, read_run
from ludus.envs.core import Wrapper
from ludus.envs.registry import UnknownName


def invoke(module, *arguments):
    """What a command of the module prints, as the command line calls it."""
    app = typer.Typer()
    app.command()(module.command)
    return CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    """A run of two short stages."""
    made = curriculum.Curriculum.model_validate_json(
        json.dumps(
            {
                "name": "short",
                "observation": 20,
                "action": 4,
                "evaluation": {"per_stage": 1, "episodes": 1, "last_episodes": 2},
                "stages": [{"task": "ludus/Reach-v0", "steps": 64}, {"task": "ludus/Push-v0", "steps": 64}],
                "algorithms": {"ppo": {"rows": 8, "settings": {"n_steps": 8, "batch_size": 64, "n_epochs": 1}}},
            }
        )
    )
    return runner.run(made, out=tmp_path_factory.mktemp("runs") / "life", seed=1)


def frames(path):
    """(n, height, width, 3) of a film."""
    reader = imageio_ffmpeg.read_frames(str(path))
    width, height = next(reader)["size"]
    return np.stack([np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader])


# films


def test_a_scripted_lift_is_filmed_to_its_success(tmp_path):
    world = ludus.envs.make("ludus/Lift-v0")
    shots = list(film.episode(world, actors.scripted(world), seed=0, every=25))
    assert [s.step for s in shots] == [0, 25, 50]
    assert [s.verdict for s in shots] == [None, None, True]
    assert shots[0].told == "lift the cube"
    assert shots[-1].episode_return > 0
    assert not np.array_equal(shots[0].picture, shots[-1].picture)


def test_the_bar_over_a_picture_is_green_for_success_and_red_for_failure():
    picture = np.zeros((48, 96, 3), np.uint8)
    shots = [film.Shot(picture, "lift", 1, 0.5, verdict) for verdict in (None, True, False)]
    bars = [tuple(page[0, 0]) for page in film.Panel("", shots).frames()]
    assert bars == [film.CALM, film.GREEN, film.RED]


def test_a_panel_that_ends_early_shows_its_end_beside_the_others(tmp_path):
    shot = film.Shot(np.zeros((48, 96, 3), np.uint8), "lift", 1, 0.5, None)
    done = shot._replace(verdict=True)
    path = film.film([[film.Panel("", [done]), film.Panel("", [shot] * 3)]], tmp_path / "film.mp4", fps=10)
    seen = frames(path)
    assert len(seen) == 3 + round(film.PAUSE * 10)
    assert np.abs(seen[-1, 3, 20].astype(int) - film.GREEN).max() < 40


def test_many_panels_stand_in_rows_at_half_their_size(tmp_path):
    shot = film.Shot(np.full((48, 96, 3), 90, np.uint8), "lift", 1, 0.5, None)
    few, many = (film.film([[film.Panel("", [shot])] * n], tmp_path / f"{n}.mp4", fps=10) for n in (4, 6))
    (_, high, wide, _), (_, height, width, _) = frames(few).shape, frames(many).shape
    assert abs(width - wide / 2) <= 12 and abs(height - high) <= 14  # two rows of half height, the second half empty
    last = frames(many)[-1]
    assert last[height // 2 + 20 :, 3 * width // 4 :].min() > 240 and last[height // 2 + 20 :, : width // 3].min() < 120


def test_before_and_after_show_the_two_stages_policies_on_the_same_episode(life, tmp_path):
    path = video.split_screen(life, "Reach-v0", 0, 1, tmp_path / "split.mp4", episodes=1, every=25)
    seen = frames(path)
    assert seen.shape[2] >= 2 * 640
    first = seen[0, 60:500]
    assert np.abs(first[:, :640].astype(int) - first[:, 646:1286]).mean() < 2  # the same start, left and right
    left, right = (list(video.shots(read_run(life), stage, "ludus/Reach-v0", every=50))[-1] for stage in (0, 1))
    assert left.episode_return != right.episode_return


def test_a_film_shows_the_policy_that_was_evaluated(life):
    """The returns of the evaluation's own seeds, filmed, are the ones in the record."""
    run = read_run(life)
    world, act = actors.load(run, 1, "ludus/Push-v0")
    recorded = next(r for r in run.rows if r["last"] and r["stage"] == 1 and r["task"] == "ludus/Push-v0")
    returns = []
    for i in range(recorded["episodes"]):
        *_, end = film.episode(world, actors.learnt(world, act), evaluation.FIRST_SEED + i, every=50)
        returns.append(end.episode_return)
    assert np.mean(returns) == pytest.approx(recorded["return"], abs=1e-4)


def test_the_task_that_lost_most_is_the_one_shown(life):
    run = read_run(life)
    scores = {(0, "ludus/Reach-v0"): 0.9, (1, "ludus/Reach-v0"): 0.1, (0, "ludus/Push-v0"): 0.0}
    rows = [r | {"success": scores.get((r["stage"], r["task"]), 0.5)} for r in run.rows]
    assert video.most_forgotten(type(run)(run.folder, run.settings, rows, run.scores, run.costs)) == (
        "ludus/Reach-v0",
        0,
        1,
    )


def test_weights_that_are_cut_short_or_lead_outside_are_refused_in_one_line(life, tmp_path):
    broken = tmp_path / "life"
    shutil.copytree(life, broken)
    weights = broken / "policies" / "stage-0.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(RunError, match="not this run's policy") as error:
        actors.load(read_run(broken), 0, "ludus/Reach-v0")
    assert "\n" not in str(error.value)
    weights.unlink()
    weights.symlink_to("/etc/hostname")
    with pytest.raises(RunError, match="outside"):
        actors.load(read_run(broken), 0, "ludus/Reach-v0")


def test_a_folder_that_is_no_run_and_a_run_without_policies_are_refused(life, tmp_path):
    with pytest.raises(RunError):
        list(video.run_videos(tmp_path))
    shutil.copytree(life, tmp_path / "life")
    shutil.rmtree(tmp_path / "life" / "policies")
    with pytest.raises(RunError, match="no stage was finished"):
        list(video.run_videos(tmp_path / "life"))


def test_without_opengl_a_film_ends_in_one_line_and_leaves_nothing(tmp_path):
    code = "from ludus.curricula import video; from pathlib import Path; video.task_video('Lift-v0', Path('film.mp4'))"
    environment = os.environ | {"MUJOCO_GL": "osmesa"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert "RenderingUnavailable: cannot draw" in done.stderr.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


# speed


def test_ratios_are_taken_within_a_round_against_the_first():
    def sleeper(name, seconds):
        return speed.Runner(name, 10, lambda: None, lambda: time.sleep(seconds))

    rows = speed.compare("env", [sleeper("slow", 0.02), sleeper("fast", 0.005)], seconds=0.02, rounds=3)
    assert rows[0].ratio == rows[0].low == rows[0].high == 1
    assert 1.5 < rows[1].low <= rows[1].ratio <= rows[1].high


def test_only_the_block_is_timed():
    lazy = speed.Runner("lazy", 10, lambda: time.sleep(0.05), lambda: time.sleep(0.01))
    assert speed.compare("env", [lazy], seconds=0.01, rounds=1)[0].rate > 200


def test_the_bare_engine_makes_the_steps_that_the_view_makes(monkeypatch):
    made, engine = [], speed.engine
    monkeypatch.setattr(speed, "engine", lambda world: made.append((world, engine(world))) or made[0][1])
    bare, view = speed.bare("ludus/Lift-v0", 3), speed.ours("ludus/Lift-v0", 3)
    assert bare.steps == view.steps == 3 * 50
    world, sims = made[0]
    bare.prepare()
    first = sims.state.copy()
    np.testing.assert_array_equal(first, world.sims.state)
    bare.block()
    assert sims.state[:, 0] == pytest.approx(first[:, 0] + 50 * world.task.substeps * world.sims.model.opt.timestep)
    bare.prepare()
    np.testing.assert_array_equal(sims.state, first)
    bare.close()
    view.close()


def test_speed_prints_one_row_for_each_way_to_step(monkeypatch):
    monkeypatch.setattr(speed, "GYMNASIUM", (2,))
    done = invoke(speed, "Crossing-v0", "--copies", "2", "--seconds", "0.01", "--pairs", "1", "--json")
    assert done.exit_code == 0, done.output
    about, *rows = map(json.loads, done.output.splitlines())
    assert {"date", "cores", "load", "mujoco"} <= about.keys()
    names = [r["name"] for r in rows]
    assert names[:3] == ["bare Batch.step", "vector view, 2", "instructed view, 2"]
    assert names[3:] == [f"gymnasium {mode}, {n}" for mode in ("sync", "async") for n in (2,)]
    assert all(r["rate"] > 0 for r in rows)


def test_ppo_is_measured_against_what_its_parts_allow(monkeypatch):
    monkeypatch.setattr(speed, "ROWS", 8)
    rows = speed.learning("ludus/Reach-v0", 0.01, 1, {"n_steps": 4, "batch_size": 32, "n_epochs": 1})
    rate = {r.name: r.rate for r in rows}
    ceiling = 1 / (1 / rate["environment alone"] + 1 / rate["PPO alone (free environment)"])
    assert rate["1/(1/env + 1/free)"] == pytest.approx(ceiling)
    assert rows[-1].ratio == pytest.approx(rate["PPO, end to end"] / ceiling)


def test_ppo_end_to_end_is_timed_where_actions_are_continuous():
    with pytest.raises(ValueError, match="ludus/Basic-v0 acts in choices"):
        speed.learning("ludus/Basic-v0", 0.01, 1)


# play


class Sightless(Wrapper):
    """A world that cannot be drawn."""

    def render(self, env=0):
        raise RuntimeError("cannot draw: no OpenGL")


@pytest.fixture
def game():
    world = Sightless(ludus.envs.make("ludus/Lift-v0"))
    return play.Game(world, actors.scripted(world), "arm")


def test_keys_move_the_hand_for_a_while_and_the_space_bar_toggles_the_grip(game):
    assert game.action().tolist() == [[0, 0, 0, -1]]
    for key in ("left", "w", "r", " "):
        assert game.press(key)
    assert game.action().tolist() == [[-1, 1, 1, 1]]
    for _ in range(play.HOLD):
        game.tick()
    assert game.action().tolist() == [[0, 0, 0, 1]]
    game.press(" ")
    assert game.action()[0, 3] == -1
    assert not game.press("q")


def test_a_key_moves_the_hand_where_it_says(game):
    task = game.world.task
    before = task.grip.copy()
    game.press("right")
    game.tick()
    game.tick()
    assert task.grip[0, 0] > before[0, 0] + 0.005
    assert abs(task.grip[0, 1] - before[0, 1]) < 0.005


@pytest.mark.parametrize(
    ("task", "keys", "says", "does"),
    [
        ("Lift-v0", "wr ", "arrows or WASD move · R F up, down · space grips", [0, 1, 1, 1]),
        ("Crossing-v0", "da", "arrows or WASD move", [-1, 0]),
        ("CrossingLidar-v0", "wa", "W S drive · A D turn", [1, 1]),
        ("Doorway-v0", "f", "arrows or WASD move · R F up, down", [0, 0, -1]),
        ("Ball3D-v0", "dw", "A D, W S: entries 0 to 1 of the action", [1, 1]),
        ("GridWorld-v0", "4", "0 to 4 choose", [4]),
        ("WallJump-v0", "1s", "0 to 2 choose · A D, W S, R F choose 1, 2 of branches 0 to 2", [1, 2, 0, 0]),
    ],
)
def test_the_keys_that_are_written_under_a_picture_do_what_is_written(task, keys, says, does):
    world = Sightless(ludus.envs.make(f"ludus/{task}"))
    game = play.Game(world, actors.scripted(world), world.agents[0])
    for key in keys:
        game.press(key)
    assert game.action().ravel().tolist() == does
    assert game.screen(100, 30).splitlines()[-1].removeprefix("\x1b[0m").startswith(f"{says} · N new episode")
    game.tick()


def test_the_scripted_policy_plays_to_success_and_a_new_episode_begins(game):
    watched = play.Game(game.world, actors.scripted(game.world))
    for _ in range(60):
        watched.tick()
    assert (watched.steps, watched.verdict) == (50, True)
    assert "success" in watched.screen()
    watched.press("n")
    assert (watched.steps, watched.verdict) == (0, None)


def test_in_a_team_the_keys_move_one_and_the_policy_the_others():
    world = Sightless(ludus.envs.make("ludus/Crossing-v0"))
    seen = {}
    step, world.step = world.step, lambda actions: seen.update(actions) or step(actions)
    game = play.Game(world, lambda obs: {a: np.full((1, 2), 0.5, np.float32) for a in world.agents}, world.agents[1])
    game.press("up")
    game.tick()
    assert seen[world.agents[1]].tolist() == [[0, 1]]
    assert seen[world.agents[0]].tolist() == [[0.5, 0.5]]
    with pytest.raises(UnknownName, match=world.agents[0]):
        play.Game(world, lambda obs: {}, world.agents[0] + "x")


def test_without_opengl_the_scene_is_told_in_words(game):
    screen = game.screen(100, 30)
    assert "no OpenGL" in screen
    assert game.world.describe(0, "arm").split()[0] in screen
    assert "▀" not in screen


def test_half_blocks_show_two_pixels_a_character():
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[:2] = (255, 0, 0)
    (line,) = play.half_blocks(picture[[0, 2]], columns=4, rows=1)
    assert line.count("▀") == 4
    assert "38;2;255;0;0;48;2;0;0;0" in line
    lines = play.half_blocks(np.zeros((480, 640, 3), np.uint8), columns=79, rows=20)
    assert len(lines) <= 20
    assert lines[0].count("▀") <= 79


def test_keys_are_read_one_by_one_and_escapes_that_mean_nothing_are_left_out():
    assert play.keys("W\x1b[A \x1b[Dq") == ["w", "up", " ", "left", "q"]
    assert play.keys("a\x1b[24~") == ["a"]


def test_the_loop_ends_with_q_and_draws_what_was_pressed(game, monkeypatch):
    game.world.render_fps = 1000
    typed, written = iter(["d", "", "q"]), []
    play.loop(game, lambda seconds: next(typed), written.append)
    assert game.steps == 2
    assert any("step 1" in text for text in written)


def test_play_without_a_terminal_says_so_in_one_line():
    done = invoke(play, "Lift-v0")
    assert isinstance(done.exception, ValueError)
    assert "ludus video" in str(done.exception)


# doctor


def test_doctor_finds_that_training_works_here():
    done = invoke(doctor, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    found = {f["what"]: f for f in told["findings"]}
    assert told["ready"]
    assert found["physics"]["works"]
    assert {"Python", "libraries", "torch", "rendering", "films", "disk", "writing", "cores"} <= found.keys()


def test_doctor_names_the_remedy_where_there_is_no_opengl_and_training_still_counts_as_working(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    found = doctor.rendering()
    assert not found.works
    assert not found.needed
    assert "install" in f"{found.seen} {found.remedy}"
    monkeypatch.setattr(doctor, "CHECKS", (doctor.python, lambda: found))
    done = invoke(doctor)
    assert done.exit_code == 0
    assert "all but rendering" in done.output


def test_doctor_fails_with_a_remedy_when_something_needed_is_missing(monkeypatch):
    monkeypatch.setattr(doctor, "LIBRARIES", ("numpy", "no-such-library"))
    monkeypatch.setattr(doctor, "CHECKS", (doctor.libraries,))
    done = invoke(doctor)
    assert done.exit_code == 1
    assert "no-such-library" in done.output


def test_a_check_that_breaks_is_a_finding():
    assert not doctor._tried("broken", "raise SystemExit(3)", "mend it").works
    found = doctor._tried("broken", "import no_such_module", "mend it")
    assert found.seen == "ModuleNotFoundError: No module named 'no_such_module'"
