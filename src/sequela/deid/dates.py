"""Dates: the forms in which notes write them, found in a text and read from one.

A form is one expression, used for both: to find, with a look at what stands before and behind; and
to read what was found, so that a shifted date is written as the old one was. Left alone are days of
the week, times of the day and years alone, none of which HIPAA counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sequela.deid.found import AFTER_WORDS, Found, lowered

__all__ = ["MONTHS", "WrittenDate", "dates", "written_date"]

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = (
    r"(?P<n>january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec)(?![a-z])"
    # The point of an abbreviation, not the end of a sentence.
    r"(?:(?<=sept)\.|(?<![a-z]{4})(?<!may)\.)?"
)
_YEAR = r"(?P<y>(?:19|20)[0-9]{2}|'[0-9]{2})(?![0-9])"
_ONES = "one|two|three|four|five|six|seven|eight|nine"
_TEENS = "ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_BELOW_100 = rf"(?:(?:{_TENS})(?:[\s-](?:{_ONES}))?|{_TEENS}|{_ONES})"
_FIRSTS = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth"
# Dictated and spoken: "twenty second", "nineteen ninety five", "two thousand and four", "oh eight".
_DAY_WORDS = (
    rf"(?:(?:twenty|thirty)[\s-](?:{_FIRSTS}|{_ONES})|{_FIRSTS}|tenth|eleventh|twelfth"
    rf"|(?:thir|four|fif|six|seven|eigh|nine)teenth|twentieth|thirtieth|twenty|thirty|{_TEENS}|{_ONES})"
)
_YEAR_WORDS = (
    rf"(?:(?:two thousand|twenty[\s-]hundred)(?:,?\s(?:and\s)?{_BELOW_100})?"
    rf"|(?:nineteen|twenty)[\s-](?:hundred|(?:oh?|zero)[\s-](?:{_ONES})|{_BELOW_100})"
    rf"|(?:oh?|zero)[\s-](?:{_ONES}))(?![a-z])"
)
_ORDINAL = r"(?P<s>st|nd|rd|th)?(?![a-z])"


@dataclass(frozen=True)
class _Form:
    """How a date is written.

    Args:
        core: the date itself, in lower case, with groups: y year, m month, n its name, d day with
            s for its ordinal, a and b for month and day in either order, e the end of a range.
        before, behind: what must stand around it, or must not.
        score: how sure that it is a date.
        context: a word that must stand right before.
    """

    core: str
    before: str = r"(?<![^\W_])(?<![/.])"
    behind: str = r"(?![^\W_])"
    score: float = 0.95
    context: re.Pattern[str] | None = None

    @property
    def whole(self) -> re.Pattern[str]:
        return re.compile(self.core)

    @property
    def within(self) -> re.Pattern[str]:
        return re.compile(self.before + self.core + self.behind)


_BEFORE_DAY = re.compile(
    r"(?:^|\n|(?<![a-z])(?:on|since|from|until|till?|thru|through|by|dated?|as of"
    r"|before|after|start(?:ed|ing)?"
    r"|beginning|admit(?:ted)?|admission|discharged?|seen|visit|due|born|dob|dos|d/c'?e?d|returned"
    r"|scheduled|between|and|to|last|next|this|around|about|[/0-9]{3,8}\s{0,2}(?:-|\u2013|,))"
    r"[\s:(_]{0,3})$"
)
_BEFORE_MONTH = re.compile(
    r"(?<![a-z])(?:in|since|last|early|late|mid|this|next|until|till|by|during|from|through|every|of"
    r"|to|and|end of|beginning of)[\s-]{1,2}$"
)
_BEFORE_ORDINAL = re.compile(r"(?<![a-z])(?:on|until|since|by|before|after|from|to) the\s$")
_BIRTH = re.compile(r"(?<![a-z])(?:born|birth|[dy]ob|b\.)(?: in| year|:|_|\s){0,3}\s?$")
_BEFORE_DIGITS = re.compile(
    r"(?<![a-z])(?:born|birth(?:date|day)?|d\.?o\.?b\.?|dates?|dated|adm(?:it(?:ted)?|ission)?"
    r"|disch?(?:arged?)?|dos|seen|visit)[\s.:#(_]{0,4}$"
)
_NO_COUNT = (
    r"(?![^\W_]|%|[-.,/][0-9])(?!\s{0,2}(?:strength|power|motor|tabs?|tablets?|pills?|doses?|mg|mcg|ml|cc|of|inch(?:es)?"
    r"|cm|mm|cups?|pack|ppd|systolic|diastolic|sem|hsm|murmur|pain|positive|pos|neg|bottles?"
    r"|reflex(?:es)?|dtrs?|pulses?|edema|in all)(?![a-z]))"
)
_FORMS = (
    # 2012-03-04, 2012/3/4, also before a time
    _Form(
        r"(?P<y>(?:19|20)[0-9]{2})(?P<sep>[-/.])(?P<m>[0-9]{1,2})(?P=sep)(?P<d>[0-9]{1,2})",
        before=r"(?<![0-9])(?<![0-9][/.-])",
        behind=r"(?![0-9])",
    ),
    # 20120304
    _Form(
        r"(?P<y>(?:19|20)[0-9]{2})(?P<m>[01][0-9])(?P<d>[0-3][0-9])",
        behind=r"(?![0-9]|[a-su-z])",
        score=0.8,
    ),
    # 3/4/2012, 3.4.2012, 3 / 4 / 2012, whatever letter stands at its ends
    _Form(
        r"(?P<a>[0-9]{1,2})(?P<sep>[-.]| ?/ ?)(?P<b>[0-9]{1,2})(?P=sep)(?P<y>[0-9]{4})",
        before=r"(?<![0-9])(?<![0-9]\.)",
        behind=r"(?![0-9])",
    ),
    # 03-04-12, 3/4/12am, but no dose
    _Form(
        r"(?P<a>[0-9]{1,2})(?P<sep>[-.]| ?/ ?)(?P<b>[0-9]{1,2})(?P=sep)(?P<y>'?[0-9]{2})",
        before=rf"{AFTER_WORDS}(?<!/)(?<![0-9]\.)",
        behind=r"(?![0-9]|/[0-9]|(?:mc?g|m?l|[cm]m|kg|cc|g|u|x|h|hrs?|min)(?![a-z]))",
    ),
    # 03 04 2012; 3 4 2012 and 030412 behind a word
    _Form(
        r"(?P<a>[0-9]{2})(?P<sep>\s)(?P<b>[0-9]{2})\s(?P<y>(?:19|20)[0-9]{2})",
        before=r"(?<![^\W_])(?<![/.-])(?<![0-9]\s)",
        behind=r"(?![^\W_]|[-/.\s][0-9])",
        score=0.6,
    ),
    _Form(
        r"(?P<a>[0-9]{1,2})(?P<sep>\s)(?P<b>[0-9]{1,2})\s(?P<y>(?:19|20)[0-9]{2})",
        score=0.6,
        context=_BEFORE_DIGITS,
    ),
    _Form(
        r"(?P<a>[0-9]{2})(?P<b>[0-9]{2})(?P<y>(?:18|19|20)[0-9]{2}|[0-9]{2})",
        before=r"(?<![0-9])",
        score=0.6,
        context=_BEFORE_DIGITS,
    ),
    # 3/2012, 03-2012, 2012-12
    _Form(r"(?P<m>[0-9]{1,2})[-/](?P<y>(?:19|20)[0-9]{2})", before=r"(?<![0-9/.-])"),
    _Form(
        r"(?P<y>(?:19|20)[0-9]{2})[-/](?P<m>0[1-9]|1[0-2])",
        before=r"(?<![^\W_])(?<![/.-])",
        behind=r"(?![^\W_]|[-/.][0-9])",
        score=0.6,
    ),
    # 3/4, where the words around it say so
    _Form(
        r"(?P<a>[0-9]{1,2})/(?P<b>[0-9]{1,2})",
        before=r"(?<![0-9/.,])",
        behind=_NO_COUNT,
        score=0.6,
        context=_BEFORE_DAY,
    ),
    # March 4, 2012; Mar 4th; March 4-7, 2012
    _Form(
        rf"{_MONTH}[\s,-]{{0,3}}(?:the )?(?P<d>[0-9]{{1,2}})(?![0-9]){_ORDINAL}"
        rf"(?:\s?(?:-|\u2013|to|and|&|through)\s?(?P<e>[0-9]{{1,2}})(?![0-9])(?:st|nd|rd|th)?)?"
        rf"(?:(?:,?\s{{0,2}}|[-/]| of ){_YEAR}|[-/'](?P<y2>[0-9]{{2}})(?![0-9]))?",
        before=r"(?<![a-z])",
    ),
    # 4 March 2012, 4-Mar-12, 04MAR2012, the 4th of March
    _Form(
        r"(?P<d>[0-9]{1,2})(?P<s>st|nd|rd|th)?(?:\s{0,2}(?:of\s{1,2})?|[-/. ])"
        rf"{_MONTH}"
        rf"(?:[\s,/-]{{0,3}}{_YEAR}|[-/ ]?(?P<y2>[0-9]{{2}})(?![0-9:]))?",
        before=rf"{AFTER_WORDS}(?<!/)(?<![0-9]\.)",
    ),
    # March 2012, Mar-12 is read as a day above
    _Form(rf"{_MONTH}(?:,?\s{{0,2}}(?:of\s{{1,2}})?|[-/]){_YEAR}", before=r"(?<![a-z])"),
    # March fourth, two thousand and twelve; the fourth of March: found, and no more
    _Form(
        rf"{_MONTH}\s{{1,2}}(?:the )?(?P<e>{_DAY_WORDS})(?![a-z])"
        rf"(?:,?\s{{1,2}}(?:of\s)?(?:{_YEAR_WORDS}|{_YEAR}))?",
        before=r"(?<![a-z])",
    ),
    _Form(
        rf"(?P<e>{_DAY_WORDS})\s{{1,2}}(?:of\s)?{_MONTH}"
        rf"(?:,?\s{{1,2}}(?:(?:in|of)\s)?(?:{_YEAR_WORDS}|{_YEAR}))?",
        before=r"(?<![a-z-])",
    ),
    _Form(rf"{_MONTH},?\s{{1,2}}(?:of\s)?(?P<e>{_YEAR_WORDS})", before=r"(?<![a-z])"),
    # in March
    _Form(_MONTH, before=r"(?<![a-z])", score=0.7, context=_BEFORE_MONTH),
    # on the 4th
    _Form(r"(?P<d>[0-9]{1,2})(?P<s>st|nd|rd|th)", score=0.6, context=_BEFORE_ORDINAL),
    # born in 1950
    _Form(r"(?P<y>(?:18|19|20)[0-9]{2})", score=0.9, context=_BIRTH),
    _Form(
        r"(?:christmas(?: eve| day)?|thanksgiving|new year'?s(?: eve| day)?|easter"
        r"|hanukkah|halloween|labor day|memorial day|independence day|valentine'?s day)",
        score=0.7,
    ),
)
_WITHIN = [(form.within, form) for form in _FORMS]
_WHOLE = [form.whole for form in _FORMS]
_LONGEST_BEFORE = 24


def dates(text: str, low: str) -> Iterator[Found]:
    """Dates in many forms, whole or in part; a year alone only as that of a birth."""
    for pattern, form in _WITHIN:
        for match in pattern.finditer(low):
            start, end = match.span()
            if form.context is not None:
                before = low[max(0, start - _LONGEST_BEFORE) : start]
                if not form.context.search(before):
                    continue
            if _is_verb(text, match) or (_read(match) is None and not _meant(match)):
                continue
            yield Found(start, end, "DATE", form.score)


def _is_verb(text: str, match: re.Match[str]) -> bool:
    # "grade 4 may be", "in march on": without a year, these begin with a capital when months.
    found = match.groupdict()
    if found.get("n") not in ("may", "march") or found.get("y") or found.get("y2"):
        return False
    number_behind = found.get("d") is not None and match.start("d") > match.start("n")
    return not number_behind and text[match.start("n")].islower()


def _meant(match: re.Match[str]) -> bool:
    """There is no such day, but whoever wrote it meant one: 11/31/1950, February 30."""
    found = match.groupdict()
    numbers = [int(found[name]) for name in "mdab" if found.get(name)]
    if not numbers or max(numbers) > 31:
        return False
    if found.get("n"):
        return min(numbers) > 0
    year = (found.get("y") or "").removeprefix("'")
    if len(numbers) != 2 or not (found.get("sep") or "").strip():
        return False
    if len(year) == 4:
        return year[:2] in ("18", "19", "20")
    return len(year) == 2 and 0 < min(numbers) <= 12


@dataclass(frozen=True)
class WrittenDate:
    """What a text says of a date; None for what it leaves out.

    Args:
        year, month, day: as written, or as meant by two digits of a year.
        groups: which characters of the text say what: y or y2, m, n, d, s, a, b.
        day_first: of a and b, a is the day.
    """

    year: int | None
    month: int | None
    day: int | None
    groups: dict[str, tuple[int, int]]
    day_first: bool = False


def written_date(
    words: str, *, day_first: bool = False, latest: int | None = None
) -> WrittenDate | None:
    """Reads a date; None where no form fits, it is a range, or there is no such day.

    Args:
        words: nothing but the date.
        day_first: what 3/4/2012 means where both orders can be: 3 April.
        latest: a year of two digits is the last such one up to this; by default up to this year.
    """
    low = lowered(words)
    for pattern in _WHOLE:
        match = pattern.fullmatch(low)
        read = _read(match, day_first, latest) if match else None
        if match and read is not None:
            return None if "e" in read.groups else read
    return None


def _read(
    match: re.Match[str], day_first: bool = False, latest: int | None = None
) -> WrittenDate | None:
    found = {name: part for name, part in match.groupdict().items() if part and name != "sep"}
    groups = {name: match.span(name) for name in found}
    year = _year(found.get("y") or found.get("y2"), latest)
    month = int(found["m"]) if "m" in found else None
    if "n" in found:
        month = next(at for at, name in enumerate(MONTHS, 1) if name.startswith(found["n"][:3]))
    day = int(found["d"]) if "d" in found else None
    if "a" in found:
        a, b = int(found["a"]), int(found["b"])
        day_first = (day_first and b <= 12) or a > 12
        month, day = (b, a) if day_first else (a, b)
    try:
        date(year or 2000, month or 1, day or 1)
    except ValueError:
        return None
    return WrittenDate(year, month, day, groups, day_first)


def _year(words: str | None, latest: int | None) -> int | None:
    if words is None:
        return None
    number = int(words.removeprefix("'"))
    if len(words) >= 4:
        return number
    latest = date.today().year if latest is None else latest
    return latest - (latest - number) % 100
