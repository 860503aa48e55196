"""Unity's own client, with its old protobuf and nothing of ours imported, drives the bundled players.

    python benchmarks/unity_client.py [GAME …]

The client wants mlagents-envs 0.28.0 with protobuf below 3.21 and NumPy below 1.24: an environment with these, and
nothing of ours, is made in build/unity-client where it is not there, and its Python runs this file again. A line for
each game; it fails where something is not as the protocol says.
"""

import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any, cast

HERE = Path(__file__).resolve()
ALONE = HERE.parents[1] / "build" / "unity-client"
OLD = ("mlagents-envs==0.28.0", "protobuf<3.21", "numpy<1.24")

try:
    import numpy as np
    from mlagents_envs.environment import UnityEnvironment
    from mlagents_envs.side_channel.engine_configuration_channel import EngineConfigurationChannel
    from mlagents_envs.side_channel.environment_parameters_channel import EnvironmentParametersChannel
    from mlagents_envs.side_channel.stats_side_channel import StatsSideChannel
except (ImportError, TypeError):  # TypeError: a newer protobuf refuses the old messages
    UnityEnvironment = cast(Any, None)

STEPS, AREAS = 300, 12
GAMES = {  # behaviour: shapes of the observations, continuous actions, branches of discrete ones, agents of an area
    "Basic": {"Basic?team=0": ([(20,)], 0, (3,), 1)},
    "3DBall": {"3DBall?team=0": ([(8,)], 2, (), 1)},
    "GridWorld": {"GridWorld?team=0": ([(64, 84, 3), (2,)], 0, (5,), 1)},
    "PushBlock": {"PushBlock?team=0": ([(105,), (105,)], 0, (7,), 1)},
    "WallJump": {"WallJump?team=0": ([(210,), (210,), (24,)], 0, (3, 3, 3, 2), 1)},
    "FoodCollector": {"FoodCollector?team=0": ([(49,), (4,)], 3, (2,), 5)},
    "CooperativePushBlock": {"PushBlockCollab?team=0": ([(20, 20, 6)], 0, (7,), 3)},
    "DungeonEscape": {"DungeonEscape?team=0": ([(360,), (1,)], 0, (7,), 3)},
    "Tennis": {f"Tennis?team={t}": ([(27,)], 3, (), 1) for t in (0, 1)},
    "SoccerTwos": {f"SoccerTwos?team={t}": ([(264,), (72,)], 0, (3, 3, 3), 2) for t in (0, 1)},
    "StrikersVsGoalie": {
        "Striker?team=0": ([(231,), (63,)], 0, (3, 3, 3), 2),
        "Goalie?team=1": ([(738,)], 0, (3, 3, 3), 1),
    },
}
LEAVE_EARLY = ("DungeonEscape",)  # whose agents may be gone before their area's episode ends


def drive(player, game, worker):
    """STEPS random steps of one worker; (agent steps, seconds, ends)."""
    engine, parameters, stats = EngineConfigurationChannel(), EnvironmentParametersChannel(), StatsSideChannel()
    channels, expected = [engine, parameters, stats], GAMES[game]
    env = UnityEnvironment(
        player, worker, 5105, additional_args=[game], side_channels=channels, num_areas=AREAS, seed=7
    )
    try:
        assert not env.behavior_specs, "behaviours are told with the first agents"
        engine.set_configuration_parameters(time_scale=20.0)
        parameters.set_float_parameter("gravity", 9.81)
        env.reset()
        assert set(env.behavior_specs) == set(expected), sorted(env.behavior_specs)
        for name, (shapes, continuous, branches, _) in expected.items():
            spec = env.behavior_specs[name]
            said = [tuple(o.shape) for o in spec.observation_specs], *spec.action_spec
            assert said == (shapes, continuous, branches), (game, said)
        begin, agents, ended = time.perf_counter(), 0, 0
        for step in range(STEPS):
            for name, (_, _, _, team) in expected.items():
                decisions, terminals = env.get_steps(name)
                agents, ended = agents + len(decisions), ended + len(terminals)
                assert len(decisions) <= AREAS * team and len(decisions) + len(terminals) > 0
                if game not in LEAVE_EARLY:
                    assert len(decisions) == AREAS * team
                assert all(np.isfinite(o).all() for o in decisions.obs) and np.isfinite(decisions.reward).all()
                action = env.behavior_specs[name].action_spec.random_action(len(decisions))
                env.set_actions(name, action)
            env.step()
            if step == STEPS // 2:
                env.reset()
                ends = [env.get_steps(name)[1] for name in expected]
                assert not any(len(e) for e in ends), "a reset in mid-episode ends nobody"
        return agents, time.perf_counter() - begin, ended
    finally:
        env.close()


def two_at_once(player):
    """Two workers of one base port, side by side, from the same seed: the same start."""
    both = [UnityEnvironment(player, w, 5105, additional_args=["3DBall", "--areas", "2"], seed=3) for w in (0, 1)]
    try:
        for env in both:
            env.reset()
        one, other = (env.get_steps("3DBall?team=0")[0].obs[0] for env in both)
        assert np.array_equal(one, other)
    finally:
        for env in both:
            env.close()


def old() -> Path:
    """The Python of the environment with the old client, made where it is not there."""
    python = ALONE / "bin" / "python"
    if not (ALONE / "made").exists():
        print(f"making {ALONE} with {', '.join(OLD)}", flush=True)
        venv.create(ALONE, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *OLD], check=True)
        (ALONE / "made").touch()
    return python


def main(*games):
    player = Path(sys.executable).with_name("ludus-player")
    if UnityEnvironment is None:
        there = str(player) if player.exists() else shutil.which("ludus-player")
        if there is None:
            raise SystemExit("no ludus-player here: run this file by the Python that has the suite")
        raise SystemExit(subprocess.run([old(), HERE, "--player", there, *games]).returncode)
    if games[:1] == ("--player",):
        player, games = games[1], games[2:]
    for game in games or GAMES:
        agents, seconds, ended = drive(str(player), game, 0)
        print(
            f"{game}: {STEPS} steps of {AREAS} areas, {ended} ends, {agents / seconds:,.0f} agent steps/s", flush=True
        )
    two_at_once(str(player))
    print("two workers at once: the same start from the same seed")


if __name__ == "__main__":
    main(*sys.argv[1:])
