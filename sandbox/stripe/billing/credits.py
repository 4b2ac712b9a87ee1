"""Money given back: the customer's credit balance, refunds, credit notes.

A negative balance is credit (https://docs.stripe.com/billing/customer/balance). It is used when an invoice is
finalised; a draft only shows what it would leave due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.stripe.billing import shapes, shapes_money
from sandbox.stripe.billing.amounts import share
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Obj
from sandbox.stripe.tax import crediting
from sandbox.stripe.tax.computing import added, totals

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

REFUND_TAKES_S = 86_400
"""When what a test card does to a refund later comes to pass."""


class Credits:
    """The credit balance of customers, refunds of charges, credit notes on invoices."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    # ------------------------------------------------------------------ balance

    def balance_for(self, customer: Obj | None, currency: str) -> int:
        """The balance that counts for an invoice of this currency; a balance of another one does not."""
        if customer is None or customer.get("currency") not in (None, currency):
            return 0
        return int(customer.get("balance") or 0)

    def move_balance(self, customer: Obj, amount: int, currency: str, type: str, **values: Any) -> Obj:
        """Change the balance by `amount` (negative is credit) and record it. Returns the transaction."""
        now = self.kernel.now_s()
        entry = shapes.balance_transaction(self.kernel.new_id("cbtxn"), customer["id"], amount, currency, now)
        entry.update(type=type, **values)
        with self.kernel.changing(customer, "customer.updated"):
            customer["balance"] = (customer.get("balance") or 0) + amount
            customer["currency"] = customer.get("currency") or currency
        entry["ending_balance"] = customer["balance"]
        return self.kernel.add(entry)

    def apply_balance(self, invoice: Obj, customer: Obj) -> None:
        """Use credit (or collect a debt) while an invoice is finalised; a negative total becomes credit."""
        start = self.balance_for(customer, invoice["currency"])
        end = start + invoice["total"] - invoice["amount_due"]
        invoice["starting_balance"], invoice["ending_balance"] = start, end
        if end != start:
            self.move_balance(customer, end - start, invoice["currency"], "applied_to_invoice", invoice=invoice["id"])

    def give_back_balance(self, invoice: Obj) -> None:
        """Undo what the finalisation of a now void invoice did to the balance."""
        moved = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
        if moved:
            customer = self.kernel.get("customer", invoice["customer"])
            self.move_balance(customer, -moved, invoice["currency"], "unapplied_from_invoice", invoice=invoice["id"])

    # ------------------------------------------------------------------ refunds

    def refund(self, charge: Obj, amount: int | None, **values: Any) -> Obj:
        """Send money of a charge back to its card; refused beyond what is left of it. A test card may make it late, or
        fail later.
        """
        left = charge["amount_captured"] - charge["amount_refunded"]
        if self.billing.disputes.blocking_refunds(charge):
            raise invalid(
                f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
            )
        if left == 0:
            raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
        if amount is not None and amount > left:
            raise invalid(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).", "amount")
        entry = shapes_money.refund(
            self.kernel.new_id("re"), charge, left if amount is None else amount, self.kernel.now_s()
        )
        entry.update(values)
        later = (self.kernel.store.get("payment_method", charge["payment_method"]) or {}).get("_refunds")
        if later == "pending":
            entry["status"], entry["pending_reason"] = "pending", "processing"
        self._refunded(charge, entry["amount"])
        self.kernel.add(entry, "refund.created")
        self.kernel.emit("charge.refunded", charge)
        if later is not None:
            self.billing.wake(entry["created"] + REFUND_TAKES_S, "refund", entry["id"])
        return entry

    def refund_due(self, entry: Obj) -> None:
        """What the test card behind a refund has in store for it."""
        charge = self.kernel.get("charge", entry["charge"])
        method = self.kernel.store.get("payment_method", charge["payment_method"]) or {}
        if method.get("_refunds") == "pending" and entry["status"] == "pending":
            with self.kernel.changing(entry, "refund.updated"):
                entry["status"] = "succeeded"
                del entry["pending_reason"]
        elif method.get("_refunds") == "fails" and entry["status"] == "succeeded":
            with self.kernel.changing(entry, "refund.updated"):
                entry["status"], entry["failure_reason"] = "failed", "expired_or_canceled_card"
            self._refunded(charge, -entry["amount"])
            self.kernel.emit("refund.failed", entry)
            self.kernel.emit("charge.refund.updated", entry)

    def _refunded(self, charge: Obj, amount: int) -> None:
        with self.kernel.changing(charge):
            charge["amount_refunded"] += amount
            charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]

    def charge_of(self, invoice: Obj) -> Obj:
        """The succeeded charge that paid an invoice; refuses where there is none."""
        payment = self.billing.collection.find_payment(invoice)
        intent = payment["payment"]["payment_intent"] if payment else ""
        for charge in self.kernel.store.newest_first("charge", of=("payment_intent", intent)):
            if charge["status"] == "succeeded":
                return charge
        raise invalid("This invoice was not paid by a charge, so nothing of it can be refunded.", "refund_amount")

    # ------------------------------------------------------------------ credit notes

    def create_note(self, invoice: Obj, params: dict[str, Any]) -> Obj:
        """A credit note: on what is still due it lowers the invoice, on what was paid it gives money back."""
        note = self.preview_note(invoice, params)
        open_part, paid_part = note["pre_payment_amount"], note["post_payment_amount"]
        self._check_given_back(params, paid_part)
        self._give_back(invoice, note, params)
        self.kernel.add(note, "credit_note.created")
        self._credit_invoice(invoice, open_part, paid_part)
        return note

    def preview_note(self, invoice: Obj, params: dict[str, Any]) -> Obj:
        """The note as it would be made; how its money would go back is not judged."""
        if invoice["status"] not in ("open", "paid"):
            raise invalid(
                f"You can only create a credit note for open or paid invoices. This invoice is `{invoice['status']}`.",
                "invoice",
            )
        note_lines, net = self._note_lines(invoice, params)
        on_top, within = crediting.sums(note_lines)
        amount = net if "amount" in params else net + on_top
        open_part, paid_part = self._parts(invoice, amount)
        sequence = 1 + len(self.kernel.store.all("credit_note", of=("invoice", invoice["id"])))
        note = shapes_money.credit_note(
            self.kernel.new_id("cn"), invoice, f"{invoice['number']}-CN-{sequence:02d}", self.kernel.now_s()
        )
        note.update(
            amount=amount,
            total=amount,
            total_excluding_tax=amount - on_top - within,
            total_taxes=totals([tax for line in note_lines for tax in line["taxes"]]),
            subtotal=amount - on_top,
            subtotal_excluding_tax=amount - on_top - within,
            pre_payment_amount=open_part,
            post_payment_amount=paid_part,
            type="mixed" if open_part and paid_part else "post_payment" if paid_part else "pre_payment",
            memo=params.get("memo"),
            metadata={k: v for k, v in (params.get("metadata") or {}).items() if v != ""},
            reason=params.get("reason"),
            effective_at=params.get("effective_at", note["effective_at"]),
            out_of_band_amount=params.get("out_of_band_amount"),
        )
        note["_lines"] = note_lines
        note["lines"] = shapes.embedded_list(note_lines, f"/v1/credit_notes/{note['id']}/lines")
        return note

    def _note_lines(self, invoice: Obj, params: dict[str, Any]) -> tuple[list[Obj], int]:
        if ("lines" in params) == ("amount" in params):
            raise invalid("You must pass exactly one of `amount` or `lines`.", "amount")
        if "amount" in params:
            taxes = crediting.of_total(invoice, params["amount"])
            shown = params["amount"] - added(taxes)
            custom = {"unit_amount": shown, "unit_amount_decimal": str(shown), "taxes": taxes}
            entry = shapes_money.credit_note_line(self.kernel.new_id("cnli"), shown, 1, custom)
            return [entry], params["amount"]
        entries = [self._note_line(invoice, line, f"lines[{index}]") for index, line in enumerate(params["lines"])]
        return entries, sum(entry["amount"] - entry["discount_amount"] for entry in entries)

    def _note_line(self, invoice: Obj, given: dict[str, Any], at: str) -> Obj:
        values: dict[str, Any] = {"type": given["type"], "metadata": dict(given.get("metadata") or {})}
        crediting.check_line(invoice, given, at)
        if given["type"] == "custom_line_item":
            if "unit_amount" not in given:
                raise invalid(f"Missing required param: {at}[unit_amount].", f"{at}[unit_amount]", "parameter_missing")
            unit, quantity = given["unit_amount"], given.get("quantity", 1)
            values.update(description=given.get("description"), unit_amount=unit, unit_amount_decimal=str(unit))
            return shapes_money.credit_note_line(self.kernel.new_id("cnli"), unit * quantity, quantity, values)
        source = next((x for x in invoice["_lines"] if x["id"] == given.get("invoice_line_item")), None)
        if source is None:
            raise invalid(
                f"No such invoice line item: '{given.get('invoice_line_item')}'",
                f"{at}[invoice_line_item]",
                "resource_missing",
            )
        net = source["amount"] - sum(entry["amount"] for entry in source["discount_amounts"])
        whole = crediting.before_tax(source, net)
        amount, taxes = crediting.taxed(source, _credited(source, whole, given, at), whole)
        values.update(taxes=taxes)
        values.update(invoice_line_item=source["id"], description=given.get("description", source["description"]))
        return shapes_money.credit_note_line(self.kernel.new_id("cnli"), amount, given.get("quantity"), values)

    def _parts(self, invoice: Obj, amount: int) -> tuple[int, int]:
        """What of the amount lowers the open part and what the paid part of the invoice."""
        open_part = min(amount, invoice["amount_remaining"]) if invoice["status"] == "open" else 0
        paid_part = amount - open_part
        balance_used = max(0, (invoice["ending_balance"] or 0) - invoice["starting_balance"])
        creditable = invoice["amount_paid"] + balance_used - invoice["post_payment_credit_notes_amount"]
        if amount == 0:
            raise invalid("The credit note's amount must be greater than 0.", "amount")
        if paid_part > creditable:
            raise invalid(
                f"The sum of credit notes cannot exceed the invoice's amount: {open_part + creditable} can be credited.",
                "amount",
            )
        return open_part, paid_part

    def _check_given_back(self, params: dict[str, Any], paid_part: int) -> None:
        existing = sum(entry.get("amount_refunded", 0) for entry in params.get("refunds") or [])
        named = ("refund_amount", "credit_amount", "out_of_band_amount")
        total = existing + sum(params.get(name, 0) for name in named)
        if total != paid_part:
            raise invalid(
                f"The sum of credit_amount, refund_amount, out_of_band_amount and refunds must equal the amount credited"
                f" after payment ({paid_part}), but it is {total}.",
                "credit_amount",
            )

    def _give_back(self, invoice: Obj, note: Obj, params: dict[str, Any]) -> None:
        for entry in params.get("refunds") or []:
            linked = self.kernel.get("refund", entry.get("refund", ""), param="refunds")
            note["refunds"].append(_linked(linked["id"], entry.get("amount_refunded", linked["amount"])))
        if params.get("refund_amount"):
            made = self.refund(self.charge_of(invoice), params["refund_amount"])
            note["refunds"].append(_linked(made["id"], made["amount"]))
        if params.get("credit_amount"):
            customer = self.kernel.get("customer", invoice["customer"])
            moved = self.move_balance(
                customer,
                -params["credit_amount"],
                invoice["currency"],
                "credit_note",
                credit_note=note["id"],
                invoice=invoice["id"],
            )
            note["customer_balance_transaction"] = moved["id"]

    def _credit_invoice(self, invoice: Obj, open_part: int, paid_part: int) -> None:
        with self.kernel.changing(invoice, "invoice.updated"):
            invoice["pre_payment_credit_notes_amount"] += open_part
            invoice["post_payment_credit_notes_amount"] += paid_part
            invoice["amount_due"] -= open_part
            invoice["amount_remaining"] -= open_part
        if open_part:
            self.billing.collection.reduce_open_payment(invoice)
            if invoice["amount_remaining"] == 0:
                self.billing.invoices.paid(invoice)

    def void_note(self, note: Obj) -> None:
        """Take back a credit note that lowered an invoice which is still open."""
        invoice = self.kernel.get("invoice", note["invoice"])
        if note["status"] == "void" or note["type"] != "pre_payment" or invoice["status"] != "open":
            raise invalid("You can only void issued credit notes of open invoices.")
        with self.kernel.changing(note):
            note["status"], note["voided_at"] = "void", self.kernel.now_s()
        self.kernel.emit("credit_note.voided", note)
        with self.kernel.changing(invoice, "invoice.updated"):
            invoice["pre_payment_credit_notes_amount"] -= note["amount"]
            invoice["amount_due"] += note["amount"]
            invoice["amount_remaining"] += note["amount"]
        self.billing.collection.reduce_open_payment(invoice)


def _credited(source: Obj, net: int, given: dict[str, Any], at: str) -> int:
    """What is credited of a line: an amount, or its share of a quantity; no more than the line came to."""
    if "amount" not in given and "quantity" not in given:
        raise invalid(
            "`quantity` or `amount` is required when crediting an invoice line item.", at, "parameter_missing"
        )
    if "amount" in given:
        if given["amount"] > net:
            raise invalid(f"The credited amount of the line is larger than the line ({net}).", f"{at}[amount]")
        return int(given["amount"])
    if given["quantity"] > (source["quantity"] or 0):
        raise invalid(f"The credited quantity is larger than the line's ({source['quantity']}).", f"{at}[quantity]")
    return share(net, given["quantity"], source["quantity"]) if source["quantity"] else 0


def _linked(refund: str, amount: int) -> Obj:
    return {"amount_refunded": amount, "refund": refund, "type": "refund", "payment_record_refund": None}
