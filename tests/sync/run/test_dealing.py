"""Which quotes make up a deal: a Renewal goes on from its deal as that was when the Renewal was taken in."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sync.crm import QuoteGraph
from sync.deal.policy import BillingPolicy
from sync.desired import frozen
from sync.ports import Promise
from sync.run.dealing import Dealing, Signed
from sync.store.cohorts import StoredCohorts
from sync.store.promises import StoredPromises
from tests.sync.deal.factory import EARLY, QUOTE_ID, a_graph
from tests.sync.run.conftest import Place

RENEWAL, CANCELLATION = "0Q0AA0000000005AAA", "0Q0AA0000000006AAA"


class Papers:
    """Quotes that were signed at one instant, as Tandem takes them in."""

    def __init__(self, place: Place) -> None:
        self.promises = StoredPromises(place.engine, now=place.clock.now)
        salesforce: Any = self
        self.dealing = Dealing(salesforce, self.promises, BillingPolicy(), StoredCohorts(place.engine))

    def quotes(self, ids: object) -> dict[str, QuoteGraph]:
        return {}  # all are in the recycle bin: what was frozen counts

    def sign(self, graph: QuoteGraph) -> Promise:
        quote = graph.quote
        deal = quote.names_deal if quote.quote_type == "Cancellation" else quote.id
        follows = quote.names_deal if quote.quote_type == "Renewal" else None
        kept = frozen.to_json(graph)
        return self.promises.freeze(Promise(quote.id, "d", kept, {}, EARLY, EARLY, deal or "", follows or ""))


def a_change_of_it(kind: str, **quote: Any) -> QuoteGraph:
    named = {"quote_type": kind, "billing_subscription_key": QUOTE_ID, "billing_subscription_id": "a00AA0000000001AAA"}
    return a_graph(**{**named, **quote})


@pytest.mark.parametrize("renewed_first", [True, False])
def test_a_renewal_begins_where_its_deal_was_to_end_when_it_was_taken_in(renewed_first: bool, place: Place) -> None:
    papers = Papers(place)
    papers.sign(a_graph())
    renewal = a_change_of_it("Renewal", id=RENEWAL, start_date=None)
    ends = a_change_of_it(
        "Cancellation", id=CANCELLATION, start_date=date(2026, 7, 1), term_months=None, billing_frequency=None
    )
    for graph in (renewal, ends) if renewed_first else (ends, renewal):
        papers.sign(graph)

    start = date(2027, 1, 1) if renewed_first else date(2026, 7, 1)
    promised, taken_in = papers.dealing.promised(RENEWAL), papers.promises.frozen(RENEWAL)
    assert promised is not None
    assert taken_in is not None
    assert promised.start == start
    again = papers.dealing.case(Signed(renewal, taken_in.signed_at, taken_in.frozen_at), EARLY).deal
    assert again.start == start
    old = papers.dealing.promised(QUOTE_ID)
    assert old is not None
    assert old.last == date(2026, 7, 1)
