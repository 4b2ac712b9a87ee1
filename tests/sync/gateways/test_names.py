"""The namespace of the package, added and taken off in one place."""

from __future__ import annotations

import pytest

from sync.gateways.names import Names


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Name", "Name"),
        ("Billing_Key__c", "acme__Billing_Key__c"),
        ("MRR__c", "acme__MRR__c"),
        ("Billing_Invoice__r.Billing_Key__c", "acme__Billing_Invoice__r.acme__Billing_Key__c"),
        ("Account.Billing_Email__c", "Account.acme__Billing_Email__c"),
        ("SBQQ__Quote__c", "SBQQ__Quote__c"),
        ("IsDeleted", "IsDeleted"),
    ],
)
def test_only_our_custom_names_get_the_namespace(ours: str, theirs: str) -> None:
    names = Names("acme")
    assert names.to_org(ours) == theirs
    assert Names().to_org(ours) == ours


@pytest.mark.parametrize("namespace", ["9x", "a__b", "a-b", "_a", "a_", "x" * 16])
def test_what_cannot_be_a_namespace_is_refused(namespace: str) -> None:
    with pytest.raises(ValueError, match="namespace"):
        Names(namespace)
