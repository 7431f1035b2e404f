from __future__ import annotations

import builtins
import errno
import json
import os
import random
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save as tensor_bytes

from sequela import bundle, files
from sequela.bundle import manifest
from sequela.errors import BundleError, ConfigError, OutputError, SequelaError


def build(name: str, size: int) -> torch.nn.Module:
    if name != "tiny":
        raise ConfigError(f"recipe '{name}'", got="an unknown name")
    return torch.nn.Sequential(torch.nn.Linear(size, 2), torch.nn.Dropout())


CARD = {
    "title": "A tiny model",
    "data": {"name": "made up", "rows | columns": 3},
    "limits": ["for tests", "only"],
    "intended_use": "None.",
    "figures": {"AUROC": {"value": 0.912345, "low": 0.9, "high": None}, "n": [1, {"a": 2}]},
    "threshold": None,
}


def save(path: Path, **changes) -> Path:
    model = build("tiny", 3)
    arguments = {
        "path": path,
        "model_name": "tiny",
        "model_arguments": {"size": 3},
        "state_dict": model.state_dict(),
        "preparation": {"vocabulary": ["a", "b"], "scale": [1.5]},
        "card": CARD,
        "classes": ("no", "yes"),
        "logit_shift": [np.float64(-1.5)],
        **changes,
    }
    return bundle.save(**arguments)


@pytest.fixture
def folder(tmp_path) -> Path:
    return save(tmp_path / "model")


def test_round_trip(tmp_path):
    model = build("tiny", 3)
    path = save(tmp_path / "model", state_dict=model.state_dict())
    assert sorted(os.listdir(path)) == [
        "MODEL_CARD.md", "config.json", "manifest.json", "model.safetensors",
    ]  # fmt: skip
    state = torch.random.get_rng_state()
    found = bundle.load(path, build)
    assert torch.equal(state, torch.random.get_rng_state())
    assert not found.model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, found.model.state_dict()[name])
    assert found.preparation == {"vocabulary": ["a", "b"], "scale": [1.5]}
    assert found.card == CARD
    assert (found.kind, found.classes, found.logit_shift) == ("binary", ["no", "yes"], [-1.5])
    assert (found.name, found.arguments) == ("tiny", {"size": 3})


def test_the_card_is_readable(folder):
    text = (folder / "MODEL_CARD.md").read_text()
    assert text.startswith("# A tiny model\n")
    for part in (
        "8 weights",
        "## Intended use",
        "- only",
        "| AUROC | 0.9123 (95 % interval 0.9 to not known) |",
        "| n | 1, a: 2 |",
        "rows \\| columns",
    ):
        assert part in text
    assert "hreshold" not in text
    assert "not a medical device" in text


def test_equal_models_are_equal_files(tmp_path):
    state = build("tiny", 3).state_dict()
    paths = [save(tmp_path / name, state_dict=state) for name in "ab"]
    assert len({files.sha256(path / "manifest.json") for path in paths}) == 1


def test_tied_and_strided_weights(tmp_path):
    weight = torch.arange(6.0).reshape(3, 2).T
    path = save(tmp_path / "model", state_dict={"0.weight": weight, "0.bias": weight[:, 0]})
    assert torch.equal(bundle.load(path, build).model.state_dict()["0.weight"], weight)


def test_a_flipped_byte_anywhere_is_found_and_named(folder):
    chance = random.Random(0)
    for name in sorted(os.listdir(folder)):
        path = folder / name
        whole = path.read_bytes()
        for place in {0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(40))}:
            damaged = bytearray(whole)
            damaged[place] ^= 1 << chance.randrange(8)
            path.write_bytes(damaged)
            with pytest.raises(BundleError) as caught:
                bundle.load(folder, build)
            named = str(caught.value)
            assert name in named or name == "manifest.json", (name, place, named)
            assert "\n" not in named
        path.write_bytes(whole)
    bundle.load(folder, build)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "manifest.json"])
def test_missing_short_and_longer_files(folder, name):
    path = folder / name
    whole = path.read_bytes()
    for content in (b"", whole[:-1], whole + b" "):
        path.write_bytes(content)
        with pytest.raises(BundleError, match=name):
            bundle.load(folder, build)
    path.unlink()
    with pytest.raises(BundleError, match=f"{name}: got no such file"):
        bundle.load(folder, build)


def rewrite(folder: Path, change) -> None:
    """Changes the configuration and makes the manifest fit again."""
    config = json.loads((folder / "config.json").read_bytes())
    change(config)
    contents = {
        "config.json": json.dumps(config).encode(),
        "model.safetensors": (folder / "model.safetensors").read_bytes(),
    }
    manifest.write_verified(folder, contents)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config.update(format=2), "got format 2, wanted format 1"),
        (lambda config: config.pop("format"), "got format None"),
        (lambda config: config.pop("preparation"), "'preparation'"),
        (lambda config: config.update(code="import os"), "'code'"),
        (lambda config: config.update(model={"name": 3, "arguments": {}}), "'model'"),
        (lambda config: config.update(classes="ab"), "'classes'"),
        (lambda config: config["model"].update(arguments={"size": 4}), "tensor '0.weight'"),
        (lambda config: config.update(format=True), "'format'"),
        (lambda config: config.update(kind="foo"), "'kind'"),
        (lambda config: config.update(classes=[1, {}]), "'classes'"),
        (lambda config: config.update(logit_shift=["a", None]), "'logit_shift'"),
        (lambda config: config.update(logit_shift=[True]), "'logit_shift'"),
        (lambda config: config.update(logit_shift=[1, 2, 3]), "'logit_shift'"),
        (lambda config: config.update(logit_shift=[1, 2]), "'logit_shift'"),
        (lambda config: config.update(logit_shift=[10**400]), "'logit_shift'"),
        (lambda config: config.update(kind="regression"), "'logit_shift'"),
        (
            lambda config: config.update(kind="multiclass", classes=["a", "b", "c"]),
            "'logit_shift'",
        ),
        (lambda config: config.update(logit_shift=[float("nan")]), "json: got damaged text"),
        (lambda config: config["card"].update(x=[float("-inf")]), "json: got damaged text"),
    ],
)
def test_configurations_that_do_not_fit(folder, change, message):
    rewrite(folder, change)
    with pytest.raises(BundleError, match=message):
        bundle.load(folder, build)


def test_a_number_beyond_all_bounds(folder):
    contents = manifest.read_verified(folder, ())
    for big in (b"1e999", b"-1e999"):
        changed = contents["config.json"].replace(b"-1.5", big)
        assert changed != contents["config.json"]
        manifest.write_verified(folder, {**contents, "config.json": changed})
        with pytest.raises(BundleError, match="damaged text"):
            bundle.load(folder, build)


@pytest.mark.parametrize(
    ("kind", "classes", "shift"),
    [
        ("binary", (), []),
        ("binary", ("a", "b"), [1]),
        ("multiclass", ("a", "b"), [0.5]),
        ("multiclass", ("a", "b"), [0.5, -0.5]),
        ("multiclass", ("a", "b", "c"), [1.0, 2.0, 3.0]),
        ("multiclass", (), [1.0, 2.0, 3.0]),
        ("regression", (), []),
    ],
)
def test_shifts_that_fit(tmp_path, kind, classes, shift):
    path = save(tmp_path / "model", kind=kind, classes=classes, logit_shift=shift)
    assert bundle.load(path, build).logit_shift == shift


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(folder, bad):
    state = build("tiny", 3).state_dict()
    state["0.bias"][1] = bad
    with pytest.raises(ConfigError, match=r"tensor '0\.bias' of the bundle: got NaN or an inf"):
        save(folder.parent / "other", state_dict=state)
    assert os.listdir(folder.parent) == ["model"]
    contents = manifest.read_verified(folder, ())
    manifest.write_verified(folder, {**contents, "model.safetensors": tensor_bytes(state)})
    with pytest.raises(BundleError, match=r"tensor '0\.bias' of .*got NaN or an infinite value"):
        bundle.load(folder, build)


def test_a_type_that_torch_does_not_have(folder):
    contents = manifest.read_verified(folder, ())
    raw = contents["model.safetensors"]
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    entry = header["0.bias"]
    entry["dtype"], entry["shape"] = "F8_E8M0", [8]
    changed = json.dumps(header).encode()
    contents["model.safetensors"] = len(changed).to_bytes(8, "little") + changed + raw[8 + size :]
    manifest.write_verified(folder, contents)
    with pytest.raises(BundleError, match=r"damaged tensors|got float8"):
        bundle.load(folder, build)


def test_an_unknown_model_is_never_built(folder):
    rewrite(folder, lambda config: config["model"].update(name="os.system"))
    with pytest.raises(ConfigError, match=r"os\.system"):
        bundle.load(folder, build)
    with pytest.raises(SequelaError):
        bundle.load(folder)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"0.weight": torch.zeros(2, 3)}, "'0.bias' .*got no such tensor"),
        (
            {"0.weight": torch.zeros(2, 3), "0.bias": torch.zeros(2), "x": torch.zeros(1)},
            "'x' .*got a tensor that the model does not have",
        ),
        (
            {"0.weight": torch.zeros(2, 3).double(), "0.bias": torch.zeros(2)},
            r"got float64 \[2, 3\], wanted float32 \[2, 3\]",
        ),
    ],
)
def test_weights_that_do_not_fit(tmp_path, state, message):
    path = save(tmp_path / "model", state_dict=state)
    with pytest.raises(BundleError, match=message):
        bundle.load(path, build)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "a/b", "..", "", "c:d"])
def test_a_manifest_cannot_point_outside(folder, name):
    (folder.parent / "secret").write_text("secret")
    entries = {name: {"bytes": 6, "sha256": "0" * 64}}
    (folder / "manifest.json").write_bytes(manifest._canonical(entries))
    with pytest.raises(BundleError, match=r"no config\.json|no plain file"):
        bundle.load(folder, build)
    entries["config.json"] = entries["model.safetensors"] = entries[name]
    (folder / "manifest.json").write_bytes(manifest._canonical(entries))
    with pytest.raises(BundleError, match="no plain file"):
        bundle.load(folder, build)


def test_links_and_pipes_are_not_followed(folder):
    content = folder / "config.json"
    shutil.move(content, folder.parent / "elsewhere.json")
    content.symlink_to(folder.parent / "elsewhere.json")
    with pytest.raises(BundleError, match=r"config\.json"):
        bundle.load(folder, build)
    for make, remove in ((os.mkdir, os.rmdir), (os.mkfifo, os.unlink)):
        content.unlink(missing_ok=True)
        make(content)
        with pytest.raises(BundleError, match=r"config\.json"):
            bundle.load(folder, build)
        remove(content)


def test_no_folder(tmp_path):
    with pytest.raises(BundleError, match="no such folder"):
        bundle.load(tmp_path / "nowhere", build)


def test_a_folder_that_is_no_bundle(tmp_path):
    with pytest.raises(BundleError, match=r"none of the files of a bundle.*Check the path"):
        bundle.load(tmp_path, build)
    save(tmp_path / "model")
    with pytest.raises(BundleError, match=r"Give .*model\."):
        bundle.load(tmp_path, build)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_arguments": {"size": object()}},
        {"preparation": {"mean": float("nan")}},
        {"card": {"x": np.zeros(3)}},
        {"kind": "foo"},
        {"logit_shift": [1.0, 2.0]},
        {"logit_shift": [float("nan")]},
    ],
)
def test_only_plain_data_is_saved(tmp_path, changes):
    with pytest.raises(ConfigError, match=r"wanted plain texts|got a wrong '(kind|logit_shift)'"):
        save(tmp_path / "model", **changes)
    assert os.listdir(tmp_path) == []


def test_an_existing_folder_stays(folder):
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        save(folder)
    assert (folder / "manifest.json").read_bytes() == before
    assert os.listdir(folder.parent) == ["model"]


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="no space left"):
        save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="writing"):
        save(tmp_path / "file" / "model")


def test_loading_runs_no_pickle(folder, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("pickle or code was used")

    import pickle

    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr(builtins, "eval", refuse)
    bundle.load(folder, build)


def test_a_built_in_model_gives_the_same_scores(tmp_path):
    from sequela import recipes
    from sequela.batches import from_lists

    arguments = {"step_size": 2, "classes": 3, "hidden_size": 4}
    model = recipes.build("seizure_bilstm", **arguments).eval()
    path = save(
        tmp_path / "model",
        model_name="seizure_bilstm",
        model_arguments=arguments,
        state_dict=model.state_dict(),
        kind="multiclass",
    )
    batch = from_lists(np.random.default_rng(0).random((3, 5, 2))).batch(np.arange(3))
    assert torch.equal(bundle.load(path).model(batch), model(batch))
    rewrite(path, lambda config: config["model"]["arguments"].update(hiden_size=4))
    with pytest.raises(ConfigError, match="hiden_size"):
        bundle.load(path)


@pytest.mark.parametrize("size", [60_000, 10**6, 10**12, 10**30])
@pytest.mark.parametrize(
    ("recipe", "arguments"),
    [
        ("onset_gru", {"vocabulary_size": 3, "step_size": 2, "static_size": 0}),
        ("seizure_bilstm", {"step_size": 2, "classes": 2}),
    ],
)
def test_a_size_that_the_weights_do_not_have_takes_no_memory(tmp_path, recipe, arguments, size):
    from sequela import recipes

    model = recipes.build(recipe, **arguments, hidden_size=4)
    path = save(
        tmp_path / "model",
        model_name=recipe,
        model_arguments={**arguments, "hidden_size": 4},
        state_dict=model.state_dict(),
    )
    bundle.load(path)
    rewrite(path, lambda config: config["model"]["arguments"].update(hidden_size=size))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BundleError, match=r"wanted float32|a size that cannot be built") as caught:
        bundle.load(path)
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
