"""What the four views share: how they draw, and that they can be copied."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core import RESTORABLE, World


class View:
    """Copied and pickled as what it was made of and the state its world is in: the copy steps on identically.

    Raises TypeError for a view of a World that was made before it, and where the world's state cannot be had.
    """

    world: World
    _made: tuple[tuple[Any, ...], dict[str, Any]]
    _begun: bool  # reset, and not closed since

    def __new__(cls, *args: Any, **settings: Any):
        view = super().__new__(cls)
        view._made = args, settings
        return view

    def __getstate__(self) -> dict[str, Any]:
        args, settings = self._made
        if any(isinstance(given, World) for given in (*args, *settings.values())):
            raise TypeError(
                f"{self.world.id}: a view of a World that was made before it has no copies; make it by its id"
            )
        if RESTORABLE not in self.world.capabilities:
            raise TypeError(f"{self.world.id}: this world cannot be saved, and so its view has no copies")
        own = {name: value for name, value in vars(self).items() if name not in ("world", "joint")}
        limit, state = self.world.max_episode_steps, self.world.state() if self._begun else None
        return {"own": own, "limit": limit, "state": state}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        args, settings = kept["own"]["_made"]
        type(self).__init__(self, *args, **settings)
        self.world.max_episode_steps = kept["limit"]
        if kept["state"] is not None:
            self.world.restore(kept["state"])
        vars(self).update(kept["own"])


def drawn(render_mode: str | None) -> str | None:
    """The render_mode itself. Raises ValueError for one that no view has."""
    if render_mode not in (None, "rgb_array"):
        watch = "; to watch, `ludus play ID` or `ludus video ID`" if render_mode == "human" else ""
        raise ValueError(f"render_mode must be None or 'rgb_array', not {render_mode!r}{watch}")
    return render_mode


def check_options(world: World, options: Iterable[str] | None, *known: str) -> None:
    """Raises ValueError for an option of reset that is not known: one that was ignored would not be missed."""
    for name in set(options or ()) - set(known):
        made = "; a goal is fixed where the view is made, by goal=" if name == "goal" else ""
        raise ValueError(f"{world.id}: reset has no option {name!r}{made}")
