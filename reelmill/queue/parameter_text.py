"""Parameters of a job as people type them, by the schema of its flow (pure)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from reelmill.errors import UserError

Schema = Mapping[str, Any]

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_NOTHING: Final = frozenset({"", "none", "null"})

#: Of a whole number that a server holds, without its sign.
_BITS: Final = 63

_DURATION: Final = re.compile(
    r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m(?:in)?)?(?:(?P<s>\d+(?:\.\d+)?)s)?(?:(?P<ms>\d+)ms)?"
)
_CLOCK: Final = re.compile(r"(?:(\d+):)?([0-5]?\d):([0-5]?\d(?:\.\d+)?)")
_IN_SECONDS: Final = re.compile(r"\bseconds?\b", re.IGNORECASE)


class _MisfitError(Exception):
    """A text is not what a parameter takes."""


def parse_parameters(job_type: str, given: Iterable[str], schema: Schema) -> dict[str, Any]:
    """The parameters that ``key=value`` texts stand for; a key that is given again makes a list.

    Args:
        job_type: whose they are.
        given: such as ``crf=20``, ``duration=1m30s``, ``video_ids=a,b,c,d``.
        schema: of its flow, as OpenAPI has it.

    Returns:
        The values by name.

    Raises:
        UserError: a text has no ``=``, there is no such parameter, or it takes no such value; one sentence with what
            it takes.
    """
    texts: dict[str, list[str]] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals:
            raise UserError(f"{one!r} is no parameter; write it as name=value.")
        texts.setdefault(name.strip(), []).append(text)
    return {name: _parse_one(job_type, name, values, schema) for name, values in texts.items()}


def _parse_one(job_type: str, name: str, texts: list[str], schema: Schema) -> Any:
    known: Schema = schema.get("properties") or {}
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise UserError(f"{job_type} has no parameter {name!r}{hint}; it takes {', '.join(known) or 'none'}.")
    spec = resolved(known[name], schema)
    text = texts[0] if len(texts) == 1 else json.dumps(texts)
    try:
        return _value(text, spec, schema)
    except _MisfitError:
        shown = text if len(texts) == 1 else ", ".join(texts)
        raise UserError(f"{name}={shown}: {job_type} takes {described(spec, schema)} for {name}.") from None


def resolved(spec: Schema, schema: Schema) -> Schema:
    """A property with what it refers to in its place, its description kept."""
    reference = spec.get("$ref") or next((one.get("$ref") for one in spec.get("allOf") or ()), None)
    if reference is None:
        return spec
    return {**(schema.get("definitions") or {}).get(str(reference).rpartition("/")[2], {}), **spec}


def _value(text: str, spec: Schema, schema: Schema) -> Any:
    for choice in spec.get("anyOf") or ():
        try:
            return _value(text, {**spec, "anyOf": None, **resolved(choice, schema)}, schema)
        except _MisfitError:
            continue
    if spec.get("anyOf"):
        raise _MisfitError
    if "enum" in spec or "const" in spec:
        return _chosen(text, spec.get("enum") or [spec["const"]])
    return _PARSERS.get(spec.get("type", ""), _any)(text, spec, schema)


def _chosen(text: str, choices: Iterable[Any]) -> Any:
    for choice in choices:
        if text.lower() == str(choice).lower():
            return choice
    raise _MisfitError


def _null(text: str, _spec: Schema, _schema: Schema) -> None:
    if text.strip().lower() not in _NOTHING:
        raise _MisfitError


def _boolean(text: str, _spec: Schema, _schema: Schema) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise _MisfitError
    return word in _TRUE


def _integer(text: str, spec: Schema, _schema: Schema) -> int:
    try:
        value = int(text)
    except ValueError:  # no number, or one of more digits than Python reads
        raise _MisfitError from None
    if value.bit_length() > _BITS:
        raise _MisfitError
    return int(_bounded(value, spec))


def _number(text: str, spec: Schema, _schema: Schema) -> float:
    try:
        value = float(text)
    except ValueError:
        value = _seconds(text, spec)
    if not math.isfinite(value):
        raise _MisfitError
    return _bounded(value, spec)


def _seconds(text: str, spec: Schema) -> float:
    """A length of time such as ``1h30m``, ``90s`` or ``1:30``, for a parameter that is in seconds."""
    text = text.strip().lower().replace(" ", "")
    if not text or not _IN_SECONDS.search(spec.get("description") or ""):
        raise _MisfitError
    if (clock := _CLOCK.fullmatch(text)) is not None:
        hours, minutes, rest = clock.groups()
        return 3600 * float(hours or 0) + 60 * float(minutes) + float(rest)
    if (found := _DURATION.fullmatch(text)) is None:
        raise _MisfitError
    hours, minutes, rest, thousandths = (float(found[unit] or 0) for unit in ("h", "m", "s", "ms"))
    return 3600 * hours + 60 * minutes + rest + thousandths / 1000


def _bounded(value: float, spec: Schema) -> float:
    fits = (
        value >= spec.get("minimum", value)
        and value <= spec.get("maximum", value)
        and ("exclusiveMinimum" not in spec or value > spec["exclusiveMinimum"])
        and ("exclusiveMaximum" not in spec or value < spec["exclusiveMaximum"])
    )
    if not fits:
        raise _MisfitError
    return value


def _string(text: str, spec: Schema, _schema: Schema) -> str:
    if not spec.get("minLength", 0) <= len(text) <= spec.get("maxLength", len(text)):
        raise _MisfitError
    return text


def _array(text: str, spec: Schema, schema: Schema) -> list[Any]:
    items = _json(text) if text.lstrip().startswith("[") else [one.strip() for one in text.split(",") if one.strip()]
    if not isinstance(items, list) or not spec.get("minItems", 0) <= len(items) <= spec.get("maxItems", len(items)):
        raise _MisfitError
    each = resolved(spec.get("items") or {}, schema)
    return [_value(item if isinstance(item, str) else json.dumps(item), each, schema) for item in items]


def _object(text: str, _spec: Schema, _schema: Schema) -> dict[str, Any]:
    found = _json(text)
    if not isinstance(found, dict):
        raise _MisfitError
    return found


def _any(text: str, _spec: Schema, _schema: Schema) -> Any:
    try:
        return _json(text)
    except _MisfitError:
        return text


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        raise _MisfitError from None


def _finite(text: str) -> float:
    """A number as JSON has it; what Python adds, NaN and infinities, no server takes.

    Returns:
        The number.

    Raises:
        ValueError: it is no finite number.
    """
    if not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


_PARSERS: Final[Mapping[str, Callable[[str, Schema, Schema], Any]]] = {
    "null": _null,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "string": _string,
    "array": _array,
    "object": _object,
}

_KINDS: Final = {
    "null": "none",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "object": "a JSON object",
}


def described(spec: Schema, schema: Schema) -> str:
    """What a parameter takes, in a few words: ``a whole number from 0 to 51``."""
    spec = resolved(spec, schema)
    if spec.get("anyOf"):
        choices = list(dict.fromkeys(described(choice, schema) for choice in spec["anyOf"]))
        return (", or " if any("," in choice for choice in choices) else " or ").join(choices)
    if "enum" in spec or "const" in spec:
        return f"one of {', '.join(map(str, spec.get('enum') or [spec['const']]))}"
    if spec.get("type") == "array":
        least, most = spec.get("minItems"), spec.get("maxItems")
        count = f"{least} " if least is not None and least == most else ""
        return f"a list of {count}{_each(resolved(spec.get('items') or {}, schema))}, with commas between them"
    kind = _KINDS.get(spec.get("type", ""), "a value")
    return " ".join(filter(None, (kind, _limits(spec), _length(spec))))


def _each(spec: Schema) -> str:
    """What the items of a list are, in the plural."""
    kind = _KINDS.get(spec.get("type", ""), "a value")
    return f"{kind.removeprefix('a ')}s" if kind.startswith("a ") else kind


def _limits(spec: Schema) -> str:
    least, most = spec.get("minimum"), spec.get("maximum")
    if least is not None and most is not None:
        return f"from {least} to {most}"
    above, below = spec.get("exclusiveMinimum"), spec.get("exclusiveMaximum")
    words = (
        f"of {least} or more" if least is not None else "",
        f"of at most {most}" if most is not None else "",
        f"above {above}" if above is not None else "",
        f"below {below}" if below is not None else "",
    )
    return " and ".join(filter(None, words))


def _length(spec: Schema) -> str:
    most = spec.get("maxLength")
    return f"of at most {most} characters" if most is not None else ""
