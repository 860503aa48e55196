"""Text environments of others as worlds: any of Gymnasium whose observations are text, and TextWorld games.

    envs.make("ludus.envs.views.external:make", 4, env="module:TheirText-v0", commands=["look", "go north"])
    envs.make("ludus.envs.views.external:make", 4, env="game.z8", commands=[…])  # pip install "textworld>=1.7"

Copies are stepped one after the other: these environments are no arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from .. import registry
from ..core import DETERMINISTIC, PARTIAL_RESET, PER_COPY_SEED, Arrays, Step, World, check_actions
from ..instructions import HashedWords, Skill

AGENT = "player"
PAGE = 4000  # characters of an observation as text
GAMES = (".z8", ".ulx", ".json")


class External(World):
    """num_envs environments made by make_env, each with one agent, "player". They cannot be saved: no RESTORABLE.

    commands: what may be said, when actions are numbers; unneeded where the environment's actions are Discrete.
    text: observations are the pages themselves and actions are sentences; otherwise a page is encoded by hashed words
    (width numbers). goal: what to do, in a sentence; an episode succeeds where info says "is_success" or "won", or
    where it terminates with a positive reward.
    Raises ValueError where observations are no text, or sentences are wanted and no commands are given.
    """

    max_episode_steps = 100
    capabilities = frozenset({PARTIAL_RESET, PER_COPY_SEED, DETERMINISTIC})

    def __init__(
        self, make_env: Callable[[], gymnasium.Env], num_envs: int = 1, commands: Sequence[str] = (),
        text: bool = False, width: int = 256, goal: str = "play the game to its end",
    ):  # fmt: skip
        self.envs = [make_env() for _ in range(num_envs)]
        theirs, seen = self.envs[0].action_space, self.envs[0].observation_space
        if not isinstance(seen, spaces.Text):
            raise ValueError(f"{self.envs[0]}: observations must be text, not {seen}")
        self.by_number = isinstance(theirs, spaces.Discrete)
        if not (text or commands or self.by_number):
            raise ValueError(f"{self.envs[0]} takes sentences: give the commands to choose from, or text=True")
        self.num_envs, self.commands, self.text = num_envs, tuple(commands), text
        self.agents, self.groups = (AGENT,), {"agents": (AGENT,)}
        self._encode = HashedWords(width)
        count = int(theirs.n) if isinstance(theirs, spaces.Discrete) else len(self.commands)
        number = theirs if self.by_number else spaces.Discrete(max(count, 1))
        encoded = spaces.Box(-np.inf, np.inf, (width,), np.float32)
        self.observation_spaces = {AGENT: seen if text else encoded}
        self.action_spaces = {AGENT: theirs if text else number}
        self.won = np.zeros(num_envs, bool)
        self.skills = (Skill("play", (goal,), lambda *_: self.won.copy(), lambda *_: self.won.astype(float)),)
        self.goals = (self.skills[0](),)
        self.pages, self._told = [""] * num_envs, [{} for _ in range(num_envs)]
        self.steps, self.over = np.zeros(num_envs, np.int64), np.ones(num_envs, bool)

    def reset(self, ids: np.ndarray, seeds: Sequence[int | None] | None = None) -> tuple[Arrays, Arrays]:
        for i, seed in zip(ids, seeds if seeds is not None else [None] * len(ids), strict=True):
            page, self._told[i] = self.envs[i].reset(seed=seed)
            self.pages[i], self.won[i], self.steps[i], self.over[i] = str(page), False, 0, False
        return self._observations(), {"success": self.won.copy()}

    def step(self, actions: Arrays) -> Step:
        chosen = self._chosen(actions)
        reward, ended, cut = np.zeros(self.num_envs), self.over.copy(), np.zeros(self.num_envs, bool)
        for i in np.flatnonzero(~self.over):
            page, earned, ended[i], cut[i], self._told[i] = self.envs[i].step(chosen[i])
            self.pages[i], reward[i] = str(page), float(earned)
            told = self._told[i].get("is_success", self._told[i].get("won"))
            self.won[i] = (ended[i] and reward[i] > 0) if told is None else bool(told)
        self.over, self.steps = ended.copy(), self.steps + 1
        truncated = (cut | (self.steps >= self.max_episode_steps)) & ~ended
        return Step(self._observations(), {AGENT: reward}, {AGENT: ended}, truncated, {"success": self.won.copy()})

    def _chosen(self, actions: Arrays) -> list[Any]:
        if not self.text:
            numbers = check_actions(self, actions)[AGENT]
            return [int(n) if self.by_number else self.commands[n] for n in numbers]
        given = list(actions[AGENT]) if isinstance(actions, Mapping) and AGENT in actions else []
        if len(given) != self.num_envs:
            raise ValueError(f"{self.id}: actions of {AGENT!r} must be {self.num_envs}, one a copy, not {len(given)}")
        return given

    def _observations(self) -> Arrays:
        if not self.text:
            return {AGENT: self._encode(self.pages)}
        pages = np.empty(self.num_envs, object)
        pages[:] = self.pages
        return {AGENT: pages}

    def masks(self) -> Arrays | None:
        """What is admissible, where the environment's info lists it as "admissible_commands"; else None."""
        if self.text or self.by_number or any("admissible_commands" not in told for told in self._told):
            return None
        mask = np.array([[c in told["admissible_commands"] for c in self.commands] for told in self._told])
        mask[~mask.any(axis=1), 0] = True
        return {AGENT: mask}

    def state(self) -> Arrays:
        raise NotImplementedError(f"{self.id}: environments of others cannot be saved")

    def restore(self, state: Mapping[str, np.ndarray]) -> tuple[Arrays, Arrays]:
        raise NotImplementedError(f"{self.id}: environments of others cannot be restored")

    def render(self, env: int = 0) -> np.ndarray:
        from ..text.picture import draw

        lines = [line for line in self.pages[env].splitlines() if line.strip()]
        return draw(self.goal.text, [(AGENT, lines)], [])

    def describe(self, env: int, agent: str) -> str:
        return self.pages[env]

    def close(self) -> None:
        for env in self.envs:
            env.close()


class TextWorldGame(gymnasium.Env):
    """A TextWorld game (Côté et al. 2018) as a Gymnasium environment; seeds change nothing, a game is one quest.

    A .json game has no prose of its own: what is read then is what can be done.
    """

    def __init__(self, path: str):
        try:
            import textworld  # type: ignore[import-not-found]
        except ImportError as error:
            raise ImportError('TextWorld games need `pip install "textworld>=1.7"`') from error
        wanted = textworld.EnvInfos(admissible_commands=True, won=True, lost=True, objective=True)
        self.game, self._score = textworld.start(path, wanted), 0
        self._prose = not path.endswith(".json")
        self.observation_space = self.action_space = spaces.Text(PAGE, min_length=0)

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        super().reset(seed=seed)
        self._score, state = 0, self.game.reset()
        return self._page(state), self._info(state)

    def step(self, action: str):
        state, score, done = self.game.step(action)
        earned, self._score = float(score - self._score), score
        return self._page(state), earned, bool(done), False, self._info(state)

    def _page(self, state: Any) -> str:
        admissible = state["admissible_commands"] or []
        return (state.feedback if self._prose else f"{state['objective']}\nYou can: {', '.join(admissible)}.")[:PAGE]

    def _info(self, state: Any) -> dict[str, Any]:
        return {"won": bool(state["won"]), "admissible_commands": list(state["admissible_commands"] or [])}


@registry.forwards(External)
def make(num_envs: int = 1, env: str = "", settings: Mapping[str, Any] | None = None, **view: Any) -> External:
    """env: an id of Gymnasium's, "module:Id" where a module registers it, or the path of a TextWorld game.

    settings: of the environment. view: commands, text, width, goal, as of External.
    """
    if env.endswith(GAMES):
        return External(lambda: TextWorldGame(env), num_envs, **view)
    return External(lambda: gymnasium.make(env, **(settings or {})), num_envs, **view)
