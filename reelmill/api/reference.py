"""The page at /docs: the description of the routes as plain HTML, without scripts and without anything from elsewhere.

The pages that FastAPI brings load a program of others from the internet: empty without it, and with it a foreign
script in a page of ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
details { border-bottom: 1px solid #8884; padding: .4rem 0; } summary { cursor: pointer; }
summary b { display: inline-block; width: 4rem; } code, pre { font-size: .9em; }
table { border-collapse: collapse; margin: .5rem 0; } td { padding: .1rem .8rem .1rem 0; vertical-align: top; }
:root { color-scheme: light dark; }
"""

_JSON: Final = "application/json"


def page(description: Mapping[str, Any]) -> str:
    """Everything that a description of an API holds.

    Args:
        description: as OpenAPI 3.1 has it.

    Returns:
        The page.
    """
    info = description["info"]
    schemas = description.get("components", {}).get("schemas", {})
    body = "".join(
        [
            f"<h1>{escape(info['title'])}</h1><p>{escape(info.get('summary', ''))}</p>",
            *_paragraphs(info.get("description", "")),
            '<p><a href="openapi.json">openapi.json</a> has the same for programs.</p>',
            *_operations(description),
            "<h2>Bodies and their fields</h2>",
            *(_schema(name, schema) for name, schema in sorted(schemas.items())),
        ]
    )
    head = f'<meta charset="utf-8"><title>{escape(info["title"])}</title><style>{_STYLE}</style>'
    return f'<!DOCTYPE html><html lang="en"><head>{head}</head><body>{body}</body></html>'


def _operations(description: Mapping[str, Any]) -> Iterator[str]:
    """Routes under the heading of their first tag."""
    by_tag: dict[str, list[str]] = {tag["name"]: [] for tag in description.get("tags", ())}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            tag = next(iter(operation.get("tags", ())), "other")
            by_tag.setdefault(tag, []).append(_operation(method, path, operation))
    about = {tag["name"]: tag.get("description", "") for tag in description.get("tags", ())}
    for tag, found in by_tag.items():
        if found:
            yield f"<h2>{escape(tag)}</h2><p>{escape(about.get(tag, ''))}</p>" + "".join(found)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    head = f"<b>{method.upper()}</b> <code>{escape(path)}</code> {escape(operation.get('summary', ''))}"
    parameters = [
        (each["name"], each["in"], _kind(each.get("schema", {}), required=each.get("required", False)), _about(each))
        for each in operation.get("parameters", ())
    ]
    responses = [
        (code, _content(response), escape(response.get("description", "")))
        for code, response in operation.get("responses", {}).items()
    ]
    sent = operation.get("requestBody")
    return (
        f"<details><summary>{head}</summary>"
        + "".join(_paragraphs(operation.get("description", "")))
        + _table((f"<code>{escape(name)}</code>", place, kind, about) for name, place, kind, about in parameters)
        + (f"<p>Body: {_content(sent)}</p>" if sent else "")
        + _table((f"<b>{escape(code)}</b>", kind, about) for code, kind, about in responses)
        + "</details>"
    )


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    fields = (
        (f"<code>{escape(field)}</code>", _kind(each, required=field in required), _about(each))
        for field, each in schema.get("properties", {}).items()
    )
    values = f"<p>{_kind(schema)}</p>" if "enum" in schema else ""
    return (
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        + "".join(_paragraphs(schema.get("description", "")))
        + values
        + _table(fields)
        + "</details>"
    )


def _content(described: Mapping[str, Any]) -> str:
    content = described.get("content", {})
    if _JSON in content:
        return _kind(content[_JSON].get("schema", {}))
    return escape(", ".join(content))


def _kind(schema: Mapping[str, Any], *, required: bool = False) -> str:
    """What a value is: ``integer``, ``list of Job``, ``high, medium or low``."""
    return _type(schema) + (" (required)" if required else "")


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(str(schema["$ref"]).rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "enum" in schema:
        return escape(" | ".join(map(str, schema["enum"])))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " | ".join(_type(each) for each in schema[several] if each.get("type") != "null")
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("format", schema.get("type", "anything"))))


def _about(described: Mapping[str, Any]) -> str:
    schema = described.get("schema", {})
    examples = schema.get("examples", described.get("examples", ()))
    text = escape(described.get("description", schema.get("description", "")))
    example = f" <i>such as</i> <code>{escape(json.dumps(examples[0]))}</code>" if examples else ""
    return text + example


def _table(rows: Iterator[tuple[str, ...]]) -> str:
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{lines}</table>" if lines else ""


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.strip().split("\n\n"):
        if paragraph:
            yield f"<p>{escape(paragraph)}</p>"
