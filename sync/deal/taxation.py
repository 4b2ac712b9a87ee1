"""How a deal is taxed. Every amount that we work out or compare is before tax that comes on top; tax that is part of the price
is part of the signed amount. What tax comes to is Stripe's, or its tax provider's, to say.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Taxation:
    """Automatic tax is on. ``behavior`` says whether tax comes on top of the prices (exclusive) or is part of them
    (inclusive); ``default_code`` is Stripe's tax code of products that have none of their own.
    """

    behavior: str
    default_code: str | None = None

    def code_of(self, own: str | None) -> str | None:
        """The tax code of a product whose own is this; None: the Stripe account's default."""
        return own or self.default_code
