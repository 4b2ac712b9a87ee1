"""The quotes of a deal that was cancelled and whose customer was deleted in Stripe: there is nothing left to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sync.desired.credits import Money
from sync.desired.gone_customer import is_ended, owed_by, said
from sync.desired.made import made
from sync.desired.quote_status import ENDED, QuoteView, deal_objects, quote_fields
from sync.facts import CreditNote, Fact, Invoice, Schedule, Subscription, of_type
from sync.ports import Facts, Links, Promises, Subjects
from sync.run.dealing import Case, Dealing, Signed
from sync.run.intake import account_mark, quote_mark
from sync.run.telling import QuoteTry, Telling

#: What the quotes of such a deal say until it is cancelled.
CODE = "DATA-224"


@dataclass(frozen=True)
class GoneCustomer:
    """Closes a Cancellation of such a deal, and the deal's other quotes with it. Writes nothing to Stripe."""

    dealing: Dealing
    promises: Promises
    facts: Facts
    links: Links
    subjects: Subjects
    telling: Telling

    def said_of(self, mine: Signed, customer: str, now: datetime) -> str | None:
        """What the quote says, signed or not: that its deal is over, and what is still owed. None where nobody cancelled the
        deal, or the quote would change it by something else: what goes on is for people to sign anew (DATA-224).
        """
        case = self.dealing.case(mine, now)
        if not is_ended(case.deal) or (mine.accepted_at is None and not case.change.ends):
            return None
        return said(case.change, case.deal, customer, self._owed(case, customer, self._objects(customer), now))

    def ends(self, run: QuoteTry, customer: str, now: datetime) -> bool:
        """Whether the quote's deal was cancelled, and so the quote is Ended now and says what is still owed."""
        text = None if run.early else self.said_of(run.mine, customer, now)
        if text is None:
            return False
        case = self.dealing.case(run.mine, now)
        if run.promise is None:
            run.promise = self.promises.freeze(run.promised({"text": text, "data": {}}, now))
        news = self._show(run, case, text, self._objects(customer), now)
        self._tell_others(case, news=news)
        return True

    def _tell_others(self, case: Case, *, news: bool) -> None:
        """Where the quote says something new its Account and the deal's other quotes look again; else those that still wait for
        people do, whom a run did not tell that died.
        """
        payer, change = case.deal.payer.account_id, case.change
        others = [c.quote_id for c in case.deal.changes if c is not change]
        if not news:
            others = [
                q for q in others if change.ends and (s := self.subjects.state(f"quote:{q}")) and s.error_code == CODE
            ]
        marks = [quote_mark(quote, payer) for quote in others]
        self.subjects.mark([*marks, account_mark(payer)] if news else marks, reason="deal_changed")

    def _objects(self, customer: str) -> list[Fact]:
        """What the customer was subscribed to, as it was read last."""
        return [f for kind in ("subscription", "schedule") for f in self.facts.of_customers(kind, [customer])]

    def _owed(self, case: Case, customer: str, known: Iterable[Fact], now: datetime) -> int:
        if not case.change.ends:
            return 0
        money = Money(
            tuple(of_type(self.facts.of_customers("invoice", [customer]), Invoice)),
            tuple(of_type(self.facts.of_customers("creditnote", [customer]), CreditNote)),
        )
        given = [link.key for link in self.links.by_salesforce_id([case.deal.quote_id])]
        return owed_by(case.change, case.deal, made(case.deal, known), money, given, now)

    def _show(self, run: QuoteTry, case: Case, text: str, known: Iterable[Fact], now: datetime) -> bool:
        """Whether the quote says anything new by it."""
        assert run.promise is not None
        view = QuoteView(signed=True, now=now, preview=str(run.promise.preview["text"]), note=text)
        objects = deal_objects(case.deal, of_type(known, Subscription) + of_type(known, Schedule))
        reference = objects[0].id if objects and not case.change.ends else None
        fields = {**quote_fields(view), "Billing_Status__c": ENDED, "Billing_Reference__c": reference}
        return self.telling.show(run.graph, fields, fence=run.fence)
