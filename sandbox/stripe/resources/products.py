"""Products (https://docs.stripe.com/api/products): an own id is allowed, one with prices can't be deleted."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, expandable, route
from sandbox.stripe.params import (
    PAGE,
    RANGE,
    Fields,
    array,
    boolean,
    decimal,
    in_range,
    merged_metadata,
    metadata,
    struct,
    text,
)
from sandbox.stripe.resources.shapes import unset
from sandbox.stripe.tax.codes import check_code

expandable("product", "default_price", "price")

_DIMENSIONS: Fields = {key: decimal(places=2, min="0").required() for key in ("height", "length", "weight", "width")}
_COMMON: Fields = {
    "active": boolean(),
    "shippable": boolean(),
    "statement_descriptor": text(max=22),
}
_CREATE: Fields = {
    **_COMMON,
    "metadata": metadata(clearable=False),
    "description": text(max=40000),
    "id": text(max=255),
    "images": array(text(), max=8),
    "marketing_features": array(struct({"name": text(max=80).required()}), max=15),
    "name": text(max=250).required(),
    "package_dimensions": struct(_DIMENSIONS),
    "tax_code": text(),
    "unit_label": text(max=12),
    "url": text(),
}
_UPDATE: Fields = {
    **_COMMON,
    "default_price": text(),
    "metadata": metadata(),
    "description": text(max=40000).clearable(),
    "images": array(text(), max=8).clearable(),
    "marketing_features": array(struct({"name": text(max=80).required()}), max=15).clearable(),
    "name": text(max=250),
    "package_dimensions": struct(_DIMENSIONS).clearable(),
    "tax_code": text().clearable(),
    "unit_label": text(max=12).clearable(),
    "url": text().clearable(),
}
_LISTS = ("images", "marketing_features")


def new_product(kernel: Kernel, params: dict[str, Any]) -> Obj:
    """Create and store a product from validated parameters; an id that is taken is refused."""
    check_code(params.get("tax_code"), "tax_code")
    id = params.get("id") or kernel.new_id("prod")
    if kernel.store.get("product", id):
        raise invalid("Product already exists.", "id", "resource_already_exists")
    now = kernel.now_s()
    product: Obj = {
        "id": id,
        "object": "product",
        "active": True,
        "created": now,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": params["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": now,
        "url": None,
    }
    _apply(product, {key: value for key, value in params.items() if key != "id"})
    return kernel.add(product, "product.created")


def _apply(product: Obj, params: dict[str, Any]) -> None:
    for key, value in params.items():
        if key == "metadata":
            product[key] = merged_metadata(product[key], value)
        elif key in _LISTS:
            product[key] = value or []
        elif key == "package_dimensions":
            product[key] = {name: float(size) for name, size in value.items()} if value else None
        else:
            product[key] = unset(value)


@route("POST", "/v1/products", _CREATE)
def create_product(call: Call) -> Obj:
    """Create, under an own id if given."""
    return new_product(call.kernel, call.params)


@route("POST", "/v1/products/{id}", _UPDATE)
def update_product(call: Call) -> Obj:
    """Change what is given; ``updated`` moves."""
    kernel = call.kernel
    product = kernel.get("product", call.ids["id"])
    if price_id := call.params.get("default_price"):
        price = kernel.get("price", price_id, "default_price")
        if price["product"] != product["id"]:
            raise invalid(f"The price '{price_id}' does not belong to the product '{product['id']}'.", "default_price")
    check_code(call.params.get("tax_code"), "tax_code")
    merged_metadata(product["metadata"], call.params.get("metadata"))
    with kernel.changing(product, "product.updated"):
        before = dict(product)
        _apply(product, call.params)
        if before != product:
            product["updated"] = kernel.now_s()
    return product


@route("GET", "/v1/products/{id}")
def retrieve_product(call: Call) -> Obj:
    """A deleted product is gone: 404."""
    return call.kernel.get("product", call.ids["id"])


@route(
    "GET",
    "/v1/products",
    {**PAGE, "active": boolean(), "created": RANGE, "ids": array(text()), "shippable": boolean(), "url": text()},
)
def list_products(call: Call) -> Obj:
    """Newest first, by activity, ids, url."""
    wanted = call.params

    def listed(product: Obj) -> bool:
        same = all(product[key] == wanted[key] for key in ("active", "shippable", "url") if key in wanted)
        return (
            same
            and product["id"] in wanted.get("ids", [product["id"]])
            and in_range(product["created"], wanted.get("created"))
        )

    return call.page("product", where=listed)


@route("DELETE", "/v1/products/{id}")
def delete_product(call: Call) -> Obj:
    """Only while no price hangs on it."""
    product = call.kernel.get("product", call.ids["id"])
    if call.kernel.store.all("price", of=("product", product["id"])):
        message = "This product cannot be deleted because it has one or more user-created prices."
        raise invalid(message, "id")
    return call.kernel.remove(product, "product.deleted")
