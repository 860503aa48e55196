"""Play a task in the terminal, or watch a policy: the scene in coloured half-blocks, or in words."""

from __future__ import annotations

import contextlib
import functools
import os
import select
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from gymnasium import spaces
from PIL import Image

from ..envs import registry
from ..envs.core import World
from .record import read_run

MOVES = {"left": (0, -1), "right": (0, 1), "down": (1, -1), "up": (1, 1), "f": (2, -1), "r": (2, 1)}
LETTERS = {"a": "left", "d": "right", "s": "down", "w": "up"}
ARROWS = {"\x1b[D": "left", "\x1b[C": "right", "\x1b[B": "down", "\x1b[A": "up"}
GRIP = 3  # the entry of an arm's action that the space bar opens and closes
HOLD = 4  # steps that a pressed key lasts: a terminal does not tell when it is released
DRIVES = {"up": (0, 1), "down": (0, -1), "left": (1, 1), "right": (1, -1)}  # of a robot that steers
ALWAYS = "N new episode · P watches · Q quits"
WATCHING = "N new episode · P plays yourself · Q quits"
HOME, CLEAR, TO_END = "\x1b[H", "\x1b[2J", "\x1b[J"


class Game:
    """One copy of a world, keys that move one agent, and a policy for the others.

    agent: whom the keys move; None: nobody, the policy moves all. The key P changes between the two.
    policy: agent -> observations (1, …), to agent -> actions (1, …); name: what it is called on the screen.
    """

    def __init__(self, world: World, policy: Callable[[dict], dict], agent: str | None = None, seed: int = 0, name=""):
        if agent is not None and agent not in world.agents:
            raise registry.nearest(agent, list(world.agents), f"agent in {world.id}")
        self.world, self.agent, self._policy, self._seed = world, agent, policy, seed
        self._draws, self._why, self._name, self._mine = True, "", name, agent or world.agents[0]
        self.restart()

    def restart(self) -> None:
        """A new episode, with the next seed."""
        self._obs, _ = self.world.reset(np.arange(1), [self._seed])
        self._seed += 1
        self.steps, self.total, self.verdict = 0, 0.0, None
        self._held: dict[int, tuple[float, int]] = {}  # entry -> (value, steps left)
        self._chosen = (0, 0)  # of the first branch: (choice, steps left)
        self._grip = -1.0

    @property
    def _moves(self) -> dict[str, tuple[int, int]]:
        """key -> (entry of the action, value)."""
        return DRIVES if _said(self.world, self.agent)[:1] == ["forward"] else MOVES

    def press(self, key: str) -> bool:
        """Take a key; False when it means to quit."""
        key = LETTERS.get(key, key)
        if key == "n":
            self.restart()
        elif key == "p":
            self.agent = None if self.agent else self._mine
            self.restart()
        elif key == " ":
            self._grip = -self._grip
        elif key.isdecimal():
            self._chosen = int(key), HOLD
        elif key in self._moves:
            entry, value = self._moves[key]
            self._held[entry] = (value, HOLD)
        return key not in ("q", "\x03", "\x04")

    def action(self) -> np.ndarray:
        """(1, width) what the keys say now."""
        space: Any = self.world.action_spaces[self.agent or ""]
        if not isinstance(space, spaces.Box):
            return self._choice(space)
        row = np.zeros((1, *space.shape), np.float32)
        for entry, (value, _) in self._held.items():
            row[0, entry : entry + 1] = value
        row[0, GRIP : GRIP + 1] = self._grip  # nothing, where an action is shorter
        return row

    def _choice(self, space: Any) -> np.ndarray:
        """Choices as the world's own keys have them, key -> (branch, choice); else 1 for an axis and 2 for its back."""
        row = np.zeros((1, *(space.shape or (1,))), np.int64)
        own = getattr(self.world.unwrapped, "keys", {})
        for entry, (value, _) in self._held.items():
            key = next(k for k, move in MOVES.items() if move == (entry, value))
            branch, choice = own.get(key, (entry, 1 if value > 0 else 2))
            row[0, branch : branch + 1] = choice
        if self._chosen[1] and self._chosen[0] < sizes(space)[0]:
            row[0, 0] = self._chosen[0]
        return row.reshape(1, *(space.shape or ()))

    def tick(self) -> None:
        """One step, unless the episode is over."""
        if self.verdict is not None:
            return
        actions = dict(self._policy(self._obs))
        if self.agent is not None:
            actions[self.agent] = self.action()
        self._held = {entry: (value, left - 1) for entry, (value, left) in self._held.items() if left > 1}
        self._chosen = self._chosen[0], max(self._chosen[1] - 1, 0)
        step = self.world.step(actions)
        self._obs, self.steps = step.obs, self.steps + 1
        self.total += float(sum(r[0] for r in step.reward.values())) / len(self.world.agents)
        if step.done[0]:
            self.verdict = bool(step.info["success"][0])

    def screen(self, columns: int = 80, rows: int = 24) -> str:
        """The scene and what to know of it, for a terminal of that size."""
        end = {None: "", True: " · success", False: " · failed"}[self.verdict]
        who = f"you move {self.agent} · " if self.agent else f"{self._name} · " * bool(self._name)
        lines = [self.world.aim_of(0).text, f"{who}step {self.steps} · return {self.total:.1f}{end}"]
        lines.append(f"{controls(self.world, self.agent)} · {ALWAYS}" if self.agent else WATCHING)
        lines = [line[: columns - 1] for line in lines]
        return "\n".join(
            [*self._scene(columns - 1, max(rows - len(lines) - 1, 4)), *(f"\x1b[0m{s}\x1b[K" for s in lines)]
        )

    def _scene(self, columns: int, rows: int) -> list[str]:
        if self._draws:
            try:
                return half_blocks(self.world.render(), columns, rows)
            except RuntimeError as error:  # no OpenGL: say it once, tell the scene in words
                self._draws, self._why = False, str(error)
        said = [self._why, "", *(self.world.describe(0, a) for a in self._told())]
        return [f"{line}\x1b[K" for text in said for line in textwrap.wrap(text, columns) or [""]][:rows]

    def _told(self) -> tuple[str, ...]:
        return (self.agent,) if self.agent else self.world.agents


def sizes(space: Any) -> list[int]:
    """How many values each choice of a Discrete or MultiDiscrete has."""
    return np.ravel(space.n if isinstance(space, spaces.Discrete) else space.nvec).tolist()


def controls(world: World, agent: str) -> str:
    """What the keys do for this agent, in words."""
    space: Any = world.action_spaces[agent]
    if getattr(world.unwrapped, "keys", {}):
        return "W S run · A D turn · R F step aside"
    if not isinstance(space, spaces.Box):
        many = sizes(space)
        first = f"0 to {min(many[0], 10) - 1} choose"
        return (
            first if len(many) == 1 else f"{first} · A D, W S, R F choose 1, 2 of branches 0 to {min(len(many), 3) - 1}"
        )
    said, wide = _said(world, agent), space.shape[0]
    if said[:1] == ["forward"]:
        return "W S drive · A D turn"
    if not said:
        pairs = ["A D", "W S", "R F", "space"][:wide]
        return f"{', '.join(pairs)}: entries 0 to {len(pairs) - 1} of the action"
    return " · ".join(["arrows or WASD move", "R F up, down", "space grips"][: max(wide - 1, 1)])


def _said(world: World, agent: str | None) -> list[str]:
    """Where a robot's task says that its agent's entries lead: ["forward", …], ["along", …], ["of", …]."""
    actions = getattr(getattr(world.unwrapped, "task", None), "actions", {})
    group = next((g for g, members in world.groups.items() if agent in members), "")
    return [entry.meaning.removeprefix("velocity ").split()[0].strip(",") for entry in actions.get(group, ())]


def half_blocks(picture: np.ndarray, columns: int, rows: int) -> list[str]:
    """A (H, W, 3) uint8 picture as lines of half-blocks, two pixels each, in 24-bit colour; as large as fits."""
    height, width = picture.shape[:2]
    scale = min(columns / width, 2 * rows / height)
    size = max(round(width * scale), 1), max(round(height * scale / 2), 1) * 2
    pixels = np.asarray(Image.fromarray(picture).resize(size))
    lines = []
    for upper, lower in zip(pixels[::2].tolist(), pixels[1::2].tolist(), strict=True):
        cells = (f"\x1b[38;2;{a};{b};{c};48;2;{d};{e};{f}m▀" for (a, b, c), (d, e, f) in zip(upper, lower, strict=True))
        lines.append("".join(cells) + "\x1b[0m\x1b[K")
    return lines


def keys(text: str) -> list[str]:
    """What was typed, key by key; arrows by name, other escape sequences left out."""
    found = []
    while text:
        arrow = next((a for a in ARROWS if text.startswith(a)), None)
        if arrow is None and text[0] == "\x1b":
            return found
        found.append(ARROWS[arrow] if arrow else text[0].lower())
        text = text[len(arrow or text[0]) :]
    return found


def loop(game: Game, read: Callable[[float], str], write: Callable[[str], Any]) -> None:
    """Play until Q: read(seconds) waits that long at most for what is typed."""
    pause = 1 / game.world.render_fps
    write(CLEAR)
    while True:
        due = time.monotonic() + pause
        write(HOME + game.screen(*shutil.get_terminal_size()) + TO_END)
        if not all(game.press(key) for key in keys(read(max(due - time.monotonic(), 0)))):
            return
        time.sleep(max(due - time.monotonic(), 0))
        game.tick()
        if game.verdict is not None and game.agent is None:
            write(HOME + game.screen(*shutil.get_terminal_size()) + TO_END)
            if not all(game.press(key) for key in keys(read(1.0))):
                return
            game.restart()


@contextlib.contextmanager
def terminal() -> Iterator[tuple[Callable[[float], str], Callable[[str], Any]]]:
    """Keys one by one, on a screen of its own; everything as before afterwards, whatever happens.

    Raises ValueError where stdin or stdout is no terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ValueError("play needs a terminal to read keys from; without one, `ludus video ENV` films a policy")
    import termios
    import tty

    source = sys.stdin.fileno()
    before = termios.tcgetattr(source)

    def read(seconds: float) -> str:
        ready, _, _ = select.select([source], [], [], seconds)
        return os.read(source, 64).decode(errors="ignore") if ready else ""

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    try:
        tty.setcbreak(source)
        write("\x1b[?1049h\x1b[?25l")
        yield read, write
    finally:
        termios.tcsetattr(source, termios.TCSADRAIN, before)
        write("\x1b[?25h\x1b[?1049l")


def start(
    env: str, policy: str | None = None, agent: str | None = None, seed: int = 0, against: str | None = None
) -> Game:
    """policy: whom to watch, as of actors.player; agent: whom a person plays, while the policy plays the others.

    against: who plays the other groups: "scripted", "random", "idle", or a run's folder; the script plays the person's
    team-mates. Raises ValueError where there is nobody to play against, and where a policy is given beside it.
    """
    from . import actors

    if against is not None:
        if policy is not None:
            raise ValueError("with --against the script plays your side when you do not: leave --policy out")
        return _match(env, agent, seed, against)
    world, others, name = actors.player(env, policy or "best", seed)
    return Game(world, others, agent, seed, name)


def _lent(body: Any, act: Any, obs: np.ndarray) -> np.ndarray:
    return body.lend(obs, act)


def _match(env: str, agent: str | None, seed: int, against: str) -> Game:
    from ..envs.views.partners import NAMED, Partners
    from . import actors

    world = registry.make(env)
    mine = agent or world.agents[0]
    rivals = [group for group, members in world.groups.items() if mine not in members]
    if mine not in world.agents:
        raise registry.nearest(mine, list(world.agents), f"agent in {world.id}")
    if not rivals:
        raise ValueError(f"{world.id} has one side: there is nobody to play against; leave --against out")
    foe: Any = against
    if against not in NAMED:
        run = read_run(against)
        body, act = actors.load(run, actors.stages(run)[-1], world.id)
        foe = functools.partial(_lent, body, act)

    table = Partners(world, {rival: foe for rival in rivals})
    return Game(table, actors.scripted(table), mine, seed, f"against {against}")


def command(
    env: Annotated[str, typer.Argument(metavar="ENV", help="a task's id")],
    policy: Annotated[
        str | None,
        typer.Option(help="whom to watch: best, shipped, scripted, random, a run's folder, or a policy's file"),
    ] = None,
    agent: Annotated[str | None, typer.Option(help="whom you move from the start; the policy plays the others")] = None,
    against: Annotated[
        str | None, typer.Option(help="who plays the other side: scripted, random, idle, or a run's folder")
    ] = None,
    seed: Annotated[int, typer.Option(help="of the first episode; the next ones count up", min=0)] = 0,
    language: Annotated[str | None, typer.Option(help="of a world of words: en or zh  [default: en]")] = None,
    file: Annotated[Path | None, typer.Option(help="a YAML file: a world of words of your own")] = None,
    transcript: Annotated[Path | None, typer.Option(help="where to write what was said in a world of words")] = None,
) -> None:
    """Watch a policy in this terminal, or play yourself; no window is needed. P changes between the two.

    A world of words (`ludus envs text`) is played by typing sentences, beside its script; with --policy it is watched.

    With --against you join a game of two sides; --agent says as whom.
    The keys that move are written under the picture; N starts anew, Q quits.
    """
    if policy is None and "text" in registry.spec(env).tags:
        from . import talk

        if against is not None:
            raise ValueError(f"{registry.full(env)} is played beside its script: leave --against out")
        own = {} if file is None else {"file": str(file)}
        return talk.play(talk.Conversation(env, agent, seed, language=language or "en", **own), transcript)
    for name, said in (("--language", language), ("--file", file), ("--transcript", transcript)):
        if said is not None:
            raise ValueError(f"{name} is for a world of words that one plays in sentences: leave it out")
    with terminal() as (read, write):
        game = start(env, policy, agent, seed, against)
        try:
            loop(game, read, write)
        except KeyboardInterrupt:
            pass
        finally:
            game.world.close()
