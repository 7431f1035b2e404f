"""The law of the simulated visits: what the next one brings, and when, given all before it.

Of a patient with the visits 1 ... t on the days d_1 ... d_t, everything after visit t depends on
what was written until then, on age and on nothing else. Each code comes independently of the
others:

    P(c at visit t+1) = sigmoid(a_c(t))
    chronic     a = never + .3 (age - 63) / 10 + sum of w over its causes seen,  until it is seen
                a = .6 - .8 (1 - exp(-(d_t - last) / 365)),                      afterwards
    trouble     a = -1.5 (failure), -2 (side effect) once their disease is known, else -7
    drug k      a = 1.6 if its disease is known and k is the line of treatment, else -5
    trigger     a = -2.8
    answer      a = -5, and 5.5 exp(-(d_t - trigger) / 180) more while the trigger is unanswered
    everyday    a = usual + 1.5 log(1 + m),  m = sum over j with it of exp(-(d_t - d_j) / 730)

The line of treatment of a disease is 1 from the visit that first tells of it. Each later visit with
its failure moves it up, with its side effect down, and with both not; it stays between 1 and 3. So
the drugs of the next visit depend on the order of what happened, not on how often. A trigger is
unanswered from its last mention until its answer comes, at that visit or later.

The days to the next visit are ``max(1, round(exp(b(t) + .5 z)))``, z standard normal, with

    b = log 70 - .9 [trigger or trouble at visit t] - .1 min(known chronic diseases, 6)
        - .3 [an unanswered trigger]

and the number of visits of a patient is drawn before the first: it tells nothing. At the first
visit chronic diseases come with ``sigmoid(first + .3 (age - 63) / 10)``, triggers and everyday
codes as if nothing had been seen, all else not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CODES", "DESCRIPTIONS", "GAP_SPREAD", "Course"]

#: Standard deviation of the logarithm of the days between visits.
GAP_SPREAD = 0.5


@dataclass(frozen=True)
class _Chronic:
    first: float
    never: float
    causes: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class _Treatment:
    disease: str
    failure: str
    side_effect: str
    lines: tuple[str, str, str]


_CHRONIC = {
    "ICD10CM//I10": _Chronic(-0.4, -3.6),
    "ICD10CM//E11.9": _Chronic(-1.6, -4.6, (("ICD10CM//E66.9", 1.2),)),
    "ICD10CM//I25.10": _Chronic(-2.2, -5.2, (("ICD10CM//I10", 0.8), ("ICD10CM//E11.9", 0.9))),
    "ICD10CM//N18.30": _Chronic(-2.9, -5.6, (("ICD10CM//I10", 0.7), ("ICD10CM//E11.9", 1.4))),
    "ICD10CM//I48.0": _Chronic(-3.0, -5.6, (("ICD10CM//I10", 0.7), ("ICD10CM//I25.10", 1.1))),
    "ICD10CM//I50.9": _Chronic(-3.6, -6.0, (("ICD10CM//I25.10", 1.8), ("ICD10CM//I48.0", 1.5))),
    "ICD10CM//E66.9": _Chronic(-1.2, -4.4),
    "ICD10CM//E78.5": _Chronic(-0.9, -4.0, (("ICD10CM//E11.9", 0.8),)),
    "ICD10CM//M19.90": _Chronic(-1.3, -4.0, (("ICD10CM//E66.9", 0.9),)),
    "ICD10CM//F32.A": _Chronic(-1.9, -4.5),
    "ICD10CM//J44.9": _Chronic(-2.4, -4.8),
    "ICD10CM//E03.9": _Chronic(-2.2, -4.8),
}
_TREATMENTS = (
    _Treatment(
        "ICD10CM//I10",
        "ICD10CM//R03.0",
        "ICD10CM//R05.9",
        ("ATC//C09AA05", "ATC//C08CA01", "ATC//C03AA03"),
    ),
    _Treatment(
        "ICD10CM//E11.9",
        "ICD10CM//E11.65",
        "ICD10CM//E16.2",
        ("ATC//A10BA02", "ATC//A10BK03", "ATC//A10AE04"),
    ),
    _Treatment(
        "ICD10CM//M19.90",
        "ICD10CM//M79.1",
        "ICD10CM//K29.70",
        ("ATC//N02BE01", "ATC//M01AE01", "ATC//N02AX02"),
    ),
    _Treatment(
        "ICD10CM//F32.A",
        "ICD10CM//F33.1",
        "ICD10CM//G47.00",
        ("ATC//N06AB06", "ATC//N06AX16", "ATC//N06AX11"),
    ),
)
# What raises a question, and what answers it.
_QUESTIONS = (
    ("ICD10CM//R53.83", "ICD10CM//D64.9"),
    ("ICD10CM//R07.9", "ICD10CM//I20.0"),
    ("ICD10CM//R10.9", "ICD10CM//K80.20"),
    ("ICD10CM//Z12.11", "ICD10CM//D12.6"),
    ("ICD10CM//R51.9", "ICD10CM//G43.909"),
    ("ICD10CM//R06.02", "ICD10CM//J20.9"),
)
# From frequent to rare.
_EVERYDAY = (
    "ICD10CM//J06.9",
    "ICD10CM//M54.50",
    "ICD10CM//K21.9",
    "ATC//A02BC01",
    "ICD10CM//Z23",
    "ICD10CM//F41.9",
    "ATC//J01CA04",
    "ATC//H03AA01",
    "ICD10CM//N39.0",
    "ATC//B01AC06",
    "ICD10CM//M25.561",
    "ICD10CM//L30.9",
    "ATC//R06AE07",
    "ICD10CM//J30.9",
    "ICD10CM//H52.4",
    "ATC//A11CC05",
    "ICD10CM//K59.00",
    "ICD10CM//R42",
    "ICD10CM//H25.9",
    "ICD10CM//N40.0",
    "ATC//G04CA02",
    "ATC//J01FA10",
    "ICD10CM//L57.0",
    "ICD10CM//M81.0",
    "ICD10CM//K57.30",
    "ATC//D07AC01",
    "ICD10CM//H61.20",
    "ATC//A06AD15",
    "ICD10CM//M10.9",
    "ATC//M04AA01",
    "ICD10CM//L03.90",
    "ICD10CM//E55.9",
    "ATC//S01ED51",
    "ICD10CM//K64.9",
    "ATC//N05CF02",
    "ICD10CM//S93.401A",
)

#: What codes mean that :mod:`sequela.simulate.codes` does not have.
DESCRIPTIONS = {
    "ICD10CM//J44.9": "Chronic obstructive pulmonary disease",
    "ICD10CM//R03.0": "Elevated blood-pressure reading",
    "ATC//C08CA01": "Amlodipine",
    "ATC//C03AA03": "Hydrochlorothiazide",
    "ICD10CM//E16.2": "Hypoglycaemia, unspecified",
    "ATC//A10BA02": "Metformin",
    "ATC//A10AE04": "Insulin glargine",
    "ICD10CM//K29.70": "Gastritis",
    "ICD10CM//F33.1": "Major depressive disorder, recurrent, moderate",
    "ATC//N06AX16": "Venlafaxine",
    "ATC//N06AX11": "Mirtazapine",
    "ICD10CM//R07.9": "Chest pain, unspecified",
    "ICD10CM//K80.20": "Gallstones",
    "ICD10CM//D12.6": "Polyp of the colon",
}

_DRUGS = tuple(drug for one in _TREATMENTS for drug in one.lines)
_TROUBLES = tuple(code for one in _TREATMENTS for code in (one.failure, one.side_effect))
_TRIGGERS = tuple(trigger for trigger, _ in _QUESTIONS)
_ANSWERS = tuple(answer for _, answer in _QUESTIONS)
#: All codes that a visit may bring, and so the columns of every array here.
CODES = (*_CHRONIC, *_TROUBLES, *_DRUGS, *_TRIGGERS, *_ANSWERS, *_EVERYDAY)

_PLACE = {code: place for place, code in enumerate(CODES)}
_BLOCKS = (_CHRONIC, _TROUBLES, _DRUGS, _TRIGGERS, _ANSWERS, _EVERYDAY)
_ENDS = np.cumsum([len(block) for block in _BLOCKS]).tolist()
_OF_CHRONIC, _OF_TROUBLE, _OF_DRUG, _OF_TRIGGER, _OF_ANSWER, _OF_EVERYDAY = (
    slice(end - len(block), end) for block, end in zip(_BLOCKS, _ENDS, strict=True)
)
_TREATED = np.array([_PLACE[one.disease] for one in _TREATMENTS])
_CAUSES = np.zeros((len(_CHRONIC), len(_CHRONIC)))
for _code, _disease in _CHRONIC.items():
    for _cause, _weight in _disease.causes:
        _CAUSES[_PLACE[_cause], _PLACE[_code]] = _weight
_FIRST = np.array([one.first for one in _CHRONIC.values()])
_NEVER = np.array([one.never for one in _CHRONIC.values()])
_USUAL = -2.4 - 0.05 * np.arange(len(_EVERYDAY))
_TROUBLE = np.tile([-1.5, -2.0], len(_TREATMENTS))
_LONG_AGO = -1e9


class Course:
    """What was seen of ``n`` patients so far, and what it says of the next visit.

    Args:
        count: n.
    """

    def __init__(self, count: int) -> None:
        self._known = np.zeros((count, len(_CHRONIC)), bool)
        self._mentioned = np.full((count, len(_CHRONIC)), _LONG_AGO)
        self._line = np.zeros((count, len(_TREATMENTS)), np.int64)
        self._raised = np.full((count, len(_QUESTIONS)), _LONG_AGO)
        self._memory = np.zeros((count, len(_EVERYDAY)))
        self._urgent = np.zeros(count, bool)
        self._day = np.full(count, np.nan)

    def see(self, who: np.ndarray, day: np.ndarray, came: np.ndarray) -> None:
        """One more visit of some patients, who may not be told twice.

        Args:
            who: int ``[k]``, which of them.
            day: ``[k]``, later than their last visit.
            came: bool ``[k, C]``, the columns are :data:`CODES`.
        """
        chronic, trouble = came[:, _OF_CHRONIC], came[:, _OF_TROUBLE]
        before = self._known[who][:, _TREATED]
        self._known[who] |= chronic
        self._mentioned[who] = np.where(chronic, day[:, None], self._mentioned[who])
        move = trouble[:, ::2].astype(np.int64) - trouble[:, 1::2]
        moved = np.clip(self._line[who] + move, 1, 3)
        self._line[who] = np.where(before, moved, self._known[who][:, _TREATED])
        raised = np.where(came[:, _OF_TRIGGER], day[:, None], self._raised[who])
        self._raised[who] = np.where(came[:, _OF_ANSWER], _LONG_AGO, raised)
        since = np.nan_to_num(day - self._day[who])
        faded = self._memory[who] * np.exp(-since / 730.0)[:, None]
        self._memory[who] = faded + came[:, _OF_EVERYDAY]
        self._urgent[who] = trouble.any(axis=1) | came[:, _OF_TRIGGER].any(axis=1)
        self._day[who] = day

    def chances(self, who: np.ndarray, age: np.ndarray) -> np.ndarray:
        """The probability of each code at the next visit, ``[k, C]``.

        Args:
            who: int ``[k]``.
            age: ``[k]``, years at the last visit (the first one where there was none).
        """
        begun = ~np.isnan(self._day[who])
        day = np.nan_to_num(self._day[who])[:, None]
        known = self._known[who]
        older = 0.03 * (age - 63.0)[:, None]
        new = np.where(begun[:, None], _NEVER + known @ _CAUSES, _FIRST) + older
        silent = -np.expm1(-(day - self._mentioned[who]) / 365.0)
        treated = known[:, _TREATED]
        lines = self._line[who][:, :, None] == np.arange(1, 4)
        asked = 5.5 * np.exp(-(day - self._raised[who]) / 180.0)
        logits = np.empty((len(who), len(CODES)))
        logits[:, _OF_CHRONIC] = np.where(known, 0.6 - 0.8 * silent, new)
        logits[:, _OF_TROUBLE] = np.where(np.repeat(treated, 2, axis=1), _TROUBLE, -7.0)
        logits[:, _OF_DRUG] = np.where(lines.reshape(len(who), -1), 1.6, -5.0)
        logits[:, _OF_TRIGGER] = -2.8
        logits[:, _OF_ANSWER] = -5.0 + asked
        logits[:, _OF_EVERYDAY] = _USUAL + 1.5 * np.log1p(self._memory[who])
        found = 0.5 * (1.0 + np.tanh(logits / 2.0))
        # A first visit tells what a patient has and complains of; treatment begins with it.
        found[:, _OF_TROUBLE.start : _OF_DRUG.stop] *= begun[:, None]
        found[:, _OF_ANSWER] *= begun[:, None]
        return found

    def median_days(self, who: np.ndarray) -> np.ndarray:
        """The median number of days to the next visit, ``[k]``, before it is rounded."""
        waiting = (self._raised[who] > _LONG_AGO).any(axis=1)
        many = np.minimum(self._known[who].sum(axis=1), 6)
        return 70.0 * np.exp(-0.9 * self._urgent[who] - 0.1 * many - 0.3 * waiting)
