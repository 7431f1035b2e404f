"""Tokens with tags as text with spans, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sequela.errors import DataError
from sequela.files import atomic_stream
from sequela.notes.documents import Document
from sequela.notes.tags import spans_of_tags, tags_of_spans
from sequela.notes.tokens import tokenised

__all__ = ["decoded", "write_conll"]

_TAG = re.compile(r"O|[BIESLU]-[^\s,]+")


def decoded(tokens: Sequence[str], tags: Sequence[str]) -> tuple[str, list[tuple[int, int, str]]]:
    """The tokens with one blank between them, and the spans that their tags mean.

    Tags are read as :func:`sequela.notes.tags.runs` says.

    Args:
        tokens: none empty.
        tags: ``O`` or ``B-TYPE``, ``I-TYPE`` ... one for each token.

    Returns:
        The text, and start, end and type of each span, in order.

    Raises:
        DataError: ``token 3`` has a tag of another form.
    """
    places: list[tuple[int, int]] = []
    place = 0
    for number, (token, tag) in enumerate(zip(tokens, tags, strict=True), 1):
        if not _TAG.fullmatch(tag):
            raise DataError(f"token {number}", got="another form of tag", wanted="O, B-TYPE ...")
        places.append((place, place + len(token)))
        place += len(token) + 1
    spans = [(span.start, span.end, span.type) for span in spans_of_tags(places, tags)]
    return " ".join(tokens), spans


def write_conll(path: Path | str, documents: Iterable[Document], scheme: str = "bio") -> int:
    """Writes the tokens of documents with their tags, a tab between them; whole or not at all.

    A document begins with a line ``-DOCSTART-``, and a line of its text is a sentence. The blanks
    of the text are lost, and spans reach to the ends of tokens: the form has no place for more.

    Args:
        path: the file; one that exists is replaced.
        documents: in order.
        scheme: "bio" or "bioes".

    Returns:
        The number of documents.

    Raises:
        DataError: a type holds blanks or commas; by number of the document.
        OutputError: the place cannot be written.
    """
    count = 0
    with atomic_stream(path) as file:
        for count, one in enumerate(documents, 1):
            for span in one.spans:
                if re.search(r"[\s,]", span.type):
                    raise DataError(f"type of a span of document {count}", got="blanks or commas")
            file.write(b"-DOCSTART-\tO\n\n")
            file.writelines(line.encode() for line in _sentences(one, scheme))
    return count


def _sentences(one: Document, scheme: str) -> Iterator[str]:
    places = tokenised(one.text)
    last = 0
    for (start, end), tag in zip(
        places, tags_of_spans(places, one.spans, scheme).tags, strict=True
    ):
        if "\n" in one.text[last:start]:
            yield "\n"
        yield f"{one.text[start:end]}\t{tag}\n"
        last = end
    yield "\n"
