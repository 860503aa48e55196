"""One VecEnv for several learners: each has some of the rows, and all step together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv


class Left(BaseException):
    """Ends a learner that waits at a table which the others have left."""


class Table:
    """env, and a seat for each of rows: the (n,) indices of the rows that it has.

    Stable-Baselines3 owns the loop in which it learns, so each learner lives in a thread of its own. Only one of them
    runs at a time, in the order of the seats, and it gives way when it has acted: what is drawn from the global
    generators is drawn in the same order every time.
    """

    def __init__(self, env: VecEnv, rows: Sequence[np.ndarray]):
        self.env = env
        self.seats = [Seat(self, r) for r in rows]

    def play(self, lives: Sequence[Callable[[], Any]]) -> None:
        """Run lives, one a seat, each a call that steps its seat, until all have ended.

        Raises what a life raises, and RuntimeError where some end while others go on.
        """
        turns = [_Turn(seat, life) for seat, life in zip(self.seats, lives, strict=True)]
        try:
            while waiting := [turn.run() for turn in turns].count(True):
                if waiting < len(turns):
                    raise RuntimeError(f"{waiting} of {len(turns)} learners go on alone: give all the same settings")
                self._serve()
        finally:
            for turn in turns:
                turn.leave()

    def _serve(self) -> None:
        """Give every seat what it asked for: a start (None), or what its actions led to."""
        asked: list[Any] = [seat.asked for seat in self.seats]
        if all(a is None for a in asked):
            first: Any = self.env.reset()
            for seat in self.seats:
                seat.given = first[seat.rows]
            return
        if any(a is None for a in asked):
            raise RuntimeError("some learners start while others step: give all the same settings")
        actions = np.empty((self.env.num_envs, *asked[0].shape[1:]), asked[0].dtype)
        for seat in self.seats:
            actions[seat.rows] = seat.asked
        stepped: Any = self.env.step(actions)
        obs, reward, done, infos = stepped
        for seat in self.seats:
            seat.given = obs[seat.rows], reward[seat.rows], done[seat.rows], [infos[i] for i in seat.rows]


class Seat(VecEnv):
    """Some rows of a table's env. Seeds are taken from the first seat alone."""

    def __init__(self, table: Table, rows: np.ndarray):
        self.table, self.rows = table, np.asarray(rows)
        self.asked: Any = None
        self.given: Any = None
        self.turn: Any = None
        self.render_mode = table.env.render_mode
        super().__init__(len(self.rows), table.env.observation_space, table.env.action_space)

    def seed(self, seed=None):
        if self is self.table.seats[0]:
            self.table.env.seed(seed)
        return [seed] * self.num_envs

    def reset(self):
        return self._ask(None)

    def step_async(self, actions):
        self._actions = np.asarray(actions)

    def step_wait(self):
        return self._ask(self._actions)

    def _ask(self, what: np.ndarray | None) -> Any:
        if self.turn is None:
            raise RuntimeError("a seat is stepped by its table: call table.play")
        self.asked = what
        self.turn.wait()
        return self.given

    def get_attr(self, attr_name, indices=None):
        return self.table.env.get_attr(attr_name, self._of(indices))

    def set_attr(self, attr_name, value, indices=None):
        self.table.env.set_attr(attr_name, value, self._of(indices))

    def env_method(self, method_name, *method_args, indices=None, **method_kwargs):
        return self.table.env.env_method(method_name, *method_args, indices=self._of(indices), **method_kwargs)

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False for _ in self._get_indices(indices)]

    def close(self):
        """The table's env stays: others may sit there."""

    def _of(self, indices) -> list[int]:
        return [int(self.rows[i]) for i in self._get_indices(indices)]


class _Turn:
    """A life in a thread that runs only while run() waits for it."""

    def __init__(self, seat: Seat, life: Callable[[], Any]):
        self._life, self._go, self._back = life, threading.Semaphore(0), threading.Semaphore(0)
        self._leaving, self._over, self._error = False, False, None
        seat.turn = self
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def run(self) -> bool:
        """Let it go on until it asks for something (True) or has ended (False). Raises what it raised."""
        if not self._over:
            self._go.release()
            self._back.acquire()
        if self._error is not None:
            raise self._error
        return not self._over

    def wait(self) -> None:
        """Called by the life: give way until run() is called again."""
        self._back.release()
        self._go.acquire()
        if self._leaving:
            raise Left

    def leave(self) -> None:
        """End it wherever it waits."""
        self._leaving = True
        self._go.release()
        self._thread.join()

    def _live(self) -> None:
        self._go.acquire()
        try:
            if not self._leaving:
                self._life()
        except Left:
            pass
        except BaseException as error:
            self._error = error
        self._over = True
        self._back.release()
