"""Unity's own client, with its old protobuf and nothing of ours imported, drives the bundled players.

Needs a Python that has mlagents-envs 0.28.0 with protobuf below 3.21 and NumPy below 1.24, which this file is run by:

    python3.9 -m venv old
    old/bin/pip install 'mlagents-envs==0.28.0' 'protobuf<3.21' 'numpy<1.24'
    old/bin/python benchmarks/unity_client.py path/to/ludus-player

Prints a line for each game, and fails where something is not as the protocol says.
"""

import sys
import time

import numpy as np
from mlagents_envs.environment import UnityEnvironment
from mlagents_envs.side_channel.engine_configuration_channel import EngineConfigurationChannel
from mlagents_envs.side_channel.environment_parameters_channel import EnvironmentParametersChannel
from mlagents_envs.side_channel.stats_side_channel import StatsSideChannel

STEPS, AREAS = 300, 12
GAMES = {"Basic": [(20,)], "3DBall": [(8,)], "GridWorld": [(64, 84, 3), (2,)]}


def drive(player, game, worker):
    """STEPS random steps of one worker; (agent steps, seconds, episodes)."""
    engine, parameters, stats = EngineConfigurationChannel(), EnvironmentParametersChannel(), StatsSideChannel()
    env = UnityEnvironment(
        player, worker, 5105, additional_args=[game], side_channels=[engine, parameters, stats], num_areas=AREAS, seed=7
    )
    try:
        assert not env.behavior_specs, "behaviours are told with the first agents"
        engine.set_configuration_parameters(time_scale=20.0)
        parameters.set_float_parameter("gravity", 9.81)
        env.reset()
        (behaviour,) = env.behavior_specs
        spec = env.behavior_specs[behaviour]
        assert behaviour == f"{game}?team=0"
        assert [tuple(o.shape) for o in spec.observation_specs] == GAMES[game]
        begin, agents, ended = time.perf_counter(), 0, 0
        for step in range(STEPS):
            decisions, terminals = env.get_steps(behaviour)
            agents, ended = agents + len(decisions), ended + len(terminals)
            assert len(decisions) == AREAS and set(terminals.agent_id) <= set(decisions.agent_id)
            if decisions.action_mask is not None and game == "GridWorld":
                assert all(0 <= row.sum() <= 2 for row in decisions.action_mask[0])
            env.set_actions(behaviour, spec.action_spec.random_action(len(decisions)))
            env.step()
            if step == STEPS // 2:
                env.reset()
                assert not len(env.get_steps(behaviour)[1]), "a reset in mid-episode ends nobody"
        seconds = time.perf_counter() - begin
        assert ended and stats.get_and_reset_stats()["Environment/Success"]
        return agents, seconds, ended
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


def main(player):
    for game in GAMES:
        agents, seconds, ended = drive(player, game, 0)
        print(f"{game}: {STEPS} steps of {AREAS} areas, {ended} ends, {agents / seconds:,.0f} agent steps/s")
    two_at_once(player)
    print("two workers at once: the same start from the same seed")


if __name__ == "__main__":
    main(sys.argv[1])
