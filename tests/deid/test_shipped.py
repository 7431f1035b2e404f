"""The tagger that comes with Sequela: small, plain about itself, and of use on simulated notes."""

from __future__ import annotations

import subprocess
import sys

from sequela.deid.rules import find
from sequela.deid.tagger import StoredTagger, shipped
from sequela.evaluate.spans import JudgedNote, judge_spans
from sequela.simulate.notes import notes


def test_it_is_small_and_says_what_it_has_read():
    assert sum(file.stat().st_size for file in shipped().iterdir()) < 2_000_000
    card = " ".join((shipped() / "MODEL_CARD.md").read_text().split())
    assert "It has never seen a real note." in card
    assert "Figures on simulated notes do not transfer." in card


def test_it_finds_most_in_notes_of_other_templates():
    model, judged = StoredTagger(), []
    some = list(notes(40, 11, "test"))
    for one, spans in zip(some, model.spans(some), strict=True):
        found = find(one, model=lambda _, spans=spans: spans)
        truth = [(span.start, span.end, span.type) for span in one.spans]
        judged.append(JudgedNote(one.text, truth, [(f.start, f.end, f.label) for f in found]))
    scores = judge_spans(judged, replicates=0)["views"]["binary token, HIPAA"]
    # On 400 such notes: benchmarks/results/deid_model.json. Less than the .95 that was aimed at.
    assert scores["recall"]["value"] > 0.98
    assert scores["precision"]["value"] > 0.86


def test_it_is_loaded_without_torchs_compiler():
    # Which takes a second and 80 MB in each process.
    code = (
        "import sys; from sequela.deid.tagger import StoredTagger; "
        "assert StoredTagger().tagger().encoder.labels; assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
