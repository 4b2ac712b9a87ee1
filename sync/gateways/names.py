"""The one place that knows the package's namespace (DESIGN 5): our names have none, the org's may."""

from __future__ import annotations

import re

_CUSTOM = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*__(?:c|r)\Z")


class Names:
    """Translates API names of objects, fields and relationships. ``namespace`` is ``SALESFORCE_NAMESPACE``, "" for none."""

    def __init__(self, namespace: str = "") -> None:
        if namespace and not re.fullmatch(r"[A-Za-z](?:_?[A-Za-z0-9]){0,14}", namespace):
            raise ValueError(f"{namespace!r} is not a namespace: letters, digits and single underscores, 15 at most")
        self._prefix = f"{namespace}__" if namespace else ""

    def to_org(self, name: str) -> str:
        """``name`` as the org knows it, part by part (``Billing_Invoice__r.Billing_Key__c``). Standard names and other
        packages' names are left alone.
        """
        if not self._prefix:
            return name
        return ".".join(self._prefix + part if _CUSTOM.match(part) else part for part in name.split("."))
