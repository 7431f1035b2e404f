"""Rules for what reaches a person: telephone, fax, e-mail, web and network addresses.

Every expression starts at a place where nothing of its own kind stands before, and what it repeats
is bounded or comes last: so that no text makes it slow.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterator

from sequela.deid.found import AFTER_WORDS, Found

__all__ = ["emails", "network_addresses", "phones", "urls"]

_HOST = re.compile(r"@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_BEFORE_AT = re.compile(r"[\w.%+'-]+")
_LONGEST_BEFORE_AT = 320


def emails(text: str, low: str) -> Iterator[Found]:
    """E-mail addresses."""
    for host in _HOST.finditer(text):
        first = max(0, host.start() - _LONGEST_BEFORE_AT)
        # Read backwards, a name before the sign is found in one pass.
        name = _BEFORE_AT.match(text[first : host.start()][::-1])
        if name:
            yield Found(host.start() - name.end(), host.end(), "EMAIL")


_URL = re.compile(
    r"(?:https?|s?ftp|file)://[^\s<>\"']+"
    r"|(?<![^\W_])(?<![.@-])www\.[^\s<>\"']+"
    r"|(?<![^\W_])(?<![.@-])(?:[a-z0-9-]{1,63}\.){1,8}"
    r"(?:com|org|net|edu|gov|mil|info|biz|io|app|dev|co\.uk|ac\.uk|nhs\.uk)(?![^\W_]|-)"
    r"(?:[/:?#][^\s<>\"']*)?"
)


def urls(text: str, low: str) -> Iterator[Found]:
    """Web addresses, with or without scheme."""
    for match in _URL.finditer(low):
        words = match[0].rstrip(".,;:!?)]}")
        if words.rstrip("/").find(".") > 0:
            yield Found(match.start(), match.start() + len(words), "URL")


_IPV4 = re.compile(
    rf"{AFTER_WORDS}(?<!\.)(\d{{1,3}})\.(\d{{1,3}})\.(\d{{1,3}})\.(\d{{1,3}})(?![^\W_]|\.\d)"
)
_IPV6 = re.compile(r"(?<![^\W_])(?<![:.])(?=[0-9a-f]{0,4}:)[0-9a-f:]{3,39}(?![^\W_]|:)")


def network_addresses(text: str, low: str) -> Iterator[Found]:
    """Addresses of computers: four numbers up to 255, or IPv6 as the standard writes it."""
    for match in _IPV4.finditer(text):
        if all(int(part) <= 255 for part in match.groups()):
            yield Found(*match.span(), "IPADDR", 0.95)
    for match in _IPV6.finditer(low):
        if match[0].count(":") >= 2 and re.search("[0-9a-f]", match[0]):
            with contextlib.suppress(ValueError):
                ipaddress.IPv6Address(match[0])
                yield Found(*match.span(), "IPADDR")


_DASH = r"[-.\u2010-\u2015\s]"
_AMERICAN = re.compile(
    rf"(?:{AFTER_WORDS}(?<!\d[-.])|(?=\())(?:\+?1{_DASH}{{0,2}})?"
    rf"(?:\(\s?[2-9]\d\d\s?\){_DASH}{{0,2}}|[2-9]\d\d(?:{_DASH}|/){{0,3}})"
    rf"[2-9]\d\d{_DASH}{{0,3}}\d{{4}}(?!\d)(?:\s{{0,2}}(?:x|ext\.?|extension)\s{{0,2}}\d{{1,6}})?"
)
_ABROAD = re.compile(r"(?<!\d)\+[\d\-. ()]{7,24}")
_SHORT = re.compile(
    r"(?<![^\W_])(?<![/.+-])[2-9]\d\d[-\u2010-\u2015]\d{4}(?![^\W_]|[-/.]\d)"
    r"(?!\s{0,2}(?:mg|ml|mcg|g|cc|units?|iu|cells|kcal|k|/)(?!\w))"
)
_EXTENSION = re.compile(r"(?<![^\W_])x\d{4,5}(?![^\W_]|\.\d)")
_STRONG = r"phone|telephone|tel|pager|beeper|fax|facsimile|extension|ext|voice ?mail"
_WEAK = r"call(?:ed|s)?|contact|cell|mobile|ph|home|office|reach(?:ed)?|p|f|t"
_LABELLED = re.compile(
    rf"(?<![^\W_])(?<!/)(?:(?P<strong>{_STRONG})|(?:{_WEAK}))(?![a-z])"
    r"[\s.:#(_]{0,4}(?:(?:numbers?|no|num|is|at|on|line)(?![a-z])[\s.:#(_]{0,4}){0,2}"
    r"(?P<number>\+?\(?\d{1,15}\)?(?:[-.\u2010-\u2015\s/]{1,2}\(?\d{2,5}\)?(?!\d)){0,5})"
)


def phones(text: str, low: str) -> Iterator[Found]:
    """Telephone and fax numbers: North American ones, those with +, and those called so."""
    for pattern, score in ((_AMERICAN, 0.95), (_SHORT, 0.6), (_EXTENSION, 0.5)):
        for match in pattern.finditer(low):
            yield _called(low, *match.span(), score)
    for match in _ABROAD.finditer(low):
        words = match[0].rstrip("-. ()")
        if 8 <= sum(map(str.isdigit, words)) <= 15:
            yield _called(low, match.start(), match.start() + len(words), 0.9)
    for match in _LABELLED.finditer(low):
        digits = sum(map(str.isdigit, match["number"]))
        if (4 if match["strong"] else 7) <= digits <= 15:
            yield _called(low, *match.span("number"), 0.85)


def _called(low: str, start: int, end: int, score: float) -> Found:
    """A number by the nearest word before it: fax or telephone."""
    before = low[max(0, start - 24) : start]
    fax = max(before.rfind("fax"), before.rfind("facsimile"))
    other = max(before.rfind(word) for word in ("phone", "tel", "cell", "mobile", "pager", "call"))
    is_fax = fax > other and not re.search(r"\d", before[fax:])
    return Found(start, end, "FAX" if is_fax else "PHONE", score)
