"""Text: documents, the spans marked in them, and sets of documents read one by one."""

from __future__ import annotations

from sequela.notes.brat import brat_documents, write_brat
from sequela.notes.conll import decoded
from sequela.notes.documents import Document, NoteSet, Span
from sequela.notes.jsonl import JsonKeys, jsonl_documents, write_jsonl

__all__ = [
    "Document",
    "JsonKeys",
    "NoteSet",
    "Span",
    "brat_documents",
    "decoded",
    "jsonl_documents",
    "write_brat",
    "write_jsonl",
]
