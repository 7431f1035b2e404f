"""Task files of ACES (Automatic Cohort Extraction System, Xu et al., arXiv:2406.19653), translated.

An ACES file names a trigger, windows that rest on it and on each other, how often predicates may
occur in them, a label and the time of the prediction. All of that has its place in our grammar:
the trigger is an episode, its windows keep their names, and ``has`` becomes conditions. What has
none is refused by name: columns beside code and value, static predicates within expressions, and
the beginning and end of the record as events.

Three things differ. Times here are those at which events became known, which is the same where a
data set says nothing of it. What ACES asks of windows after the prediction stands under
``follow_up``, where it is skipped when outcomes are not known. And nobody is predicted after death,
which ACES does where the stay of a dead patient was closed later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sequela.errors import ConfigError

__all__ = ["from_aces"]

_ANY, _ANY_NAME = "_ANY_EVENT", "aces_any_event"
_IGNORED = ("description", "metadata")
_KEYS = ("predicates", "trigger", "windows", "patient_demographics", *_IGNORED)
_PREDICATE_KEYS = (
    "code", "expr", "static", "value_min", "value_max", "value_min_inclusive",
    "value_max_inclusive", "other_cols", *_IGNORED,
)  # fmt: skip
_WINDOW_KEYS = (
    "start", "end", "start_inclusive", "end_inclusive", "has", "label", "index_timestamp",
    *_IGNORED,
)  # fmt: skip
_EXPRESSION = re.compile(r"^(and|or)\((.+)\)$", re.DOTALL)
_BOUNDARY = re.compile(r"^\s*([\w.]+)\s*(?:(->|<-)\s*(\w+)|([+-])\s*(.+?))?\s*$")


def from_aces(content: Mapping[str, Any], name: str = "aces") -> dict[str, Any]:
    """What an ACES file says, as plain data of a :class:`~sequela.cohort.CohortDeclaration`.

    Args:
        content: the file, read; with its ``predicates``.
        name: of the task.

    Raises:
        ConfigError: a key or an expression that has no place here, or no label.
    """
    return _Translation(content, name).declaration()


class _Translation:
    def __init__(self, content: Mapping[str, Any], name: str):
        self.name = name
        self._known(content, _KEYS, "")
        self.content = content
        static = {
            key: {**value, "static": True}
            for key, value in self._table("patient_demographics").items()
        }
        self.given = {**self._table("predicates"), **static}
        self.windows = self._table("windows")
        for key, window in self.windows.items():
            self._known(window, _WINDOW_KEYS, f"window '{key}' of ")
        for key, one in self.given.items():
            self._known(one, _PREDICATE_KEYS, f"predicate '{key}' of ")

    def _refused(self, what: str, got: str, wanted: str | None = None) -> ConfigError:
        return ConfigError(f"{what} of the ACES task {self.name}", got=got, wanted=wanted)

    def _known(self, table: Any, keys: tuple[str, ...], where: str) -> None:
        if not isinstance(table, Mapping):
            what = f"{where}the ACES task {self.name}"
            raise ConfigError(what, got=type(table).__name__, wanted="keys and values")
        for key in table:
            if key not in keys:
                raise ConfigError(
                    f"key '{key}' of {where}the ACES task {self.name}", got="nothing like it here"
                )

    def _table(self, key: str) -> dict[str, Any]:
        found = self.content.get(key) or {}
        if not isinstance(found, Mapping):
            raise self._refused(f"'{key}'", type(found).__name__, "keys and values")
        return dict(found)

    def declaration(self) -> dict[str, Any]:
        """The whole of it."""
        trigger = self.content.get("trigger")
        label = self._the_one("label")
        at = self._the_one("index_timestamp")
        side = self.windows[at]["index_timestamp"]
        if side not in ("start", "end"):
            raise self._refused(f"'index_timestamp' of window '{at}'", repr(side), "start or end")
        return {
            "kind": "cohort",
            "name": self.name,
            "title": self.name.replace("_", " "),
            "predicates": {
                self._name(key): self._predicate(key, one) for key, one in self.given.items()
            }
            | {_ANY_NAME: {"regex": ["."], "dated": True, "title": "any event"}},
            "episodes": {"each": self._dated(str(trigger), "'trigger'")},
            "index": {"at": f"{self._window_name(at)}.{side}"},
            "windows": {self._window_name(key): self._window(key) for key in self._ordered()},
            "observation": None,
            "prediction": {
                "start": f"{self._window_name(label)}.start",
                "end": f"{self._window_name(label)}.end",
            },
            **self._conditions(at if side == "end" else None),
            "censoring": "keep",
            "label": {
                "kind": "binary",
                "predicate": self._dated(str(self.windows[label]["label"]), "'label'"),
                "window": self._window_name(label),
                "by": "event",
            },
        }

    def _the_one(self, key: str) -> str:
        found = [name for name, window in self.windows.items() if window.get(key) is not None]
        if len(found) != 1:
            raise self._refused(f"'{key}'", f"it in {len(found)} windows", "it in one window")
        return found[0]

    # -- predicates --------------------------------------------------------------------------------

    def _name(self, key: str) -> str:
        return _ANY_NAME if key == _ANY else f"p_{key}"

    def _window_name(self, key: str) -> str:
        return f"w_{key}"

    def _dated(self, key: str, what: str) -> str:
        if key != _ANY and key not in self.given:
            raise self._refused(what, f"'{key}', which is no predicate of the file")
        if key != _ANY and self.given[key].get("static"):
            raise self._refused(what, f"'{key}', which is static", "a predicate with a date")
        return self._name(key)

    def _predicate(self, key: str, one: Mapping[str, Any]) -> dict[str, Any]:
        title = key.replace("_", " ")
        if "expr" in one:
            found = _EXPRESSION.match(str(one["expr"]).strip())
            if not found:
                raise self._refused(f"predicate '{key}'", "an expression that is no and(), or()")
            names = [part.strip() for part in found[2].split(",")]
            parts = [self._dated(part, f"predicate '{key}'") for part in names]
            return {"any_of" if found[1] == "or" else "all_of": parts, "title": title}
        if one.get("other_cols"):
            raise self._refused(f"'other_cols' of predicate '{key}'", "columns beside the code")
        ranges = {
            "min": one.get("value_min"),
            "max": one.get("value_max"),
            # ACES leaves the limits out unless the file says otherwise.
            "min_inclusive": bool(one.get("value_min_inclusive")),
            "max_inclusive": bool(one.get("value_max_inclusive")),
        }
        return {**self._codes(key, one.get("code")), **ranges, "title": title,
                "dated": not one.get("static", False)}  # fmt: skip

    def _codes(self, key: str, code: Any) -> dict[str, Any]:
        if isinstance(code, str):
            return {"exact": [code]}
        if isinstance(code, Mapping) and set(code) == {"regex"}:
            return {"regex": [code["regex"]]}
        if isinstance(code, Mapping) and set(code) == {"any"}:
            return {"exact": list(code["any"])}
        raise self._refused(f"'code' of predicate '{key}'", "another form", "a code, regex or any")

    # -- windows -----------------------------------------------------------------------------------

    def _ordered(self) -> list[str]:
        """The windows, each behind those that it rests on."""
        waiting, found = list(self.windows), []
        while waiting:
            ready = [key for key in waiting if self._references(key) <= set(found)]
            if not ready:
                raise self._refused("'windows'", f"'{waiting[0]}', which rests on itself")
            found += ready
            waiting = [key for key in waiting if key not in ready]
        return found

    def _references(self, key: str) -> set[str]:
        sides = (self.windows[key].get(side) for side in ("start", "end"))
        return {side.split(".")[0].strip() for side in sides if side and "." in side.split()[0]}

    def _window(self, key: str) -> dict[str, Any]:
        window = self.windows[key]
        closed = [window.get(f"{side}_inclusive", True) for side in ("start", "end")]
        return {
            "start": self._boundary(key, "start", all(closed)),
            "end": self._boundary(key, "end", all(closed)),
            "start_inclusive": closed[0],
            "end_inclusive": closed[1],
        }

    def _boundary(self, key: str, side: str, closed: bool) -> str | None:
        text = self.windows[key].get(side)
        if text is None:
            return None
        found = _BOUNDARY.match(str(text))
        if not found:
            raise self._refused(f"'{side}' of window '{key}'", "another form", "MOMENT + LENGTH")
        moment, arrow, predicate, sign, length = found.groups()
        moment = self._moment(key, side, moment)
        if arrow:
            # Where both ends belong to the window, the moment itself may be the event it ends with.
            step = self._dated(predicate, f"'{side}' of window '{key}'")
            return f"{moment} {arrow}{'=' if closed else ''} {step}"
        return f"{moment} {sign} {length}" if sign else moment

    def _moment(self, key: str, side: str, moment: str) -> str:
        if moment == "trigger":
            return "start"
        own = {"start": "end", "end": "start"}[side]
        if moment == own:
            return f"{self._window_name(key)}.{own}"
        window, _, of = moment.rpartition(".")
        if window in self.windows and of in ("start", "end"):
            return f"{self._window_name(window)}.{of}"
        raise self._refused(f"'{side}' of window '{key}'", f"the moment '{moment}'")

    # -- conditions --------------------------------------------------------------------------------

    def _conditions(self, at_index: str | None) -> dict[str, Any]:
        known: list[dict[str, Any]] = []
        later: list[dict[str, Any]] = []
        for key, window in self.windows.items():
            there = known if key == at_index else later
            for side in ("start", "end"):
                text = window.get(side)
                if text is not None and ("->" in text or "<-" in text):
                    bound = f"{self._window_name(key)}.{side}"
                    name = f"with the {side} of '{key}'"
                    there.append({"name": name, "moment": bound})
            if window.get("end") is None:
                name = f"with an event in '{key}'"
                there.append(self._count(name, _ANY_NAME, key, 1, None, "time"))
            for predicate, text in (window.get("has") or {}).items():
                self._has(key, predicate, text, there, known)
        return {"include": known, "follow_up": later}

    def _has(self, key: str, predicate: str, text: Any, there: list[Any], known: list[Any]) -> None:
        limits = [part.strip() for part in str(text).strip("()[] ").split(",")]
        if len(limits) != 2 or not all(re.match(r"^(\d+|None|)$", limit) for limit in limits):
            raise self._refused(f"'has' of window '{key}'", "another form", "(MIN, MAX)")
        least, most = (int(limit) if limit.isdigit() else None for limit in limits)
        name = f"{predicate.replace('_', ' ')} {least or 0} to {'any' if most is None else most} "
        name += f"times in '{key}'"
        if predicate in self.given and self.given[predicate].get("static"):
            if (least, most) not in ((1, None), (None, 0), (0, 0)):
                raise self._refused(f"'has' of window '{key}'", f"counts of '{predicate}'")
            static = self._count(name, self._name(predicate), key, least or 0, most, "event")
            known.append({**static, "window": {"start": None, "end": "index"}})
            return
        counted = self._dated(predicate, f"'has' of window '{key}'")
        derived = predicate == _ANY or "expr" in self.given[predicate]
        # ACES counts an expression once a moment, and a plain predicate by its events.
        by = "time" if derived else "event"
        there.append(self._count(name, counted, key, least or 0, most, by))

    def _count(
        self, name: str, predicate: str, key: str, least: int, most: int | None, by: str
    ) -> dict[str, Any]:
        window = self._window_name(key)
        return {"name": name, "count": predicate, "window": window, "min": least, "max": most,
                "by": by}  # fmt: skip
