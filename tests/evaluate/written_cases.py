"""Corpora of made-up texts and references, and what sacreBLEU says of them.

Where sacrebleu is installed, `python tests/evaluate/written_cases.py` writes sacrebleu.json anew.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

__all__ = ["STORED", "corpora", "said_by_sacrebleu"]

STORED = Path(__file__).with_name("sacrebleu.json")
_SAMPLE = """
    the The dog cat sat sat. on mat, runs fast 7 10-20 3,5 1.000 e.g. it's Mr. U.S.A. end
    läuft Straße été 狗 跑 。 Ελλάδα 👍 e\u0301 naïve - — … “so” (so) "so" a/b x@y.z $5 50% #1
    &quot; &amp; &lt;b&gt; <skipped> semi- {x} [1] `q` ~ .. ?!
"""
_WORDS = _SAMPLE.split()
_BLANKS = (*[" "] * 12, "  ", "\t", "\u00a0", "\u3000", "\n", "-\n", "")


def corpora() -> list[list[tuple[str, list[str]]]]:
    """300 corpora of 1 to 5 texts, and all of them as one; 1 to 3 references, some empty."""
    # random() alone is promised to draw the same in every version of Python.
    drawn = random.Random(0).random
    found = [[_row(drawn) for _ in range(1 + int(5 * drawn()))] for _ in range(300)]
    return [*found, [row for rows in found for row in rows]]


def _row(drawn) -> tuple[str, list[str]]:
    words = [_one(drawn, _WORDS) for _ in range(int(16 * drawn()))]
    references = [_changed(drawn, words) for _ in range(1 + int(3 * drawn()))]
    return _joined(drawn, _changed(drawn, words)), [_joined(drawn, one) for one in references]


def _one(drawn, items):
    return items[int(len(items) * drawn())]


def _changed(drawn, words: list[str]) -> list[str]:
    """The words, some left out, some changed; now and then none at all."""
    often = 0.5 * drawn()
    kept = [word for word in words if drawn() > often / 2] if drawn() > 0.05 else []
    return [_one(drawn, _WORDS) if drawn() < often else word for word in kept]


def _joined(drawn, words: list[str]) -> str:
    return "".join(word + _one(drawn, _BLANKS) for word in words)


def said_by_sacrebleu(rows: list[tuple[str, list[str]]]) -> tuple[float, float]:
    """BLEU and chrF of a corpus, as sacreBLEU has them by default."""
    from sacrebleu import corpus_bleu, corpus_chrf

    texts, most = [text for text, _ in rows], max(len(others) for _, others in rows)
    streams = [
        [others[place] if place < len(others) else None for _, others in rows]
        for place in range(most)
    ]
    return corpus_bleu(texts, streams).score, corpus_chrf(texts, streams).score


def _main() -> None:
    import sacrebleu

    said = ",\n".join(json.dumps(said_by_sacrebleu(rows)) for rows in corpora())
    head = f'"sacrebleu": "{sacrebleu.__version__}",\n"bleu_and_chrf": [\n'
    STORED.write_text(f"{{{head}{said}\n]}}\n")


if __name__ == "__main__":
    _main()
