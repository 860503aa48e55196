"""A run over players on the wire: what they report stands in its costs, and kills cost episodes, not the run."""

import json
import sys
from pathlib import Path

import pytest

from ludus.curricula import runner
from ludus.curricula.curriculum import Curriculum
from ludus.curricula.record import read_run

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from player_kills import Killer, players  # type: ignore[import-not-found]

pytestmark = pytest.mark.filterwarnings("ignore:distutils Version classes")
WIRED = {
    "name": "wired",
    "observation": 20,
    "action": 3,
    "evaluation": {"per_stage": 1, "episodes": 2, "last_episodes": 2},
    "stages": [{"task": "ludus/Basic-v0", "steps": 200, "settings": {"wire": True, "restarts": 3, "timeout": 20}}],
    "algorithms": {"ppo": {"rows": 4, "settings": {"n_steps": 25, "batch_size": 100, "n_epochs": 1}}},
}


def test_what_a_player_reports_and_how_often_it_was_killed_stand_in_the_costs(tmp_path):
    killer = Killer(seed=0, kills=1)

    def tell(progress):
        if progress.doing == "learning":
            killer.strike()

    made = Curriculum.model_validate_json(json.dumps(WIRED))
    run = read_run(runner.run(made, out=tmp_path / "run", checkpoint_share=float("inf"), progress=tell))
    assert killer.kills == 1
    assert run.costs["player_restarts"] == 1
    assert 0 <= run.costs["player ludus/Basic-v0 Environment/Success"] <= 1
    assert run.rows[-1]["last"] and players() == []
