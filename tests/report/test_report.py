"""The report: whole, self-contained, escaped, the same each time, and clear about damage."""

from __future__ import annotations

import importlib.util
import json
import re
from html.parser import HTMLParser

import pytest

from sequela.errors import DataError, MissingDependencyError, OutputError
from sequela.report import figures, render

VOID = {"meta", "br", "hr", "img", "link", "input"}


class _Page(HTMLParser):
    """Collects the text and the structure of a page, and fails on tags that do not match."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.tags, self.words, self.attributes = [], [], [], []
        self.feed(text)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> does not match"

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def binary_page(binary_files, tmp_path_factory) -> str:
    """The report of the run with a yes-or-no outcome, drawn once."""
    folder = tmp_path_factory.mktemp("page")
    for name, text in binary_files.items():
        (folder / name).write_text(text)
    path = render(folder)
    assert path == folder / "report.html"
    return path.read_text()


@pytest.fixture
def no_figures(monkeypatch):
    """Leaves the drawing out, which takes nearly all of the time."""
    for name in figures.__all__:
        if name.endswith("_figure"):
            monkeypatch.setattr(figures, name, lambda *_, **__: "<svg></svg>")


def _changed(folder, name, change):
    path = folder / name
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_binary_report_is_whole(binary_page):
    page = _Page(binary_page)
    for phrase in (
        "Early detection of heart failure",
        "Of 1,000 patients, the model flags",
        "research only",
        "logistic regression",
        "best possible",
        "Is the difference real?",
        "no heart failure before it",
        "6,517",
        "Age 65–74",
        "Female",
        "chosen",
        "training.learning_rate",
        "0.005",
        "2.13.0",
        "Some Processor 3000",
        "1 min 15 s",
        "Simulated patients",
    ):
        assert phrase in page.text, phrase
    assert len(re.findall(r"\.\d{3} to \.\d{3}", page.text)) > 40


def test_multiclass_report_is_whole(multiclass_run):
    page = _Page(render(multiclass_run).read_text())
    for phrase in ("the right one of 5 classes", "tumour area", "Macro F1", "Recordings", "6,900"):
        assert phrase in page.text, phrase
    for phrase in ("excluded", "Subgroups", "What each threshold", "Calibration", "Prevalence"):
        assert phrase not in page.text, phrase
    assert page.text.count("true class in rows") == 3


def test_nothing_comes_from_outside_and_nothing_runs(binary_page):
    page = _Page(binary_page)
    assert not {"script", "link", "iframe", "object", "img"} & set(page.tags)
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("href", "src", "xlink:href"):
            assert value.startswith("#"), (tag, name, value)
    assert not re.search(r"url\((?!#)", binary_page)
    assert not re.search(r"@import|https?://(?!www\.w3\.org/)", binary_page)


def test_figures_have_words_and_identifiers_are_unique(binary_page):
    page = _Page(binary_page)
    figures = [a for a in page.attributes if a[0] == "svg" and a[1] == "aria-label"]
    assert len(figures) == page.tags.count("svg") == 8
    assert all(len(words) > 20 for _, _, words in figures)
    names = [value for _, name, value in page.attributes if name == "id"]
    assert len(names) == len(set(names))
    targets = {value[1:] for _, name, value in page.attributes if name in ("href", "xlink:href")}
    assert targets <= set(names)


def test_the_same_run_gives_the_same_bytes(binary_run, binary_page):
    assert render(binary_run).read_text() == binary_page


def test_everything_is_escaped(binary_run):
    attack = "<script>alert('$x$')</script>&\"<b>"

    def spoil(evaluation):
        text = json.dumps(evaluation).replace('"GRU"', json.dumps(attack))
        text = text.replace('"GRU - ', json.dumps(attack)[:-1] + " - ")
        evaluation.update(json.loads(text))
        evaluation["notes"].append(attack)
        evaluation["subgroups"][0]["name"] = attack

    def spoil_cohort(cohort):
        cohort["description"] = attack
        cohort["attrition"][0]["step"] = attack

    def spoil_experiment(experiment):
        experiment["title"] = attack
        experiment["classes"] = ["no", attack]
        experiment["settings"][attack] = attack

    _changed(binary_run, "evaluation.json", spoil)
    _changed(binary_run, "cohort.json", spoil_cohort)
    _changed(binary_run, "experiment.json", spoil_experiment)
    page = _Page(render(binary_run).read_text())
    assert "script" not in page.tags
    assert page.text.count("<script>") > 10


def test_what_a_run_does_not_have_is_left_out(binary_run, no_figures):
    for name in ("metrics.jsonl", "seconds.json"):
        (binary_run / name).unlink()
    _changed(
        binary_run, "cohort.json", lambda cohort: [cohort.pop("attrition"), cohort.pop("notes")]
    )
    _changed(
        binary_run,
        "evaluation.json",
        lambda e: e.update(subgroups=[], differences=[], table=e["table"][:1]),
    )
    _changed(
        binary_run,
        "experiment.json",
        lambda e: [e.pop(key) for key in ("versions", "machine", "title", "created", "classes")],
    )
    page = _Page(render(binary_run).read_text())
    for phrase in ("excluded", "Subgroups", "Learning", "Is the difference real?", "Machine"):
        assert phrase not in page.text, phrase
    assert "heart_failure" in page.text


def test_an_unreached_threshold_is_said(binary_run, no_figures):
    def change(evaluation):
        evaluation["threshold"].update(value=None, held_out=None, tuning=None)
        for row in evaluation["table"]:
            row["sensitivity"] = {"value": None, "low": None, "high": None}

    _changed(binary_run, "evaluation.json", change)
    assert "could not be reached" in _Page(render(binary_run).read_text()).text


def test_few_cases_stand_in_the_headline(binary_run, multiclass_run, no_figures):
    few = "so few that only the intervals"
    assert few not in _Page(render(binary_run).read_text()).text
    _changed(binary_run, "evaluation.json", lambda evaluation: evaluation.update(positives=12))
    page = _Page(render(binary_run).read_text())
    assert "All this rests on 3,000 held-out patients, of whom 12 have the outcome" in page.text
    assert few not in _Page(render(multiclass_run).read_text()).text

    def change(evaluation):
        evaluation["confusion"][evaluation["table"][0]["name"]][1] = [0, 9, 0, 0, 0]

    _changed(multiclass_run, "evaluation.json", change)
    text = _Page(render(multiclass_run).read_text()).text
    assert "held-out samples, 9 of “tumour area”: so few" in text


def test_several_rows_of_one_patient_are_samples(binary_run, no_figures):
    _changed(binary_run, "cohort.json", lambda cohort: cohort["parts"]["train"].update(groups=9000))
    assert "Of 1,000 samples" in _Page(render(binary_run).read_text()).text


def test_few_people_stay_few(binary_run, no_figures):
    def change(evaluation):
        row = {"n": "fewer than 20", "positives": None, "auroc": None}
        evaluation["subgroups"][0].update(row, note="fewer than 20 people")

    _changed(binary_run, "evaluation.json", change)
    assert "fewer than 20 people" in _Page(render(binary_run).read_text()).text


@pytest.mark.parametrize("name", ["experiment.json", "evaluation.json", "cohort.json"])
@pytest.mark.parametrize("damage", ["missing", "cut", "binary", "list", "empty", "nan"])
def test_a_damaged_file_is_named_and_nothing_is_written(binary_run, name, damage):
    path = binary_run / name
    text = path.read_text()
    path.unlink()
    contents = {
        "cut": text[: len(text) // 2].encode(),
        "binary": b"\xff\xfe\x00",
        "list": b"[1, 2]",
        "empty": b"{}",
        "nan": b'{"kind": NaN}',
    }
    if damage != "missing":
        path.write_bytes(contents[damage])
    with pytest.raises(DataError, match=re.escape(name)) as caught:
        render(binary_run)
    assert "\n" not in str(caught.value)
    assert not (binary_run / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("evaluation.json", lambda e: e.update(table=[])),
        ("evaluation.json", lambda e: e.update(kind="ordinal")),
        ("evaluation.json", lambda e: e.update(table=[{"role": "model"}])),
        ("evaluation.json", lambda e: e["table"][0].update(auroc="high")),
        ("evaluation.json", lambda e: e["curves"].pop("roc")),
        ("evaluation.json", lambda e: e["thresholds"].append(3)),
        ("evaluation.json", lambda e: e["differences"][0].pop("low")),
        ("evaluation.json", lambda e: e["threshold"]["held_out"].pop("true_positives")),
        ("cohort.json", lambda c: c["attrition"].append("a step")),
        ("cohort.json", lambda c: c["parts"]["train"].pop("groups")),
        ("experiment.json", lambda e: e.update(machine=["a"])),
    ],
)
def test_an_unexpected_shape_names_the_file(binary_run, name, change, no_figures):
    _changed(binary_run, name, change)
    with pytest.raises(DataError, match=re.escape(name)) as caught:
        render(binary_run)
    assert "\n" not in str(caught.value)


def test_a_damaged_line_of_the_learning_curve_is_named(binary_run):
    path = binary_run / "metrics.jsonl"
    lines = path.read_text().splitlines()
    lines[3] = lines[3][:10]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"line 4 of .*metrics\.jsonl"):
        render(binary_run)


def test_half_a_last_line_is_a_run_that_was_stopped(binary_run, no_figures):
    path = binary_run / "metrics.jsonl"
    path.write_text(path.read_text() + '{"kind": "epo')
    render(binary_run)


def test_not_a_run(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        render(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="got a file"):
        render(tmp_path / "file")


def test_a_place_that_cannot_be_written(binary_run, no_figures):
    (binary_run / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html"):
        render(binary_run)


def test_a_missing_extra_names_the_install_line(binary_run, monkeypatch):
    find = importlib.util.find_spec

    def without(name, *rest):
        return None if name == "matplotlib" else find(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(MissingDependencyError, match=r"pip install 'sequela\[report\]'"):
        render(binary_run)
