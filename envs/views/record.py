"""Films of what is rendered: an mp4 writer, captions, a wrapper with the arguments of gymnasium's RecordVideo."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import imageio_ffmpeg
import numpy as np
from PIL import Image, ImageDraw, ImageFont

PAPER, INK, GREY = (247, 246, 242), (38, 40, 44), (120, 122, 126)
_CJK_FONTS = ("NotoSansCJK", "NotoSansSC", "SourceHanSans", "wqy-", "DroidSansFallback", "PingFang", "ArialUnicode")


class Film:
    """An mp4 being written: H.264 in yuv420p, which browsers play.

    Frames go to ffmpeg as they come, into `.<name>.part`; the file gets its own name when it is complete, so that
    a process that dies in between leaves no broken film. As a context manager it closes, or discards after an error.
    """

    def __init__(self, path: str | os.PathLike, fps: float = 30):
        self.path, self.fps, self.frames = Path(path), fps, 0
        self._part = self.path.with_name(f".{self.path.name}.part")
        self._size: tuple[int, ...] = ()
        self._writer: Any = None

    def add(self, frame: np.ndarray) -> None:
        """One picture, (H, W, 3) uint8; all of a film have one size (an odd side gets one more pixel).

        Raises ValueError for another size, OSError when ffmpeg cannot write.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f"a frame is (H, W, 3) uint8, not {frame.shape} {frame.dtype}")
        if self._writer is None:
            self._writer = self._open(frame.shape)
        elif frame.shape != self._size:
            raise ValueError(f"{self.path.name}: frame {self.frames} is {frame.shape}, the first was {self._size}")
        height, width = frame.shape[:2]
        self._writer.send(np.ascontiguousarray(np.pad(frame, [(0, height % 2), (0, width % 2), (0, 0)], "edge")))
        self.frames += 1

    def _open(self, shape: tuple[int, ...]) -> Any:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        height, width = (side + side % 2 for side in shape[:2])
        self._size = shape
        writer: Any = imageio_ffmpeg.write_frames(
            str(self._part),
            (width, height),
            fps=self.fps,  # type: ignore[arg-type]  (it takes any number)
            codec="libx264",
            macro_block_size=1,
            ffmpeg_log_level="error",
            output_params=["-f", "mp4", "-preset", "veryfast", "-threads", "1", "-movflags", "+faststart"],
        )
        writer.send(None)
        return writer

    def close(self) -> Path | None:
        """Finish; the film's path, or None when it has no frame."""
        if self._writer is None:
            return None
        writer, self._writer = self._writer, None
        writer.close()
        os.replace(self._part, self.path)
        return self.path

    def discard(self) -> None:
        """Stop and leave nothing."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> Film:
        return self

    def __exit__(self, kind, *_) -> None:
        self.close() if kind is None else self.discard()


def captioned(frame: np.ndarray, lines: Sequence[str]) -> np.ndarray:
    """The picture over a strip of text; (H + strip, W, 3) uint8."""
    return np.concatenate([frame, strip(frame.shape[1], lines)])


def strip(width: int, lines: Sequence[str]) -> np.ndarray:
    """Lines of text on paper: the first large, the others small and grey; (height, width, 3) uint8, height even.

    A line too long for the width is cut with "…".
    """
    large, small = max(width // 36, 11), max(width // 46, 9)
    rows = [(line, large if i == 0 else small, INK if i == 0 else GREY) for i, line in enumerate(lines)]
    height = round(sum(size * 1.5 for _, size, _ in rows) + large)
    page = Image.new("RGB", (width, height + height % 2), PAPER)
    draw, y = ImageDraw.Draw(page), large / 2
    for line, size, colour in rows:
        text, font = _drawable(line, size)
        draw.text((large, y), _cut(text, font, width - 2 * large), font=font, fill=colour)
        y += size * 1.5
    return np.asarray(page)


def _cut(text: str, font: Any, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _drawable(text: str, size: int) -> tuple[str, Any]:
    """The text and a font that has its characters: DejaVu Sans, or a Chinese, Japanese, Korean font of this machine.

    Where no font has a character an empty square stands for it, and a warning says once what to install.
    """
    font = _font(_dejavu(), size)
    missing = [c for c in text if not _has(font, c)]
    if not missing:
        return text, font
    if (path := _cjk()) is not None:
        return text, _font(path, size)
    warnings.warn("captions: no font here has CJK characters; install fonts-noto-cjk (apt)", stacklevel=3)
    return "".join("□" if c in missing else c for c in text), font


@cache
def _font(path: str | None, size: int) -> Any:
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)


@cache
def _has(font: Any, character: str) -> bool:
    return character.isspace() or bytes(font.getmask(character)) != bytes(font.getmask("\U0010fffe"))


@cache
def _dejavu() -> str | None:
    """Matplotlib carries DejaVu Sans, so captions look alike everywhere; without it, pillow's own font."""
    spec = importlib.util.find_spec("matplotlib")
    path = Path(spec.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf" if spec and spec.origin else None
    return str(path) if path and path.is_file() else None


@cache
def _cjk() -> str | None:
    folders = (
        "/usr/share/fonts",
        "/usr/local/share/fonts",
        "/System/Library/Fonts",
        "~/.fonts",
        "~/.local/share/fonts",
    )
    for folder in folders:
        for path in sorted(Path(folder).expanduser().rglob("*.[to]t[fc]")):
            if path.name.startswith(_CJK_FONTS):
                return str(path)
    return None


def cubic_schedule(episode: int) -> bool:
    """Gymnasium's default: episodes 0, 1, 8, 27, … and from 1000 every thousandth."""
    return episode % 1000 == 0 if episode >= 1000 else round(episode ** (1 / 3)) ** 3 == episode


class Moment(NamedTuple):
    """What a caption can say of the frame being recorded."""

    episode: int  # from 0
    step: int  # in the episode, from 0
    episode_return: float
    success: bool | None  # None where the environment does not tell


class RecordVideo(gymnasium.Wrapper, gymnasium.utils.RecordConstructorArgs):
    """Records episodes as gymnasium.wrappers.RecordVideo does, frame by frame to disk, without moviepy.

    folder: where `<name_prefix>-episode-<n>.mp4` and `<name_prefix>-step-<n>.mp4` go; files there are replaced.
    episode_trigger, step_trigger: number -> whether to start recording there; neither: cubic_schedule.
    video_length: frames a film; 0: until the episode ends.
    fps: None: the environment's own.
    caption: lines under the picture, or a function Moment -> lines.
    Raises ValueError if the environment was not made with render_mode="rgb_array".
    """

    def __init__(
        self,
        env: gymnasium.Env,
        video_folder: str | os.PathLike,
        episode_trigger: Callable[[int], bool] | None = None,
        step_trigger: Callable[[int], bool] | None = None,
        video_length: int = 0,
        name_prefix: str = "rl-video",
        fps: float | None = None,
        caption: Sequence[str] | Callable[[Moment], Sequence[str]] | None = None,
        disable_logger: bool = True,  # taken for gymnasium's sake: nothing is logged
    ):
        gymnasium.utils.RecordConstructorArgs.__init__(
            self,
            video_folder=str(video_folder),
            episode_trigger=episode_trigger,
            step_trigger=step_trigger,
            video_length=video_length,
            name_prefix=name_prefix,
            fps=fps,
        )
        gymnasium.Wrapper.__init__(self, env)
        if env.render_mode != "rgb_array":
            raise ValueError(f"RecordVideo needs render_mode='rgb_array', not {env.render_mode!r}: say so in gym.make")
        if episode_trigger is None and step_trigger is None:
            episode_trigger = cubic_schedule
        self.episode_trigger, self.step_trigger = episode_trigger, step_trigger
        self.video_folder, self.name_prefix, self.video_length = Path(video_folder), name_prefix, video_length
        self.fps = fps or self.metadata.get("render_fps", 30)
        self.caption = caption
        self.step_id = self.episode_id = -1
        self._film: Film | None = None
        self._moment = Moment(0, 0, 0.0, None)

    @property
    def recording(self) -> bool:
        return self._film is not None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        obs, info = self.env.reset(seed=seed, options=options)
        self.episode_id += 1
        self._moment = Moment(self.episode_id, 0, 0.0, None)
        if self.recording and not self.video_length:
            self.stop_recording()
        if self.episode_trigger and self.episode_trigger(self.episode_id):
            self.start_recording(f"{self.name_prefix}-episode-{self.episode_id}")
        self._record()
        return obs, info

    def step(self, action):
        obs, reward, terminated, truncated, info = self.env.step(action)
        self.step_id += 1
        before, success = self._moment, info.get("is_success")
        self._moment = Moment(
            self.episode_id,
            before.step + 1,
            before.episode_return + float(reward),
            None if success is None else bool(success),
        )
        if self.step_trigger and self.step_trigger(self.step_id):
            self.start_recording(f"{self.name_prefix}-step-{self.step_id}")
        self._record()
        if self.recording and not self.video_length and (terminated or truncated):
            self.stop_recording()
        return obs, reward, terminated, truncated, info

    def start_recording(self, video_name: str) -> None:
        """Begin a film of that name; one being made is finished first."""
        if self.recording:
            self.stop_recording()
        self._film = Film(self.video_folder / f"{video_name}.mp4", self.fps)

    def stop_recording(self) -> Path | None:
        """Finish the film being made; its path."""
        film, self._film = self._film, None
        return film.close() if film else None

    def _record(self) -> None:
        if self._film is None:
            return
        frame = np.asarray(self.env.render(), np.uint8)
        lines = self.caption(self._moment) if callable(self.caption) else self.caption
        self._film.add(captioned(frame, lines) if lines else frame)
        if self._film.frames == self.video_length:
            self.stop_recording()

    def close(self) -> None:
        self.stop_recording()
        super().close()
