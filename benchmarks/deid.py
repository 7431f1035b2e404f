"""The tagger of de-identification beside a CRF on hand-made features, on open marked text.

    python benchmarks/deid.py presidio_synth presidio_more wnut17 speed

``presidio_synth``: 1,500 generated sentences with personal data, five folds by template, so that no
sentence is judged whose template was read in training. ``presidio_more``: the same folds; now the
tagger also reads copies of its training sentences with made-up values, lines of simulated notes,
and vectors of words that are learnt from plain English (deid_parts/refilled.py,
deid_parts/more_text.py), the rival once the copies and lines, too, and once the sentences alone.
``wnut17``: messages with rare
names, its own parts, no word vectors. Neither is clinical text. The rival needs python-crfsuite.
The data must lie under SEQUELA_DATA. ``speed``: simulated notes as files, cleaned by the model that
comes with Sequela and the rules in two processes, and each part alone in one. Writes
benchmarks/results/deid_NAME.json.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from deid_parts.feature_crf import PENALTIES, SETTINGS, FeatureCRF
from deid_parts.more_text import plain_english, simulated, word_vectors
from deid_parts.refilled import Refill
from deid_parts.scores import by_label, compared, strict

from sequela import seeds, sources
from sequela.deid import by_rules, deidentify
from sequela.deid.learning import Course, learn
from sequela.deid.tagger import StoredTagger
from sequela.errors import ConfigError
from sequela.files import atomic_write
from sequela.notes import Document, Span, tokenised
from sequela.notes.vectors import WordVectors
from sequela.simulate.notes import notes
from sequela.train.provenance import commit, machine, versions

RESULTS = Path(__file__).parent / "results"
OURS, RIVAL = "NeuroNER", "CRF on features"
INFORMED = "CRF on features, with further text"
FOLDS = 5
NOTES, PROCESSES = 2_000, 2


def _data(name: str) -> Path:
    root = os.environ.get("SEQUELA_DATA")
    if not root:
        raise ConfigError("SEQUELA_DATA", got="nothing", todo="Set it to the folder of data sets.")
    return Path(root) / name


def _presidio() -> list[Document]:
    """One document for each sentence; the template is its subject."""
    found = []
    entries = json.loads((_data("presidio_synth") / "synth_dataset_v2.json").read_text("utf-8"))
    for number, one in enumerate(entries):
        spans = tuple(
            Span(span["start_position"], span["end_position"], span["entity_type"])
            for span in one["spans"]
        )
        subject = f"template {one['template_id']:04d}"
        found.append(Document(f"s{number}", one["full_text"], spans, subject=subject))
    return found


def _parted(documents: Sequence[Document], parts: int, seed: int, *words: object) -> dict[str, int]:
    """The part of each subject, all of about one size."""
    subjects = sorted({one.subject for one in documents})
    order = seeds.generator(seed, *words).permutation(len(subjects))
    return {subjects[place]: number % parts for number, place in enumerate(order)}


def _systems(
    training: Sequence[Document],
    tuning: Sequence[Document],
    judged: Sequence[Document],
    course: Course,
    sizes: dict[str, Any],
) -> tuple[dict[str, list[list[Any]]], dict[str, Any]]:
    """What each system found in the judged documents, and processor seconds."""
    start = time.process_time()
    tagger, _ = learn(training, tuning, course, say=_say, **sizes)
    found = {OURS: [list(one) for one in tagger.each(judged)]}
    middle = time.process_time()
    rival = FeatureCRF(training, tuning)
    found[RIVAL] = [rival(one) for one in judged]
    end = time.process_time()
    return found, {OURS: round(middle - start, 1), RIVAL: round(end - middle, 1)}


def _informed(
    training: Sequence[Document],
    tuning: Sequence[Document],
    judged: Sequence[Document],
    course: Course,
    sizes: dict[str, Any],
    vectors: WordVectors,
) -> tuple[dict[str, list[list[Any]]], dict[str, Any]]:
    """As :func:`_systems`, with further text for the first two."""
    refill = Refill(training, course.seed)
    copies = [refill(one, f".{number}") for number in range(COPIES) for one in training]
    whole = [*training, *copies, *simulated(NOTES_READ, course.seed)]
    times = [time.process_time()]
    own = {name: size for name, size in sizes.items() if name != "word_size"}
    tagger, _ = learn(whole, tuning, course, vectors=vectors, say=_say, **own)
    found = {OURS: [list(one) for one in tagger.each(judged)]}
    times.append(time.process_time())
    alone = FeatureCRF(training, tuning)
    found[RIVAL] = [alone(one) for one in judged]
    times.append(time.process_time())
    # One penalty: with this much text each takes a minute.
    informed = FeatureCRF(whole, tuning, (alone.penalty,))
    found[INFORMED] = [informed(one) for one in judged]
    times.append(time.process_time())
    return found, {
        name: round(after - before, 1)
        for name, before, after in zip(found, times, times[1:], strict=False)
    }


def _say(epoch: int, loss: float, f1: float | None) -> None:
    print(f"  epoch {epoch}: loss {loss:.2f}, tuning F1 {f1 or 0:.4f}", flush=True)


#: Chosen on the tuning parts of the folds 0 and 2 of presidio_synth alone: there the spelling says
#: more than the word, and most words of a template stand in no other.
COURSE = Course(
    epochs=12,
    batch_size=8,
    learning_rate=0.004,
    fall=0.1,
    patience=12,
    min_documents=2,
    word_loss=0.3,
    swap=0.5,
)
SIZES = {"word_size": 32, "character_size": 40, "hidden_size": 64, "dropout": 0.5}
#: With further text; looked at on the tuning part of fold 1 alone.
MORE = dataclasses.replace(COURSE, epochs=6, batch_size=16, swap=0.0)
MORE_SIZES = {**SIZES, "word_size": 64}
COPIES, NOTES_READ = 1, 300


def presidio_synth() -> dict[str, Any]:
    """Five folds by template."""
    return {
        **_folds(
            lambda *parts, seed: _systems(*parts, dataclasses.replace(COURSE, seed=seed), SIZES)
        ),
        "settings": _settings("the fold's number", COURSE, SIZES),
    }


def presidio_more() -> dict[str, Any]:
    """The same folds, with further text for the tagger and for one of two rivals."""
    vectors = word_vectors(list(plain_english(_data(""))), MORE_SIZES["word_size"])

    def systems(*parts: Sequence[Document], seed: int) -> Any:
        return _informed(*parts, dataclasses.replace(MORE, seed=seed), MORE_SIZES, vectors)

    return {
        **_folds(systems),
        "settings": {
            **_settings("the fold's number", MORE, MORE_SIZES),
            "read besides": {"copies of each sentence": COPIES, "simulated notes": NOTES_READ},
            "words with a vector": len(vectors.words),
        },
    }


def _folds(systems: Callable[..., Any]) -> dict[str, Any]:
    """Every sentence judged once."""
    documents = _presidio()
    fold_of = _parted(documents, FOLDS, 0, "folds")
    order: list[Document] = []
    folds: list[dict[str, Any]] = []
    every: dict[str, list[list[Any]]] = {}
    for fold in range(FOLDS):
        judged = [one for one in documents if fold_of[one.subject] == fold]
        rest = [one for one in documents if fold_of[one.subject] != fold]
        tuning_of = _parted(rest, 8, 0, "tuning", fold)
        training = [one for one in rest if tuning_of[one.subject]]
        tuning = [one for one in rest if not tuning_of[one.subject]]
        found, spent = systems(training, tuning, judged, seed=fold)
        for name, spans in found.items():
            every.setdefault(name, []).extend(spans)
        order += judged
        folds.append(
            {
                "sentences": [len(training), len(tuning), len(judged)],
                "f1": {name: _f1(strict(judged, spans)) for name, spans in found.items()},
                "processor seconds": spent,
            }
        )
        print(json.dumps(folds[-1]), flush=True)
    rows = {name: strict(order, spans) for name, spans in every.items()}
    return {
        "title": "Personal data in generated sentences (presidio_synth)",
        "what": "strict scores of spans, five folds by template, intervals by template; no clinical"
        " text",
        "scores": compared(rows, np.array([one.subject for one in order]), OURS),
        "by label": {name: by_label(order, spans) for name, spans in every.items()},
        "folds": folds,
    }


def _f1(rows: np.ndarray) -> float:
    right, found, truth = rows.sum(0)
    return float(2 * right / max(1, found + truth))


def wnut17() -> dict[str, Any]:
    """Its own training, tuning and test parts."""
    names = ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
    parts = [list(sources.read("conll", _data("wnut17") / name)) for name in names]
    found, spent = _systems(*parts, COURSE, SIZES)
    counts = {name: strict(parts[2], spans) for name, spans in found.items()}
    return {
        "title": "Rare names in messages (WNUT 2017)",
        "what": "strict scores of spans on the test part, intervals by message; no word vectors",
        "scores": compared(counts, np.arange(len(parts[2])), OURS),
        "by label": {name: by_label(parts[2], spans) for name, spans in found.items()},
        "messages": [len(part) for part in parts],
        "processor seconds": spent,
        "settings": _settings(COURSE.seed, COURSE, SIZES),
    }


def _settings(seed: object, course: Course, sizes: dict[str, Any]) -> dict[str, Any]:
    return {
        OURS: {**dataclasses.asdict(course), **sizes, "seed": seed},
        RIVAL: {**SETTINGS, "c2, the best of these on tuning notes": PENALTIES},
    }


def speed() -> dict[str, Any]:
    """From files to files, and the parts."""
    some = list(notes(NOTES, 4, "test"))
    tokens = sum(len(tokenised(one.text)) for one in some)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "notes"
        folder.mkdir()
        for one in some:
            (folder / f"{one.id}.txt").write_text(one.text, encoding="utf-8", newline="")
        read = sources.read("notes_folder", folder)
        model = StoredTagger(threads=1)
        before, start = _processor(), time.perf_counter()
        deidentify(read, Path(place) / "clean", model=model, processes=PROCESSES)
        whole, spent = time.perf_counter() - start, _processor() - before
    part = some[: NOTES // 10]
    few = sum(len(tokenised(one.text)) for one in part)
    model(some[0])
    parts = {
        "tokens": _seconds(lambda: [tokenised(one.text) for one in part]),
        "model": _seconds(lambda: list(model.spans(part))),
        "rules": _seconds(lambda: [list(by_rules(one.text)) for one in part]),
    }
    return {
        "title": "Speed of de-identification",
        "what": "from files to files, start of the processes included. Processor seconds are those"
        " of all processes together and hold on a busy machine, too; the parts are of one thread",
        "notes": NOTES,
        "tokens": tokens,
        "processes": PROCESSES,
        "scores": {
            "seconds from files to files": round(whole, 1),
            "tokens a second from files to files": round(tokens / whole),
            "processor seconds from files to files": round(spent, 1),
            "tokens a processor second from files to files": round(tokens / spent),
            "load of the machine before": os.getloadavg()[0],
            "tokens a processor second of each part": {
                name: round(few / seconds) for name, seconds in parts.items()
            },
        },
    }


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _processor() -> float:
    """Of this process and of its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


RUNS = {
    "presidio_synth": presidio_synth,
    "presidio_more": presidio_more,
    "wnut17": wnut17,
    "speed": speed,
}


def main(names: Sequence[str]) -> None:
    """Runs what is named and stores each result."""
    torch.set_num_threads(1)
    for name in names:
        start = time.perf_counter()
        result = RUNS[name]()
        result |= {
            "command": f"python benchmarks/deid.py {name}",
            "minutes": round((time.perf_counter() - start) / 60, 1),
            "commit": commit(),
            "machine": machine(),
            "versions": versions(),
        }
        atomic_write(RESULTS / f"deid_{name}.json", json.dumps(result, indent=1) + "\n")
        print(json.dumps(result["scores"], indent=1))


if __name__ == "__main__":
    main(sys.argv[1:] or list(RUNS))
