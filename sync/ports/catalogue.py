"""What the catalogue's own runs need of one org."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from sync.crm import CrmProduct


class SalesforceProducts(Protocol):
    """Products by themselves, apart from any quote."""

    def products(self, ids: Sequence[str]) -> Mapping[str, CrmProduct]:
        """Products by id, deleted ones with ``is_deleted``, without their tiers. What is no id is absent. One query for
        each 150, five queries a call.
        """
