"""Rows of results: what is there is not made again, and what is new is there at once."""

from ludus.curricula.rows import Rows, put


def test_a_row_is_kept_with_its_date_and_known_by_what_it_says(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    rows = Rows(path)
    assert rows == [] and not rows.has({"seed": 0})
    rows.add({"task": "a", "seed": 0, "size": {"steps": 3}})
    rows.add({"task": "a", "seed": 1, "size": {"steps": 3}})
    again = Rows(path)
    assert again == rows and len(again) == 2 and len(capsys.readouterr().out.splitlines()) == 2
    assert again.has({"task": "a", "seed": 1}) and again.has({"size": {"steps": 3}, "date": rows[0]["date"]})
    assert not again.has({"task": "a", "seed": 2}) and not again.has({"task": "a", "way": None, "seed": 0})


def test_a_table_takes_the_place_of_the_one_below_its_mark(tmp_path):
    page, new = tmp_path / "page.md", "| a |\n|--|\n| 2 |\n"
    for there in ("| a |\n|--|\n| 1 |\n\n", "", "\n"):
        page.write_text(f"Before.\n\n<!-- table: x -->\n{there}After.\n\n| another |\n", "utf-8")
        assert put(page, "x", new) and put(page, "x", new), "twice is once"
        assert page.read_text("utf-8") == f"Before.\n\n<!-- table: x -->\n{new}\nAfter.\n\n| another |\n"
    assert not put(page, "y", new)
