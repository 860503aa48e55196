"""A person plays a text world in the terminal: sentences, completion, a partner, a transcript, a world of their own."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ludus.curricula import talk


def played(conversation: talk.Conversation, *sentences: str) -> str:
    """What is written while the sentences are typed."""
    typed, written = iter(sentences), []

    def next_line() -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    talk.loop(conversation, next_line, written.append)
    return "\n".join(written)


def solution(conversation: talk.Conversation) -> str:
    return conversation.world.scripted()[conversation.agent][0]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_person_can_solve_an_episode_by_typing(language):
    home = talk.Conversation("ludus/Household-v0", seed=3, language=language)
    home.begin()
    pages = [home.say(solution(home)) for _ in range(3) if not home.over]
    assert home.over and "done, return" in pages[-1] and "not done" not in pages[-1]
    assert "over" in home.say(solution(home))


def test_a_partner_plays_beside_the_person_and_is_seen_to():
    case = talk.Conversation("ludus/Detective-v0", "ann", seed=1)
    case.begin()
    assert "(bob: say " in case.say("wait") and "bob last said" in case.lines[-1]
    assert "done, return" in case.say(solution(case)) + case.say(solution(case))


def test_completion_offers_what_is_possible_now_and_nothing_else():
    home = talk.Conversation("ludus/Household-v0", seed=3)
    home.begin()
    inner = home.world.text_world
    assert len(home.possible()) == inner.mask(0)[0].sum()
    assert home.possible("go to") == [s for s in home.possible() if s.startswith("go to")] != []
    assert home.possible("fly") == []


def test_what_was_said_and_read_is_the_transcript():
    home = talk.Conversation("ludus/Household-v0", seed=3)
    shown = played(home, "make tea", "?", "new", "wait", "quit", "never read")
    assert "> make tea" in home.lines and "never read" not in shown
    assert all(line in shown for line in home.lines if not line.startswith(">"))
    assert "go to the" in shown and shown.count("Your task") == 4


def test_the_same_seed_begins_the_same_game():
    pages = [talk.Conversation("ludus/Treasure-v0", seed=s).begin() for s in (4, 4, 5)]
    assert pages[0] == pages[1] != pages[2]


def test_an_unknown_agent_and_a_task_without_words_are_refused():
    with pytest.raises(ValueError, match="did you mean ann"):
        talk.Conversation("ludus/Treasure-v0", "anne")
    with pytest.raises(ValueError, match="words"):
        talk.Conversation("ludus/Lift-v0")


def test_the_command_plays_a_world_of_ones_own_from_a_pipe_and_keeps_the_transcript(tmp_path):
    own = {"base": "household", "quests": [{"skill": "open"}]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(own))
    command = [sys.executable, "-m", "ludus.curricula.cli", "play", "ludus/Household-v0", "--seed", "1"]
    command += ["--file", str(tmp_path / "mine.yaml"), "--transcript", str(tmp_path / "said.txt")]
    done = subprocess.run(command, input="look around\nquit\n", text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "said.txt").read_text(encoding="utf-8")
    assert "Your task: open the" in said and "> look around\n" in said and "I do not know" in said


def test_the_farm_of_the_page_is_a_world(tmp_path):
    page = (Path(__file__).parent.parent / "docs" / "environments" / "text.md").read_text(encoding="utf-8")
    (tmp_path / "farm.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    farm = talk.Conversation("ludus/Household-v0", seed=1, file=str(tmp_path / "farm.yaml"))
    farm.begin()
    while not farm.over:
        farm.say(solution(farm))
    assert "The episode is over: done" in farm.lines[-1]
