"""Generated curricula: every task exists and fits, none twice, a seed says which, and their diversity is measured."""

import numpy as np
import pytest

from ludus.curricula import cli, curriculum, generate
from ludus.curricula.curriculum import Stage
from ludus.envs import UnknownName, registry


@pytest.fixture(scope="module")
def made():
    return generate.generate("words", 100, 0)


def test_a_hundred_tasks_are_different_ones(made):
    assert len(made.stages) == len(made.tasks) == 100
    bare = [(s.task.partition("#")[0], sorted(s.settings.items(), key=str)) for s in made.stages]
    assert all(bare.count(one) == 1 for one in bare)
    assert {"smoke", "small", "full"} == set(made.tiers) and "100 tasks of words" in made.about


@pytest.mark.parametrize("family", ["robots", "games", "words"])
def test_the_seed_says_which_and_the_file_is_read_as_it_was_made(family, tmp_path, capsys):
    one = generate.generate(family, 6, 3)
    assert cli.invoke(["curricula", "--generate", f"{family}:6:3"]) == 0
    path = tmp_path / f"{one.name}.yaml"
    path.write_text(capsys.readouterr().out)
    assert curriculum.load(path) == one != generate.generate(family, 6, 4)
    assert len({s.task.partition("#")[0] for s in one.stages}) == 6


def test_every_value_of_the_table_is_one_that_its_task_takes():
    families, tasks = generate._table()
    shared = [(registry.ids(f["tag"])[0], f["settings"]) for f in families.values()]
    for task, settings in [*tasks.items(), *shared]:
        for name, value in ((name, value) for name, values in settings.items() for value in values):
            registry.make(task, 1, **generate._nested({name: value})).close()


def test_variants_of_a_task_come_back_only_when_every_task_had_its_turn(made):
    names = [s.task.partition("#")[0] for s in made.stages]
    tasks = len(set(names))
    assert len(set(names[:tasks])) == tasks and [s.task.partition("#")[2] for s in made.stages[:tasks]] == ["1"] * tasks


def test_diversity_is_the_number_of_tasks_that_have_nothing_in_common(made):
    def stage(task, **settings):
        return Stage(task=task, steps=1, settings=settings)

    same, other = stage("Reach-v0", noise=0.1), stage("Bargain-v0")  # these two have not even a tag in common
    assert generate.diversity([same]) == pytest.approx(1)
    assert generate.diversity([same, same, same]) == pytest.approx(1)
    assert generate.diversity([same, other]) == pytest.approx(2)
    near, far = stage("Reach-v0", noise=0.2), stage("Reach-v0", noise=0.9)
    assert generate.diversity([same, near, far]) < generate.diversity([same, far]) * 1.5
    likeness = 0.5  # all tags, and of the settings nothing: the ends of their range
    ends = np.array([1 + likeness, 1 - likeness]) / 2
    assert generate.diversity([same, far]) == pytest.approx(np.exp(-(ends * np.log(ends)).sum()))
    assert 5 < generate.diversity(made.stages) < 100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("robots:3", "'robots:3' is not FAMILY:TASKS:SEED, such as robots:100:0"),
        ("robots:x:0", "'robots:x:0' is not FAMILY"),
        ("robots:0:0", "a curriculum has a task at least"),
        ("games:100000:0", r"games has \d+ different tasks; 100000 were asked for"),
    ],
)
def test_what_cannot_be_generated_is_refused_in_one_line(text, said):
    with pytest.raises(ValueError, match=said):
        generate.generate(*generate.parse(text))


def test_an_unknown_family_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="no family 'robot'; did you mean robots"):
        generate.generate("robot", 3, 0)
