"""ludus-player GAME: a bundled game, launched by Unity's client like a Unity build."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import grpc
import yaml

CONNECT = 60.0  # seconds that Python may take to listen


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Exit code 0: Python ended the connection; 1: it was lost; 2: asked for something wrong."""
    asked, unknown = _parser().parse_known_args(arguments)
    from ..games import game as find
    from ..games import table

    names = [asked.game, *unknown] if asked.game else unknown
    name = next((n for n in names if n in table()), asked.game or "")
    try:
        play = find(name)
        settings = table()[name].get("official", {}) | dict(_setting(text) for text in asked.set)
        if asked.port is None:
            raise ValueError("no --mlagents-port: this player has no window; start it through UnityEnvironment")
    except ValueError as error:
        return _say(asked.log, f"ludus-player: {error}", 2)
    try:
        _play(play, asked, settings)
    except (grpc.RpcError, grpc.FutureTimeoutError, ConnectionError) as error:
        return _say(asked.log, f"ludus-player {name}: the connection to Python is lost: {error}", 1)
    except (ValueError, TypeError) as error:
        return _say(asked.log, f"ludus-player {name}: {error}", 2)
    return 0


def _play(play, asked, settings) -> None:
    from .wire import Communicator, Message, Player

    communicator = Communicator(asked.port, CONNECT)
    theirs = communicator.shake_hands(play.name)
    game = play(asked.areas or max(1, theirs.num_areas), **settings)
    if asked.steps:
        game.max_episode_steps = asked.steps
    player = Player(game, theirs.seed)
    heard = communicator.exchange(Message())
    while heard is not None:
        heard = communicator.exchange(player.answer(heard.rl_input))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ludus-player", description=__doc__, allow_abbrev=False)
    parser.add_argument("game", nargs="?", help="a name of assets/unity/games.yaml")
    parser.add_argument("--areas", type=int, help="how many copies of the scene (Python's num_areas)")
    parser.add_argument("--steps", type=int, help="decisions after which an episode is cut off (the game's own)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the game")
    parser.add_argument("--mlagents-port", dest="port", type=int)
    parser.add_argument("-logFile", "-logfile", dest="log")
    for flag in ("-batchmode", "-nographics"):
        parser.add_argument(flag, action="store_true", help=argparse.SUPPRESS)
    return parser


def _setting(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--set takes NAME=VALUE, not {text!r}")
    return name, yaml.safe_load(value)


def _say(log: str | None, text: str, code: int) -> int:
    """To the log file that Unity's client names, where its users look, and to the terminal."""
    print(text, file=sys.stderr)
    if log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(text + "\n")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
