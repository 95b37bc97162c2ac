"""A TOML table as a frozen dataclass, every key and type checked; one clear line for what does not fit."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

S = TypeVar("S")
_NAMES: Mapping[type, str] = {
    dict: "a section",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


class SettingsError(ValueError):
    """A setting that is missing, unknown or of another type; the message says which, and where."""


def shaped(shape: type[S], table: Mapping[str, Any], where: str, places: Mapping[str, str]) -> S:
    """Return the table as `shape`; `places` are replaced in its texts, such as {env}.

    A field may be a bool, int, float, str, a tuple or mapping of these, an `X | None`, or a dataclass.
    """
    fields = {one.name: one for one in dataclasses.fields(shape)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(shape)
    for key in table:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, 1)
            meant = f'; did you mean "{near[0]}"?' if near else ""
            raise SettingsError(f'{where}: unknown setting "{key}"{meant}')
    for name, one in fields.items():
        if name not in table and _needed(one):
            raise SettingsError(f'{where}: "{name}" is missing')
    return shape(**{key: _fit(hints[key], value, f"{where}: {key}", places) for key, value in table.items()})


def _needed(one: dataclasses.Field[Any]) -> bool:
    return one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING


def _fit(hint: Any, value: Any, where: str, places: Mapping[str, str]) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return _fit(next(one for one in arguments if one is not type(None)), value, where, places)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return shaped(hint, _of(dict, value, where), where, places)
    if origin is tuple:
        return tuple(_fit(arguments[0], one, where, places) for one in _of(list, value, where))
    if origin is not None and issubclass(origin, Mapping):
        table = _of(dict, value, where)
        return {key: _fit(arguments[1], one, f"{where}.{key}", places) for key, one in table.items()}
    return _plain(hint, value, where, places)


def _plain(hint: type, value: Any, where: str, places: Mapping[str, str]) -> Any:
    if hint is float and type(value) is int:
        return float(value)
    text = _of(hint, value, where)
    if isinstance(text, str):
        for place, name in places.items():
            text = text.replace(place, name)
    return text


def _of(expected: type, value: Any, where: str) -> Any:
    """Return a value of exactly this type; what it is instead is told by its type, for it may be a secret."""
    if type(value) is not expected:
        got = _NAMES.get(type(value), type(value).__name__)
        raise SettingsError(f"{where}: expected {_NAMES[expected]}, got {got}")
    return value
