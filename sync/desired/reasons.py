"""Why one thing is as it is: what it says, what that follows from, and where the rule stands (`tandem explain`)."""

from __future__ import annotations

from dataclasses import dataclass

#: Headings of docs/billing-rules.md, where a rule is told with worked examples. A test finds each of them there.
DAY = "A day is a day in the billing time zone"
LAST_DAY = "A term ends on the day before"
ROUNDING = "A line is rounded once, after multiplying"
EXACT = "Nothing is rounded in silence"
ONE_TIME = "One-time lines are billed once"
PAST = "A start in the past bills what has begun at once"
PRORATION = "Three policies for a change inside a cycle"
CREDITS = "Taking quantity off, and what is given back"
COLLECTION = "How it is collected"
REVENUE = "Monthly and annual revenue"
QUOTE = "The quote"
INVOICES = "Invoices and payments"
ACCOUNT = "The account"
SUBSCRIPTION = "The subscription"
CUSTOMER = "Who the customer is"
REFUSING = "Refusing"
USAGE = "Usage is billed in arrears"


@dataclass(frozen=True)
class Reason:
    """``what`` says which status, amount, date or refusal; ``says`` what it is; ``because`` are its inputs, a line each;
    ``rule`` is a heading of docs/billing-rules.md, or of docs/errors.md for a code.
    """

    what: str
    says: str
    because: tuple[str, ...]
    rule: str
