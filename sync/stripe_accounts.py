"""The file that STRIPE_ACCOUNTS names: several Stripe accounts, and which deals are billed in which.

    accounts:
      - name: us
        api_key_env: STRIPE_API_KEY_US
        webhook_secret_env: STRIPE_WEBHOOK_SECRET_US
      - name: eu
        api_key_env: STRIPE_API_KEY_EU
        webhook_secret_env: STRIPE_WEBHOOK_SECRET_EU
        requests_per_s: 10
    routes:
      - account: eu
        when: {Account.BillingCountry: [Germany, France]}
      - account: us

It is checked as a whole, every fault with its line. Secrets never stand in it: it names the variables that hold them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from ruamel.yaml.nodes import Node, ScalarNode, SequenceNode

from sync.config import ConfigFault
from sync.routing import SOBJECTS, Condition, Fields, Route, Routes, comparable
from sync.yaml_nodes import TAG, FileFault, YamlNodes

SETTING = "STRIPE_ACCOUNTS"
_FILE_KEYS = {"accounts", "routes"}
_ACCOUNT_KEYS = {"name", "api_key_env", "webhook_secret_env", "requests_per_s"}
_ROUTE_KEYS = {"account", "when"}
#: It stands in addresses of webhooks and behind --stripe-account.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_FIELD = re.compile(r"(Account|Quote)\.([A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*(?:__c)?)\Z")
_SECRET = re.compile(r"(sk|rk|pk)_(live|test)_|whsec_")
#: Stripe allows 100 calls a second to a live account.
MOST_PER_S = 100


@dataclass(frozen=True)
class NamedAccount:
    """One account of the file. The variables are empty where the file names none; ``line`` is where it stands."""

    name: str
    api_key_env: str
    webhook_secret_env: str
    requests_per_s: float | None
    line: int


@dataclass(frozen=True)
class StripeAccounts:
    """What the file says, without fault."""

    file: str
    accounts: tuple[NamedAccount, ...]
    routes: Routes

    @property
    def names(self) -> tuple[str, ...]:
        """Every account's name, in the order of the file."""
        return tuple(one.name for one in self.accounts)

    def route(self, quote: Fields, account: Fields) -> str:
        """See `Routes.route`."""
        return self.routes.route(quote, account)

    def where(self, one: NamedAccount) -> str:
        """The place of the account in the file, for a fault of its variables."""
        return f"{SETTING}: {self.file}:{one.line}: account {one.name}"


def load(path: Path) -> StripeAccounts:
    """The accounts and routes of the file. Raises ConfigFault with every fault at once."""
    faults: list[FileFault] = []
    found = _File(path, faults).read()
    if faults or found is None:
        raise ConfigFault([f"{SETTING}: {fault}" for fault in sorted(faults)])
    return found


class _File(YamlNodes):
    """Reads one file of accounts."""

    def read(self) -> StripeAccounts | None:
        """What it says; only to be used when no fault was found."""
        root = self._parse()
        top = self._members(root, "the file") if root is not None else None
        if root is None or top is None:
            return None
        self._no_secrets(root)
        self._known(top, _FILE_KEYS)
        line = self._line(root)
        accounts = [one for node in self._list(top, "accounts", line) if (one := self._account(node)) is not None]
        self._twice(accounts)
        names = {one.name for one in accounts}
        nodes = self._list(top, "routes", line)
        routes = [(self._line(node), route) for node in nodes if (route := self._route(node, names)) is not None]
        if nodes and len(routes) == len(nodes):
            self._whole(routes)
        return StripeAccounts(str(self._path), tuple(accounts), Routes(tuple(route for _, route in routes)))

    # ------------------------------------------------------------------ accounts

    def _account(self, node: Node) -> NamedAccount | None:
        members, line = self._members(node, "an account"), self._line(node)
        if members is None:
            return None
        self._known(members, _ACCOUNT_KEYS)
        name = self._text(members, "name", line) or ""
        if name and not _NAME.match(name):
            self._fault(line, f"name {name!r}: lower-case letters, digits and dashes, a letter first, 31 at most")
        return NamedAccount(
            name=name,
            api_key_env=self._variable(members, "api_key_env"),
            webhook_secret_env=self._variable(members, "webhook_secret_env"),
            requests_per_s=self._rate(members),
            line=line,
        )

    def _variable(self, members: Mapping[str, Node], key: str) -> str:
        if key not in members:
            return ""
        said = self._text(members, key, 0) or ""
        if said and not _VARIABLE.match(said) and not _SECRET.search(said):
            self._fault(
                self._line(members[key]), f"{key} must name a variable of the environment, such as STRIPE_API_KEY_EU"
            )
        return said

    def _rate(self, members: Mapping[str, Node]) -> float | None:
        node = members.get("requests_per_s")
        if node is None:
            return None
        if isinstance(node, ScalarNode) and node.tag in (f"{TAG}int", f"{TAG}float"):
            said = _number(str(node.value))
            if said is not None and 0 < said <= MOST_PER_S:
                return float(said)
        self._fault(self._line(node), f"requests_per_s must be a number above 0, at most {MOST_PER_S}")
        return None

    def _twice(self, accounts: Iterable[NamedAccount]) -> None:
        for key in ("name", "api_key_env", "webhook_secret_env"):
            first: dict[str, NamedAccount] = {}
            for one in accounts:
                value = str(getattr(one, key))
                if value and value in first and not _SECRET.search(value):
                    self._fault(one.line, f"{key} {value} is that of the account on line {first[value].line} too")
                first.setdefault(value, one)

    # ------------------------------------------------------------------ routes

    def _route(self, node: Node, names: set[str]) -> Route | None:
        members, line = self._members(node, "a route"), self._line(node)
        if members is None:
            return None
        before = len(self._faults)
        self._known(members, _ROUTE_KEYS)
        account = self._text(members, "account", line)
        if account is not None and account not in names and not _SECRET.search(account):
            known = ", ".join(sorted(n for n in names if n)) or "none"
            self._fault(line, f"account {account!r} is none of the accounts above: {known}")
        when = self._when(members["when"]) if "when" in members else ()
        return Route(account or "", when) if len(self._faults) == before else None

    def _when(self, node: Node) -> tuple[Condition, ...]:
        members = self._members(node, "when")
        if members is None:
            return ()
        if not members:
            self._fault(self._line(node), "when says nothing; a route for all the rest has no when at all")
        return tuple(one for name, value in members.items() if (one := self._condition(name, value)) is not None)

    def _condition(self, name: str, node: Node) -> Condition | None:
        found = _FIELD.match(name)
        if found is None:
            self._fault(
                self._line(node), f"{name}: a field is written Account.Field or Quote.Field, as Salesforce spells it"
            )
            return None
        nodes = node.value if isinstance(node, SequenceNode) else [node]
        values = [self._value(name, each) for each in nodes]
        if not nodes:
            self._fault(self._line(node), f"{name}: the list of values is empty")
        if not nodes or None in values:
            return None
        sobject = next(one for one in SOBJECTS if one == found[1])
        return Condition(sobject, found[2], frozenset(value for value in values if value))

    def _value(self, name: str, node: Node) -> str | None:
        """The value as it is compared; None, with a fault, where nothing can have it."""
        kinds = {f"{TAG}{kind}" for kind in ("str", "int", "float", "bool", "timestamp")}
        if isinstance(node, ScalarNode) and node.tag in kinds:
            text = str(node.value)
            number = _number(text) if node.tag in (f"{TAG}int", f"{TAG}float") else None
            if said := comparable(text if number is None else number):
                return said
        self._fault(
            self._line(node), f"{name}: must be a value or a list of values; a blank field meets no route but the last"
        )
        return None

    def _whole(self, routes: list[tuple[int, Route]]) -> None:
        """Every deal has a route, and every route can be taken."""
        line, last = routes[-1]
        if last.when:
            self._fault(line, "the last route has no when: it takes every deal that no other route takes")
        for number, (line, route) in enumerate(routes):
            hidden = next((at for at, earlier in routes[:number] if earlier.hides(route)), None)
            if hidden is not None:
                self._fault(line, f"this route is never taken: the one on line {hidden} takes all of its deals")

    # ------------------------------------------------------------------ nodes

    def _list(self, top: Mapping[str, Node], key: str, line: int) -> list[Node]:
        node = top.get(key)
        if node is None:
            self._fault(line, f"{key} are missing")
            return []
        if not isinstance(node, SequenceNode) or not node.value:
            self._fault(self._line(node), f"{key} must be a list with one entry at least")
            return []
        return list(node.value)

    def _no_secrets(self, node: Node) -> None:
        """No scalar looks like a secret; its value is not repeated."""
        if isinstance(node, ScalarNode):
            if _SECRET.search(str(node.value)):
                self._fault(self._line(node), "a secret stands here; put it into a variable, or a file, and name that")
            return
        for each in node.value if isinstance(node.value, list) else ():
            for part in each if isinstance(each, tuple) else (each,):
                self._no_secrets(part)


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text.replace("_", ""))
    except ArithmeticError:
        return None
    return found if found.is_finite() else None
