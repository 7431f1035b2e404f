"""Our finders as a recogniser of Microsoft Presidio, for programs that are built on it.

No model of spaCy is needed::

    engine = AnalyzerEngine(
        registry=RecognizerRegistry([recognizer()], supported_languages=["en"]),
        nlp_engine=NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}]),
    )
    engine.analyze("Call 617-555-1234.", "en")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from sequela.deid.found import Finder
from sequela.deid.rules import Names, find
from sequela.errors import MissingDependencyError, install_line
from sequela.notes import Document

__all__ = ["ENTITIES", "recognizer"]

ENTITIES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("PATIENT", "DOCTOR", "NAME", "PERSON", "USERNAME"), "PERSON"),
        **dict.fromkeys(("CITY", "STREET", "STATE", "COUNTRY", "ZIP"), "LOCATION"),
        **dict.fromkeys(("LOCATION-OTHER", "ROOM"), "LOCATION"),
        **dict.fromkeys(("HOSPITAL", "ORGANIZATION", "DEPARTMENT"), "ORGANIZATION"),
        **dict.fromkeys(("PHONE", "FAX"), "PHONE_NUMBER"),
        **dict.fromkeys(("HEALTHPLAN", "ACCOUNT", "VEHICLE", "DEVICE", "BIOID", "IDNUM"), "ID"),
        "DATE": "DATE_TIME",
        "AGE": "AGE",
        "EMAIL": "EMAIL_ADDRESS",
        "URL": "URL",
        "IPADDR": "IP_ADDRESS",
        "SSN": "US_SSN",
        "MEDICALRECORD": "MEDICAL_RECORD",
        "LICENSE": "MEDICAL_LICENSE",
        "PROFESSION": "PROFESSION",
    }
)
"""What Presidio calls a label of i2b2 2014; other labels keep their names."""


def recognizer(
    model: Finder | None = None,
    names: Iterable[str] = (),
    labels: Iterable[str] = (),
    language: str = "en",
) -> Any:
    """Rules, a list of names and a model as one ``EntityRecognizer``.

    Args:
        model: as of :func:`sequela.deid.find`; such as ``sequela.deid.tagger.StoredTagger()``.
        names: of patients.
        labels: further labels that the model gives, so that Presidio asks for them.
        language: of the notes.

    Raises:
        MissingDependencyError: Presidio is not installed.
    """
    try:
        from presidio_analyzer import (  # pyrefly: ignore [missing-import]
            EntityRecognizer,
            RecognizerResult,
        )
    except ImportError:
        todo = f"Run: {install_line('presidio')}"
        raise MissingDependencyError(
            "the recogniser for Presidio", got="no presidio-analyzer", todo=todo
        ) from None
    listed = list(names)
    known = Names(listed) if listed else None

    class SequelaRecognizer(EntityRecognizer):
        def load(self) -> None:
            pass  # the model is there

        def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[Any]:
            found = find(Document("text", text), names=known, model=model)
            results = (
                RecognizerResult(ENTITIES.get(one.label, one.label), one.start, one.end, one.score)
                for one in found
            )
            return [one for one in results if not entities or one.entity_type in entities]

    entities = sorted({*ENTITIES.values(), *(ENTITIES.get(one, one) for one in labels)})
    return SequelaRecognizer(entities, name="Sequela", supported_language=language)
