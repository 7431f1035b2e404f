"""Text: documents and the spans marked in them; whole texts with labels, and pairs of texts."""

from __future__ import annotations

from sequela.notes.brat import brat_documents, write_brat
from sequela.notes.conll import decoded, write_conll
from sequela.notes.declaration import Classified, TextClass, TextDeclaration
from sequela.notes.documents import Document, NoteSet, Span
from sequela.notes.i2b2 import i2b2_documents, write_i2b2
from sequela.notes.jsonl import JsonKeys, jsonl_documents, write_jsonl
from sequela.notes.tags import spans_of_tags, tag_names, tags_of_spans
from sequela.notes.texts import LabelledText, PairSet, TextPair, TextSet, TextStream
from sequela.notes.tokens import tokenised, windows
from sequela.notes.vectors import WordVectors, read_vectors

__all__ = [
    "Classified",
    "Document",
    "JsonKeys",
    "LabelledText",
    "NoteSet",
    "PairSet",
    "Span",
    "TextClass",
    "TextDeclaration",
    "TextPair",
    "TextSet",
    "TextStream",
    "WordVectors",
    "brat_documents",
    "decoded",
    "i2b2_documents",
    "jsonl_documents",
    "read_vectors",
    "spans_of_tags",
    "tag_names",
    "tags_of_spans",
    "tokenised",
    "windows",
    "write_brat",
    "write_conll",
    "write_i2b2",
    "write_jsonl",
]
