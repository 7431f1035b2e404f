"""Notes that try to slip something through: what stands in each, by the name of its kind."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import polars as pl

__all__ = ["CANARY", "PASSING", "REFUSED", "name_of", "remains"]

CANARY = "Xylophonius Quuxley, MRN: 00981234, seen 3/14/2012, call 617-555-8812."
"""Each hostile note holds this in some disguise; the name is in the list of names."""


def remains(text: str) -> list[str]:
    """What of the canary a reader can still read in a text: only letters and digits count."""
    flat = unicodedata.normalize("NFKD", text).casefold()
    flat = "".join(
        str(unicodedata.decimal(one)) if unicodedata.category(one) == "Nd" else one
        for one in flat
        if unicodedata.category(one)[0] in "LN" and one not in "\u115f\u1160"
    )
    flat = flat.translate(_LATIN)
    return [
        words for words in ("xylophonius", "quuxley", "00981234", "6175558812") if words in flat
    ]


_LATIN = str.maketrans("хуоріѕχυορι", "xyopisxuopi")
_SPARE = {"zero": "\u200b", "joiner": "\u200d", "parted": "\u200c", "word joiner": "\u2060"}


def _between(mark: str) -> str:
    return mark.join(CANARY)


def _wide(text: str) -> str:
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)


def _bold(text: str) -> str:
    made = []
    for one in text:
        if one.isascii() and one.isalpha():
            first, base = (0x1D400, "A") if one.isupper() else (0x1D41A, "a")
            made.append(chr(first + ord(one) - ord(base)))
        else:
            made.append(chr(0x1D7CE + int(one)) if one.isdigit() else one)
    return "".join(made)


def _digits(zero: str) -> str:
    return "".join(chr(ord(zero) + int(one)) if one.isdigit() else one for one in CANARY)


_CYRILLIC = str.maketrans("Xyopis", "Хуоріѕ")
_GREEK = str.maketrans("Xo", "Χο")
_CONTROLS = "".join(map(chr, [*range(1, 9), *range(14, 28), 127]))

# Each is the whole text of a note.
PASSING: dict[str, str] = {
    "empty": "",
    "blank lines alone": "\n \t\r\n\n",
    "NUL in each word": _between("\0"),
    "NUL between the words": CANARY.replace(" ", "\0"),
    "UTF-16 without a mark, read as UTF-8": CANARY.encode("utf-16-le").decode(),
    "all control characters": _CONTROLS + CANARY + _CONTROLS,
    "control characters between the words": CANARY.replace(" ", "\x01\x02"),
    "escape sequences of a terminal": f"\x1b[31m{CANARY}\x1b[0m\x1b]0;x\x07",
    "controls of Latin-1": f"\x80\x9f{CANARY}\x9b",
    "byte order mark": f"\ufeff{CANARY}",
    "byte order mark within": _between("\ufeff"),
    "CRLF": CANARY.replace(", ", ",\r\n"),
    "CR alone": CANARY.replace(", ", ",\r"),
    "line ends of all kinds": "a\rb\r\nc\n\r" + CANARY.replace(", ", ",\n\r\n\r"),
    "line ends of Unicode": CANARY.replace(", ", ",\u2028\u2029\x85"),
    "form feeds and vertical tabs": CANARY.replace(", ", ",\f\v"),
    "separators of files": CANARY.replace(", ", ",\x1c\x1d\x1e\x1f"),
    **{f"unseen: {name}": _between(mark) for name, mark in _SPARE.items()},
    "unseen between the fields": CANARY.replace(", ", "\u200b"),
    "soft hyphens": _between("\u00ad"),
    "turned to the left": f"\u202e{CANARY}\u202c",
    "isolates": "\u2067" + CANARY.replace(" ", " \u2066") + "\u2069",
    "marks of direction": _between("\u200f"),
    "Hebrew around": f"שלום {CANARY} שלום",
    "Arabic around": f"مرحبا {CANARY}، مرحبا",
    "selectors of variants": _between("\ufe0f"),
    "tags of Unicode": _between("\U000e0041"),
    "fillers": _between("\u3164"),
    "blanks of braille": _between("\u2800"),
    "Cyrillic look-alikes": CANARY.translate(_CYRILLIC),
    "Greek look-alikes": CANARY.translate(_GREEK),
    "wide characters": _wide(CANARY),
    "bold characters of mathematics": _bold(CANARY),
    "digits of Arabic": _digits("\u0660"),
    "digits of Devanagari": _digits("\u0966"),
    "an accent on each letter": _between("\u0301"),
    "forty marks on each letter": _between("\u0300\u0323" * 20),
    "struck through": _between("\u0336"),
    "rings around": _between("\u20dd"),
    "decomposed and composed": CANARY.replace("o", "ö") + unicodedata.normalize("NFD", " Zoë ö"),
    "dashes of all kinds": CANARY.replace("-", "\u2011") + " 617\u2012555\u22128812",
    "blanks of all kinds": CANARY.replace(" ", "\u00a0").replace(",", ",\u2009\u3000"),
    "slashes of all kinds": CANARY.replace("/", "\u2044"),
    "brackets, nested": "[" * 500 + "(" * 500 + CANARY + ")" * 500 + "]" * 500,
    "brackets that never close": "([{<" * 200 + CANARY,
    "our own tags": f"[PATIENT] [[DATE] [PHONE]] [PHI] {CANARY} [WITHHELD] [PATIENT",
    "our own codes": f"[PATIENT-3f9a01c2b4d5] {CANARY} [DATE-",
    "tags of others": f"[**Name {CANARY}**] <PHI TYPE='DATE'>{CANARY}</PHI> {{{{x}}}}",
    "markup of the terminal": f"[bold red]{CANARY}[/bold red] [/] [link=x]",
    "XML with an entity": f"<!DOCTYPE a [<!ENTITY b 'c'>]><![CDATA[{CANARY}]]>&b;]]>",
    "JSON within": json.dumps({"text": CANARY}) + '\\"\\u0058',
    "formulas of a table": f'=cmd|"/c"!A1,"{CANARY}"\n"a""b",;\t',
    "formats": f"%s %n {{0}} ${{x}} {CANARY} %",
    "expressions": f"(a+)+$ \\1 [z-a] {CANARY} .*?",
    "emoji": f"👩🏽‍⚕️👨‍👩‍👧 {CANARY} 🏳️‍🌈",
    "letters of higher planes": f"𐀀𠀀 {CANARY} 𠮷",
    "no characters, and private ones": f"\ufffe\uffff\ue000\U0010ffff {CANARY}",
    "replacement characters": f"\ufffd\ufffd{CANARY}\ufffd",
    "letters that change their length": f"İİİ ŉ ß ﬁ ΐ {CANARY} İ",
    "dates that are none": f"99/99/9999 31/31/31 0/0/0 {CANARY} 2012-13-45",
    "numbers of five thousand digits": f"{'9' * 5000} {CANARY}",
    "one word of a hundred thousand letters": "a" * 100_000 + f" {CANARY}",
    "ten thousand lines": "\n" * 10_000 + CANARY + "\r\n" * 10_000,
    "a thousand times the same": f"{CANARY} " * 1000,
    "quotes of all kinds": f"“‘«{CANARY}»’” `'\"",
}


def _text(data: bytes):
    def make(folder: Path) -> None:
        (folder / "note.txt").write_bytes(data)

    return make


def _lines(data: str):
    def make(folder: Path) -> None:
        (folder / "notes.jsonl").write_text(data)

    return make


def _file(name: str, data: bytes):
    def make(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return make


def _parquet_cut(folder: Path) -> None:
    pl.DataFrame({"text": [CANARY]}).write_parquet(folder / "notes.parquet")
    whole = (folder / "notes.parquet").read_bytes()
    (folder / "notes.parquet").write_bytes(whole[:-9])


def _link_out(folder: Path) -> None:
    other = folder.parent / "others.txt"
    other.write_text(CANARY)
    (folder / "note.txt").symlink_to(other)


def _sparse(folder: Path) -> None:
    with open(folder / "note.txt", "wb") as file:
        file.write(CANARY.encode())
        file.truncate(1 << 40)


_BYTES = CANARY.encode()
# Each makes the files of a folder that has to be refused, and says which file is to be named.
REFUSED = {
    "a picture": (_text(b"\x89PNG\r\n\x1a\n\x00\x00" + _BYTES + b"\xff"), "note.txt"),
    "gzip": (_text(b"\x1f\x8b\x08\x00" + _BYTES), "note.txt"),
    "UTF-16 with its mark": (_text(CANARY.encode("utf-16")), "note.txt"),
    "UTF-32 with its mark": (_text(CANARY.encode("utf-32")), "note.txt"),
    "Latin-1": (_text(_BYTES + " é".encode("latin-1")), "note.txt"),
    "half a character, as bytes": (_text(_BYTES + b"\xed\xa0\x80"), "note.txt"),
    "bytes that are longer than they need be": (_text(_BYTES + b"\xc0\xaf"), "note.txt"),
    "a character cut off": (_text(_BYTES + "é".encode()[:1]), "note.txt"),
    "beyond Unicode": (_text(_BYTES + b"\xf8\x88\x80\x80\x80"), "note.txt"),
    "a terabyte of nothing": (_sparse, "note.txt"),
    "a link that leads out": (_link_out, "note.txt"),
    "half a character, in JSON": (
        _lines(f'{{"text": "{CANARY} \\ud800"}}\n'),
        "notes.jsonl",
    ),
    "JSON cut off": (_lines(f'{{"text": "{CANARY}'), "notes.jsonl"),
    "JSON of great depth": (_lines("[" * 100_000 + CANARY), "notes.jsonl"),
    "JSON of another kind": (_lines(f'"{CANARY}"\n'), "notes.jsonl"),
    "a text that is a number": (_lines('{"text": 6175558812}\n'), "notes.jsonl"),
    "two notes of one id": (
        _lines(f'{{"id": "a", "text": "{CANARY}"}}\n' * 2),
        None,
    ),
    "a table with lines of other lengths": (
        _file("notes.csv", f'text\n"{CANARY}"\na,b,c,d\n'.encode()),
        "notes.csv",
    ),
    "a table cut off in quotes": (
        _file("notes.csv", f'text\n"{CANARY}\nand'.encode()),
        "notes.csv",
    ),
    "a table without texts": (_file("notes.csv", f"body\n{CANARY}\n".encode()), "notes.csv"),
    "a packed table that is none": (_file("notes.csv.gz", b"\x1f\x8b" + _BYTES), "notes.csv.gz"),
    "Parquet cut off": (_parquet_cut, "notes.parquet"),
    "Parquet that is none": (_file("notes.parquet", b"PAR1" + _BYTES + b"PAR1"), "notes.parquet"),
}


def name_of(kind: str) -> str:
    """The name of a file for a kind."""
    return "".join(one if one.isalnum() else "-" for one in kind)
