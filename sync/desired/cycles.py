"""The billing cycles of a Stripe subscription's items: counted from its anchor, by months that clamp, or by days."""

from __future__ import annotations

from sync.deal.calendar import add_months, instant, seconds
from sync.facts import Item

DAY_S = 86_400


def cycle_at(item: Item, anchor_s: int, at_s: int) -> tuple[int, int]:
    """The cycle of an item in which an instant lies; its end belongs to the next."""
    interval, count = item.price.interval, item.price.interval_count
    if interval in ("day", "week"):
        length = count * DAY_S * (7 if interval == "week" else 1)
        start_s = at_s - (at_s - anchor_s) % length
        return start_s, start_s + length
    months, anchor = count * (12 if interval == "year" else 1), instant(anchor_s)
    at = instant(at_s)
    n = max(0, (at.year - anchor.year) * 12 + at.month - anchor.month) // months - 1

    def boundary(k: int) -> int:
        day = add_months(anchor.date(), k * months)
        return seconds(anchor.replace(year=day.year, month=day.month, day=day.day))

    while boundary(n + 1) <= at_s:
        n += 1
    return boundary(n), boundary(n + 1)


def first_boundary(item: Item, anchor_s: int, from_s: int) -> int:
    """The first second at or after ``from_s`` at which the item's next cycle begins, not before the running one is over."""
    if item.period_end_s >= from_s:
        return item.period_end_s
    start_s, end_s = cycle_at(item, anchor_s, from_s)
    return start_s if start_s == from_s else end_s
