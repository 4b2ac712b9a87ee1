"""What every fact has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class Fact(BaseModel):
    """Base: immutable, comparable, JSON both ways. ``id`` is Stripe's; ``deleted`` is true for an object known to be
    gone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    KIND: ClassVar[str]
    id: str
    created_s: int = 0
    livemode: bool = False
    deleted: bool = False
    metadata: dict[str, str] = Field(default_factory=dict)


F = TypeVar("F", bound=Fact)


def of_type(facts: Iterable[Fact], type_: type[F]) -> list[F]:
    """Those of this type, in their order."""
    return [fact for fact in facts if isinstance(fact, type_)]
