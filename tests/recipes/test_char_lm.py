"""The character language model against its equations; what it writes, by seed and in pieces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.recipes.by_hand import lstm, weights
from tests.tolerances import EXACT, REFERENCE

from sequela import recipes
from sequela.batches.streams import StreamEncoder
from sequela.errors import ConfigError
from sequela.ops.native import library
from sequela.recipes import char_lm
from sequela.recipes.writing import write
from sequela.train import outputs
from sequela.train.each import Losses, Opaque
from sequela.train.losses import objective
from sequela.train.truncated import piece_losses

TEXT = "abcabdabcacbadbcab"
ENCODER = StreamEncoder("abcd")


def model(**options):
    torch.manual_seed(0)
    sizes = {"vocabulary_size": ENCODER.size + 1, "embedding_size": 3, "hidden_size": 4}
    return recipes.build("char_lm", **{**sizes, **options}).double().eval()


def samples(row: int, context: int = 0):
    return ENCODER.samples(TEXT, row, context)


def nats_by_hand(layer, row: list[tuple[int, int]]) -> torch.Tensor:
    state = layer.state_dict()
    h = c = torch.zeros(4, dtype=torch.float64)
    found = []
    for read, asked in row:
        h, c = lstm(weights(state, "recurrent", "_l0"), layer.embedding.weight[read], h, c)
        chances = torch.softmax(state["output.weight"] @ h + state["output.bias"], 0)
        if asked < ENCODER.size:
            found.append(-chances[asked].log())
    return torch.stack(found).mean()


@pytest.mark.parametrize(("row", "context"), [(50, 0), (7, 0), (5, 3)])
def test_nats_equal_the_equations(row, context):
    layer, data = model(), samples(row, context)
    codes = data.codes.reshape(-1, 2).tolist()
    wanted = [
        nats_by_hand(layer, codes[start : start + length])
        for start, length in zip(data.starts, data.lengths, strict=True)
    ]
    torch.testing.assert_close(layer(data.batch(np.arange(len(data)))), torch.stack(wanted))


def test_in_pieces_as_in_one_go(monkeypatch):
    near = REFERENCE if library() is None else EXACT
    layer, batch = model(layers=2), samples(9, 3).batch(np.array([1, 0]))
    with torch.no_grad():
        whole = layer(batch)
        monkeypatch.setattr(char_lm, "_AT_ONCE", 4)
        # The sum over the steps is in another order; the states have the same bits.
        torch.testing.assert_close(layer(batch), whole, rtol=1e-14, atol=0)
        one, _ = layer._judged(batch, None)
        first, state = layer._judged(batch.cut(0, 5), None)
        second, end = layer._judged(batch.cut(5, 99), state)
        torch.testing.assert_close(first + second, one, rtol=1e-14, atol=0)
        torch.testing.assert_close(end, layer._judged(batch, None)[1], **near)


@pytest.mark.parametrize(("k1", "k2"), [(4, None), (3, 6), (20, None)])
def test_the_shares_of_a_row_add_up(k1, k2):
    layer, data = model(), samples(9)
    losses = Losses(layer, objective(data.target, data.target, kind="likelihood"))
    batch = data.batch(np.array([1, 0]))
    parts = list(piece_losses(losses, batch, k1, k2))
    torch.testing.assert_close(sum(parts), layer(batch))
    torch.testing.assert_close(losses(Opaque(batch)), layer(batch))


@pytest.mark.skipif(library() is None, reason="the native library is not built here")
def test_a_row_has_the_same_bits_in_any_company():
    layer = model().float()
    data = samples(3, 2)
    whole = outputs(layer, data, 100)
    for chosen in ([4], [5, 0, 2], [1, 1]):
        found = outputs(layer, data.subset(np.array(chosen)), 2)
        assert np.array_equal(found, whole[chosen])


def test_every_parameter_is_reached_by_a_finite_gradient():
    layer = model(dropout=0.1, layers=2).train()
    layer(samples(5).batch(np.arange(4))).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


# --- writing -----------------------------------------------------------------------------------


def generator(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_text_in_chunks_is_the_text_in_one_go():
    layer, prompt = model(layers=2), torch.tensor([1, 2])
    whole, end = write(layer, prompt, 30, generator=generator())
    draws, pieces, state, read = generator(), [], None, prompt
    for length in (1, 12, 17):
        piece, state = write(layer, read, length, generator=draws, state=state)
        pieces.append(piece)
        read = piece[-1:]
    assert torch.equal(torch.cat(pieces), whole)
    near = REFERENCE if library() is None else EXACT
    torch.testing.assert_close(state, end, **near)
    assert torch.equal(write(layer, prompt, 30, generator=generator())[0], whole)
    assert not torch.equal(write(layer, prompt, 30, generator=generator(6))[0], whole)
    assert whole.min() > 0


def test_the_next_symbol_is_drawn_as_the_model_says():
    layer, prompt = model(), torch.tensor([1, 3])
    with torch.no_grad():
        layer.output.weight.mul_(4)
        state = layer.recurrent(layer.embedding(prompt)[:, None])[0][-1]
        logits = layer.output(state)[0]
    draws = generator()
    for temperature, top_k, kept in ((1.0, None, 4), (0.5, None, 4), (2.0, 2, 2)):
        best = logits[1:].topk(kept).indices + 1
        wanted = torch.zeros(5).double()
        wanted[best] = torch.softmax(logits[best] / temperature, 0)
        options = {"generator": draws, "temperature": temperature, "top_k": top_k}
        drawn = [int(write(layer, prompt, 1, **options)[0]) for _ in range(600)]
        shares = torch.bincount(torch.tensor(drawn), minlength=5) / 600
        # Five standard errors of a share.
        assert (shares - wanted).abs().max() < 5 * (0.25 / 600) ** 0.5
        assert shares[wanted == 0].sum() == 0
    for options in ({"temperature": 0.0}, {"top_k": 1}):
        first = write(layer, prompt, 1, generator=draws, **options)[0]
        assert int(first) == int(logits[1:].argmax()) + 1


def test_the_edges_of_temperature_and_of_top_k():
    layer, prompt = model(), torch.tensor([1])
    greedy = write(layer, prompt, 20, generator=generator(), temperature=0.0)[0]
    for temperature in (5e-324, 1e-310, 1e-30):
        found = write(layer, prompt, 20, generator=generator(), temperature=temperature)[0]
        assert torch.equal(found, greedy)
    whole = write(layer, prompt, 20, generator=generator())[0]
    for top_k in (4, 5, 10**9):
        assert torch.equal(write(layer, prompt, 20, generator=generator(), top_k=top_k)[0], whole)
    hot = write(layer, prompt, 400, generator=generator(), temperature=1e300)[0]
    assert (torch.bincount(hot, minlength=5)[1:] > 60).all()
    # Of equals no more than k are drawn, and never the unknown one.
    torch.nn.init.zeros_(layer.output.weight)
    torch.nn.init.zeros_(layer.output.bias)
    drawn = write(layer, prompt, 100, generator=generator(), top_k=2)[0]
    assert set(drawn.tolist()) == {1, 2}


def test_nothing_is_known():
    with pytest.raises(ConfigError, match="knows no symbol"):
        write(model(vocabulary_size=2), torch.tensor([0]), 1, generator=generator())


@pytest.mark.parametrize(
    ("prompt", "length", "options"),
    [
        ([], 3, {}),
        ([1], 0, {}),
        ([1], 3, {"temperature": -1.0}),
        ([1], 3, {"temperature": float("nan")}),
        ([1], 3, {"temperature": float("inf")}),
        ([1], 3, {"top_k": 0}),
    ],
)
def test_what_cannot_be_written(prompt, length, options):
    with pytest.raises(ConfigError, match="writing"):
        write(
            model(),
            torch.tensor(prompt, dtype=torch.int64),
            length,
            generator=generator(),
            **options,
        )
