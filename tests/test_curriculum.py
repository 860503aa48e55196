"""A curriculum file is checked when it is read: one line says file, line, field, and what would be right."""

import json

import pytest

from ludus.curricula import body, curriculum
from ludus.curricula.curriculum import Invalid
from ludus.curricula.plan import plan
from ludus.envs import UnknownName

GOOD = """\
about: two tasks
observation: 20
action: 4
evaluation: {per_stage: 4}
stages:
  - {task: Reach-v0, steps: 1000}
  - task: ludus/Push-v0
    steps: 2001
    resets: {exploration: false}
algorithms:
  ppo: {rows: 64, settings: {n_steps: 8}}
methods:
  replay: {size: 500}
tiers:
  smoke: {steps: 0.01, episodes: 2}
  full: {}
"""


@pytest.fixture
def read(tmp_path):
    def reading(text, **how):
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return curriculum.load(path, **how)

    return reading


def test_a_file_of_ones_own_is_read_like_one_of_the_library(read):
    made = read(GOOD)
    assert made.name == "mine"
    assert [t.task for t in made.tasks] == ["ludus/Reach-v0", "ludus/Push-v0"]
    assert made.stages[1].resets.model_dump() == {"optimizer": True, "buffer": True, "exploration": False}


@pytest.mark.parametrize("name", curriculum.names())
def test_every_curriculum_of_the_library_fits_its_tasks_and_has_its_tiers(name):
    made = curriculum.load(name)
    assert made.about and {"smoke", "small", "full"} <= set(made.tiers)
    assert all(s.steps >= 1 for tier in made.tiers for s in made.at(tier).stages)


def test_a_tier_scales_budgets_and_replaces_the_numbers_of_evaluations(read):
    small = read(GOOD).at("smoke")
    assert [s.steps for s in small.stages] == [10, 20]
    assert (small.evaluation.per_stage, small.evaluation.episodes, small.evaluation.last_episodes) == (4, 2, 100)
    with pytest.raises(UnknownName, match=r"no tier 'smok' in|no tier in mine 'smok'; did you mean smoke"):
        read(GOOD).at("smok")


def test_a_frozen_curriculum_cannot_be_changed(read):
    with pytest.raises(ValueError, match="frozen"):
        read(GOOD).observation = 3


def test_the_schema_names_every_key():
    text = json.dumps(curriculum.schema())
    assert all(f'"{key}"' in text for key in ("stages", "task", "per_stage", "resets", "rows"))


WRONG = {
    "a misspelt key": ("steps: 2001", "stps: 2001", 8, ["stages.1.stps", "did you mean 'steps'"]),
    "a misspelt key inside": ("exploration:", "exploraton:", 9, ["resets.exploraton", "did you mean 'exploration'"]),
    "a misspelt task": ("Reach-v0", "Raech-v0", 6, ["stages.0.task", "ludus/Reach-v0"]),
    "a negative budget": ("2001", "-2001", 8, ["stages.1.steps", "-2001"]),
    "a word for a number": ("2001", "many", 8, ["stages.1.steps", "many"]),
    "yes for a number": ("2001", "yes", 8, ["stages.1.steps"]),
    "not a number": ("2001", ".nan", 8, ["stages.1.steps", "finite"]),
    "a number beyond floats": ("2001", "1.0e+400", 8, ["stages.1.steps", "finite"]),
    "a date": ("two tasks", "2020-01-01", 1, ["about", "quotes"]),
    "a key twice": ("action: 4", "action: 4\naction: 5", 4, ["action", "twice"]),
    "a key that is no word": ("action: 4", "4: 4", 3, ["key must be a word"]),
    "too few stages": ("steps: 0.01", "steps: 0", 15, ["tiers.smoke.steps"]),
    "narrow observations": ("observation: 20", "observation: 12", 2, ["ludus/Reach-v0 needs a width of 20; 12 given"]),
    "narrow actions": ("action: 4", "action: 3", 3, ["action", "needs a width of 4; 3 given"]),
    "an unknown setting": ("steps: 2001", "settings: {weight: 3}\n    steps: 2001", 8, ["stages.1.settings"]),
    "code": ("Reach-v0", "'os:system'", 6, ["stages.0.task", "--allow-code"]),
    "broken YAML": ("about: two", "about two", 2, ["mapping values"]),
    "an alias": ("two tasks", "&a two tasks", 1, ["aliases are not allowed"]),
    "a tag": ("two tasks", "!!python/object/apply:os.system [ls]", 1, ["tags are not allowed"]),
}


@pytest.mark.parametrize(("old", "new", "line", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_refused_in_one_line_that_names_file_line_and_field(read, old, new, line, said):
    with pytest.raises(Invalid) as refused:
        read(GOOD.replace(old, new, 1))
    message = str(refused.value)
    assert message.startswith(f"mine.yaml, line {line}: ") and "\n" not in message
    assert all(words in message for words in said), message


def test_one_task_with_two_settings_is_refused(read):
    twice = "  - {task: Reach-v0, steps: 10}\n  - {task: Reach-v0, steps: 10, settings: {nthread: 1}}\nalgorithms:"
    with pytest.raises(Invalid, match="ludus/Reach-v0 has other settings in another stage"):
        read(GOOD.replace("algorithms:", twice), fit=False)


def test_variants_of_one_task_are_told_apart_by_the_word_behind_their_id(read):
    twice = "  - {task: 'Reach-v0#dull', steps: 10, settings: {noise: 0.1}}\nalgorithms:"
    made = read(GOOD.replace("algorithms:", twice))
    assert [t.task for t in made.tasks] == ["ludus/Reach-v0", "ludus/Push-v0", "ludus/Reach-v0#dull"]
    assert [made.index(t.task) for t in made.tasks] == [0, 1, 2]
    with pytest.raises(Invalid, match="did you mean ludus/Reach-v0"):
        read(GOOD.replace("algorithms:", twice.replace("Reach", "Raech")))


def test_an_early_end_is_a_share_of_successes(read):
    early = GOOD.replace("steps: 2001", "until: {success: 0.9}\n    steps: 2001")
    assert read(early).stages[1].until == curriculum.Until(success=0.9) and read(early).stages[0].until is None
    for old, new, said in (("0.9", "1.5", "1.5"), ("success:", "sucess:", "did you mean 'success'")):
        with pytest.raises(Invalid, match=rf"line 8: stages.1.until.*{said}"):
            read(early.replace(old, new))


def test_who_instructs_is_the_curriculums_to_say_and_anybodys_to_change(read):
    """Said by the file or asked for, it is the same run; a file that does not say is hashed as ever."""
    told = read(GOOD.replace("action: 4", "action: 4\ninstructor: script"))
    plain = read(GOOD)
    assert (plan(told).instructor, plan(told, instructor="fixed").instructor) == ("script", "fixed")
    assert plan(plain).instructor == "fixed" and "instructor" not in plain.model_dump()
    assert plan(told).hash == plan(plain, instructor="script").hash != plan(plain).hash
    with pytest.raises(Invalid, match=r"line 4: instructor: .*'language-model'"):
        read(GOOD.replace("action: 4", "action: 4\ninstructor: scripted"))


def test_how_sentences_are_read_and_told_is_the_curriculums_to_say(read):
    plain, said = read(GOOD), read("encoder: learnt\nwords: 64\nwordings: all\n" + GOOD)
    assert (plain.encoder, plain.wordings) == ("words", "one") and "wordings" not in plain.model_dump_json()
    assert (said.encoder, said.wordings) == ("learnt", "all") and plan(said).hash != plan(plain).hash
    loud = read("words_scale: 4.0\n" + GOOD)
    assert "words_scale" not in plain.model_dump_json() and plan(loud).hash != plan(plain).hash
    assert body.of(loud, "instructed").words_scale == 4
    with pytest.raises(Invalid, match=r"words_scale: .* greater than 0"):
        read("words_scale: 0.0\n" + GOOD)
    with pytest.raises(Invalid, match="the learnt encoder's vectors have 64 entries at most; words is 65"):
        read("encoder: learnt\nwords: 65\n" + GOOD)


def test_code_is_allowed_where_one_says_so(read):
    mine = GOOD.replace("Reach-v0", "'ludus.envs.mujoco.grasping.reach:make'")
    assert read(mine, allow_code=True).tasks[0].task == "ludus.envs.mujoco.grasping.reach:make"


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="did you mean first-steps"):
        curriculum.load("frist-steps")
    with pytest.raises(Invalid, match="no such file"):
        curriculum.load("nowhere/mine.yaml")


def test_a_bound_is_for_means_of_continuous_actions():
    made = curriculum.load("first-steps")
    bound = {name: one.model_copy(update={"bound": 1.5}) for name, one in made.algorithms.items()}
    made = made.model_copy(update={"algorithms": bound})
    assert plan(made, "ppo").settings["bound"] == 1.5
    with pytest.raises(ValueError, match="sac has no mean to bound: `bound` is for ppo, a2c, recurrent-ppo"):
        plan(made, "sac")


PUSH = "    steps: 2001"


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ("  replay: {", "  replya: {", "line 13: methods.replya: no method 'replya'; did you mean replay"),
        ("size: 500", "sise: 500", "line 13: methods.replay.sise: no setting of replay 'sise'; did you mean size"),
        ("replay: {size: 500", "replay@ppo: {size: big", "methods.replay@ppo.size: must be a number, not 'big'"),
        ("n_steps: 8", "n_stepz: 8", "line 11: algorithms.ppo.settings.n_stepz: no setting of ppo 'n_stepz'; did you"),
        ("n_steps: 8", "n_steps: many", "line 11: algorithms.ppo.settings.n_steps: must be a number, not 'many'"),
        ("  ppo: {rows", "  pppo: {rows", "line 11: algorithms.pppo: no algorithm 'pppo'; did you mean ppo"),
        ("size: 500", "size: 0", "methods.replay.size: must be a whole number, 1 or more, not 0"),
        ("size: 500", "size: 10.5", "methods.replay.size: must be a whole number, 1 or more, not 10.5"),
        ("size: 500", "weight: -1", "methods.replay.weight: must be a number, 0 or more, not -1"),
        ("  replay: {size: 500", "  reservoir: {share: 1.5", "reservoir.share: must be a number from 0 to 1, not 1.5"),
        ("  replay: {size: 500", "  clonex: {explore: 1", "methods.clonex.explore: must be true or false, not 1"),
        ("n_steps: 8", "n_steps: -3", "line 11: algorithms.ppo.settings.n_steps: must be a whole number, 1 or more"),
        ("n_steps: 8", "gamma: 1.5", "line 11: algorithms.ppo.settings.gamma: must be a number from 0 to 1, not 1.5"),
        ("n_steps: 8", "policy_kwargs: {net_arch: wide}", "net_arch is a list of layers' widths, or one each for pi"),
        (PUSH, PUSH + "\n    training: {demo_start: 0.5}", "stages.1.training: no setting of Push"),
        (PUSH, PUSH + "\n    partners: {purple: idle}", "stages.1.partners: no group"),
    ],
)
def test_what_it_names_exists_whether_a_run_uses_it_or_not(read, was, now, says):
    with pytest.raises(Invalid) as error:
        read(GOOD.replace(was, now))
    assert says in str(error.value) and "\n" not in str(error.value)
