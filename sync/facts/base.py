"""What every fact has."""

from __future__ import annotations

from typing import ClassVar

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
