"""Rules for numbers that are given to persons and things: by check digit, form, or the word before.

What is recognised by its check digit needs no word; a plate or the serial number of a device has
neither, and is found where it is called so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from sequela.deid.found import Found

__all__ = ["labelled_numbers", "long_numbers", "numbers_with_checks", "social_security"]

# --- United States social security -------------------------------------------------------------

_SSN = re.compile(r"(?<!\d)(?<!\d-)(\d{3})([-.\u2010-\u2015 ])(\d{2})\2(\d{4})(?!\d|-\d)")
_SSN_CALLED = re.compile(
    r"(?<![^\W_])(?:ssn|ss ?#|s\.s\.n\.?|soc(?:ial)?\.?\s{0,2}sec(?:urity)?)(?![a-z])"
    r"(?:[\s.:#(_]{0,4}(?:numbers?|no|num|is|ends? in|ending in|last (?:4|four)"
    r"(?: digits)?)(?![a-z])){0,2}"
    r"[\s.:#(_]{0,4}(?P<number>(?:[\dx*]{3}[-. ]?[\dx*]{2}[-. ]?)?\d{4}(?!\d)|\d{5,9}(?!\d))"
)


def social_security(text: str, low: str) -> Iterator[Found]:
    """Social security numbers: by form where the number can be one, or called so."""
    for match in _SSN.finditer(text):
        area, _, group, serial = match.groups()
        if int(area) not in (0, 666) and int(group) and int(serial):
            yield Found(*match.span(), "SSN")
    for match in _SSN_CALLED.finditer(low):
        yield Found(*match.span("number"), "SSN", 0.97)


# --- numbers with a check digit or a form of their own -------------------------------------------


def _digits(words: str) -> list[int]:
    return [int(each) for each in words if each.isdigit()]


def _luhn(words: str) -> bool:
    digits = _digits(words)[::-1]
    total = sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return total % 10 == 0 and any(digits)


def _dea(words: str) -> bool:
    a, b, c, d, e, f, check = _digits(words[2:])
    return (a + c + e + 2 * (b + d + f)) % 10 == check


_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_VALUES: dict[str, int] = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", [*range(1, 9), 1, 2, 3, 4, 5, 7, 9, *range(2, 10)], strict=True)
)


def _vin(words: str) -> bool:
    values = [int(each) if each.isdigit() else _VIN_VALUES[each] for each in words]
    rest = sum(map(int.__mul__, values, _VIN_WEIGHTS)) % 11
    return "0123456789X"[rest] == words[8]


def _gtin(words: str) -> bool:
    digits = _digits(words[4:])[:14]
    return (3 * sum(digits[0:13:2]) + sum(digits[1:13:2]) + digits[13]) % 10 == 0


def _any(words: str) -> bool:
    return True


_CHECKED: tuple[tuple[str, str, float, Callable[[str], bool]], ...] = (
    # Digits in groups of any length; those of four and more are looked at more closely below.
    ("ACCOUNT", r"(?<![^\W_])(?<!-)[0-9](?:[ -]?[0-9]){12,18}(?![^\W_]|-)", 0.99, _luhn),
    ("LICENSE", r"(?<![^\W_])[A-Z][A-Z9][0-9]{7}(?![^\W_])", 0.99, _dea),
    ("VEHICLE", r"(?<![^\W_])[A-HJ-NPR-Z0-9]{17}(?![^\W_])", 0.99, _vin),
    ("DEVICE", r"\(01\) ?[0-9]{14}(?: ?\((?:10|11|17|21)\) ?[^\s()]{1,20})*", 0.99, _gtin),
    (
        "DEVICE",
        r"(?<![^\W_])(?<![:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![^\W_]|[:-])",
        0.95,
        _any,
    ),
    (
        "HEALTHPLAN",  # the Medicare beneficiary identifier
        r"(?<![^\W_])(?<!-)[1-9][A-Z][A-Z0-9][0-9]-?[A-Z][A-Z0-9][0-9]-?[A-Z]{2}[0-9]{2}"
        r"(?![^\W_]|-)",
        0.95,
        _any,
    ),
    # How pathology names a specimen: department, year, number.
    ("IDNUM", r"(?<![^\W_])(?<!-)[A-Z]{1,3}[0-9]{2}-[0-9]{3,7}(?![^\W_]|-)", 0.7, _any),
)
_COMPILED = [(label, re.compile(form), score, check) for label, form, score, check in _CHECKED]
# Both look ahead, so that what fails takes nothing from what begins within it.
_CARD = re.compile(
    r"(?<![0-9])(?=[0-9](?:[ -]?[0-9]){12})"
    r"(?=((?:[0-9]{4,19}(?![0-9])[ -]?){1,4}(?:[0-9]{1,3}(?![0-9]))?))"
)
_IBAN = re.compile(r"(?<![^\W_])(?=([A-Z]{2}[0-9]{2}[A-Z0-9 ]{11,36}))")


def numbers_with_checks(text: str, low: str) -> Iterator[Found]:
    """Cards, DEA numbers, VIN, UDI, MAC, Medicare, IBAN: by check digit or form."""
    for label, pattern, score, check in _COMPILED:
        for match in pattern.finditer(text):
            if check(match[0]):
                yield Found(*match.span(), label, score)
    for pattern, end_of in ((_CARD, _card_end), (_IBAN, _iban_end)):
        for match in pattern.finditer(text):
            end = end_of(match[1])
            if end:
                yield Found(match.start(), match.start() + end, "ACCOUNT", 0.99)


def _card_end(words: str) -> int:
    """Where the longest beginning of whole groups ends that has a card's length and check."""
    ends = [match.end() for match in re.finditer("[0-9]+", words)]
    for end in reversed(ends):
        head = words[:end]
        if 13 <= end - head.count(" ") - head.count("-") <= 19 and _luhn(head):
            return end
    return 0


def _iban_end(words: str) -> int:
    """Where the longest beginning ends that divides as an IBAN does; 0 if none."""
    ends = [place + 1 for place, each in enumerate(words) if each != " "]
    plain = words.replace(" ", "")[:34]
    # The first four stand last: two letters of two digits each, and two digits.
    first = int("".join(str(int(each, 36)) for each in plain[:4]))
    rest = found = 0
    for length, each in enumerate(plain[4:], 5):
        value = int(each, 36)
        rest = (rest * (100 if value > 9 else 10) + value) % 97
        if length >= 15 and (rest * 10**6 + first) % 97 == 1:
            found = ends[length - 1]
    return found


# --- numbers that are called so -------------------------------------------------------------------

# Words after which a number may follow at once, and words that need "number", "no", "id" or "#".
_WORDS = {
    "MEDICALRECORD": (
        r"mrn|m\.r\.n\.?|mr ?#|med(?:ical)?\.? ?rec(?:ord)?s?\.?",
        r"unit|chart|hospital|patient|pt\.?|record|mr|emr|ehr",
    ),
    "ACCOUNT": (
        r"account|acct\.?|csn|iban|invoice|credit card",
        r"visit|encounter|billing|bank|card|fin|har",
    ),
    "HEALTHPLAN": (
        r"medicare|medicaid|hicn?|mbi|policy|subscriber|beneficiary",
        r"group|insurance|member|health plan|plan|payer|hmo",
    ),
    "VEHICLE": (r"licen[sc]e plates?|number plates?|plates?|vin", r"vehicle|tag|registration"),
    "LICENSE": (
        r"driver'?s licen[sc]e|licen[sc]e|lic\.?|dea|npi|upin|passport",
        r"certificate|certification|cert\.?|dl",
    ),
    "DEVICE": (
        r"serial|s/n|sn|udi|imei|ser\. ?no\.?",
        r"device|implant|model|lot|generator|lead|pump",
    ),
    "IDNUM": (
        r"accession|specimen",
        r"case|order|sample|study|research|employee|badge|ticket|claim|reference|ref\.?"
        r"|authori[sz]ation|auth|identification|protocol|trial|requisition|barcode",
    ),
}
_MARK = r"(?:numbers?|num|nos?|id|identifier|identification|code)(?![a-z])"
_TO_NUMBER = r"[\s.]{0,2}[#:=]{0,2}\s{0,3}_{0,30}(?:is\s{1,3})?[#(]?\s?"
_LINK = rf"(?:\s{{0,3}}(?:{_MARK}|card(?![a-z]))){{0,2}}{_TO_NUMBER}"
_HARD_LINK = rf"\s{{0,3}}(?:{_MARK}|#){_TO_NUMBER}"
_TOKEN = (
    r"(?:[0-9]{2,4}(?: [0-9]{2,4}){1,4}(?![^\W_]|[/.-])"
    r"|(?=[a-z/_-]{0,8}[0-9])[a-z0-9](?:[a-z0-9]|[-/._](?=[a-z0-9]))*)"
)
_STRONG = "|".join(f"(?P<{label}>{words[0]})" for label, words in _WORDS.items())
_WEAK = "|".join(f"(?P<{label}>{words[1]})" for label, words in _WORDS.items())
_CALLED = re.compile(rf"(?<![^\W_])(?<!/)(?:{_STRONG})(?![a-z]){_LINK}(?P<number>{_TOKEN})")
_HARDLY_CALLED = re.compile(
    rf"(?<![^\W_])(?<!/)(?:{_WEAK})(?![a-z]){_HARD_LINK}(?P<number>{_TOKEN})"
)
_PLATE = re.compile(
    r"(?<![^\W_])(?<!/)plates?(?![a-z])(?:\s{0,2}(?:number|no|is))?[\s.:#_]{1,4}"
    r"(?P<number>[a-z0-9]{1,4}[- ]?[a-z0-9]{2,4})(?![^\W_])"
)


def labelled_numbers(text: str, low: str) -> Iterator[Found]:
    """Records, accounts, plans, licences, plates, devices and other numbers that are called so."""
    for pattern in (_CALLED, _HARDLY_CALLED):
        for match in pattern.finditer(low):
            label = next(name for name in _WORDS if match[name] is not None)
            wanted = 2 if label == "VEHICLE" else 3
            if sum(map(str.isdigit, match["number"])) >= wanted:
                yield Found(*match.span("number"), label, 0.9)
    for match in _PLATE.finditer(low):
        if re.search(r"\d", match["number"]):
            yield Found(*match.span("number"), "VEHICLE", 0.9)


# With the letters of a code before it; a decimal part is none.
_LONG = re.compile(
    r"(?:(?<![^\W_])(?:(?!MRN|SSN|DOB|NPI|TEL|FAX|VIN|DEA)[A-Z]{1,4}|[a-z]))?"
    r"(?<!\d)(?<![\d\s]\.)\d{7,}(?!\d|\.\d)"
)


def long_numbers(text: str, low: str) -> Iterator[Found]:
    """Numbers of seven digits or more: no measurement of a patient has so many."""
    for match in _LONG.finditer(text):
        yield Found(*match.span(), "IDNUM", 0.4)
