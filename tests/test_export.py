"""What is exported, the libraries of others read back: rollouts, cards, weights."""

import json
from typing import Any

import gymnasium
import numpy as np
import pytest
from safetensors.numpy import load_file
from test_runner import go

from ludus import envs
from ludus.curricula import actors, cli, export


@pytest.mark.parametrize("task", ["ludus/Reach-v0", "ludus/Crossing-v0", "ludus/Household-v0"])
def test_a_dataset_gives_back_the_lives_that_the_task_gives(task, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    import minari

    assert cli.invoke(["export", task, "--out", str(tmp_path), "--episodes", "2", "--seed", "5"]) == 0
    dataset = minari.load_dataset(f"ludus/{task[6:-3].lower()}/scripted-v0")
    env: gymnasium.Env = gymnasium.make(task)
    assert dataset.observation_space == env.observation_space and dataset.action_space == env.action_space
    episodes = list(dataset.iterate_episodes())
    assert len(episodes) == 2
    for seed, life in enumerate(episodes, start=5):
        obs, _ = env.reset(seed=seed)
        seen, rewards, info = [obs], [], {}
        for action in life.actions:
            obs, reward, *_, info = env.step(action)
            seen.append(obs)
            rewards.append(reward)
        np.testing.assert_array_equal(life.observations, seen)
        np.testing.assert_array_equal(life.rewards, rewards)
        assert life.infos["is_success"][-1] == info["is_success"]
        assert (life.terminations | life.truncations).tolist() == [False] * (len(rewards) - 1) + [True]


def test_a_dataset_is_not_written_over_another(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["export", "Reach-v0", "--episodes", "1"]
    assert cli.invoke(words) == 0 and cli.invoke(words) == 2
    assert "already" in capsys.readouterr().err


def test_a_run_becomes_a_folder_with_a_card_weights_and_its_record(tmp_path, capsys):
    from huggingface_hub import ModelCard

    run, out = go(tmp_path / "run"), tmp_path / "hub"
    assert cli.invoke(["export", str(run), "--out", str(out)]) == 0
    card: Any = ModelCard.load(out / "README.md").data
    assert card.library_name == "ludus" and "reinforcement-learning" in card.tags
    weights = load_file(out / "policy.safetensors")
    last = load_file(run / "policies" / "stage-1.safetensors")
    assert weights.keys() == last.keys() and all(np.array_equal(weights[k], last[k]) for k in last)
    assert (out / "evaluations.jsonl").read_bytes() == (run / "evaluations.jsonl").read_bytes()
    assert json.loads((out / "run.json").read_text())["label"] == "finetune@ppo"
    world, act, who = actors.player("Reach-v0", str(out / "policy.safetensors"))
    _, same, _ = actors.player("Reach-v0", str(run))
    obs, _ = world.reset(np.arange(1), [0])
    np.testing.assert_array_equal(act(obs)["arm"], same(obs)["arm"])
    assert who.startswith("learnt with ppo") and "of 2 stages (not" in (out / "README.md").read_text()
    kept = run / "policies" / "stage-1.safetensors"
    kept.write_bytes(kept.read_bytes()[:300])
    capsys.readouterr()
    assert cli.invoke(["export", str(run), "--out", str(tmp_path / "again")]) == 2
    said = capsys.readouterr().err
    assert f"{kept}: not a policy" in said and said.count("\n") == 1


def test_several_agents_are_recorded_as_one():
    world = envs.make("ludus/Crossing-v0")
    (life,) = export.rollouts(world, lambda obs: world.scripted(), range(1))
    assert life["observations"].shape == (len(life["rewards"]) + 1, 72)
    assert life["actions"].shape == (len(life["rewards"]), 8)
