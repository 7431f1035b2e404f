"""Rules for ages over 89 and for ZIP codes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sequela.deid.found import AFTER_WORDS, Found, lowered

__all__ = ["AGE_WORDS", "ages_over_89", "is_age", "zip_codes"]

_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
AGE_WORDS = {
    "ninety": 90,
    **{f"ninety {name}": 90 + number for number, name in enumerate(_ONES, 1)},
    "one hundred": 100,
    "a hundred": 100,
    **{f"one hundred {name}": 100 + number for number, name in enumerate(_ONES, 1)},
}
"""Ages over 89 in words."""

_YEARS = r"(?:years?(?![a-z])|yearold|yrs?(?![a-z])|y[\s./-]{0,2}o)"
_FORMS = (
    re.compile(
        rf"{AFTER_WORDS}(?<![./-])(?P<age>[0-9]{{2,3}})[\s_-]{{0,2}}{_YEARS}(?!\s{{1,2}}(?:ago|history|smok))"
    ),
    re.compile(
        r"(?<![a-z])(?:aged?)(?![a-z])(?:\s{0,2}(?:of|is|was|at|[:=])){0,2}[\s_]{0,3}"
        r"(?P<age>[0-9]{2,3})(?![0-9%]|\.[0-9])"
    ),
    re.compile(
        rf"{AFTER_WORDS}(?<![./-])(?P<age>[0-9]{{2,3}})[\s_-]{{1,2}}"
        r"(?:woman|man|female|male|lady|gentleman)(?![a-z])"
    ),
    # 92/F, F/92; over 125 and below 90 it is something else
    re.compile(
        r"(?<![^\W_])(?<![./-])(?P<age>[0-9]{2,3})\s?/\s?(?:fe?|fem|female|ma?|male)(?![^\W_]|[./])"
    ),
    re.compile(
        r"(?<![^\W_])(?<![./-])(?:female|male|f|m)\s?/\s?(?P<age>[0-9]{2,3})(?![^\W_]|[./-][0-9])"
    ),
    re.compile(
        r"(?<![a-z])(?:turn(?:ed|s|ing)|lived to|(?:died|dead|deceased|passed(?: away)?) at)"
        r"\s{1,2}(?P<age>[0-9]{2,3})(?![^\W_]|[.,/:-][0-9]|\s?(?:%|\u00b0|deg|hours|hrs|am|pm|min))"
    ),
    re.compile(r"(?<![a-z])(?P<age>nonagenarians?|(?:super)?centenarians?)(?![a-z])"),
    re.compile(
        r"(?<![a-z])(?P<age>ninety(?:[\s-](?:one|two|three|four|five|six|seven|eight|nine))?"
        r"|(?:one|a)[\s-]hundred(?:(?:[\s-]and)?[\s-](?:one|two|three|four|five|six|seven|eight|nine))?)"
        rf"[\s-]{{1,2}}{_YEARS}"
    ),
    re.compile(
        r"(?<![a-z])(?:his|her|their|the)\s{1,2}(?:(?:early|mid|late)[\s-]{1,2})?"
        r"(?P<age>(?:90|100)'?s|nineties)(?![a-z])"
    ),
)
_OLDEST = 125
# 92F, 92 M: people, but 98F and 101 F are temperatures unless the words behind speak of a person.
_WITH_SEX = re.compile(r"(?<![^\W_])(?<![./-])([0-9]{2,3})[\s_]?(?:([Ff])|[Mm])(?![^\W_]|\.[0-9])")
_WARM = re.compile(r"(?<![a-z])(?:t|temp(?:erature)?|t?max|fevers?|(?:a?fe|sube?)brile)")
_A_PERSON = re.compile(
    r"[\s,]{1,3}(?:with|w/|who|presents|presenting|presented|admitted|p/w|h/o|s/p|c/o|hx|pmh|here|seen"
    r"|from|found|brought|transferred|patient|pt)"
)


def ages_over_89(text: str, low: str) -> Iterator[Found]:
    """Ages from 90 on, in figures or words; of the younger ones HIPAA says nothing."""
    for pattern in _FORMS:
        for match in pattern.finditer(low):
            words = match["age"]
            if not words.isdecimal() or 90 <= int(words) <= _OLDEST:
                yield Found(*match.span("age"), "AGE", 0.9)
    for match in _WITH_SEX.finditer(text):
        if 90 <= int(match[1]) <= _OLDEST and not _temperature(low, match):
            yield Found(*match.span(1), "AGE", 0.7)


def _temperature(low: str, match: re.Match[str]) -> bool:
    if _A_PERSON.match(low, match.end()):
        return False
    if match[2] is None:
        # Also metres and millions: a blank between needs words that speak of a person.
        return match[0][-2].isspace()
    warm = _WARM.search(low, max(0, match.start() - 24), match.start())
    return warm is not None or 95 <= int(match[1]) <= 108 or match[0][-2].isspace()


_CALLED_AGE = re.compile(
    r"(?<![a-z])(?:aged?|turn(?:ed|s|ing)?)(?![a-z])[\s:=]{0,3}(?:of|is|was|at)?\s{0,3}$"
)
_UNIT = re.compile(
    rf"[\s-]{{0,2}}(?:{_YEARS}"
    r"|(?:months?|mos?|weeks?|wks?|days?)[\s-]{0,2}(?:old|of age)(?![a-z])"
    r"|(?:m|f|male|female|man|woman|boy|girl)(?![a-z]))"
)


def is_age(text: str, start: int, end: int) -> bool:
    """Whether the words in or around a piece of a text say that it is an age, of any years."""
    low = lowered(text[max(0, start - 24) : end + 24])
    first = start - max(0, start - 24)
    figures = re.compile(r"[0-9]{1,3}").search(low, first, first + end - start)
    if figures is None:
        return False
    called = _CALLED_AGE.search(low[: figures.start()])
    return bool(called or _UNIT.match(low, figures.end()))


_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|"
    "NY|NC|ND|OH|OK|OR|PA|PR|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|[Zz][Ii][Pp](?:\\s?[Cc][Oo][Dd][Ee])?"
    "|Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|"
    "Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Mass(?:achusetts|\\.)?|"
    "Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|Hampshire|Jersey|Mexico|York|"
    "Carolina|Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|Tennessee|Texas|Utah|Vermont|"
    "Virginia|Washington|Wisconsin|Wyoming"
)
_ZIP = r"(?P<zip>[0-9]{5}(?:-[0-9]{4})?)(?![^\W_]|[-.][0-9])"
_AFTER_STATE = re.compile(rf"(?<![A-Za-z])(?:{_STATES})(?:[.,:#]?[\s_]{{1,8}}|[.,:#]){_ZIP}")
_PLUS_FOUR = re.compile(r"(?<![^\W_])(?<![.-])(?P<zip>[0-9]{5}-[0-9]{4})(?![^\W_]|[-.][0-9])")


def zip_codes(text: str, low: str) -> Iterator[Found]:
    """ZIP codes: behind a state or the word ZIP, or with their four more digits."""
    for pattern, score in ((_AFTER_STATE, 0.9), (_PLUS_FOUR, 0.8)):
        for match in pattern.finditer(text):
            if not match["zip"].startswith("000"):
                yield Found(*match.span("zip"), "ZIP", score)
