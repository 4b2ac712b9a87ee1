"""What the SDK's own types say of Stripe's objects: which plain members they have, and which of them can be written.

The mappings are held against it at the start, so that a name mistyped is told with its line and the nearest right one.
"""

from __future__ import annotations

import difflib
import functools
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import stripe
import typing_extensions
from stripe.params import CustomerUpdateParams, ProductUpdateParams

from sync.ends import METADATA, end_of
from sync.facts import Customer, Fact, Invoice, Product, Subscription
from sync.mapping import TYPES, FieldMap, MappingFaults, Mappings
from sync.yaml_nodes import FileFault

READ: Mapping[str, type] = {
    "customer": stripe.Customer,
    "product": stripe.Product,
    "subscription": stripe.Subscription,
    "invoice": stripe.Invoice,
}
WRITTEN: Mapping[str, type] = {"customer": CustomerUpdateParams, "product": ProductUpdateParams}
FACTS: Mapping[str, type[Fact]] = {
    "customer": Customer,
    "product": Product,
    "subscription": Subscription,
    "invoice": Invoice,
}
#: Of kinds that there are many of, the members that are kept beside what our own facts have; of the others all.
KEPT: Mapping[str, frozenset[str]] = {
    "subscription": frozenset(
        (
            "description", "cancellation_details.comment", "cancellation_details.feedback", "cancellation_details.reason",
        )
    ),
    "invoice": frozenset(
        (
            "account_name", "billing_reason", "customer_email", "customer_name", "customer_phone", "description", "footer",
            "receipt_number", "statement_descriptor",
        )
    ),
}  # fmt: skip
#: Members that say nothing of the customer or the product itself, are told in another form, or only where Stripe is asked
#: for more than the object.
LEFT_OUT = frozenset(
    (
        "id", "object", "deleted", "livemode", "OBJECT_NAME", "metadata", "created", "updated", "balance", "invoice_prefix",
        "next_invoice_sequence", "default_source", "customer_account", "test_clock", "invoice_settings", "tax",
    )
)  # fmt: skip
#: How deep a member may lie: shipping.address.city.
DEEPEST = 3
PLAIN: tuple[type, ...] = (str, int, bool)


def checked(mappings: Mappings) -> Mappings:
    """The same mappings, if all that they name in Stripe is there and fits; else MappingFaults with every fault."""
    found = [
        FileFault(one.file, f.line, f"{f.api_name}: {what}")
        for one in mappings.objects.values()
        for f in one.fields
        for what in _faults(f)
    ]
    if found:
        raise MappingFaults(found)
    return mappings


@functools.cache
def members(kind: str) -> Mapping[str, type]:
    """Every plain member of this kind of object that is known of it, by path, with its type."""
    kept = KEPT.get(kind)
    own = FACTS[kind].model_fields
    return {path: t for path, t in _leaves(READ[kind], "", 1) if kept is None or path in kept or path in own}


@functools.cache
def writable(kind: str) -> Mapping[str, type]:
    """The plain members that an update of this kind of object takes."""
    hints = _hints(WRITTEN[kind])
    return {name: t for name, hint in hints.items() if name not in LEFT_OUT and (t := _plain(hint)) is not None}


def values_of(kind: str, obj: Mapping[str, Any]) -> dict[str, str | int | bool]:
    """The plain members of an object of Stripe's that its fact has no attribute for; blank ones are left out."""
    found: dict[str, str | int | bool] = {}
    for path in _beside(kind):
        value: object = obj
        for step in path.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        if isinstance(value, str | int):  # a bool is an int
            found[path] = value
    return found


@functools.cache
def _beside(kind: str) -> tuple[str, ...]:
    return tuple(path for path in members(kind) if path not in FACTS[kind].model_fields)


def _faults(one: FieldMap) -> Iterator[str]:
    wanted = TYPES[one.type]
    for text, word, known in ((one.source, "from", _readable), (one.target, "to", writable)):
        if text is None or end_of(text).key is not None:
            if text and word == "from" and wanted is not str:
                yield f"type {one.type} does not fit {text}, which is str"
            continue
        end, there = end_of(text), known(end_of(text).kind)
        if end.path not in there:
            yield f"{word} {text!r}: {_nearest(end.kind, end.path, there)}"
        elif wanted is not there[end.path] and not (word == "to" and there[end.path] is str and wanted is not bool):
            yield f"type {one.type} does not fit {text}, which is {there[end.path].__name__}"


def _readable(kind: str) -> Mapping[str, type]:
    """What a fact has of its own, under our name for it, and Stripe's plain members."""
    own = {
        name: t
        for name, field in FACTS[kind].model_fields.items()
        if name not in Fact.model_fields and (t := _plain(field.annotation)) is not None
    }
    return {**members(kind), **own}


def _nearest(kind: str, path: str, there: Mapping[str, type]) -> str:
    near = difflib.get_close_matches(path, there, n=1, cutoff=0.5)
    hint = f"did you mean {kind}.{near[0]}?" if near else f"there are {', '.join(sorted(there))}"
    return f"Stripe has no such member; {hint} (a key of metadata is {kind}.{METADATA}KEY)"


# ------------------------------------------------------------------ annotations


def _leaves(shape: type, path: str, depth: int) -> Iterator[tuple[str, type]]:
    for name, hint in _hints(shape).items():
        if name in LEFT_OUT:
            continue
        plain, part = _plain(hint), _part(hint)
        if plain is not None:
            yield path + name, plain
        elif part is not None and depth < DEEPEST:
            yield from _leaves(part, f"{path}{name}.", depth + 1)


def _hints(shape: type) -> dict[str, Any]:
    """The annotations of a class of the SDK. It imports the names only for type checkers, so they are looked up here."""
    known = {**_words(), **vars(sys.modules[shape.__module__]), **vars(shape)}
    return {name: _evaluated(hint, known) for name, hint in shape.__annotations__.items()}


@functools.cache
def _words() -> dict[str, Any]:
    words = {k: v for k, v in vars(typing_extensions).items() if not k.startswith("__")}
    return {**vars(stripe), **vars(typing), **words}


def _evaluated(hint: Any, known: Mapping[str, Any]) -> Any:
    text = hint.__forward_arg__ if isinstance(hint, typing.ForwardRef) else hint
    return eval(text, dict(known)) if isinstance(text, str) else text


def _options(hint: Any) -> tuple[Any, ...]:
    """What a hint allows, but for None; what is only not required is looked through."""
    if isinstance(hint, str | typing.ForwardRef):
        try:
            return _options(_evaluated(hint, _words()))
        except NameError:  # the SDK loads a class of its own when it is asked for first: an object that may be expanded
            return (stripe.StripeObject,)
    origin = typing.get_origin(hint)
    if origin in (typing_extensions.NotRequired, typing_extensions.Required):
        return _options(typing.get_args(hint)[0])
    if origin in (typing.Union, types.UnionType):
        return tuple(o for arg in typing.get_args(hint) for o in _options(arg))
    return () if hint is type(None) else (hint,)


def _plain(hint: Any) -> type | None:
    """str, int or bool where a member is just that (a word of a list is text, and so is an id that may be expanded)."""
    kinds: set[type] = set()
    for option in _options(hint):
        if typing.get_origin(option) is typing_extensions.Literal:
            kinds |= {type(word) for word in typing.get_args(option)}
        elif isinstance(option, type) and issubclass(option, stripe.StripeObject):
            kinds.add(stripe.StripeObject)
        else:
            kinds.add(option if isinstance(option, type) else object)
    if kinds == {str, stripe.StripeObject}:
        return str
    return next(iter(kinds)) if len(kinds) == 1 and kinds <= set(PLAIN) else None


def _part(hint: Any) -> type | None:
    """The class of a member that is an object of its own; none for lists and metadata."""
    options = _options(hint)
    shape = options[0] if len(options) == 1 else None
    fits = isinstance(shape, type) and issubclass(shape, stripe.StripeObject) and "__annotations__" in vars(shape)
    return shape if fits and not issubclass(typing.cast("type", shape), stripe.ListObject) else None
