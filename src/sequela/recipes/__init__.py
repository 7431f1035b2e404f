"""Named, published models: one file each, built by name from plain numbers.

A recipe is a module whose ``forward(batch)`` returns logits in the order of the batch. Its
arguments are numbers, texts and None only, so that a bundle can hold them as JSON and nothing else
is needed to build the model again.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any

from torch import nn

from sequela.errors import ConfigError, nearest
from sequela.recipes.captioner import Captioner
from sequela.recipes.char_lm import CharLM
from sequela.recipes.conv_rnn import ConvRNN
from sequela.recipes.dipole import Dipole
from sequela.recipes.doctor_ai import DoctorAI
from sequela.recipes.forecaster import Forecaster
from sequela.recipes.frames import Frames
from sequela.recipes.gru_d import GRUD
from sequela.recipes.leap import LEAP
from sequela.recipes.lstm_deep_supervision import LSTMDeepSupervision
from sequela.recipes.members import Members
from sequela.recipes.mlp import MLP
from sequela.recipes.neuroner import NeuroNER
from sequela.recipes.onset_gru import OnsetGRU
from sequela.recipes.retain import Retain
from sequela.recipes.seizure_bilstm import SeizureBiLSTM
from sequela.recipes.seq2seq_attention import Seq2SeqAttention
from sequela.recipes.speech_ctc import SpeechCTC
from sequela.recipes.t_lstm import TLSTM
from sequela.recipes.text_classifier import TextClassifier
from sequela.recipes.values_gru import ValuesGRU

__all__ = [
    "GRUD",
    "LEAP",
    "MLP",
    "TLSTM",
    "Captioner",
    "CharLM",
    "ConvRNN",
    "Dipole",
    "DoctorAI",
    "Forecaster",
    "Frames",
    "LSTMDeepSupervision",
    "Members",
    "NeuroNER",
    "OnsetGRU",
    "Retain",
    "SeizureBiLSTM",
    "Seq2SeqAttention",
    "SpeechCTC",
    "TextClassifier",
    "ValuesGRU",
    "arguments",
    "build",
    "check_arguments",
    "names",
    "outcomes",
    "reads_forward",
]

_RECIPES: dict[str, type[nn.Module]] = {
    "captioner": Captioner,
    "char_lm": CharLM,
    "conv_rnn": ConvRNN,
    "dipole": Dipole,
    "doctor_ai": DoctorAI,
    "forecaster": Forecaster,
    "frames": Frames,
    "gru_d": GRUD,
    "leap": LEAP,
    "lstm_deep_supervision": LSTMDeepSupervision,
    "mlp": MLP,
    "neuroner": NeuroNER,
    "onset_gru": OnsetGRU,
    "retain": Retain,
    "seizure_bilstm": SeizureBiLSTM,
    "seq2seq_attention": Seq2SeqAttention,
    "speech_ctc": SpeechCTC,
    "t_lstm": TLSTM,
    "text_classifier": TextClassifier,
    "values_gru": ValuesGRU,
}
#: Recipes without an argument ``answer`` that answer no classes, but sets of labels.
_OF_SETS = ("leap",)
#: Those that answer each token of a text; they are trained and used by ``sequela.deid``.
_OF_TOKENS = ("neuroner",)
#: Those that can be asked after any step, and see nothing later than it.
_FORWARD = ("doctor_ai", "gru_d", "onset_gru", "t_lstm", "values_gru")
_MOST_MEMBERS = 100
#: Those whose answer is how probable they find what they read.
_OF_LIKELIHOOD = ("captioner", "char_lm", "seq2seq_attention", "speech_ctc")
_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def names() -> list[str]:
    """The names of all recipes, sorted."""
    return sorted(_RECIPES)


def _recipe(name: str) -> type[nn.Module]:
    if name not in _RECIPES:
        raise ConfigError(f"recipe '{name}'", got="an unknown name", todo=nearest(name, _RECIPES))
    return _RECIPES[name]


def arguments(name: str) -> dict[str, inspect.Parameter]:
    """What :func:`build` accepts for a recipe: its constructor's parameters, by name.

    Raises:
        ConfigError: an unknown name.
    """
    return dict(inspect.signature(_recipe(name)).parameters)


def outcomes(name: str) -> tuple[str, ...]:
    """What a recipe answers, see :data:`sequela.recipes.answers.AnswerName`.

    The choices of its argument ``answer``; "multilabel" for sets of labels found one by one; "tags"
    for those of tokens; "likelihood" for how probable the data themselves are; else "classes".

    Raises:
        ConfigError: an unknown name.
    """
    recipe = _recipe(name)
    if "answer" in arguments(name):
        return typing.get_args(typing.get_type_hints(recipe.__init__)["answer"])
    if name in _OF_TOKENS:
        return ("tags",)
    if name in _OF_LIKELIHOOD:
        return ("likelihood",)
    return ("multilabel",) if name in _OF_SETS else ("classes",)


def reads_forward(name: str) -> bool:
    """Whether a recipe answers on the way: at any step, from what is known by then.

    Raises:
        ConfigError: an unknown name.
    """
    _recipe(name)
    return name in _FORWARD


def _kinds(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _fits(value: Any, kind: Any) -> bool:
    if kind is type(None):
        return value is None
    if typing.get_origin(kind) is typing.Literal:
        return value in typing.get_args(kind)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    # bool is an int to Python; nobody who writes hidden_size=true means 1.
    return type(value) is kind


def _wanted(kinds: tuple[Any, ...]) -> str:
    words = []
    for kind in kinds:
        if typing.get_origin(kind) is typing.Literal:
            words += [str(choice) for choice in typing.get_args(kind)]
        else:
            words.append("null" if kind is type(None) else _WORDS[kind])
    return " or ".join(words)


def check_arguments(name: str, values: Mapping[str, Any]) -> None:
    """Refuses what :func:`build` would refuse whatever the data are; others may still be missing.

    Args:
        name: one of :func:`names`.
        values: as of :func:`build`.

    Raises:
        ConfigError: an unknown name or argument (with the nearest known one), or a wrong type.
    """
    recipe, parameters = _recipe(name), arguments(name)
    alone = _OF_SETS + _OF_TOKENS + _OF_LIKELIHOOD
    most = 1 if name in alone else _MOST_MEMBERS
    members = values.get("members", 1)
    if type(members) is not int or not 1 <= members <= most:
        where = f"argument 'members' of recipe '{name}'"
        raise ConfigError(where, got=repr(members)[:80], wanted=f"a whole number from 1 to {most}")
    hints = typing.get_type_hints(recipe.__init__)
    for key, value in values.items():
        if key == "members":
            continue
        where = f"argument '{key}' of recipe '{name}'"
        if key not in parameters:
            raise ConfigError(where, got="an unknown argument", todo=nearest(key, parameters))
        kinds = _kinds(hints[key])
        if not any(_fits(value, kind) for kind in kinds):
            raise ConfigError(where, got=repr(value)[:80], wanted=_wanted(kinds))


def build(name: str, **values: Any) -> nn.Module:
    """The model of a recipe, freshly initialised from torch's generator.

    Args:
        name: one of :func:`names`.
        values: the recipe's arguments (:func:`arguments`); and ``members``, how many such models
            answer together (:class:`Members`), 1 by default.

    Raises:
        ConfigError: an unknown name or argument (with the nearest known one), a missing argument,
            a wrong type or a value out of range.
    """
    check_arguments(name, values)
    recipe, members = _recipe(name), values.pop("members", 1)
    hints = typing.get_type_hints(recipe.__init__)
    for key, parameter in arguments(name).items():
        if key not in values and parameter.default is inspect.Parameter.empty:
            raise ConfigError(
                f"argument '{key}' of recipe '{name}'",
                got="nothing",
                wanted=_wanted(_kinds(hints[key])),
            )
    if members == 1:
        return recipe(**values)
    return Members(recipe(**values) for _ in range(members))
