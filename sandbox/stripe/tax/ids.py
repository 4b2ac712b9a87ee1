"""Tax ids of customers (https://docs.stripe.com/api/tax_ids): checked by shape when made, by the authority later.

Some are looked up (https://docs.stripe.com/billing/customer/tax-ids#validation): those stay `pending` for a moment of
business time. As in Stripe's test mode a value of ones is not found, one of twos is never answered, others are verified.
"""

from __future__ import annotations

import heapq
import re
from typing import Any

from sandbox.stripe.errors import StripeError, invalid, no_such
from sandbox.stripe.kernel import Call, Kernel, Obj, expandable, includable, route
from sandbox.stripe.params import PAGE, Fields, one_of, struct, text

expandable("tax_id", "customer", "customer")
includable("customer", "tax_ids", lambda kernel, customer: _embedded(kernel, customer))

MOST = 5
VERIFIED_AFTER_S = 60
_EU = (
    "AT:U\\d{8} BE:[01]\\d{9} BG:\\d{9,10} CY:\\d{8}[A-Z] CZ:\\d{8,10} DE:\\d{9} DK:\\d{8} EE:\\d{9} EL:\\d{9} "
    "ES:[A-Z0-9]\\d{7}[A-Z0-9] FI:\\d{8} FR:[A-Z0-9]{2}\\d{9} HR:\\d{11} HU:\\d{8} IE:\\d[A-Z0-9]\\d{5}[A-Z]{1,2} "
    "IT:\\d{11} LT:(\\d{9}|\\d{12}) LU:\\d{8} LV:\\d{11} MT:\\d{8} NL:\\d{9}B\\d{2} PL:\\d{10} PT:\\d{9} RO:\\d{2,10} "
    "SE:\\d{12} SI:\\d{8} SK:\\d{10} XI:\\d{9}"
)
_EU_SHAPES = {place: re.compile(rest) for place, _, rest in (part.partition(":") for part in _EU.split())}
_SHAPES = {
    "ae_trn": r"\d{15}",
    "au_abn": r"\d{11}",
    "br_cnpj": r"\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}",
    "ca_bn": r"\d{9}",
    "ca_gst_hst": r"\d{9}RT\d{4}",
    "ch_vat": r"CHE-?\d{3}\.?\d{3}\.?\d{3} ?(MWST|TVA|IVA)",
    "ch_uid": r"CHE-?\d{3}\.?\d{3}\.?\d{3}",
    "gb_vat": r"GB(\d{9}|\d{12}|GD\d{3}|HA\d{3})",
    "hk_br": r"\d{8}",
    "il_vat": r"\d{9}",
    "in_gst": r"\d{2}[A-Z]{5}\d{4}[A-Z][A-Z0-9]{3}",
    "jp_cn": r"\d{13}",
    "jp_trn": r"T\d{13}",
    "kr_brn": r"\d{3}-?\d{2}-?\d{5}",
    "mx_rfc": r"[A-ZÑ&]{3,4}\d{6}[A-Z0-9]{3}",
    "no_vat": r"\d{9}MVA",
    "nz_gst": r"\d{8,9}",
    "sg_gst": r"[A-Z]\d{8}[A-Z]",
    "sg_uen": r"\d{8,9}[A-Z]",
    "us_ein": r"\d{2}-?\d{7}",
    "za_vat": r"4\d{9}",
}
_LOOKED_UP = frozenset({"au_abn", "eu_vat", "gb_vat"})
_TYPES = ("eu_vat", *_SHAPES)
_CREATE: Fields = {"type": one_of(*_TYPES).required(), "value": text().required()}
_LIST: Fields = {**PAGE, "owner": struct({"type": one_of("customer", "self").required(), "customer": text()})}


class Verifications:
    """What the authorities answer, in business time; a timer of the kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._waiting: list[tuple[int, str]] = []

    def ask(self, tax_id: Obj) -> None:
        """An answer will come, unless the value is one that never gets one."""
        heapq.heappush(self._waiting, (tax_id["created"] + VERIFIED_AFTER_S, tax_id["id"]))

    def next_due_s(self) -> int | None:
        """When the next answer comes."""
        return self._waiting[0][0] if self._waiting else None

    def run_due(self, at_s: int) -> None:
        """The answers that have come are on the tax ids."""
        while self._waiting and self._waiting[0][0] <= at_s:
            _, id = heapq.heappop(self._waiting)
            found = self._kernel.store.get("tax_id", id)
            if found is not None:
                digits = set(re.sub(r"\D", "", found["value"]))
                with self._kernel.changing(found, "customer.tax_id.updated"):
                    status = "unverified" if digits == {"1"} else "verified"
                    found["verification"] = {**found["verification"], "status": status}


def install(kernel: Kernel) -> None:
    """Tax ids of this kernel can be found by customer and are verified in time."""
    kernel.store.index_by("tax_id", "customer")
    kernel.timers.append(Verifications(kernel))


def ids_of(kernel: Kernel, customer: str) -> list[Obj]:
    """The tax ids of a customer, newest first."""
    return list(kernel.store.newest_first("tax_id", of=("customer", customer)))


def _embedded(kernel: Kernel, customer: Obj) -> Obj:
    data = ids_of(kernel, customer["id"])
    url = f"/v1/customers/{customer['id']}/tax_ids"
    return {"object": "list", "data": data[:10], "has_more": len(data) > 10, "url": url}


@route("POST", "/v1/customers/{id}/tax_ids", _CREATE)
def create_tax_id(call: Call) -> Obj:
    """One more tax id of a customer; what can't be one is refused."""
    customer = call.kernel.get("customer", call.ids["id"])
    return add_tax_id(call.kernel, customer, call.params["type"], call.params["value"])


def add_tax_id(kernel: Kernel, customer: Obj, type: str, given: str) -> Obj:
    """The same, however it was given."""
    value = given.strip().upper()
    if type not in (*_SHAPES, "eu_vat") or not _fits(type, value):
        raise StripeError(400, "invalid_request_error", "tax_id_invalid", f"Invalid value for {type}.", "value")
    if len(ids_of(kernel, customer["id"])) >= MOST:
        raise invalid(f"A customer can have at most {MOST} tax IDs.", "type")
    status = "pending" if type in _LOOKED_UP else "unavailable"
    made: Obj = {
        "id": kernel.new_id("txi"),
        "object": "tax_id",
        "country": "GR" if value.startswith("EL") else value[:2] if type == "eu_vat" else type[:2].upper(),
        "created": kernel.now_s(),
        "customer": customer["id"],
        "customer_account": None,
        "livemode": False,
        "owner": {"customer": customer["id"], "customer_account": None, "type": "customer"},
        "type": type,
        "value": value,
        "verification": {"status": status, "verified_address": None, "verified_name": None},
    }
    kernel.add(made, "customer.tax_id.created")
    if status == "pending" and set(re.sub(r"\D", "", value)) != {"2"}:
        for timer in kernel.timers:  # a rehearsal has none
            if isinstance(timer, Verifications):
                timer.ask(made)
    return made


def _fits(type: str, value: str) -> bool:
    if type == "eu_vat":
        shape = _EU_SHAPES.get(value[:2])
        return shape is not None and bool(shape.fullmatch(value[2:]))
    return bool(re.fullmatch(_SHAPES[type], value))


@route("GET", "/v1/customers/{id}/tax_ids", PAGE)
def list_customer_tax_ids(call: Call) -> Obj:
    """Newest first."""
    customer = call.kernel.get("customer", call.ids["id"])
    return call.page("tax_id", of=("customer", customer["id"]))


@route("GET", "/v1/tax_ids", _LIST)
def list_tax_ids(call: Call) -> Obj:
    """Those of the account, which has none here, or of the customer that is named as owner."""
    owner: dict[str, Any] = call.params.get("owner") or {"type": "self"}
    if owner["type"] == "customer":
        customer = call.kernel.get("customer", owner.get("customer", ""), "owner[customer]")
        return call.page("tax_id", of=("customer", customer["id"]))
    return call.page("tax_id", where=lambda found: False)


def _of(call: Call) -> Obj:
    found = call.kernel.get("tax_id", call.ids["id"])
    if found["customer"] != call.ids.get("customer", found["customer"]):
        raise no_such("tax ID", found["id"])
    return found


@route("GET", "/v1/customers/{customer}/tax_ids/{id}")
def retrieve_customer_tax_id(call: Call) -> Obj:
    """One tax id of a customer."""
    return _of(call)


@route("GET", "/v1/tax_ids/{id}")
def retrieve_tax_id(call: Call) -> Obj:
    """One tax id, whoever's."""
    return _of(call)


@route("DELETE", "/v1/customers/{customer}/tax_ids/{id}")
def delete_customer_tax_id(call: Call) -> Obj:
    """Take a tax id off its customer; finalised invoices keep it."""
    return call.kernel.remove(_of(call), "customer.tax_id.deleted")


@route("DELETE", "/v1/tax_ids/{id}")
def delete_tax_id(call: Call) -> Obj:
    """The same by its own id."""
    return call.kernel.remove(_of(call), "customer.tax_id.deleted")
