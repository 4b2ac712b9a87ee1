"""Disputes of charges: how test cards open them, how evidence and giving in end them.

https://docs.stripe.com/testing#disputes, https://docs.stripe.com/disputes/how-disputes-work. An inquiry (``warning_…``)
takes no money; a chargeback takes the charge's amount and a fee at once and gives both back when it is won.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.stripe.billing import shapes_disputes
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Obj

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

DAY_S = 86_400
ANSWER_WITHIN_S = 9 * DAY_S
FEE = 1_500
WINNING, LOSING, ESCALATING = "winning_evidence", "losing_evidence", "escalate_inquiry_evidence"
"""What a test puts into ``uncategorized_text`` to say how it ends."""
OPEN = frozenset({"needs_response", "warning_needs_response", "under_review", "warning_under_review"})


class Disputes:
    """Every dispute of one account."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    def open(self, charge: Obj, reason: str, *, inquiry: bool) -> Obj:
        """The customer's bank questions a charge, all of it."""
        now = self.kernel.now_s()
        made = shapes_disputes.dispute(self.kernel.new_id("dp"), charge, reason, now, now + ANSWER_WITHIN_S)
        if inquiry:
            made["status"], made["is_charge_refundable"] = "warning_needs_response", True
            made["payment_method_details"]["card"]["case_type"] = "inquiry"
        with self.kernel.changing(charge):
            charge["disputed"] = True
        self.kernel.add(made, "charge.dispute.created")
        if not inquiry:
            self._move(made, -1)
            self.kernel.emit("charge.dispute.funds_withdrawn", made)
        return made

    def respond(self, dispute: Obj, evidence: dict[str, str], *, submit: bool) -> None:
        """Evidence is kept, and sent to the bank unless it is only staged. The bank answers at once."""
        if dispute["status"] not in OPEN:
            raise invalid("This dispute is already closed.", "evidence")
        if dispute["status"] in ("under_review", "warning_under_review") and evidence:
            raise invalid("Evidence for this dispute has been submitted; it can't be changed any more.", "evidence")
        inquiry = dispute["status"].startswith("warning_")
        with self.kernel.changing(dispute, "charge.dispute.updated"):
            dispute["evidence"].update({key: value or None for key, value in evidence.items()})
            given = any(value for key, value in dispute["evidence"].items() if key != "enhanced_evidence")
            dispute["evidence_details"]["has_evidence"] = given
            if submit and given:
                dispute["evidence_details"]["submission_count"] += 1
                dispute["status"] = "warning_under_review" if inquiry else "under_review"
        said = dispute["evidence"]["uncategorized_text"]
        if not (submit and given):
            return
        if said == ESCALATING and inquiry:
            self._escalate(dispute)
        elif said == WINNING:
            self.end(dispute, "warning_closed" if inquiry else "won")
        elif said == LOSING and not inquiry:
            self.end(dispute, "lost")

    def _escalate(self, dispute: Obj) -> None:
        with self.kernel.changing(dispute, "charge.dispute.updated"):
            dispute["status"], dispute["is_charge_refundable"] = "needs_response", False
            dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
            dispute["evidence_details"]["due_by"] = self.kernel.now_s() + ANSWER_WITHIN_S
        self._move(dispute, -1)
        self.kernel.emit("charge.dispute.funds_withdrawn", dispute)

    def end(self, dispute: Obj, status: str) -> None:
        """It is decided. Won: the money comes back."""
        if dispute["status"] not in OPEN:
            raise invalid("This dispute is already closed.")
        with self.kernel.changing(dispute):
            dispute["status"] = status
        self.kernel.emit("charge.dispute.closed", dispute)
        if status == "won":
            self._move(dispute, 1)
            self.kernel.emit("charge.dispute.funds_reinstated", dispute)

    def blocking_refunds(self, charge: Obj) -> Obj | None:
        """The dispute for which nothing of a charge can be refunded."""
        found = self.kernel.store.newest_first("dispute", of=("charge", charge["id"]))
        return next((d for d in found if not d["is_charge_refundable"] and d["status"] != "won"), None)

    def _move(self, dispute: Obj, sign: int) -> None:
        entry: dict[str, Any] = shapes_disputes.dispute_movement(
            self.kernel.new_id("txn"), dispute, sign * dispute["amount"], sign * -FEE, self.kernel.now_s()
        )
        with self.kernel.changing(dispute):
            dispute["balance_transactions"] = [*dispute["balance_transactions"], entry]
