"""Stripe's bracket encoding: ``a[b]=1``, ``a[0][b]=1``, ``a[]=1`` to nested dicts and lists of strings."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_plus

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)\Z")
_PART = re.compile(r"\[([^\[\]]*)\]")


class MalformedForm(ValueError):
    """The body is no form in Stripe's encoding."""


def decode_form(*texts: str) -> dict[str, Any]:
    """Decode query and body into one tree. Raises :class:`MalformedForm`; a key given twice keeps the last value."""
    tree: dict[str, Any] = {}
    for text in texts:
        for pair in text.split("&") if text else ():
            raw, _, value = pair.partition("=")
            if raw:
                _put(tree, unquote_plus(raw), unquote_plus(value))
    return {key: _listed(value) for key, value in tree.items()}


def _put(tree: dict[str, Any], raw: str, value: str) -> None:
    match = _KEY.match(raw)
    if not match:
        raise MalformedForm(f"malformed key {raw!r}")
    keys = [match[1], *_PART.findall(match[2])]
    node = tree
    for position, key in enumerate(keys[:-1]):
        node = node.setdefault(_index(node, key, keys[position + 1]), {})
        if not isinstance(node, dict):
            raise MalformedForm(f"{raw!r} is used both as a value and as a container")
    last = keys[-1] or str(len(node))
    if isinstance(node.get(last), dict):
        raise MalformedForm(f"{raw!r} is used both as a value and as a container")
    node[last] = value


def _index(node: dict[str, Any], key: str, following: str) -> str:
    """The index behind ``[]``: the entry being filled, or a new one once it has the field that follows."""
    if key:
        return key
    newest = str(max(len(node) - 1, 0))
    filled = node.get(newest)
    return str(len(node)) if isinstance(filled, dict) and following in filled else newest


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(key.isdigit() for key in node):
        ordered = sorted(node, key=int)
        if [int(key) for key in ordered] == list(range(len(node))):
            return [_listed(node[key]) for key in ordered]
    return {key: _listed(value) for key, value in node.items()}
