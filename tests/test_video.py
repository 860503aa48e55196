"""Films hold the frames they were given, whatever happens to the process that writes them."""

import subprocess
import sys
import warnings

import gymnasium as gym
import imageio_ffmpeg
import numpy as np
import pytest

from ludus.envs.views import record
from ludus.envs.views.record import Film, Moment, RecordVideo, captioned, cubic_schedule


class Clock(gym.Env):
    """Paints the number of its step; episodes last 5 steps."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}
    observation_space = action_space = gym.spaces.Discrete(2)
    render_mode = "rgb_array"

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 0
        return 0, {}

    def step(self, action):
        self.at += 1
        return 0, 1.0, self.at == 5, False, {"is_success": self.at == 5}

    def render(self):
        return np.full((48, 64, 3), self.at * 40, np.uint8)


def pictures(path):
    """The frames of a film, (n, H, W, 3) uint8, as a player would see them."""
    reader = imageio_ffmpeg.read_frames(str(path))
    width, height = next(reader)["size"]
    return np.stack([np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader])


def live(env, episodes=1):
    for _ in range(episodes):
        env.reset(seed=0)
        while not any(env.step(0)[2:4]):
            pass


@pytest.mark.parametrize("count", [1, 2, 60])
def test_a_film_holds_as_many_frames_as_it_was_given(tmp_path, count):
    with Film(tmp_path / "film.mp4", fps=25) as film:
        for i in range(count):
            film.add(np.full((48, 64, 3), 4 * i, np.uint8))
    seen = pictures(film.path)
    assert seen.shape == (count, 48, 64, 3)
    assert np.abs(seen.mean(axis=(1, 2, 3)) - 4 * np.arange(count)).max() < 4


def test_a_film_is_h264_in_yuv420p_which_browsers_play(tmp_path):
    with Film(tmp_path / "film.mp4", fps=25) as film:
        film.add(np.zeros((48, 64, 3), np.uint8))
    meta = next(imageio_ffmpeg.read_frames(str(film.path)))
    assert (meta["codec"], meta["pix_fmt"].split("(")[0], meta["fps"]) == ("h264", "yuv420p", 25)


def test_odd_sides_get_one_more_pixel(tmp_path):
    with Film(tmp_path / "film.mp4") as film:
        film.add(np.zeros((47, 63, 3), np.uint8))
    assert pictures(film.path).shape == (1, 48, 64, 3)


def test_frames_of_two_sizes_or_of_floats_are_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(ValueError, match="frame 1 is"), Film(tmp_path / "film.mp4") as film:
        film.add(np.zeros((48, 64, 3), np.uint8))
        film.add(np.zeros((50, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="uint8"), Film(tmp_path / "film.mp4") as film:
        film.add(np.zeros((48, 64, 3)))
    assert list(tmp_path.iterdir()) == []


def test_a_process_killed_mid_way_leaves_the_old_film_whole(tmp_path):
    with Film(tmp_path / "film.mp4") as film:
        film.add(np.zeros((48, 64, 3), np.uint8))
    code = (
        "import os, sys, numpy as np\n"
        "from ludus.envs.views.record import Film\n"
        "film = Film(sys.argv[1])\n"
        "for i in range(30): film.add(np.zeros((480, 640, 3), np.uint8))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(film.path)], timeout=60, cwd=tmp_path)
    assert done.returncode == -9
    assert pictures(film.path).shape == (1, 48, 64, 3)
    assert [p.name for p in tmp_path.glob("*.mp4")] == ["film.mp4"]


def test_record_video_films_the_episodes_that_are_asked_for(tmp_path):
    env = RecordVideo(Clock(), tmp_path, episode_trigger=lambda n: n == 1)
    live(env, episodes=3)
    env.close()
    assert [p.name for p in tmp_path.iterdir()] == ["rl-video-episode-1.mp4"]
    assert np.abs(pictures(tmp_path / "rl-video-episode-1.mp4").mean(axis=(1, 2, 3)) - 40 * np.arange(6)).max() < 4


def test_record_video_films_a_length_over_the_end_of_episodes(tmp_path):
    env = RecordVideo(Clock(), tmp_path, step_trigger=lambda n: n == 3, video_length=4, name_prefix="clock")
    live(env, episodes=3)
    env.close()
    assert len(pictures(tmp_path / "clock-step-3.mp4")) == 4


def test_record_video_finishes_its_film_when_closed_and_keeps_the_environments_rate(tmp_path):
    env = RecordVideo(Clock(), tmp_path)
    env.reset()
    env.step(0)
    env.close()
    assert len(pictures(tmp_path / "rl-video-episode-0.mp4")) == 2
    assert next(imageio_ffmpeg.read_frames(str(tmp_path / "rl-video-episode-0.mp4")))["fps"] == 10


def test_captions_tell_of_the_moment_and_stand_under_the_picture(tmp_path):
    moments = []
    env = RecordVideo(
        Clock(), tmp_path, caption=lambda m: moments.append(m) or ["tell the time", f"return {m.episode_return}"]
    )
    live(env)
    env.close()
    assert moments[0] == Moment(0, 0, 0.0, None)
    assert moments[-1] == Moment(0, 5, 5.0, True)
    frame = pictures(tmp_path / "rl-video-episode-0.mp4")[0]
    assert frame.shape[0] > 48
    assert frame[:44].mean() < 4
    assert frame[52:].mean() > 120


def test_a_picture_is_untouched_by_its_caption_and_long_lines_are_cut():
    picture = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    page = captioned(picture, ["lift the cube " * 20, "stage 1"])
    np.testing.assert_array_equal(page[:120], picture)
    assert page.shape[1] == 160
    assert (page[120:, -4:] == record.PAPER).all()


def test_characters_that_no_font_has_become_squares_and_a_warning_says_what_to_install(monkeypatch):
    monkeypatch.setattr(record, "_cjk", lambda: None)
    with pytest.warns(UserWarning, match="fonts-noto-cjk"):
        text, _ = record._drawable("lift 方块", 14)
    assert text == "lift □□"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert record._drawable("größer → ünder…", 14)[0] == "größer → ünder…"


def test_an_environment_that_draws_nothing_is_refused(tmp_path):
    env = Clock()
    env.render_mode = None
    with pytest.raises(ValueError, match="rgb_array"):
        RecordVideo(env, tmp_path)


def test_the_default_schedule_is_gymnasiums():
    assert [n for n in range(5001) if cubic_schedule(n)] == [*(k**3 for k in range(10)), *range(1000, 5001, 1000)]


def test_record_video_works_over_gymnasium_make(tmp_path):
    import ludus.envs  # noqa: F401

    env = RecordVideo(gym.make("ludus/Lift-v0", render_mode="rgb_array"), str(tmp_path), video_length=2)
    env.reset(seed=0)
    for _ in range(2):
        env.step(env.action_space.sample())
    env.close()
    assert pictures(tmp_path / "rl-video-episode-0.mp4").shape == (2, 480, 640, 3)
