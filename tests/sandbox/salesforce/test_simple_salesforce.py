"""simple-salesforce, which nobody here wrote, works against the sandbox."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceMoreThanOneRecord

from tests.sandbox.salesforce.conftest import Crm


class _Redirected(requests.Session):
    """Sends every request to the sandbox, whatever host it names: simple-salesforce speaks TLS only."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base = urlsplit(base_url)

    def request(self, method: Any, url: Any, *args: Any, **more: Any) -> requests.Response:
        moved = urlsplit(str(url))._replace(scheme=self._base.scheme, netloc=self._base.netloc).geturl()
        return super().request(method, moved, *args, **{"timeout": 10, **more})


@pytest.fixture
def sf(crm: Crm) -> Any:
    return Salesforce(
        consumer_key=crm.ready["client_id"],
        consumer_secret=crm.ready["client_secret"],
        domain="acme.my",
        version="66.0",
        session=_Redirected(crm.ready["url"]),
    )


def test_it_logs_in_creates_reads_and_queries(sf: Any) -> None:
    account = sf.Account.create({"Name": "Acme", "MRR__c": 5})["id"]
    sf.Account.update(account, {"MRR__c": 6.5})
    assert sf.Account.get(account)["MRR__c"] == 6.5
    assert sf.query("SELECT Name FROM Account")["records"][0]["Name"] == "Acme"
    assert sf.Account.delete(account) == 204
    assert sf.query("SELECT Id FROM Account", include_deleted=True)["totalSize"] == 1


def test_it_upserts_and_meets_several_matches(sf: Any) -> None:
    assert sf.Account.upsert("Stripe_Customer_Id__c/cus_1", {"Name": "A"}) == 201
    assert sf.Account.upsert("Stripe_Customer_Id__c/cus_1", {"Name": "B"}) == 200
    sf.Account.create({"Name": "C", "Stripe_Customer_Id__c": "cus_1"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        sf.Account.upsert("Stripe_Customer_Id__c/cus_1", {"Name": "D"})


def test_it_reads_describe_limits_and_refusals(sf: Any) -> None:
    assert sf.describe()["maxBatchSize"] == 200
    assert any(field["name"] == "MRR__c" for field in sf.Account.describe()["fields"])
    assert sf.limits()["DailyApiRequests"]["Max"] > 0
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.Account.create({"Nonsense": 1})
    assert refused.value.content[0]["errorCode"] == "INVALID_FIELD"


def test_it_pages_through_everything(sf: Any) -> None:
    for start in range(0, 2200, 200):
        records = [{"attributes": {"type": "Account"}, "Name": f"A{start + n}"} for n in range(200)]
        sf.restful("composite/sobjects", method="POST", json={"records": records})
    assert len({record["Name"] for record in sf.query_all_iter("SELECT Name FROM Account")}) == 2200
