"""The learnt encoder: wordings it never saw are near their instruction, other instructions far."""

import numpy as np
import pytest

from ludus.agents import encoders
from ludus.envs import registry
from ludus.envs.instructions import HashedWords

TASKS = ("Household-v0", "PickPlace-v0", "Stack-v0", "OpenDrawer-v0", "MovingObstacles-v0", "GridWorld-v0", "Swap-v0")


@pytest.fixture(scope="module")
def skills():
    worlds = [registry.make(task) for task in TASKS]
    return [skill for world in worlds for skill in world.skills]


def likeness(encode, skills):
    """Mean cosine of a held-out wording with its own instruction, and with the others."""
    told = [i for s in skills for i in list(s.instructions())[:6] if s.held_out]
    known = encode([i.text for i in told])
    new = encode([i.phrase(i.skill.held_out[0]) for i in told])
    known, new = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (known, new))
    cosine = new @ known.T
    same = np.eye(len(told), dtype=bool)
    return cosine[same].mean(), cosine[~same].mean()


@pytest.mark.parametrize("width", [16, 64])
def test_held_out_wordings_are_near_and_other_instructions_far(width, skills):
    own, others = likeness(encoders.TextEncoder(width), skills)
    hashed, hashed_others = likeness(HashedWords(width), skills)
    assert own > 0.55 and others < 0.15
    assert own - others > hashed - hashed_others + 0.1


def test_chinese_is_near_its_english():
    encode = encoders.TextEncoder(64)
    apple, zh, other = encode(["put the apple in the basket", "把苹果放到篮子里", "stand in a ring"])
    assert apple @ zh / 64 > 0.5 > abs(apple @ other / 64) + 0.2


def test_a_sentence_has_one_vector_in_every_batch():
    texts = ["open the fridge", "", "?!", "把门打开", "lift the cube" * 50]
    encode = encoders.TextEncoder(16)
    table = encode(texts)
    assert table.shape == (5, 16) and table.dtype == np.float32 and np.isfinite(table).all()
    assert (table == np.concatenate([encode([t]) for t in texts])).all() and encode([]).shape == (0, 16)


def test_training_gives_the_same_weights_again_and_needs_no_chance(skills):
    assert (encoders.train(skills[:6]) == encoders.train(skills[:6])).all()


def test_a_width_or_file_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match="from 1 to 64, not 65"):
        encoders.TextEncoder(65)
    encoders.save(np.zeros((3, 2), np.float16), tmp_path / "w")
    with pytest.raises(ValueError, match=r"\(3, 2\)"):
        encoders.TextEncoder(16, tmp_path / "w")
