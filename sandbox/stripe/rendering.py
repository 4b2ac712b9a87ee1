"""From stored objects to answers: own keys off, ``expand`` applied, changes named.

Stripe's rules: up to four levels, ``data.`` first on a list, anything that can't be expanded is refused.
https://docs.stripe.com/expand
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.stripe.errors import StripeError
from sandbox.stripe.store import Obj, Store

if TYPE_CHECKING:
    from sandbox.stripe.kernel import Kernel

_expandable: dict[tuple[str, str], str] = {}
_includable: dict[tuple[str, str], Callable[[Any, Obj], Any]] = {}
_within: dict[tuple[str, str], tuple[str, Callable[[Any, Obj, str], Any]]] = {}
DEEPEST = 4
OUTLIVING = frozenset({"coupon"})
"""Types of which a deleted one is shown as it was, where it goes on working (docs.stripe.com/api/coupons/delete)."""


def expandable(type: str, path: str, target: str) -> None:
    """The field at ``path`` of such an object holds an id, or a list of ids, of ``target`` objects."""
    _expandable[(type, path)] = target


def includable(type: str, path: str, value: Callable[[Kernel, Obj], Any]) -> None:
    """The field is shown only when expanded; ``value`` makes it from the stored object."""
    _includable[(type, path)] = value


def includable_within(type: str, field: str, name: str, value: Callable[[Kernel, Obj, str], Any]) -> None:
    """In each entry of the object's ``field``, a field that is shown only when expanded: ``field.key.name``."""
    _within[(type, field)] = (name, value)


def shown(value: Any) -> Any:
    """A deep copy without the sandbox's own keys (those that start with ``_``)."""
    if isinstance(value, dict):
        return {k: shown(v) for k, v in value.items() if not (isinstance(k, str) and k.startswith("_"))}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return value


def difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The old values of what has changed, as in ``previous_attributes``: objects key by key, lists whole."""
    old: dict[str, Any] = {}
    for key in before.keys() | after.keys():
        was, now = before.get(key), after.get(key)
        if was == now:
            continue
        both_plain = isinstance(was, dict) and isinstance(now, dict) and "object" not in was
        old[key] = difference(was, now) if both_plain and was and now else was
    return old


def check_expand(expand: list[str]) -> None:
    """Refuse, before anything is done, a path that is too deep or ends in nothing that can ever be expanded."""
    ends = {path.rpartition(".")[2] for _, path in (*_expandable, *_includable)} | {
        name for name, _ in _within.values()
    }
    for path in expand:
        if path.count(".") >= DEEPEST:
            raise _refused(f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}")
        if path.rpartition(".")[2] not in ends:
            raise _refused(f"This property cannot be expanded ({path}).")


def rendered(kernel: Kernel, obj: Obj, expand: list[str]) -> Any:
    """The answer for an object or a list, with each path of ``expand`` filled in."""
    answer = shown(obj)
    for path in expand:
        segments = path.split(".")
        if answer.get("object") == "list" and "data" in answer and segments[0] != "data":
            raise _refused(
                f"This property cannot be expanded ({path}). You want to expand a property of the list's elements:"
                f" try expanding 'data.{path}' instead."
            )
        _Expansion(kernel, path).into(answer, segments, "", "")
    return answer


def _refused(message: str) -> StripeError:
    return StripeError(400, "invalid_request_error", None, message, "expand", storable=False)


class _Expansion:
    """One ``expand`` path being walked."""

    def __init__(self, kernel: Kernel, path: str) -> None:
        self.kernel = kernel
        self.path = path

    def into(self, node: Any, segments: list[str], owner: str, prefix: str) -> None:
        if not segments or node is None:
            return
        if isinstance(node, list):
            for item in node:
                self.into(item, segments, owner, prefix)
        elif not isinstance(node, dict):
            raise self.refused()
        elif node.get("object") == "list":
            if segments[0] != "data" or len(segments) < 2:
                raise self.refused()
            self.into(node["data"], segments[1:], "", "")
        else:
            own_type = node.get("object")
            owner, prefix = (own_type, "") if isinstance(own_type, str) else (owner, prefix)
            self.field(node, segments, owner, prefix)

    def field(self, node: dict[str, Any], segments: list[str], owner: str, prefix: str) -> None:
        name, rest = segments[0], segments[1:]
        key = (owner, prefix + name)
        if key in _includable and (name not in node or key in _within):
            stored = _standing(self.kernel.store, owner, str(node.get("id")))
            if name not in node:
                node[name] = shown(_includable[key](self.kernel, stored)) if stored is not None else None
            if key in _within and rest and stored is not None:
                self.inside(node[name], rest, stored, *_within[key])
                return
        elif key in _expandable:
            node[name] = self.filled(node.get(name), _expandable[key])
        elif key not in _includable and (name not in node or not rest):
            raise self.refused()
        self.into(node[name], rest, owner, prefix + name + ".")

    def inside(self, entries: Any, rest: list[str], stored: Obj, name: str, value: Callable[..., Any]) -> None:
        if len(rest) != 2 or rest[0] not in entries or rest[1] != name:
            raise self.refused()
        entries[rest[0]][name] = shown(value(self.kernel, stored, rest[0]))

    def filled(self, value: Any, target: str) -> Any:
        if isinstance(value, list):
            return [self.filled(item, target) for item in value]
        if not isinstance(value, str):
            return value
        found = _find(self.kernel.store, target, value)
        return value if found is None else shown(found)

    def refused(self) -> StripeError:
        return _refused(f"This property cannot be expanded ({self.path}).")


def _find(store: Store, target: str, id: str) -> Obj | None:
    return _standing(store, target, id) or store.grave(target, id)


def _standing(store: Store, type: str, id: str) -> Obj | None:
    return store.buried(type, id) if type in OUTLIVING else store.get(type, id)
