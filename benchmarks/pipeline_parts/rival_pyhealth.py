"""PyHealth's side: its readers of MIMIC's tables and its RNN, in an environment of its own."""

import contextlib
import functools
import json
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


def _prepared(path, embedding, hidden, batch, visits, shuffle):
    """Its data set, loader and RNN (a GRU), with one thread and without dropout, as ours.

    Its model asks its tokenizer without saying how many visits to keep, which are ten then; the
    tokenizer's own argument is preset here where ``visits`` are more.
    """
    os.environ["HOME"] = tempfile.mkdtemp(prefix="pyhealth-")
    with contextlib.redirect_stdout(sys.stderr):
        import torch
        from pyhealth.datasets import SampleEHRDataset, get_dataloader
        from pyhealth.models import RNN

        torch.set_num_threads(1)
        torch.manual_seed(0)
        with open(path) as file:
            dataset = SampleEHRDataset(samples=json.load(file), dataset_name="visits")
        model = RNN(
            dataset=dataset,
            feature_keys=["codes"],
            label_key="label",
            mode="binary",
            embedding_dim=embedding,
            hidden_dim=hidden,
            dropout=0.0,
        )
        if visits is not None:
            tokenizer = model.feat_tokenizers["codes"]
            encode = functools.partial(tokenizer.batch_encode_3d, max_length=(visits, 512))
            tokenizer.batch_encode_3d = encode
        loader = get_dataloader(dataset, batch_size=batch, shuffle=shuffle)
    return dataset, model, loader


def train(path, embedding, hidden, batch, epochs, visits=None):
    """Epochs of its own Trainer; it pads the visits, and reads the last ``visits`` of a patient.

    That is ten where nothing is said.
    """
    dataset, model, loader = _prepared(path, embedding, hidden, batch, visits, True)
    from pyhealth.trainer import Trainer

    trainer = Trainer(model=model, device="cpu", enable_logging=False)

    def work():
        with contextlib.redirect_stdout(sys.stderr):
            trainer.train(loader, epochs=epochs, max_grad_norm=1.0)
        read = sum(min(len(one["codes"]), visits or 10) for one in dataset.samples)
        return {"patients": len(dataset) * epochs, "visits": read * epochs}

    return work


def score(path, embedding, hidden, batch, epochs, visits=None):
    """The scores of all samples by its Trainer; arguments as of train."""
    dataset, model, loader = _prepared(path, embedding, hidden, batch, visits, False)
    from pyhealth.trainer import Trainer

    trainer = Trainer(model=model, device="cpu", enable_logging=False)

    def work():
        with contextlib.redirect_stdout(sys.stderr):
            for _ in range(epochs):
                scores = trainer.inference(loader)[1]
        assert len(scores) == len(dataset)
        return {"patients": len(dataset) * epochs}

    return work
