"""The prices on which a deal stands already, where they are not those that have their lookup keys now."""

from __future__ import annotations

from collections.abc import Iterable

from sync.deal.deal import Deal
from sync.desired.keys import KEY
from sync.desired.made import prices_on
from sync.facts import Fact, Price, of_type
from sync.facts.currencies import priced_in
from sync.ports import Facts, Snapshot, StripeGateway
from sync.records import Ref
from sync.run.reading import typed


def read_standing_prices(
    stripe: StripeGateway, facts: Facts, deal: Deal, objects: Iterable[Fact], snapshot: Snapshot
) -> list[Price]:
    """Those on which the deal's own objects stand, made under a name that the deal needs: found by it, or not, where somebody
    took their lookup keys away. No call where there are none of these, as ever but then.
    """
    named = {ref.key for ref in snapshot.found if ref.kind == "price"}
    found = {fact.id: fact for fact in snapshot.all() if isinstance(fact, Price)}
    on = prices_on(deal, objects) if named else set()
    unfound = sorted(on - found.keys())
    stored = typed(facts.get("price", unfound), Price) if unfound else {}
    ours = [i for i in unfound if i not in stored or stored[i].metadata.get(KEY) in named]
    read = stripe.read([Ref("price_id", i) for i in ours]).all() if ours else []
    standing = [*(found[i] for i in sorted(on & found.keys())), *read]
    return of_type(priced_in(standing, deal.currency), Price)
