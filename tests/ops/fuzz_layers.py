"""Random calls of the recurrent layers: one function for each way to them; see ``fuzz.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from tests.ops.fuzz_drafts import HUGE, NATIVE, Draft, wrong_sizes

from sequela import nn
from sequela.cells import CELLS, CellWeights
from sequela.ops import native_bfloat, native_call, native_layer, run

__all__ = ["boundary", "cell", "layer", "operator", "stream"]

Call = Callable[[], Any]


def spoilt_sizes(draft: Draft, sizes: Any) -> Any:
    if draft.rng.random() > 0.1:
        return sizes
    sizes = wrong_sizes(draft.rng, draft.sizes)
    draft.refuse(f"sizes {sizes}")
    return sizes


def flat(result: Any) -> list[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        return [result]
    return [one for part in result for one in flat(part)]


def operator(draft: Draft) -> Call:
    """``ops.run``."""
    rng = draft.rng
    draft.choose_options()
    draft.draw(data=(draft.N, draft.D))
    draft.state("h", "c")
    draft.weights()
    draft.spoil(width=("h",), spared=("keep_h", "keep_c"))
    sizes: Any = draft.sizes if rng.random() < 0.5 else torch.tensor(draft.sizes).long()
    sizes = spoilt_sizes(draft, sizes)
    parts, names = draft.parts, CELLS[draft.cell].state._fields
    initial: Any = [parts[name] for name in ("h", "c") if name in parts]
    if rng.random() < 0.05:
        initial = rng.choice([[], initial[:-1], [*initial, initial[0]], None, [None]])
        draft.refuse("number of states")
    rates = draft.rates()
    if rng.random() < 0.03:
        rates = draft.wrong_rates()
        # The reference does not look at them, nor does anyone without a step.
        draft.refuse("wrong rates", certain=False)
    keep = [parts.get(f"keep_{name}", rate or None) for name, rate in zip(names, rates)]  # noqa: B905
    if rng.random() < 0.03:
        keep.append(rng.choice([0.5, None]))
        draft.refuse("a rate too many")
    row = CellWeights(*(parts.get(name) for name in CellWeights._fields))
    everything = "everything" in draft.options

    def call():
        options = {"reverse": draft.reverse, "everything": everything, "mask": parts.get("mask")}
        result = run(draft.cell, parts["data"], sizes, initial, row, keep=keep, **options)
        return (result.output, *result.final, *result.everything.values())

    return call


def late_parts(draft: Draft) -> None:
    """What the backward pass is given besides."""
    draft.draw(d_output=(draft.N, draft.P), d_h_n=(draft.batch, draft.P))
    draft.draw(output=(draft.N, draft.P))
    if draft.cell == "lstm" and draft.rng.random() < 0.5:
        draft.draw(d_c_n=(draft.batch, draft.H))
    count = native_call.handed_count(draft.cell)
    if "everything" in draft.options and count and draft.rng.random() < 0.7:
        draft.draw(d_handed=(count, draft.N, draft.H))


def workspace(draft: Draft, rates: tuple[float, float]) -> None:
    width, plain = 0, {"rates"} if not any(rates) else set()
    if draft.dtype in native_layer.PRECISIONS:
        normed = bool({"norm_ih", "norm_hh"} & draft.options)
        optioned = bool(draft.options - plain)
        width = native_call.saved_width(draft.cell, draft.dtype, draft.H, optioned, normed)
    draft.draw(saved=(draft.N, width))


def boundary(draft: Draft) -> Call:
    """What stands before the C interface: ``native_call`` and the registered operator."""
    rng = draft.rng
    draft.cell = rng.choice(NATIVE)
    registered, late = rng.random() < 0.5, rng.random() < 0.5
    half = draft.dtype is torch.bfloat16
    if half and late and not registered:
        half, draft.dtype = False, torch.float32
    samples: Any = rng.choice([0, 0, 1, 2, 3]) if late else 0
    draft.row_of(draft.lengths * max(samples, 1))
    draft.choose_options(0 if half and not registered else 0.4)
    draft.draw(x=(draft.N, draft.D))
    draft.state("h0", "c0")
    draft.weights()
    rates = draft.rates()
    if late:
        late_parts(draft)
        workspace(draft, rates)
    spared = () if registered else ("d_handed",)
    draft.spoil(strict=True, width=("h0", "x") if registered else ("h0",), spared=spared)
    ignored = (" saved", " output") if half else (" saved",)
    if any(what.endswith(ignored) for what in draft.done) and (registered or draft.valid):
        # A workspace that is none is computed anew by the operator; a view of one may be refused.
        draft.valid = None
    sizes = spoilt_sizes(draft, torch.tensor(draft.sizes, dtype=torch.int64))
    if rng.random() < 0.03 and not (half and not registered):
        rates = draft.wrong_rates()
        draft.refuse("wrong rates")
    if late and rng.random() < 0.08:
        samples = rng.choice([-1, HUGE[0], "x", 1.5])
        draft.refuse(f"{samples} samples")
    if half and not registered and not native_bfloat.has_pairs():
        draft.refuse("no pairs here")
    return arranged(draft, registered, late, sizes, samples, rates)


def arranged(
    draft: Draft, registered: bool, late: bool, sizes: Any, samples: Any, rates: tuple[float, float]
) -> Call:
    parts, everything = draft.parts, "everything" in draft.options
    given = [parts.get(name) for name in native_layer.EVERY_TENSOR]
    kinds = native_layer.EVERY_TENSOR.index("mask")
    wanted = [part is not None and index < kinds for index, part in enumerate(given)]
    first = (draft.cell, sizes, draft.reverse)
    keep, half = draft.rng.random() < 0.5, draft.dtype is torch.bfloat16
    reached = [parts.get(name) for name in ("d_output", "d_h_n", "d_c_n", "d_handed")]

    def by_torch():
        numbers = (*given, *rates, everything)
        if not late:
            return torch.ops.sequela.recurrent(*first, keep, *numbers)[:2]
        rest = (*numbers, samples, parts["output"], parts["saved"], *reached)
        torch.ops.sequela.recurrent_backward(*first, wanted, *rest)
        return None

    def straight():
        if half:
            return native_bfloat.forward(*first, *given[:7])
        layer = native_layer.checked(*first, *given, rates=rates, everything=everything)
        if not late:
            return native_call.forward(layer, keep=keep)[:2]
        arrived = reached[: 2 + (draft.cell == "lstm")]
        arrived += [] if reached[3] is None else reached[3].unbind(0)
        native_call.backward(layer, parts["output"], parts["saved"], arrived, wanted, samples)
        return None

    return by_torch if registered else straight


# Modules -----------------------------------------------------------------------------------------


def module(draft: Draft, suffix: str, **options: Any) -> torch.nn.Module:
    """A layer, or with "Cell" a cell."""
    name, own = {
        "lstm": ("LSTM", {}),
        "gru_after": ("GRU", {}),
        "gru_before": ("GRU", {"reset_after": False}),
    }.get(draft.cell, ("RNN", {"nonlinearity": draft.cell.removeprefix("rnn_")}))
    draft.D = max(draft.D, 1)
    return getattr(nn, name + suffix)(draft.D, draft.H, dtype=draft.dtype, **options, **own)


def given_to(made: torch.nn.Module, parts: dict[str, Any]) -> Any:
    """Puts the drafted parameters into a module, past its checks; the initial state."""
    for name in [name for name in made._parameters if name in parts]:
        if not isinstance(parts[name], torch.Tensor):
            setattr(made, name, parts[name])
        else:
            made._parameters[name] = parts[name]
    return (parts["h"], parts["c"]) if "c" in parts else parts["h"]


def chosen(draft: Draft) -> dict[str, Any]:
    """Options of a layer's constructor."""
    rng = draft.rng
    if rng.random() > 0.35:
        return {}
    known = [{"num_layers": 2}, {"go_backwards": True}, {"return_sequences": False}]
    known += [{"layer_norm": True}, {"zoneout": 0.3}, {"recurrent_dropout": 0.3}]
    known += [{"return_all_states": True}, {"masked_output": "zero"}, {"bidirectional": True}]
    if draft.cell == "lstm":
        known += [{"peephole": True}, {"proj_size": draft.H // 2}]
    found: dict[str, Any] = {}
    for one in rng.sample(known, rng.choice([1, 2])):
        found |= one
    if len(found) == 2 and "bidirectional" in found:
        found.pop("go_backwards", None)  # not both
    draft.options = set(found)
    draft.P = found.get("proj_size") or draft.H
    return found


def flags(draft: Draft, steps: int) -> dict[str, Any]:
    """``lengths``, ``mask`` and ``reset``, right ones or wrong ones."""
    rng, batch, given = draft.rng, draft.batch, {}
    for name, chance in (("lengths", 0.4), ("mask", 0.3), ("reset", 0.3)):
        if rng.random() > chance:
            continue
        right = rng.random() < 0.8
        if name == "lengths":
            given[name] = [rng.randrange(steps + 1) for _ in range(batch)]
            if not right:
                given[name] = rng.choice(
                    [[steps + 1] * (batch + 1), [-1] * (batch or 1), "1", [0.5] * (batch or 1)]
                    + [[HUGE[1]] * (batch or 1)]
                )
        else:
            given[name] = torch.rand(batch, steps) < 0.5
            if not right:
                wrong = [torch.ones(batch + 1, steps), torch.ones(batch, steps), 3, "x"]
                given[name] = rng.choice([torch.ones(batch, steps + 1, dtype=torch.bool), *wrong])
        if not right:
            draft.refuse(f"{name} {given[name]!r}")
    return given


def layer(draft: Draft) -> Call:
    """``nn.RNN``, ``LSTM`` and ``GRU`` with options, lengths, masks and resets."""
    rng = draft.rng
    made = module(draft, "", batch_first=True, **chosen(draft))
    passes, steps = made.num_layers * (1 + made.bidirectional), rng.choice([1, 4, 8])
    draft.draw(x=(draft.batch, steps, draft.D), h=(passes, draft.batch, draft.P))
    if draft.cell == "lstm":
        draft.draw(c=(passes, draft.batch, draft.H))
    draft.parts |= {name: part.detach() for name, part in made.named_parameters()}
    draft.spoil()
    given, parts, seed = flags(draft, steps), draft.parts, rng.randrange(1 << 40)

    def call():
        torch.default_generator.manual_seed(seed)  # the same masks again
        return flat(made(parts["x"], given_to(made, parts), **given))

    return call


def cell(draft: Draft) -> Call:
    """``nn.RNNCell``, ``LSTMCell`` and ``GRUCell``."""
    made = module(draft, "Cell")
    draft.draw(x=(draft.batch, draft.D))
    draft.state("h", "c")
    draft.parts |= {name: part.detach() for name, part in made.named_parameters()}
    draft.spoil(width=("h",))
    parts = draft.parts

    def call():
        return flat(made(parts["x"], given_to(made, parts)))

    return call


def stream(draft: Draft) -> Call:
    """A stepper, whose weights may change between two steps."""
    rng = draft.rng
    options = rng.choice([{}, {}, {"num_layers": 2}, {"layer_norm": True}, {"zoneout": 0.2}])
    made = module(draft, "", **options).eval()
    draft.options, draft.batch = set(options), max(draft.batch, 1)
    names = [f"x{t}" for t in range(3)]
    draft.draw(**dict.fromkeys(names, (draft.batch, draft.D)))
    first = dict(made.named_parameters())
    draft.parts |= {name: part.detach() for name, part in first.items()}
    draft.spoil()
    parts, batch = draft.parts, draft.batch
    if rng.random() < 0.05:
        batch = rng.choice([0, -1, 1.5, True, "x", None])
        draft.refuse(f"{batch!r} streams")
    rows = rng.choice([None, [0], slice(1, None)])
    if rng.random() < 0.05:
        rows = rng.choice([[draft.batch], "x", HUGE[0]])
        draft.refuse(f"reset {rows}")
    once = [name for name in first if f"constant {name}" not in draft.done]  # to be written to
    changed = rng.choice([name for name in once if not name.startswith("norm")] or [None])
    quietly = rng.random() < 0.5

    @torch.no_grad()
    def call():
        given_to(made, parts | {"h": None})
        stepper = made.stepper(batch)
        outputs = [stepper(parts[names[0]])]
        weight = made._parameters[changed] if changed else torch.zeros(1)
        kept = weight.clone()
        (weight.data if quietly else weight).copy_(kept + 0.25)
        outputs.append(stepper(parts[names[1]]))
        weight.copy_(kept)
        stepper.reset(rows)
        stepper.state = stepper.state
        return [*outputs, stepper(parts[names[2]]), *flat(stepper.state)]

    return call
