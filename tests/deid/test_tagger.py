"""A tagger learns, and what it finds in a note is that note's alone."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from sequela import seeds
from sequela.deid import learning
from sequela.deid.learning import Course, learn, stretches_of
from sequela.deid.swaps import Swaps
from sequela.deid.tagger import StoredTagger, Tagger, TokenChances
from sequela.errors import BundleError, ConfigError, DataError, TrainingError
from sequela.notes import Document, Span, WordVectors
from sequela.ops.native import library

NAMES = [
    "Abel",
    "Baker",
    "Costa",
    "Dorn",
    "Eames",
    "Frey",
    "Gomez",
    "Huber",
    "Ibsen",
    "Jonas",
    "Kern",
    "Lopez",
    "Meyer",
    "Novak",
]
NEW = ["Olsen", "Perez", "Quint", "Rossi", "Stein", "Timm", "Unger", "Vogel"]
TEMPLATES = (
    "Seen by Dr.{N} on {D}.",
    "{D}: Patient {N} has no pain",
    "Mr {N} was admitted {D} with fever",
    "FOLLOW-UP:{D} with {N}'s team",
    "No fever, no pain. Takes 5mg daily",
)
SMALL = {"word_size": 16, "character_size": 12, "hidden_size": 24, "dropout": 0.2}


def notes(count: int, names: list[str], seed: int) -> list[Document]:
    random = seeds.generator(seed, "notes")
    made = []
    for number in range(count):
        text, spans = "", []
        for word in TEMPLATES[random.integers(len(TEMPLATES))].replace("{", "|{").split("|"):
            if word.startswith("{"):
                day, month, year = random.integers((1, 1, 1990), (29, 13, 2030))
                value = f"{day:02}/{month:02}/{year}" if word[1] == "D" else random.choice(names)
                kind = "DATE" if word[1] == "D" else "NAME"
                spans.append(Span(len(text), len(text) + len(value), kind))
                text, word = text + value, word[3:]
            text += word
        made.append(Document(f"n{number}", text, tuple(spans)))
    return made


@pytest.fixture(scope="module")
def trained():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    course = Course(epochs=8, batch_size=8, learning_rate=0.01, min_documents=3)
    tagger, arguments = learn(notes(150, NAMES, 1), course=course, **SMALL)
    yield tagger, arguments
    torch.set_num_threads(before)


def test_it_learns(trained):
    tagger, _ = trained
    unseen = notes(60, NEW, 2)
    found = {
        (n.id, *span[:3])
        for n, each in zip(unseen, tagger.each(unseen), strict=True)
        for span in each
    }
    truth = {(n.id, s.start, s.end, s.type) for n in unseen for s in n.spans}
    assert len(found & truth) >= 0.95 * max(len(found), len(truth))


def test_a_note_is_judged_alone(trained):
    tagger, _ = trained
    many = [*notes(20, NEW, 3), Document("empty", ""), Document("blank", " \n")]
    many.append(Document("long", "\r\n".join(note.text for note in many)))
    small = Tagger(tagger.model, tagger.encoder, window=16, overlap=8, batch_tokens=50)
    large = Tagger(tagger.model, tagger.encoder, window=16, overlap=8, batch_tokens=9999)
    together = list(large.each(many))
    assert together == list(small.each(many))
    if library() is not None:
        assert together == [small(one) for one in many]
        assert together[::-1] == list(small.each(many[::-1]))
    assert together[20:22] == [[], []]


def test_windows_find_what_the_whole_finds(trained):
    tagger, _ = trained
    parts = notes(30, NAMES, 4)
    text = "\n".join(note.text for note in parts)
    one = Document("long", text)
    by_windows = Tagger(tagger.model, tagger.encoder, window=24, overlap=12)
    found, whole = by_windows(one), tagger(one)
    assert len({span[:3] for span in found} ^ {span[:3] for span in whole}) <= 3
    assert all(text[s:e] == text[s:e].strip() for s, e, _, _ in found)


def test_less_finds_more(trained):
    tagger, _ = trained
    for chances in tagger.chances(notes(10, NEW, 5)):
        before: set[int] = set()
        for threshold in (1.0, 0.9, 0.5, 0.1, 1e-3, 1e-9):
            spans = tagger.marked(chances, threshold)
            places = {place for s, e, _, _ in spans for place in range(s, e)}
            assert before <= places
            before = places
            assert all(score >= threshold for *_, score in spans)
        assert len(before) == chances.tokens[-1][1] - chances.tokens[0][0] or before


def test_spans_at_a_threshold(trained):
    tokens = [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]
    tags = ["O", "B-X", "E-X", "S-X", "O"]
    found = TokenChances(
        tokens, tags, np.array([0.3, 0.9, 0.8, 0.7, 0.2]), ["X", "X", "X", "X", "Y"]
    )
    spans = [tuple(one[:3]) for one in trained[0].marked(found, 0.1)]
    assert spans == [(0, 1, "X"), (2, 5, "X"), (6, 7, "X"), (8, 9, "Y")]
    assert [tuple(one[:3]) for one in trained[0].marked(found, 0.75)] == [(2, 5, "X")]
    assert trained[0].marked(found, None)[0] == (2, 5, "X", pytest.approx(0.85))


def test_as_a_bundle(trained, tmp_path):
    tagger, arguments = trained
    tagger.save(tmp_path / "model", arguments, {"title": "A small one"})
    again, stricter = (
        Tagger.load(tmp_path / "model"),
        Tagger.load(tmp_path / "model", threshold=0.9),
    )
    assert stricter.threshold == 0.9
    assert again.threshold is None
    some = notes(5, NEW, 6)
    assert list(again.each(some)) == list(tagger.each(some))
    stored = pickle.loads(pickle.dumps(StoredTagger(tmp_path / "model")))
    assert list(stored.spans(some)) == list(again.each(some))
    assert stored(some[0]) == again(some[0])
    with pytest.raises(BundleError):
        StoredTagger(tmp_path / "none")(some[0])
    text = (tmp_path / "model" / "config.json").read_text()
    assert '"kind": "tags"' in text
    tagger.save(tmp_path / "other", {**arguments, "scheme": "bioes"}, {})
    from sequela import bundle

    found = bundle.load(tmp_path / "other")
    weights = found.model.state_dict()
    for number, preparation in enumerate(({}, {**found.preparation, "window": "a"})):
        path = tmp_path / f"wrong{number}"
        bundle.save(path, "neuroner", arguments, weights, preparation, {}, kind="tags")
        with pytest.raises(BundleError):
            Tagger.load(path)


def test_training_is_a_function_of_its_seed_and_keeps_the_best_epoch():
    course = Course(epochs=3, batch_size=4, optimiser="sgd", learning_rate=0.1, min_documents=2)
    parts = notes(12, NAMES, 7), notes(4, NEW, 8)
    told: list[tuple] = []
    first, _ = learn(*parts, course, say=lambda *line: told.append(line), **SMALL)
    torch.rand(1)
    second, _ = learn(*parts, course, **SMALL)
    for name, weight in first.model.state_dict().items():
        assert torch.equal(weight, second.model.state_dict()[name]), name
    assert [epoch for epoch, _, _ in told] == [0, 1, 2]
    assert told[0][1] > told[-1][1]
    assert all(loss is not None for *_, loss in told)


def test_given_vectors_are_the_words():
    vectors = WordVectors(["fever", "Fever", "canary"], np.ones((3, 5), np.float32))
    course = Course(epochs=1, min_documents=2, learning_rate=1e-9)
    tagger, arguments = learn(notes(8, NAMES, 9), course=course, vectors=vectors, hidden_size=4)
    assert arguments["word_size"] == 5
    numbers = [tagger.encoder.words.index(word) + 1 for word in ("fever", "canary")]
    torch.testing.assert_close(tagger.model.words.weight[numbers].detach(), torch.ones(2, 5))


def test_windows_have_legal_tags():
    one = Document("a", "a b c d e", (Span(0, 9, "X"),))
    assert stretches_of([one], 3, 1) == [
        (["\na", " b", " c"], ["B-X", "I-X", "E-X"]),
        ([" c", " d", " e"], ["B-X", "I-X", "E-X"]),
    ]


def test_a_trained_one_goes_on(trained):
    tagger, arguments = trained
    before = {name: value.clone() for name, value in tagger.model.state_dict().items()}
    course = Course(epochs=1, learning_rate=0.01, min_documents=1)
    fresh = notes(30, NEW, 8)
    on, told = learn(fresh, course=course, start=tagger)
    assert on.encoder is tagger.encoder
    assert told == {**arguments, "dropout": told["dropout"]}
    after = on.model.state_dict()
    assert not torch.equal(after["output.weight"], before["output.weight"])
    torch.testing.assert_close(after["output.weight"], before["output.weight"], atol=0.2, rtol=0)
    for name, value in tagger.model.state_dict().items():
        assert torch.equal(value, before[name]), "the beginning is left as it is"
    with pytest.raises(ConfigError, match="beginning"):
        learn(fresh, course=course, start=tagger, word_size=8)
    other = [Document("x", "Call 4711.", (Span(5, 9, "PHONE"),))]
    with pytest.raises(DataError):
        learn(other, course=course, start=tagger)


def test_mistakes(trained):
    tagger, _ = trained
    for wrong in ({"threshold": 0.0}, {"threshold": 1.5}, {"window": 8, "overlap": 8}):
        with pytest.raises(ConfigError):
            Tagger(tagger.model, tagger.encoder, **wrong)
    for wrong in (
        *({"epochs": 0}, {"learning_rate": 0.0}, {"optimiser": "x"}),
        *({"fall": 0.0}, {"fall": 1.1}, {"word_loss": 1.0}),
    ):
        with pytest.raises(ConfigError):
            Course(**wrong)
    course = Course(epochs=9, learning_rate=1e38, optimiser="sgd", min_documents=1)
    with pytest.raises(TrainingError, match="no finite number"):
        learn(notes(20, NAMES, 1), course=course, **SMALL)


def test_swaps_change_words_and_keep_marks():
    some = notes(40, NAMES, 10)
    swaps = Swaps(some, 1.0)
    changed = [swaps(one, np.random.default_rng(1)) for one in some]
    assert any(one.text != two.text for one, two in zip(some, changed, strict=True))
    known = {(one.text[s.start : s.end], s.type) for one in some for s in one.spans}
    for one in changed:
        assert all((one.text[s.start : s.end], s.type) in known for s in one.spans)
    assert all(Swaps(some, 0.0)(one, np.random.default_rng(1)).text == one.text for one in some)
    upon = Document("a", "one two", (Span(0, 3, "NAME"), Span(1, 7, "DATE")))
    assert swaps(upon, np.random.default_rng(1)) == upon
    learn(some[:6], course=Course(epochs=2, min_documents=1, swap=0.5), **SMALL)


def test_the_learning_rate_falls_and_frequent_words_are_lost_too(monkeypatch):
    rates, shares = [], []

    def losses(model, encoder, stretches, rare):
        shares.append(float(rare.min()))
        return _losses(model, encoder, stretches, rare)

    def step(model, optimiser, loss, clip_norm):
        rates.append(optimiser.param_groups[0]["lr"])

    _losses = learning._losses
    monkeypatch.setattr(learning, "_losses", losses)
    monkeypatch.setattr(learning, "_step", step)
    course = Course(epochs=3, learning_rate=0.01, fall=0.25, word_loss=0.125, min_documents=1)
    learn(notes(4, NAMES, 1), course=course, **SMALL)
    assert rates == pytest.approx([0.01, 0.005, 0.0025])
    assert shares == [0.125] * 3
