"""Text beside the marked sentences, of the project's own data: simulated notes, and plain English.

Neither holds anything of the sentences that are judged. Simulated notes (their training part) bring
names, addresses and numbers in other surroundings; their labels are told as those of the sentences.
Of plain English only the company of words is taken: vectors by the singular values of the positive
pointwise mutual information (Levy, Goldberg, Dagan, TACL 3 (2015) 211), so that most words of an
unseen template are known.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from sequela import seeds
from sequela.batches.notes import word_form
from sequela.notes import Document, Span, tokenised
from sequela.notes.vectors import WordVectors
from sequela.simulate.notes import notes

__all__ = ["plain_english", "simulated", "word_vectors"]

#: What the simulator calls it, and the sentences; what stands in no sentence is no span there.
LABELS = {
    "PATIENT": "PERSON",
    "DOCTOR": "PERSON",
    "DATE": "DATE_TIME",
    "AGE": "AGE",
    "HOSPITAL": "ORGANIZATION",
    "ORGANIZATION": "ORGANIZATION",
    "STREET": "STREET_ADDRESS",
    "CITY": "GPE",
    "STATE": "GPE",
    "ZIP": "ZIP_CODE",
    "PHONE": "PHONE_NUMBER",
    "FAX": "PHONE_NUMBER",
    "SSN": "US_SSN",
    "EMAIL": "EMAIL_ADDRESS",
    "URL": "DOMAIN_NAME",
    "IPADDR": "IP_ADDRESS",
}
#: Words before a name that are a span of their own in the sentences.
_ADDRESSED = re.compile(r"\b((?:Dr|Mr|Mrs|Ms|Miss)\.?)\s*$", re.IGNORECASE)
#: Ages up to 89 do not identify and are no spans of the simulator; in the sentences all are.
_AGED = re.compile(r"\b(\d{1,3})(?=[ -]?(?:years?|yrs?|yo|y/o|y\.o)\b)", re.IGNORECASE)
_SEXED = re.compile(r"\b\d{1,3} ?/?[MF]\b|\bage|turn|birthday", re.IGNORECASE)
_BESIDE, _LEAST, _SMOOTH = 3, 3, 0.75


def simulated(count: int, seed: int) -> list[Document]:
    """Lines of simulated notes that hold only what the sentences know, under their labels."""
    found = []
    for note in notes(count, seed, "train"):
        start = 0
        for number, line in enumerate(note.text.splitlines(keepends=True)):
            end = start + len(line)
            inside = [one for one in note.spans if start <= one.start < end]
            if line.strip() and all(one.type in LABELS and one.end <= end for one in inside):
                spans = [
                    Span(one.start - start, one.end - start, LABELS[one.type]) for one in inside
                ]
                found += _told(f"{note.id}.{number}", line.rstrip("\r\n"), spans)
            start = end
    return found


def _told(name: str, line: str, spans: list[Span]) -> Iterator[Document]:
    """The line with the spans that the sentences have besides; none where an age may stand."""
    ages = [one for one in spans if one.type == "AGE"]
    others = [one for one in spans if one.type != "AGE"]
    for one in others:
        if one.type == "PERSON" and (match := _ADDRESSED.search(line[: one.start])):
            others = [*others, Span(match.start(1), match.end(1), "TITLE")]
    if not ages:
        matches = list(_AGED.finditer(line))
        ages = [Span(match.start(1), match.end(1), "AGE") for match in matches]
    if not ages and _SEXED.search(line):
        return
    both = sorted([*others, *ages])
    if all(one.end <= two.start for one, two in pairwise(both)):
        yield Document(name, line, tuple(both))


def plain_english(data: Path) -> Iterator[str]:
    """Captions, sentences of reviews, dialogues, abstracts, phrases and messages (training part).

    Args:
        data: the folder of data sets.
    """
    with gzip.open(data / "multi30k" / "train.en.gz", "rt", encoding="utf-8") as lines:
        yield from lines
    yield from (data / "sst2" / "train.tsv").read_text("utf-8").splitlines()
    with (data / "mts_dialog" / "MTS-Dialog-TrainingSet.csv").open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            yield row["section_text"]
            yield row["dialogue"]
    with (data / "medical_abstracts" / "medical_tc_test.csv").open(encoding="utf-8") as rows:
        for row in csv.reader(rows):
            yield row[-1]
    for line in (data / "eng_fra" / "eng-fra.txt").read_text("utf-8").splitlines():
        yield line.split("\t")[0]
    for block in (data / "wnut17" / "wnut17train.conll").read_text("utf-8").split("\n\n"):
        yield " ".join(line.split("\t")[0] for line in block.splitlines())


def word_vectors(texts: Sequence[str], size: int) -> WordVectors:
    """Vectors of the words of texts, of length 1 on average.

    Args:
        texts: no tag is read.
        size: the width of a vector.
    """
    lines = [[word_form(one[start:end]) for start, end in tokenised(one)] for one in texts]
    counts = Counter(word for line in lines for word in line)
    words = [word for word, count in counts.most_common() if count >= _LEAST]
    number = {word: place for place, word in enumerate(words)}
    apart = [-1] * _BESIDE
    flat = np.concatenate([[*(number.get(word, -1) for word in one), *apart] for one in lines])
    pairs = scipy.sparse.csr_matrix((len(words), len(words)))
    for step in range(1, _BESIDE + 1):
        left, right = flat[:-step], flat[step:]
        both = (left >= 0) & (right >= 0)
        weight = np.full(both.sum(), 1 / step)
        shape = (len(words), len(words))
        pairs = pairs + scipy.sparse.csr_matrix((weight, (left[both], right[both])), shape)
    pairs = (pairs + pairs.T).tocoo()
    beside = np.asarray(pairs.sum(1)).ravel()
    smooth = beside**_SMOOTH / (beside**_SMOOTH).sum()
    value = np.log(pairs.data / (beside[pairs.row] * smooth[pairs.col]))
    kept = value > 0
    table = scipy.sparse.csr_matrix(
        (value[kept], (pairs.row[kept], pairs.col[kept])), shape=pairs.shape
    )
    first = seeds.generator(0, "word vectors").standard_normal(len(words))
    u, s, _ = scipy.sparse.linalg.svds(table, size, v0=first)
    values = u * np.sqrt(s)
    values /= np.sqrt((values**2).sum(1).mean())
    return WordVectors(words, values.astype(np.float32))
