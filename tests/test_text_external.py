"""Text environments of others are worlds of the suite: encoded or in words, in batches, and say when they succeed."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from ludus import envs
from ludus.envs.views.external import External, TextWorldGame
from ludus.envs.views.gym import GymView

MAKE = "ludus.envs.views.external:make"
COMMANDS = ("left", "right")


class Corridor(gymnasium.Env):
    """Go right three times; the seed says where one begins."""

    observation_space, action_space = spaces.Text(100, min_length=0), spaces.Text(100)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = int(self.np_random.integers(2))
        return self.page(), {"admissible_commands": list(COMMANDS)}

    def step(self, action):
        self.at += {"right": 1, "left": -1}.get(action, 0)
        return self.page(), float(self.at == 3), self.at == 3, False, {"admissible_commands": ["right"]}

    def page(self):
        return f"You stand at mark {self.at}."


gymnasium.register("Corridor-v0", Corridor, disable_env_checker=True)  # type: ignore[arg-type]


def corridor(n=3, **settings) -> External:
    settings.setdefault("commands", COMMANDS)
    world = envs.make(MAKE, n, env="Corridor-v0", **settings)
    assert isinstance(world, External)
    return world


def say(world, *words):
    """One step of every copy, a word for each."""
    return world.step({"player": list(words)})


def test_a_batch_is_played_by_number_and_says_when_it_succeeds():
    world = corridor()
    obs, info = world.reset(np.arange(3), [1, 2, 3])
    assert world.observation_spaces["player"].contains(obs["player"][0]) and not info["success"].any()
    begun = [env.unwrapped.at for env in world.envs]  # type: ignore[attr-defined]
    for t in range(3):
        result = world.step({"player": np.ones(3, int)})
        assert result.info["success"].tolist() == [at + t + 1 >= 3 for at in begun]
        assert result.reward["player"].tolist() == [float(at + t + 1 == 3) for at in begun]
    assert result.done.all()


def test_it_is_played_in_words_and_pages_are_theirs():
    world = corridor(2, text=True)
    obs, _ = world.reset(np.arange(2), [1, 1])
    assert obs["player"][0] == obs["player"][1] == world.describe(0, "player")
    obs = say(world, "right", "sing").obs
    assert obs["player"][0] != obs["player"][1]


def test_what_is_admissible_is_the_mask():
    world = corridor(1)
    world.reset(np.arange(1), [0])
    assert world.masks()["player"].tolist() == [[True, True]]  # type: ignore[index]
    world.step({"player": np.zeros(1, int)})
    assert world.masks()["player"].tolist() == [[False, True]]  # type: ignore[index]


def test_a_partial_reset_and_the_time_limit_are_ours():
    world = corridor(2, text=True)
    world.max_episode_steps = 2
    world.reset(np.arange(2), [1, 1])
    say(world, "left", "left")
    kept = world.pages[1]
    world.reset(np.array([0]), [1])
    assert world.pages[1] == kept
    assert say(world, "wait", "wait").truncated.tolist() == [False, True]


def test_it_goes_through_the_views():
    view = GymView(corridor(1))
    view.reset(seed=1)
    assert view.step(1)[0].shape == (256,)
    assert world_picture(corridor(1)).shape == (480, 640, 3)


def world_picture(world):
    world.reset(np.arange(1), [1])
    return world.render()


def test_what_cannot_be_played_is_refused_plainly():
    with pytest.raises(ValueError, match="commands"):
        corridor(commands=())
    with pytest.raises(ValueError, match="must be text"):
        envs.make(MAKE, env="CartPole-v1", text=True)
    with pytest.raises(NotImplementedError, match="saved"):
        corridor().state()
    world = corridor(2, text=True)
    world.reset(np.arange(2))
    with pytest.raises(ValueError, match="'player' must be 2"):
        say(world, "left")


def test_a_game_of_textworld_is_played_or_its_extra_is_named(tmp_path):
    try:
        import textworld  # pyright: ignore[reportMissingImports]
    except ImportError:
        with pytest.raises(ImportError, match=r"textworld>=1\.7"):
            TextWorldGame("game.z8")
        return
    options = textworld.GameOptions()
    options.seeds, options.quest_length = 1, 2
    path = str(tmp_path / "game.json")
    game = textworld.generator.make_game(options)
    game.save(path)
    world = envs.make(MAKE, env=path, text=True)
    world.reset(np.arange(1))
    for command in game.metadata["walkthrough"]:
        result = say(world, command)
    assert result.info["success"].all()
