"""CooperativePushBlock and DungeonEscape: solvable, by all three alone, paid as a group, the same on the wire."""

from typing import Any

import numpy as np
import pytest
from acting import success

from ludus import envs
from ludus.envs.unity.player import pushing
from ludus.envs.unity.player.dungeon_escape import DOOR, PORTAL
from ludus.envs.unity.player.walkers import AHEAD, RIGHTWARD, STAY

pytestmark = pytest.mark.filterwarnings("ignore:distutils Version classes")
PUSH, GOAL, DUNGEON = "CooperativePushBlock-v0", "CooperativePushBlockGoal-v0", "DungeonEscape-v0"


def start(name, num_envs=1, **settings) -> Any:
    world = envs.make(name, num_envs, **settings)
    world.reset(np.arange(num_envs), range(num_envs))
    return world


def scripted(world, _):
    return world.scripted()


def chance(world, step):
    rng = np.random.default_rng(step)
    return {agent: rng.integers(7, size=world.num_envs) for agent in world.agents}


def all_do(world, choice):
    return {agent: np.full(world.num_envs, choice) for agent in world.agents}


def earned(world, policy):
    """(num_envs,) what each agent of a copy earns in its first episode, where none leaves early."""
    total, over = np.zeros(world.num_envs), np.zeros(world.num_envs, bool)
    while not over.all():
        result = world.step(policy(world, 0))
        total += np.where(over, 0, result.reward["agent_0"])
        over |= result.done
    return total


# Can be solved, not by chance, not alone


@pytest.mark.parametrize(("name", "copies"), [(GOAL, 40), (DUNGEON, 40)])
def test_the_script_solves_it(name, copies):
    assert success(start(name, copies), scripted) >= 0.95


def test_the_script_clears_the_hall_and_is_paid_twelve_less_the_time():
    world = start(PUSH, 20)
    total = earned(world, scripted)
    assert world.won.mean() >= 0.95
    assert np.allclose(total[world.won], 12 - 0.0005 * world.steps[world.won], atol=1e-4, rtol=0)
    assert total.mean() > 11, "the documented benchmark"


@pytest.mark.parametrize("name", [PUSH, GOAL, DUNGEON])
def test_it_is_not_solved_by_doing_nothing_or_anything(name):
    for policy in (lambda world, _: all_do(world, STAY), chance):
        world = start(name, 24, max_episode_steps=120)
        assert not world.won.any(), "an episode began solved"
        assert success(world, policy) < 0.05


@pytest.mark.parametrize("lazy", range(3))
def test_no_agent_may_be_idle_in_the_dungeon(lazy):
    def policy(world, _):
        return world.scripted() | {f"agent_{lazy}": np.zeros(world.num_envs, int)}

    assert success(start(DUNGEON, 20), policy) < 0.1


@pytest.mark.parametrize("lazy", range(3))
def test_two_never_move_the_block_that_needs_three(lazy):
    world = start(PUSH, 4, max_episode_steps=250)
    before = world.block[:, 4:].copy()
    for _ in range(250):
        world.step(world.scripted() | {f"agent_{lazy}": np.zeros(4, int)})
    assert np.array_equal(world.block[:, 4:], before) and not world.won.any()


# Pushing


def behind(kind, pushers):
    """A world with one block of a kind, and so many agents that stand right behind it and look at it."""
    world = start(PUSH)
    world.there[:], world.there[0, 2 * kind] = False, True
    world.block[0, 2 * kind] = 0, 0
    world.place[0] = [(-10, -10), (0, -10), (10, -10)]
    for k in range(pushers):
        world.place[0, k] = k - (pushers - 1) / 2, -pushing.EDGE[2 * kind] - 0.5
    world.yaw[:] = 0
    return world


@pytest.mark.parametrize(("kind", "pushers"), [(0, 1), (1, 1), (1, 2), (2, 2), (2, 3)])
def test_a_block_moves_when_as_many_push_as_it_needs(kind, pushers):
    world = behind(kind, pushers)
    for _ in range(5):
        world.step(all_do(world, AHEAD))
    moved = world.block[0, 2 * kind, 1]
    assert moved > 0.5 if pushers > kind else moved == 0


def test_a_block_in_the_way_stops_another_and_a_wall_does():
    world = behind(0, 1)
    world.there[0, 1] = True
    world.block[0, 1] = 0, 2
    for _ in range(10):
        world.step(all_do(world, AHEAD))
    assert 0.8 < world.block[0, 0, 1] <= 1 and world.block[0, 1, 1] == 2
    world.yaw[:], world.place[0, 0], world.block[0, 0], world.there[0, 1] = -np.pi / 2, (-10.9, 0), (-11.9, 0), False
    for _ in range(5):
        world.step(all_do(world, AHEAD))
    assert world.block[0, 0, 0] == -12 and world.place[0, 0, 0] >= -11.5 + 0.5 - 1e-9


def test_the_group_is_paid_for_every_block_by_its_size_and_charged_for_time():
    world = start(PUSH)
    for kind in range(3):
        world.block[0, 2 * kind, 1] = pushing.GOAL - pushing.EDGE[2 * kind] + 0.01
        result = world.step(all_do(world, STAY))
        assert all(r[0] == pytest.approx(kind + 1 - 0.0005) for r in result.reward.values())
    world.there[:] = np.arange(6) == 0
    world.block[0, 0, 1] = pushing.GOAL
    assert world.step(all_do(world, STAY)).done.all()


def test_the_grid_shows_what_lies_ahead_of_each_agent():
    world = start(PUSH, obs="grid")
    world.there[:] = np.arange(6) == 4
    world.block[0, 4], world.place[0] = (0, 5), [(0, 0), (2.5, 0), (0, -12)]
    world.yaw[0] = 0, np.pi, 0
    ahead, back, low = (parts["GridSensor"][0] == 255 for parts in world.sense().values())
    block = np.argwhere(ahead[..., 5])
    assert block.min(axis=0).tolist() == [13, 8] and block.max(axis=0).tolist() == [16, 11]
    assert np.argwhere(ahead[..., 2])[:, 0].max() == 10, "the goal begins 9.5 m ahead"
    assert np.flatnonzero(back[:, 10, 0]).max() == 7, "and the wall behind 12.5 m"
    assert not ahead[:-1, :, 1].any(), "the others are beside it and behind"
    assert np.argwhere(low[..., 1]).tolist() == [[row, column] for row in (7, 8) for column in (9, 10, 12)]


def test_an_instruction_says_which_block_pays():
    world = start(GOAL, 12)
    right = earned(world, scripted)
    assert np.allclose(right, 3 - world.aim - 0.0005 * world.steps, atol=1e-3)
    world = start(GOAL, 12)
    asked = world.aim.copy()

    def of_another(world, _):
        world.aim[:] = (asked + 1) % 3
        actions = world.scripted()
        world.aim[:] = asked
        return actions

    wrong = earned(world, of_another)
    assert (wrong < 0).all() and not world.won.any()


# The dungeon


def lives(world):
    return world.alive.sum(axis=1).tolist()


def step(world, choice=STAY):
    return world.step(all_do(world, choice))


def test_who_meets_the_dragon_leaves_with_it_and_the_others_go_on_for_the_key():
    world = start(DUNGEON, 2)
    world.place[0, 1] = world.dragon[0] + (0.3, 0)
    world.place[0, 2] = world.dragon[0] + (0, 0.9)
    result = step(world)
    assert lives(world) == [2, 3] and not world.dragon_lives[0] and world.dragon_lives[1]
    assert {a: t.tolist() for a, t in result.terminated.items()} == {
        "agent_0": [False, False], "agent_1": [True, False], "agent_2": [False, False],
    }  # fmt: skip
    assert world.holder[0, 2], "it stands on the key"
    world.place[0, 2], world.velocity[:] = np.add(DOOR, (0.5, 0)), 0
    result = step(world)
    paid = {agent: reward[0] for agent, reward in result.reward.items()}
    assert paid == {"agent_0": 1, "agent_1": 0, "agent_2": 1}, "who is dead belongs to the group no longer"
    assert result.done.tolist() == [True, False] and not result.info["success"].any(), "one stayed behind"


def test_success_is_that_both_stand_before_the_door():
    world = start(DUNGEON)
    world.alive[0, 1], world.dragon_lives[:], world.holder[0, 2], world.gone[0, 1] = False, False, True, True
    world.place[0, 0], world.place[0, 2] = np.add(DOOR, (2, 2)), np.add(DOOR, (0.5, 0))
    result = step(world)
    assert result.info["success"].all() and result.done.all()


@pytest.mark.parametrize("holds", [False, True])
def test_the_portal_takes_who_touches_it_and_with_the_key_all_is_lost(holds):
    world = start(DUNGEON)
    world.place[0, 0], world.holder[0, 0] = np.add(PORTAL, (-1, 1)), holds
    result = step(world)
    assert result.terminated["agent_0"].all() and result.done.all() == holds
    assert not any(reward.any() for reward in result.reward.values())


def test_a_dragon_that_gets_home_ends_the_episode_unpaid():
    world = start(DUNGEON)
    world.dragon[0] = np.add(PORTAL, (-1, 1))
    result = step(world)
    assert result.done.all() and not any(reward.any() for reward in result.reward.values())


def test_agents_see_the_dragon_the_key_and_the_door_by_their_rays():
    world = start(DUNGEON)
    world.place[0] = [(0, 5), (-8, 0), (-2, -9)]
    world.yaw[0] = 0, -np.pi / 2, 0
    world.key_lies[0], world.key[0] = True, (-2, -6)
    world._look(np.arange(1))
    newest = world.sight[0, :, -1].reshape(3, 15, 8)
    assert [newest[k, 0, :7].argmax() for k in range(3)] == [2, 4, 3], "dragon, lock, key"
    assert newest[0, 0, 7] == pytest.approx((3 - 0.75 - 0.5) / 40, abs=1e-3)


def test_a_turn_is_to_the_right_and_of_twenty_degrees_a_decision():
    world = start(DUNGEON)
    before = world.yaw.copy()
    step(world, RIGHTWARD)
    assert np.allclose(np.degrees(world.yaw - before), 20)


# The wire


def test_without_our_channel_a_player_tells_groups_ends_and_new_agents_as_unity_does():
    from ludus.envs.unity.player.dungeon_escape import DungeonEscape
    from ludus.envs.unity.player.wire import Player

    # isort: split
    from mlagents_envs.communicator_objects import unity_rl_input_pb2

    player = Player(DungeonEscape(2), seed=1)
    heard: Any = unity_rl_input_pb2.UnityRLInputProto(command=1)  # type: ignore[call-arg]
    infos = told(player.answer(heard))
    assert [(i.id, i.group_id, i.done) for i in infos] == [(k + 1, 1 + k // 3, False) for k in range(6)]
    dead = set()
    for _ in range(200):
        actions, heard = player.game.scripted(), unity_rl_input_pb2.UnityRLInputProto()
        for brain, area, k in ((b, *one) for b, who in player.asked.items() for one in who):
            heard.agent_actions[brain].value.add(discrete_actions=[int(actions[player.game.agents[k]][area])])
        infos = told(player.answer(heard))
        ended, asking = [i for i in infos if i.done], [i for i in infos if not i.done]
        assert not any(i.max_step_reached for i in infos) and not dead & {i.id for i in asking}
        if len(ended) == 1:
            dead.add(ended[0].id)
            assert ended[0].group_reward == 0
        if len(ended) == 2:
            break
    assert [i.group_reward for i in ended] == [1, 1] and len({i.group_id for i in ended}) == 1
    again = [i for i in asking if i.group_id == ended[0].group_id]
    assert all(i.group_reward == 0 and i.reward == 0 for i in again)
    assert len({i.id for i in again} & {i.id for i in ended}) == 2, "who was there at the end keeps its id"
    assert max(i.id for i in again) == 7, "who had left is a new agent"


def told(message):
    return list(message.unity_output.rl_output.agentInfos["DungeonEscape?team=0"].value)
