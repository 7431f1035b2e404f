"""From files of long recordings to a trained model, through the command line."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import edfio
import numpy as np
import pytest
from tests.cli.command import call

from sequela import experiments
from sequela.errors import ConfigError
from sequela.train.experiment import build_model, prepare

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import wfdb

QUICK = (
    "training.epochs=1",
    "evaluation.replicates=100",
    "evaluation.baselines=false",
    "encoding={frame: 64, hop: 64, spectrum: 2}",
    "model.hidden_size=4",
)
# wfdb writes with what pandas will drop.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def beats(tmp_path) -> Path:
    """Six records of 40 beats; every fourth is wide and ventricular."""
    folder = tmp_path / "ecg"
    folder.mkdir()
    time = np.arange(-90, 90) / 360
    shapes = {"N": np.exp(-((time / 0.02) ** 2)), "V": -np.exp(-((time / 0.08) ** 2))}
    for name in "abcdef":
        noise = np.random.default_rng(ord(name))
        signal, places, symbols = noise.normal(scale=0.02, size=360 * 42), [], []
        for beat in range(40):
            place = 360 * (beat + 1)
            symbol = "V" if beat % 4 == 0 else "N"
            signal[place - 90 : place + 90] += shapes[symbol]
            places.append(place)
            symbols.append(symbol)
        wfdb.wrsamp(
            name,
            fs=360,
            units=["mV"],
            sig_name=["MLII"],
            p_signal=signal[:, None],
            fmt=["16"],
            adc_gain=[1000],
            baseline=[0],
            write_dir=str(folder),
        )
        wfdb.wrann(name, "atr", np.array([10, *places]), ["+", *symbols], write_dir=str(folder))
    return folder


def test_beats_train_and_predict(beats, tmp_path, capsys):
    run = tmp_path / "run"
    assert call("train", "beats", f"data={beats}", f"out={run}", *QUICK) == 0, capsys.readouterr()
    cohort = json.loads((run / "cohort.json").read_text())
    assert "240 records of 6 recordings, 2 channels at 360 Hz" in json.dumps(cohort)
    page = (run / "report.html").read_text()
    assert "The held-out part has 2 recording(s)" in page
    out = tmp_path / "scores.parquet"
    assert call("predict", run / "model", f"data={beats}", f"out={out}") == 0
    assert out.stat().st_size


def test_one_recording_is_left_out(beats):
    def parts(*words):
        given = [f"data={beats}", *QUICK, "split.held_out=[c]", *words]
        prepared = prepare(experiments.load("beats", given))
        samples = {name: part.samples for name, part in prepared.parts.items()}
        return samples, " ".join(prepared.notes)

    found, _ = parts()
    assert set(found["held_out"].groups.tolist()) == {"c"}
    assert set(found["train"].groups.tolist()) & set(found["tuning"].groups.tolist()) == set()
    found, notes = parts("split.tuning=ends", "split.fractions=[0.6,0.2,0.2]")
    for name, count in (("train", 30), ("tuning", 10)):
        recordings, counts = np.unique(found[name].groups, return_counts=True)
        assert recordings.tolist() == list("abdef")
        assert counts.tolist() == [count] * 5
    assert "end of each training recording" in notes
    assert found["train"].static_size == 3
    with pytest.raises(ConfigError, match="'z', which is not there"):
        parts("split.held_out=[z]")
    with pytest.raises(ConfigError, match="'unit' says what is kept whole"):
        parts("split.by=time")


def test_no_recipe_passes_over_how_early_a_beat_came(beats):
    loaded = experiments.load("beats", [f"data={beats}", *QUICK])
    sizes = prepare(loaded).sizes
    assert sizes["static_size"] == 3

    def built(recipe: str):
        return build_model(loaded.model_copy(update={"model": {"recipe": recipe}}), sizes)

    assert built("conv_rnn").head.output.linear.in_features == 2 * 64 + 3
    with pytest.raises(ConfigError, match=r"3 static features.*conv_rnn.*seizure_bilstm"):
        built("frames")


def test_a_split_that_leaks_says_so(beats):
    prepared = prepare(experiments.load("beats", [f"data={beats}", *QUICK, "task.unit=record"]))
    sizes = [len(part.samples) for part in prepared.parts.values()]
    assert [round(size / sum(sizes), 1) for size in sizes] == [0.3, 0.3, 0.3]
    assert "THIS SPLIT LEAKS" in " ".join(prepared.notes)
    # Parts that shared names of records could not be judged.
    assert len(
        np.unique(np.concatenate([part.samples.groups for part in prepared.parts.values()]))
    ) == sum(sizes)


def test_seizures_in_annotated_recordings(tmp_path, capsys):
    folder = tmp_path / "eeg"
    folder.mkdir()
    for number in range(9):
        noise = np.random.default_rng(number)
        signal = noise.normal(scale=20.0, size=128 * 80)
        signal[128 * 32 : 128 * 48] *= 10
        marks = [edfio.EdfAnnotation(32.0, 16.0, "Seizure"), edfio.EdfAnnotation(1.0, None, "x")]
        one = edfio.EdfSignal(
            signal, 128, label="EEG T3-REF", physical_dimension="uV", physical_range=(-3276, 3276)
        )
        edfio.Edf([one], annotations=marks, data_record_duration=1).write(folder / f"{number}.edf")
    run = tmp_path / "run"
    words = ["source=edf", f"data={folder}", f"out={run}", "task.cut.channels=[[T7]]", *QUICK]
    by_subject = ["reading.subject='([0-9])'", "task.unit=subject"]
    assert call("train", "seizure", *words, *by_subject) == 0, capsys.readouterr()
    assert "may share subjects" not in (run / "report.html").read_text()
    out = tmp_path / "scores.parquet"
    assert call("predict", run / "model", f"data={folder}", f"out={out}") == 0
    cohort = json.dumps(json.loads((run / "cohort.json").read_text()))
    assert "180 records of 9 recordings, one channel at 128 Hz" in cohort


def test_options_that_the_source_does_not_take(beats, tmp_path, capsys):
    words = [f"data={beats}", f"out={tmp_path / 'run'}", "reading.subjct=folder"]
    assert call("train", "beats", *words) == 2
    assert "Did you mean 'subject'" in capsys.readouterr().err


def test_a_task_must_say_how_recordings_are_cut(beats, tmp_path, capsys):
    words = [f"data={beats}", f"out={tmp_path / 'run'}", "task.cut=null"]
    assert call("train", "beats", *words) == 2
    assert "wanted how they are cut" in capsys.readouterr().err
