"""The page of review: notes as text and nothing else, decisions as notes that training reads."""

from __future__ import annotations

import html
import json
import re
import shutil
import stat
import subprocess

import pytest
from tests.deid.test_run import CANARY, KEY, deid

from sequela import sources
from sequela.deid import deidentify
from sequela.deid.review import write_review
from sequela.errors import DataError
from sequela.notes import Document, NoteSet

HOSTILE = (
    "😀</script><img src=x onerror=alert(1)><!-- __NOTES__ call 617-555-8812 on 3/4/2012 \u202e"
)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


def notes():
    texts = [HOSTILE, f"{CANARY} on 3/4/2012", "nothing at all"]
    return NoteSet(lambda: (Document(f"n{number}", text) for number, text in enumerate(texts)))


def held(page):
    return json.loads(re.search(r'id="data">(.*)</script>\n<script>', page.read_text())[1])


def test_the_page_holds_notes_and_spans_for_one_user(tmp_path):
    deidentify(notes(), tmp_path / "out", names=[CANARY], key=KEY)
    page = write_review(notes(), tmp_path / "out")
    assert page == tmp_path / "out.phi" / "review.html"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    first, second, third = held(page)
    assert (first["id"], first["text"]) == ("n0", HOSTILE)
    words = [HOSTILE[span["start"] : span["end"]] for span in first["spans"]]
    assert words == ["617-555-8812", "3/4/2012"]
    assert [span["label"] for span in second["spans"]] == ["PATIENT", "DATE"]
    assert third["spans"] == []
    text = page.read_text()
    assert text.count("<script") == 2
    assert "<img" not in text
    assert not re.search(r"(src|href)=.?http", text)


def test_the_least_sure_and_some_others(tmp_path):
    some = NoteSet(
        lambda: (
            Document(f"n{number}", f"accession C{number}12-3456789" if number % 5 else "well")
            for number in range(40)
        )
    )
    deidentify(some, tmp_path / "out")
    shown = held(write_review(some, tmp_path / "out", most=8))
    assert len(shown) == 8
    assert sum(not note["spans"] for note in shown) >= 1
    with pytest.raises(DataError, match="no account"):
        write_review(some, tmp_path / "other")
    others = NoteSet(lambda: (Document(one.id, "short") for one in some))
    with pytest.raises(DataError, match="others than those of the run"):
        write_review(others, tmp_path / "out")


def test_by_the_command(tmp_path, capfd):
    (tmp_path / "a.txt").write_text(HOSTILE)
    assert deid(tmp_path / "a.txt", "--out", tmp_path / "out", "--review") == 0
    said = " ".join(capfd.readouterr().out.split())
    assert "to look at and correct" in said
    assert (tmp_path / "out.phi" / "review.html").is_file()


# What a person would do: reject the first span, accept the second, and mark a word that was missed.
CLICKS = """
<script>
const click = (note, number) => notes[note].place.querySelectorAll("mark")[number].click();
click(0, 0); click(0, 0); click(0, 1);
add(notes[1], 0, 2, "NAME");
element("label").value = "DATE";
element("label").dispatchEvent(new Event("input"));
const told = document.createElement("section");
told.textContent = JSON.stringify({
  corrections: corrections(),
  images: document.images.length,
  hidden: notes.map(note => Boolean(note.article.hidden)),
  words: notes[0].place.textContent,
  count: element("count").textContent,
});
document.body.append(told);
</script>
</html>"""


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_in_a_browser(tmp_path):
    deidentify(notes(), tmp_path / "out", key=KEY)
    page = write_review(notes(), tmp_path / "out")
    tried = tmp_path / "tried.html"
    tried.write_text(page.read_text().replace("</html>", CLICKS))
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000"]
    words += [f"--user-data-dir={tmp_path / 'user'}", "--dump-dom", tried.as_uri()]
    done = subprocess.run([CHROMIUM, *words], capture_output=True, text=True, timeout=200)
    found = re.search(r"<section>(.*?)</section>", done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    told = json.loads(html.unescape(found[1]))
    assert told["images"] == 0
    assert told["hidden"] == [False, False, True]
    assert told["words"].startswith("😀</script><img src=x")
    assert told["count"] == "3 of 4 decided"
    (tmp_path / "corrections.jsonl").write_text(told["corrections"], encoding="utf-8")
    first, second = sources.read("notes_jsonl", tmp_path / "corrections.jsonl")
    assert first.text == HOSTILE
    assert [first.text[span.start : span.end] for span in first.spans] == ["3/4/2012"]
    assert (second.spans[0].start, second.spans[0].end, second.spans[0].type) == (0, 2, "NAME")
