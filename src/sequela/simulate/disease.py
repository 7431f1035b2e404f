"""The law of the simulated disease: which histories lead to heart failure, in closed form.

After the prediction time the hazard of heart failure is constant, ``h = h0 * exp(eta)``. ``eta`` is
a function of what was observed until then; ``t`` is the prediction time, in days:

    eta =   age and sex
          + sum over events i of a risk code:        effect * exp(-(t - t_i) / RECENCY_DAYS)
          + sum over events i, j of an ordered pair, t_i < t_j:
                s * weight * exp(-(t_j - t_i) / PAIR_DAYS) * exp(-(t - t_j) / PAIR_RECENCY_DAYS)

where ``s`` is +1 when the pair's ``first`` code comes before its ``second``, -1 when after it, and
0 for two of the same kind. Angina despite a beta blocker is bad news; the same angina answered by a
beta blocker is good news. Both histories hold the same codes equally often: they differ in order
alone, and codes of one moment have no order. Death competes with a constant hazard ``m`` that the
history does not change. Both are memoryless, so the risk of a window of ``w`` days in patients who
are alive and without heart failure at its start is the same after any gap:

    risk = h / (h + m) * (1 - exp(-(h + m) * w))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = [
    "DEATH_PER_DAY",
    "RISK_CODES",
    "RISK_ORDERS",
    "RiskCode",
    "RiskOrder",
    "hazard",
    "linear_predictor",
    "window_risk",
]

_HAZARD_PER_DAY = 0.025 / 365.25
#: The hazard of death before heart failure.
DEATH_PER_DAY = 0.008 / 365.25
_RECENCY_DAYS = 365.0
_PAIR_DAYS = 30.0
_PAIR_RECENCY_DAYS = 1500.0
_PER_DECADE_OF_AGE = 0.33
_MALE = 0.25


@dataclass(frozen=True)
class RiskCode:
    """A chronic condition or its treatment, whose every mention changes the hazard for a while.

    Args:
        code: the code.
        effect: the change of the log hazard by a mention at the prediction time.
        carriers: the share of patients of 63 years who have it; it grows with age.
        per_visit: the chance that a visit of theirs mentions it.
    """

    code: str
    effect: float
    carriers: float
    per_visit: float


@dataclass(frozen=True)
class RiskOrder:
    """Two codes of one episode whose order decides what the episode means.

    Args:
        first: raises the hazard when it comes first.
        second: lowers the hazard when it comes first.
        condition: patients with this risk code have such episodes more often.
        carriers: the shares of patients with such episodes, without and with the condition.
        weight: the change of the log hazard by two of them close together just before prediction.
    """

    first: str
    second: str
    condition: str
    carriers: tuple[float, float]
    weight: float


RISK_CODES = (
    RiskCode("ICD10CM//I10", 0.20, 0.50, 0.35),
    RiskCode("ICD10CM//I25.10", 0.40, 0.25, 0.35),
    RiskCode("ICD10CM//E11.9", 0.24, 0.30, 0.35),
    RiskCode("ICD10CM//N18.30", 0.40, 0.18, 0.35),
    RiskCode("ICD10CM//E66.9", 0.24, 0.25, 0.25),
    RiskCode("ICD10CM//F17.210", 0.24, 0.20, 0.25),
    RiskCode("ICD10CM//R06.02", 0.60, 0.20, 0.15),
    RiskCode("ICD10CM//R60.0", 0.60, 0.18, 0.15),
    RiskCode("ATC//C10AA05", -0.20, 0.40, 0.30),
)

RISK_ORDERS = (
    # An anti-inflammatory drug on top of an ACE inhibitor, against its replacement.
    RiskOrder("ATC//C09AA05", "ATC//M01AE01", "ICD10CM//I10", (0.35, 0.65), 0.42),
    # Angina despite a beta blocker, against angina answered by one.
    RiskOrder("ATC//C07AB02", "ICD10CM//I20.0", "ICD10CM//I25.10", (0.40, 0.80), 0.42),
    # Atrial fibrillation that comes back under amiodarone.
    RiskOrder("ATC//C01BD01", "ICD10CM//I48.0", "ICD10CM//I10", (0.40, 0.60), 0.42),
    # Sugar out of control under an SGLT2 inhibitor.
    RiskOrder("ATC//A10BK03", "ICD10CM//E11.65", "ICD10CM//E11.9", (0.35, 0.85), 0.42),
)


def hazard(eta: np.ndarray) -> np.ndarray:
    """The hazard of heart failure per day."""
    return _HAZARD_PER_DAY * np.exp(eta)


def window_risk(eta: np.ndarray, days: float) -> np.ndarray:
    """The chance of heart failure, before death, within a window of so many days."""
    onset = hazard(eta)
    either = onset + DEATH_PER_DAY
    return onset / either * -np.expm1(-either * days)


def linear_predictor(
    subject: np.ndarray,
    days: np.ndarray,
    code: np.ndarray,
    age: np.ndarray,
    male: np.ndarray,
    numbers: Mapping[str, int],
) -> np.ndarray:
    """``eta`` of ``n`` patients from ``M`` events.

    Args:
        subject: int ``[M]`` in ``[0, n)``, the patient of each event.
        days: float ``[M]``, the time of each event minus the prediction time; none is positive.
        code: int ``[M]``, the numbers of the codes.
        age: ``[n]``, years at the prediction time.
        male: bool ``[n]``.
        numbers: the number of each code of :data:`RISK_CODES` and :data:`RISK_ORDERS`.
    """
    count = len(age)
    eta = _PER_DECADE_OF_AGE * (age - 65.0) / 10.0 + _MALE * male
    for risk in RISK_CODES:
        told = code == numbers[risk.code]
        fading = np.exp(days[told] / _RECENCY_DAYS)
        eta = eta + risk.effect * np.bincount(subject[told], fading, minlength=count)
    for pair in RISK_ORDERS:
        first, second = numbers[pair.first], numbers[pair.second]
        kept = (code == first) | (code == second)
        sign = np.where(code[kept] == first, 1, -1)
        eta = eta + pair.weight * _order_score(subject[kept], days[kept], sign, count)
    return eta


def _order_score(subject: np.ndarray, days: np.ndarray, sign: np.ndarray, count: int) -> np.ndarray:
    # Every event meets the one before it, then the one before that, until none of the same patient
    # is left: as many rounds as the longest history has events, each over fewer of them.
    order = np.lexsort((days, subject))
    subject, days, sign = subject[order], days[order], sign[order]
    score = np.zeros(count)
    late = np.arange(len(subject))
    for lag in range(1, len(subject)):
        late = late[late >= lag]
        late = late[subject[late] == subject[late - lag]]
        if not len(late):
            break
        apart = days[late] - days[late - lag]
        ordered = (sign[late - lag] - sign[late]) / 2 * (apart > 0)
        effect = ordered * np.exp(days[late] / _PAIR_RECENCY_DAYS - apart / _PAIR_DAYS)
        score += np.bincount(subject[late], effect, minlength=count)
    return score
