"""Settings from outside, checked: a mistake becomes one line of what, where and what to do."""

from __future__ import annotations

import os
import re
import types
import typing
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, Tag, ValidationError

from sequela.errors import ConfigError, nearest

__all__ = ["checked", "nearest", "override", "read_yaml"]

_Model = TypeVar("_Model", bound=BaseModel)

# Characters of a wrong value in a message.
_SHOWN = 80

_WANTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table of keys and values",
    "model_type": "a table of keys and values",
    "path_type": "a path",
}


def _bare(kind: Any) -> Any:
    """A type without what is said about it, and without None."""
    while typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        members = [item for item in typing.get_args(kind) if item is not type(None)]
        return _bare(members[0]) if len(members) == 1 else kind
    return kind


def _tags(member: Any) -> set[Any]:
    """The words by which a member of a union is told from the others."""
    said = getattr(member, "__metadata__", ())
    field = getattr(_bare(member), "model_fields", {}).get("kind")
    return {one.tag for one in said if isinstance(one, Tag)} | set(
        typing.get_args(field.annotation) if field else ()
    )


def _located(model: type[BaseModel], location: tuple[Any, ...]) -> tuple[list[str], list[str]]:
    """Where an error is, as the user wrote it, and the keys that are known there.

    Pydantic also names the member of a union that it took for meant; no user wrote that.
    """
    kind: Any = model
    path: list[str] = []
    for part in location:
        kind = _bare(kind)
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            chosen = [member for member in inner if part in _tags(member)]
            if chosen:
                kind = chosen[0]
                continue
        path.append(str(part))
        if origin in (dict, Mapping):
            kind = inner[1]
        elif origin in (tuple, list):
            kind = inner[0]
        else:
            fields = getattr(kind, "model_fields", {})
            kind = fields[part].annotation if part in fields else None
    return path, list(getattr(_bare(kind), "model_fields", {}))


def checked(model: type[_Model], values: Mapping[str, Any], where: str) -> _Model:
    """An instance of ``model``, or a :class:`ConfigError` for the first mistake.

    Args:
        model: a pydantic model.
        values: the settings as read.
        where: what they belong to, for the message ("training").

    Raises:
        ConfigError: an unknown key (with the nearest known one), a missing key, a wrong type or a
            value out of range.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
    path, _ = _located(model, first["loc"])
    name = ".".join(path)
    what = f"setting '{name}' of {where}" if name else f"the settings of {where}"
    if first["type"] == "extra_forbidden":
        _, known = _located(model, first["loc"][:-1])
        todo = nearest(path[-1], known) if known else "Remove it."
        raise ConfigError(what, got="an unknown key", todo=todo)
    if first["type"] == "missing":
        raise ConfigError(what, got="nothing", wanted="a value", todo=f"Add {name}=... .")
    wanted = _WANTED.get(first["type"]) or first["msg"].removeprefix("Input should be ")
    wanted = wanted.removeprefix("Value error, ")
    # Of a whole table only its place is said: what is wrong with it stands in ``wanted``.
    got = repr(first["input"])
    whole = isinstance(first["input"], Mapping) and len(got) > _SHOWN
    got = None if whole else got[:_SHOWN]
    raise ConfigError(what, got=got, wanted=wanted, todo="Correct it.")


class _Loader(yaml.SafeLoader):
    """Plain data; numbers as YAML 1.2 has them, since 1.1 takes 1e-3 for a text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


def read_yaml(path: Path | str) -> dict[str, Any]:
    """A YAML file that holds a table of keys and values; plain data only, never code.

    Raises:
        ConfigError: the file is missing, unreadable, not YAML or not a table.
    """
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError as error:
        raise ConfigError(f"file {path}", got="no such file", todo="Check the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"file {path}", got=type(error).__name__, wanted="a YAML file") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"file {path}", got="an impossible value", wanted="YAML") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"not YAML at line {mark.line + 1}" if mark else "not YAML"
        raise ConfigError(f"file {path}", got=line, todo="Correct the syntax.") from error
    if not isinstance(content, dict):
        raise ConfigError(f"file {path}", got=type(content).__name__, wanted="keys and values")
    return content


def _parsed(key: str, text: str) -> Any:
    try:
        return yaml.load(text, _Loader)
    # YAML's own dates and depths fail with these, not with an error of their own.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"argument '{key}'", got="unreadable", wanted="a YAML value") from error


def override(
    values: Mapping[str, Any], assignments: Iterable[str], texts: Collection[str] = ()
) -> dict[str, Any]:
    """Settings with ``key=value`` words applied; ``a.b=1`` reaches into tables.

    Values are read as YAML, so ``epochs=3`` is a number, ``codes=[a, b]`` a list and ``null`` no
    value. Nothing at all, ``patience=``, takes a key out: then its default counts. A key that
    reaches into a text makes it a table of that ``name``: ``outcome.prefix=[I50]``.

    Args:
        values: the settings so far; they are not changed.
        assignments: the words.
        texts: keys whose value is taken as it stands, such as paths; nothing is None.

    Raises:
        ConfigError: a word without '=', a key that reaches into something that is no table, or one
            that is to be taken out and is not there.
    """
    result = {
        key: dict(value) if isinstance(value, dict) else value for key, value in values.items()
    }
    for word in assignments:
        key, separator, text = word.partition("=")
        if not separator or not key:
            raise ConfigError(f"argument '{word}'", wanted="key=value", todo="Write key=value.")
        *tables, last = key.split(".")
        target = _table_of(result, tables, key)
        if text or key in texts:
            # Not every shell puts the home folder into data=~/records.
            value = (os.path.expanduser(text) or None) if key in texts else _parsed(key, text)
            target[last] = value
        elif last in target:
            del target[last]
        else:
            raise ConfigError(
                f"argument '{word}'",
                got="no such setting to take out",
                wanted="key=value",
                todo=nearest(last, target) if target else "Write null for no value.",
            )
    return result


def _table_of(values: dict[str, Any], tables: list[str], key: str) -> dict[str, Any]:
    """The table that a key reaches into, copied on the way; made where there is none."""
    for table in tables:
        inner = values.get(table)
        inner = {"name": inner} if isinstance(inner, str) else inner
        if inner is not None and not isinstance(inner, dict):
            raise ConfigError(f"argument '{key}'", got=f"'{table}' is no table of settings")
        values[table] = dict(inner or {})
        values = values[table]
    return values
