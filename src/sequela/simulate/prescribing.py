"""The law of the simulated ward: which drugs a stay's record leads to, in closed form.

A patient has some of the problems below. Each has two treatments and a complaint that either of
them can cause. At an admission the choice between the treatments falls so:

    first stay:    the first treatment with FIRST, the second otherwise
    later stays:   as in the stay before; the other one, if the complaint was told since its end

A complaint from before the first stay, or one that was answered already, means nothing. Which drug
comes next is therefore an exclusive or of the last drug and the last complaint, and no sum over
counts and dates of mentions says it. The chosen drug is ordered with GIVEN. Everyday drugs are
ordered by their own chance, whoever lies there. At last, of a pair of :data:`AVOIDED` that would
both be ordered the second is left out with HEEDED: prescribers heed such lists now and then.
Given the choices, which the record tells but where a drug was not ordered, every chance is known,
since no drug is the second one of two pairs:

    p(drug) = p0(drug) * (1 - HEEDED * p0(the first of its pair))
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = [
    "AVOIDED",
    "DRUGS",
    "EVERYDAY",
    "FIRST",
    "GIVEN",
    "HEEDED",
    "PROBLEMS",
    "Problem",
    "chances",
    "drugs_of",
]

FIRST, GIVEN, HEEDED = 0.75, 0.95, 0.4


@dataclass(frozen=True)
class Problem:
    """A reason for treatment.

    Args:
        code: the diagnosis, told at every admission.
        carriers: the share of patients who have it.
        treatments: the codes of the first and the second choice.
        complaint: the code of what either may cause.
    """

    code: str
    carriers: float
    treatments: tuple[str, str]
    complaint: str


PROBLEMS = (
    Problem("ICD10CM//I10", 0.60, ("ATC//C09AA05", "ATC//C09CA01"), "ICD10CM//R05.9"),
    Problem("ICD10CM//E78.5", 0.50, ("ATC//C10AA05", "ATC//C10AX09"), "ICD10CM//M79.1"),
    Problem("ICD10CM//I48.91", 0.45, ("ATC//B01AA03", "ATC//B01AF01"), "ICD10CM//R04.0"),
    Problem("ICD10CM//M19.90", 0.50, ("ATC//M01AE01", "ATC//N02AX02"), "ICD10CM//R11.0"),
    Problem("ICD10CM//F32.A", 0.40, ("ATC//N06AB06", "ATC//N06AX11"), "ICD10CM//G47.00"),
    Problem("ICD10CM//M10.9", 0.35, ("ATC//M04AA01", "ATC//M04AA03"), "ICD10CM//R21"),
)
#: Drugs that anybody may get, and how often.
EVERYDAY = (("ATC//B01AB05", 0.60), ("ATC//J01FA10", 0.20), ("ATC//A06AD15", 0.15))
DRUGS = tuple(code for problem in PROBLEMS for code in problem.treatments) + tuple(
    code for code, _ in EVERYDAY
)
#: What is better not given together, the one first that is kept: an example of a list, no list for
#: care.
AVOIDED = (
    ("ATC//B01AA03", "ATC//M01AE01"),
    ("ATC//N06AB06", "ATC//N02AX02"),
    ("ATC//C09AA05", "ATC//M04AA01"),
    ("ATC//C10AA05", "ATC//J01FA10"),
)
_PLACE = {code: place for place, code in enumerate(DRUGS)}


def _alone(second: np.ndarray, problems: np.ndarray) -> np.ndarray:
    """Each drug's chance ``[n, D]`` before any pair is heeded.

    Args:
        second: float ``[n, P]``, the chance that the choice is the second treatment.
        problems: bool ``[n, P]``.
    """
    chosen = np.stack([1.0 - second, second], axis=2) * problems[:, :, None] * GIVEN
    everyday = np.tile([chance for _, chance in EVERYDAY], (len(second), 1))
    return np.concatenate([chosen.reshape(len(second), -1), everyday], axis=1)


def chances(second: np.ndarray, problems: np.ndarray) -> np.ndarray:
    """The chance of each of :data:`DRUGS` in a stay, float64 ``[n, D]``.

    Args:
        second: float ``[n, P]``, the chance that the choice is the second treatment: 0 or 1 but in
            first stays.
        problems: bool ``[n, P]``, who has which of :data:`PROBLEMS`.
    """
    found = _alone(second, problems)
    for kept, left_out in AVOIDED:
        # Nothing is both kept and left out, so that the order of the pairs does not matter.
        found[:, _PLACE[left_out]] *= 1.0 - HEEDED * found[:, _PLACE[kept]]
    return found


def drugs_of(random: np.random.Generator, second: np.ndarray, problems: np.ndarray) -> np.ndarray:
    """The drugs ordered in each of some stays, bool ``[n, D]``.

    Args:
        random: draws.
        second: bool ``[n, P]``, whether the choice is the second treatment.
        problems: bool ``[n, P]``.
    """
    alone = _alone(second.astype(np.float64), problems)
    ordered = random.random(alone.shape) < alone
    for kept, left_out in AVOIDED:
        heeded = random.random(len(ordered)) < HEEDED
        ordered[:, _PLACE[left_out]] &= ~(ordered[:, _PLACE[kept]] & heeded)
    return ordered
