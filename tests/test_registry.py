"""Names: lazy, tagged, near ones offered for wrong ones."""

import sys
from typing import Any

import gymnasium
import pytest

from ludus import envs
from ludus.envs import registry
from ludus.envs.core import Wrapper


def test_a_name_may_leave_its_namespace_out():
    assert envs.spec("Reach-v0") is envs.spec("ludus/Reach-v0")


@pytest.mark.parametrize("wrong, near", [("ludus/Reech-v0", "ludus/Reach-v0"), ("Lfit-v0", "ludus/Lift-v0")])
def test_a_wrong_id_is_answered_with_the_nearest(wrong, near):
    with pytest.raises(envs.UnknownName, match=near):
        envs.make(wrong)


def test_a_name_near_to_nothing_is_answered_with_all():
    with pytest.raises(envs.UnknownName, match="there is: b, c"):
        raise registry.nearest("zzzz", ["c", "b"], "thing")


def test_ids_are_chosen_by_tags():
    assert set(envs.ids("grasping", "single")) < set(envs.ids("mujoco")) <= set(envs.ids())
    assert {"mujoco", "grasping"} <= set(envs.tags())


def test_a_tag_that_no_task_carries_is_answered_with_the_nearest(monkeypatch):
    with pytest.raises(envs.UnknownName, match="no tag 'graspin'; did you mean grasping"):
        envs.ids("single", "graspin")
    own = envs.TaskSpec("toys/Own-v0", "toys:make", tags=("graspin",))
    monkeypatch.setitem(registry._SPECS, own.id, own)
    assert envs.ids("graspin") == (own.id,) and envs.ids("graspin", "single") == ()


def test_every_id_stands_with_gymnasium_and_names_its_place():
    for id in envs.ids():
        assert gymnasium.spec(id).vector_entry_point
        assert callable(registry.load(envs.spec(id).entry_point))


def test_an_id_is_registered_once_and_has_a_namespace():
    with pytest.raises(ValueError, match="already registered"):
        envs.register(envs.ids()[0], "x:y")
    with pytest.raises(ValueError, match="namespace/Name-v0"):
        envs.register("Plain-v0", "x:y")


def test_a_users_own_world_needs_no_registration():
    world = envs.make("toys:make", 3, variant="Alone")
    assert world.num_envs == 3 and world.id == "toys:make"
    for wrong in ("toys:nothing", "nowhere_at_all:make"):
        with pytest.raises(envs.UnknownName, match="cannot load"):
            envs.make(wrong)


@pytest.mark.parametrize("id", [i for i in (*envs.ids(), "toys:make") if i not in envs.ids("needs-build")])
def test_an_unknown_setting_is_refused_by_name(id):
    with pytest.raises(ValueError, match="colour"):
        envs.make(id, colour="red")


@pytest.mark.parametrize(
    ("id", "wrong", "answer"),
    [
        ("Household-v0", "stepz", "no setting of Household 'stepz'; did you mean steps"),
        ("HouseholdTeam-v0", "fil", "no setting of HouseholdTeam 'fil'; did you mean file"),
        ("Workshop-v0", "aloen", "no setting of Workshop 'aloen'; did you mean alone"),
        ("Dialogue-v0", "langauge", "no setting of Dialogue 'langauge'; did you mean language"),
        ("Lift-v0", "horizn", "no setting of Lift 'horizn'; did you mean horizon"),
        ("Basic-v0", "asekd", "no setting of Basic 'asekd'; did you mean asked"),
        ("GridWorld-v0#camera", "parametres", "no setting of GridWorld 'parametres'; did you mean parameters"),
        ("Bargain-v0", "mesages", "no setting of Bargain 'mesages'; did you mean messages"),
        ("toys:make", "varient", "no setting of toys:make 'varient'; did you mean variant"),
    ],
)
def test_an_unknown_setting_is_answered_with_the_nearest(id, wrong, answer):
    settings: Any = {wrong: 2}
    with pytest.raises(envs.UnknownName, match=answer) as told:
        envs.make(id, **settings)
    assert "\n" not in str(told.value) and "__init__" not in str(told.value)


def test_on_the_wire_the_nearest_setting_may_be_the_players():
    with pytest.raises(envs.UnknownName, match="no setting of Basic 'time_scal'; did you mean time_scale"):
        envs.make("Basic-v0", wire=True, time_scal=2)


def test_what_a_world_says_of_itself_is_no_setting():
    with pytest.raises(envs.UnknownName, match="no setting of Household 'words'; there is: file, goal"):
        envs.make("Household-v0", words=())


@pytest.mark.parametrize("steps", [0, 9, 99, 2.5, "a", (1, 9), (3, 2), (1, 2, 3)])
def test_a_quest_takes_from_one_command_to_eight(steps):
    with pytest.raises(ValueError, match="steps must be a number from 1 to 8, or the shortest and the longest"):
        envs.make("Household-v0", steps=steps)


def test_a_fault_within_a_world_is_not_taken_for_a_wrong_setting(monkeypatch):
    import toys

    wrong: Any = {"varient": "Team"}
    monkeypatch.setattr(toys, "keeper", lambda num_envs, **s: toys.make(num_envs, **wrong), raising=False)
    with pytest.raises(TypeError, match="varient"):
        envs.make("toys:keeper", colour="red")


@pytest.mark.parametrize("wrong", [{"num_envs": 0}, {"num_envs": 1.5}, {"max_episode_steps": 0}])
def test_numbers_that_make_no_sense_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        envs.make("toys:make", **wrong)


def test_what_makes_no_world_is_told_what_would():
    """A Task is no World: a function that puts one into a MujocoWorld is what is called."""
    with pytest.raises(ValueError, match=r"lift:Lift: .*return a World, but Lift is a class of something else") as told:
        envs.make("ludus.envs.mujoco.grasping.lift:Lift", 2)
    assert "\n" not in str(told.value)


def test_settings_of_one_world_are_not_those_of_another(monkeypatch):
    shared = {"variant": "Team", "extra": []}
    spec = envs.TaskSpec("toys/Shared-v0", "toys:keeper", settings=shared)
    monkeypatch.setitem(registry._SPECS, spec.id, spec)
    import toys

    monkeypatch.setattr(
        toys, "keeper", lambda num_envs, extra, **s: extra.append(1) or toys.make(num_envs, **s), raising=False
    )
    envs.make(spec.id)
    envs.make(spec.id)
    assert shared["extra"] == []


def test_a_world_is_returned_as_it_is_and_takes_no_settings():
    world = envs.make("toys:make")
    assert envs.make(world) is world
    with pytest.raises(ValueError, match="made already"):
        envs.make(world, variant="Team")


def test_a_wrapper_says_of_itself_what_its_world_says():
    world = envs.make("toys:make", max_episode_steps=3)
    wrapper = Wrapper(Wrapper(world))
    for name in ("id", "num_envs", "agents", "skills", "capabilities", "render_fps", "max_episode_steps", "streams"):
        assert getattr(wrapper, name) == getattr(world, name)
    assert wrapper.unwrapped is world
    with pytest.raises(AttributeError):
        wrapper.nothing  # noqa: B018


def test_a_module_of_ones_own_is_found_in_the_folder_one_stands_in(tmp_path, monkeypatch):
    """The command `ludus` does not look there by itself, as `python -m` does."""
    (tmp_path / "standing_here.py").write_text("make = 'found'\n")
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(tmp_path))])
    with pytest.raises(envs.UnknownName, match="standing_here"):
        registry.load("standing_here:make")
    monkeypatch.chdir(tmp_path)
    assert registry.load("standing_here:make") == "found"
    assert sys.path[-1] == str(tmp_path)  # behind all else
