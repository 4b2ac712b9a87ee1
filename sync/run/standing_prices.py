"""The prices on which a deal stands already, where they are not those that have their lookup keys now."""

from __future__ import annotations

from collections.abc import Iterable

from sync.deal.deal import Deal
from sync.desired.keys import KEY
from sync.desired.made import prices_on
from sync.facts import Fact, Price
from sync.facts.currencies import priced_in
from sync.ports import Facts, Snapshot, StripeGateway
from sync.records import Ref
from sync.run.reading import typed


def read_standing_prices(
    stripe: StripeGateway, facts: Facts, deal: Deal, objects: Iterable[Fact], snapshot: Snapshot
) -> list[Price]:
    """Those of the deal's own objects that were made under a name that the deal needs and that nobody found by it: somebody took
    their lookup keys away. No call where there are none, as ever but then.
    """
    named = {ref.key for ref in snapshot.found if ref.kind == "price"}
    found = {fact.id for fact in snapshot.all() if isinstance(fact, Price)}
    unfound = sorted(prices_on(deal, objects) - found) if named else []
    stored = typed(facts.get("price", unfound), Price) if unfound else {}
    ours = [i for i in unfound if i not in stored or stored[i].metadata.get(KEY) in named]
    read = stripe.read([Ref("price_id", i) for i in ours]).all() if ours else []
    return [fact for fact in priced_in(read, deal.currency) if isinstance(fact, Price)]
