"""PyHealth's side: its readers of the MIMIC tables; runs in an environment of its own."""

import contextlib
import os
import sys
import tempfile
from collections import Counter

TABLES = {
    "mimic3": ["DIAGNOSES_ICD", "PROCEDURES_ICD", "PRESCRIPTIONS", "LABEVENTS"],
    "mimic4": ["diagnoses_icd", "procedures_icd", "prescriptions"],
}


def tables(source, data):
    """The tables to PyHealth's objects of patients, visits and events; nothing is cached."""
    os.environ["HOME"] = tempfile.mkdtemp(prefix="pyhealth-")
    with contextlib.redirect_stdout(sys.stderr):
        from pyhealth.datasets import MIMIC3Dataset, MIMIC4Dataset

    kind = {"mimic3": MIMIC3Dataset, "mimic4": MIMIC4Dataset}[source]

    def work():
        with contextlib.redirect_stdout(sys.stderr):
            dataset = kind(root=data, tables=TABLES[source], refresh_cache=True)
        counts = Counter()
        for patient in dataset.patients.values():
            for visit in patient:
                for table, events in visit.event_list_dict.items():
                    counts[table.lower()] += len(events)
        return {"tables": dict(counts), "events": sum(counts.values())}

    return work
