"""What a recurrent layer refuses: torch's type and torch's phrase first, then what we add."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

__all__ = [
    "check_constructor",
    "check_flags",
    "check_hidden",
    "check_hidden_dimensions",
    "check_input",
    "check_lengths",
    "check_sequence_length",
    "dtype_phrase",
    "hidden_pair",
]


def check_constructor(
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bias: bool,
    batch_first: bool,
    dropout: float,
    proj_size: int,
) -> None:
    """Refuses what ``torch.nn.RNNBase`` refuses, in the same order."""
    number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an "
            "element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )
    for name, value, kind in (
        ("bias", bias, bool),
        ("batch_first", batch_first, bool),
        ("input_size", input_size, int),
        ("hidden_size", hidden_size, int),
    ):
        if not isinstance(value, kind):
            raise TypeError(
                f"{name} should be of type {kind.__name__}, got: {type(value).__name__}"
            )
        if kind is int and value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


def hidden_pair(
    hx: Sequence[Tensor] | Tensor, input: Tensor | PackedSequence
) -> tuple[Tensor, Tensor]:
    """The two initial states of an LSTM; as in torch, only unbatched ones may be stacked.

    Raises:
        TypeError: one tensor instead of two.
        RuntimeError: another number of states (a third one also without a batch, where torch
            ignores it).
    """
    packed = isinstance(input, PackedSequence)
    if isinstance(hx, Tensor):
        if packed or (hx.dim(), input.dim()) == (4, 3):
            raise TypeError(
                "lstm() received an invalid combination of arguments - got one Tensor as hx. "
                "Give the tuple (h_0, c_0)"
            )
    elif len(hx) > 2 or (packed and len(hx) < 2):
        raise RuntimeError(f"lstm expects two hidden states, got {len(hx)}")
    return hx[0], hx[1]


def check_hidden_dimensions(names: str, batched: bool, parts: tuple[Tensor, ...]) -> None:
    """Refuses initial states of another number of dimensions than the input."""
    wanted = 3 if batched else 2
    if all(part.dim() == wanted for part in parts):
        return
    shape = "batched 3-D" if batched else "unbatched 2-D"
    got = ", ".join(f"{part.dim()}-D" for part in parts)
    if len(parts) == 1:
        got, tensors = got, "tensor"
    else:
        got, tensors = f"({got})", "tensors"
    raise RuntimeError(
        f"For {shape} input, {names} should also be {wanted}-D but got {got} {tensors}"
    )


def check_input(input: Tensor, weight: Tensor, input_size: int, packed: bool) -> None:
    """Refuses an input of another type, number of dimensions, size or device."""
    if input.dtype != weight.dtype and not torch._C._is_any_autocast_enabled():
        raise ValueError(
            f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
            f"Convert input: input.to({weight.dtype}), or convert model: model.to({input.dtype})"
        )
    wanted = 2 if packed else 3
    if input.dim() != wanted:
        raise RuntimeError(f"input must have {wanted} dimensions, got {input.dim()}")
    if input.size(-1) != input_size:
        raise RuntimeError(
            "input.size(-1) must be equal to input_size. "
            f"Expected {input_size}, got {input.size(-1)}"
        )
    if input.device != weight.device:
        raise RuntimeError(
            "Input and parameter tensors are not at the same device, found input tensor at "
            f"{input.device} and parameter tensor at {weight.device}"
        )


def check_sequence_length(steps: int, lengths_are_data: bool) -> None:
    """Refuses an input without any step, as torch does, unless its lengths are given."""
    if steps == 0 and not lengths_are_data:
        raise RuntimeError(
            "Expected sequence length to be larger than 0 in RNN. "
            "Give lengths= when sequences may be empty"
        )


def check_hidden(part: Tensor, wanted: tuple[int, int, int], name: str, input: Tensor) -> None:
    """Refuses an initial state of another size, device or type."""
    if part.shape != wanted:
        raise RuntimeError(f"Expected {name} size {wanted}, got {list(part.shape)}")
    if part.device != input.device:
        raise RuntimeError(
            "Input and hidden tensors are not at the same device, found input tensor at "
            f"{input.device} and hidden tensor at {part.device}"
        )
    if part.dtype != input.dtype and not torch._C._is_any_autocast_enabled():
        raise RuntimeError(dtype_phrase("hx", part.dtype, input.dtype))


def dtype_phrase(what: str, got: torch.dtype, wanted: torch.dtype) -> str:
    """The message for a tensor of another type than the weights."""
    # torch's kernels call float64 Double and float32 Float.
    names = {torch.float64: "Double", torch.float32: "Float", torch.float16: "Half"}
    first, second = (names.get(dtype, str(dtype).removeprefix("torch.")) for dtype in (got, wanted))
    return (
        f"mat1 and mat2 must have the same dtype, but got {first} and {second}. "
        f"Convert it: {what}.to({wanted})"
    )


def check_lengths(lengths: object, batch: int, steps: int) -> Tensor:
    """Lengths as int64 ``[B]``; torch's ``pack_padded_sequence`` has the phrases.

    Raises:
        TypeError: they are not whole numbers.
        RuntimeError: their number, or one of them, does not fit the input.
    """
    if not isinstance(lengths, Tensor):
        lengths = torch.as_tensor(lengths, device="cpu")
    kind = lengths.dtype
    # An empty list becomes an empty float tensor; it holds no fraction.
    if lengths.numel() and (kind.is_floating_point or kind.is_complex or kind == torch.bool):
        raise TypeError(f"lengths should be whole numbers, got: {kind}. Convert: lengths.long()")
    if lengths.dim() == 0 and batch == 1:
        lengths = lengths[None]
    if lengths.dim() != 1 or lengths.shape[0] != batch:
        got = lengths.shape[0] if lengths.dim() == 1 else f"shape {list(lengths.shape)}"
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {got} (batch_size={batch})"
        )
    lengths = lengths.to(torch.int64)
    if torch.compiler.is_compiling():
        # The numbers are not known yet: the check becomes part of what is compiled.
        fits = ((lengths >= 0) & (lengths <= steps)).all()
        torch._assert_async(
            fits, "Expected lengths of at least 0 and at most the steps of the input"
        )
        return lengths
    if batch and int(lengths.min()) < 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0. Here 0 is allowed; a negative length is not"
        )
    if batch and int(lengths.max()) > steps:
        raise RuntimeError(
            f"Expected lengths of at most {steps}, the steps of the input, "
            f"but the greatest is {int(lengths.max())}"
        )
    return lengths


def check_flags(flags: Tensor, wanted: tuple[int, ...], name: str) -> None:
    """Refuses flags that are not bool or not shaped as the input's first axes."""
    if not isinstance(flags, Tensor) or flags.dtype != torch.bool:
        got = flags.dtype if isinstance(flags, Tensor) else type(flags).__name__
        raise TypeError(f"{name} should be a tensor of torch.bool, got: {got}")
    if flags.shape != wanted:
        raise RuntimeError(
            f"Expected {name} size {tuple(wanted)}, got {list(flags.shape)}. "
            "It is shaped as the input without its features"
        )
