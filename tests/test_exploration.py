"""How much a stage explores falls as it says, is logged, and is the algorithm's own again in the next stage."""

import json

import numpy as np
import pytest
import torch
from bandits import Bandit, born
from stable_baselines3.common.logger import KVWriter

from ludus.curricula import plan
from ludus.curricula.curriculum import Curriculum, load
from ludus.curricula.reading import Invalid

FIRST_STEPS = {"finetune": "c476281", "replay": "7b26572", "joint": "00fa487"}


class Told(KVWriter):
    """What a learner logs, as TensorBoard would have it."""

    def __init__(self, learner):
        self.scalars: list[dict] = []
        learner.model.logger.output_formats.append(self)

    def write(self, key_values, key_excluded, step=0):
        self.scalars.append(dict(key_values))

    def close(self): ...

    def __getitem__(self, name):
        return [s[name] for s in self.scalars if name in s]


def live(learner, steps, pieces=1, **explore):
    learner.start("left", Bandit("left", discrete=learner.algorithm == "dqn"), steps=steps, explore=explore)
    told = Told(learner)
    for _ in range(pieces):
        learner.learn(steps // pieces)
    return told


def test_the_weight_of_entropy_falls_and_is_the_own_one_again():
    learner = born("ppo", ent_coef=0.003)
    told = live(learner, 1024, entropy=(0.08, 0.0))
    assert told["explore/entropy"] == pytest.approx([0.08, 0.06, 0.04, 0.02])
    assert live(learner, 512)["explore/entropy"] == [0.003, 0.003]


def test_more_weight_of_entropy_leaves_more_of_it():
    wide, narrow = born("ppo"), born("ppo")
    live(wide, 2048, entropy=(0.5, 0.5))
    live(narrow, 2048)
    assert wide.model.policy.log_std.mean() > narrow.model.policy.log_std.mean() + 0.1


def test_a_share_of_actions_is_random_as_the_stage_says():
    learner = born("dqn", learning_starts=0)
    live(learner, 640, epsilon=(1.0, 0.5))
    assert learner.exploration.told()["epsilon"] == 0.5 == learner.model.exploration_rate
    live(learner, 640, epsilon=(0.0, 0.0))
    buffer, q = learner.model.replay_buffer, learner.model.q_net
    seen = torch.as_tensor(buffer.observations[buffer.pos - 1])
    assert (buffer.actions[buffer.pos - 1, :, 0] == q(seen).argmax(dim=1).numpy()).mean() > 0.8  # one update since


def test_noise_is_as_wide_as_the_stage_says():
    for spread in (0.0, 0.4):
        learner = born("td3", learning_starts=0, learning_rate=0.0)
        live(learner, 640, noise=(spread, spread))
        buffer = learner.model.replay_buffer
        said = learner.model.actor(torch.as_tensor(buffer.observations[: buffer.pos]).flatten(0, 1)).detach().numpy()
        off = buffer.actions[: buffer.pos].reshape(said.shape) - said
        inside = np.abs(said) < 0.2  # where bounds cut little off
        assert off[inside].std() == pytest.approx(spread, abs=0.03)
    assert live(learner, 320)["explore/noise"][-1] == pytest.approx(0.1)  # the algorithm's own


def test_sac_begins_where_it_is_told_and_tunes_from_there():
    learner = born("sac", ent_coef="auto")
    learner.start("left", Bandit("left"), steps=320, explore={"entropy": (0.2, 0.2)})
    assert learner.exploration.told()["entropy"] == pytest.approx(0.2)
    learner.learn(320)
    assert learner.exploration.told()["entropy"] != pytest.approx(0.2, abs=1e-3)
    fixed = born("sac", ent_coef=0.1)
    live(fixed, 320, entropy=(0.3, 0.1))
    assert fixed.model.ent_coef_tensor.item() == pytest.approx(0.1 + 0.2 / 10)  # at the last of ten steps' start


@pytest.mark.parametrize(("algorithm", "name"), [("ppo", "entropy"), ("td3", "noise"), ("dqn", "epsilon")])
def test_a_stage_that_is_saved_and_taken_up_again_explores_as_if_it_had_not_been(algorithm, name):
    whole, stopped, other = born(algorithm), born(algorithm), born(algorithm)
    live(whole, 512, 2, **{name: (0.5, 0.1)})
    env = Bandit("left", discrete=algorithm == "dqn")
    stopped.start("left", env, steps=512, explore={name: (0.5, 0.1)})
    stopped.learn(256)
    other.restore(stopped.state(), env)
    other.learn(256)
    for key, mine in whole.weights().items():
        assert (other.weights()[key] == mine).all()


def stages(**explore) -> str:
    return json.dumps(
        {"name": "mine", "observation": 20, "action": 4, "stages": [{"task": "ludus/Reach-v0", "steps": 100} | explore]}
    )


def test_a_stage_of_a_curriculum_says_so():
    made = Curriculum.model_validate_json(stages(explore={"entropy": [0.01, 0.001], "noise": 0.2}))
    part = plan.plan(made).parts[0]
    assert part.explore == {"entropy": (0.01, 0.001), "noise": (0.2, 0.2)}
    assert Curriculum.model_validate_json(made.model_dump_json()) == made
    silent = Curriculum.model_validate_json(stages())
    assert plan.plan(made).hash != plan.plan(silent).hash and "explore" not in silent.model_dump_json()


def test_what_never_spoke_of_it_keeps_its_hash():
    made = load("first-steps", fit=False)
    for label, hash in FIRST_STEPS.items():
        assert plan.plan(made, *plan.parse(label)).hash.startswith(hash)


@pytest.mark.parametrize(
    ("explore", "said"),
    [
        ({"entropi": 1}, "did you mean 'entropy'"),
        ({"epsilon": 1.5}, "epsilon"),
        ({"noise": [0.1, 0.2, 0.3]}, "noise"),
        ({"entropy": [0.1, -1]}, "entropy"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(explore, said, tmp_path):
    (tmp_path / "mine.yaml").write_text(stages(explore=explore))
    with pytest.raises(Invalid) as error:
        load(tmp_path / "mine.yaml", fit=False)
    assert said in str(error.value) and "\n" not in str(error.value)
