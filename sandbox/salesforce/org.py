"""The org: its schema, rows, users, currencies, numbers and switches, as it stands after start or reset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from sandbox.salesforce import sfdx
from sandbox.salesforce import standard_facts as facts
from sandbox.salesforce.access import Access, Grants, User
from sandbox.salesforce.ids import IdMint
from sandbox.salesforce.schema import Entity, namespaced
from sandbox.salesforce.standard import standard_entities
from sandbox.salesforce.store import Row, Store

CORPORATE_CURRENCY = next(iter(facts.CURRENCY_DECIMALS))
_INTEGRATION_SETS = "Billing_Integration"
"""How the names of the permission sets begin that the integration user has."""


class Clock(Protocol):
    """What the org needs of the world."""

    rng: Any

    def now(self) -> datetime: ...

    def now_s(self) -> int: ...


@dataclass
class Switches:
    """How the org is set up; a reset brings back what the constructor said."""

    namespace: str = ""
    person_accounts: bool = False
    state_codes: bool = False
    duplicate_rules: bool = False
    daily_calls: int = 100_000
    token_ttl_s: float = 7200.0
    commit_delay_s: int = 0
    withheld: frozenset[str] = field(default_factory=frozenset)
    enforce_integration_rights: bool = True
    package: Path | None = None


@dataclass
class Deletion:
    """What went to the recycle bin together (object and id), and the look-ups to it that were blanked: the object and id of
    the row, the field, and what stood in it.
    """

    records: list[tuple[str, str]] = field(default_factory=list)
    look_ups: list[tuple[str, str, str, str]] = field(default_factory=list)


class Org:
    """One org. Everything the request handlers need hangs here."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self.clock, self.switches = clock, switches
        package = sfdx.find_package(switches.package)
        entities = standard_entities(person_accounts=switches.person_accounts, state_codes=switches.state_codes)
        self.schema = sfdx.add_package(entities, package, switches.namespace)
        self.store = Store(self.schema)
        self.mint = IdMint(clock.rng)
        self.numbers: Counter[tuple[str, str]] = Counter()
        self.deletions: dict[str, Deletion] = {}
        self.calls_by_hour: Counter[int] = Counter()
        self.kept_record_types: frozenset[str] = frozenset()
        self._sets = sfdx.permission_sets(package)
        self.id = self.mint.new("00D")
        self._seed()

    @property
    def now(self) -> datetime:
        """Business time, whole seconds."""
        return self.clock.now()

    def name(self, plain: str) -> str:
        """A custom name as this org has it, with the namespace if there is one."""
        return namespaced(plain, self.switches.namespace)

    def plain(self, name: str) -> str:
        """A name without the org's namespace."""
        return name.removeprefix(f"{self.switches.namespace}__") if self.switches.namespace else name

    def access(self, client: str) -> Access:
        """The rights of a caller by the name it gives itself.

        The harness is an administrator whom nothing is withheld from. Tandem is the integration user with the rights
        of the package's permission set. Anybody else is the administrator, less what a switch withholds.
        """
        name = client.strip().lower()
        user = self.administrator
        if name.startswith("tandem") and self.switches.enforce_integration_rights:
            user = self.integration_user
        if name != "harness":
            user = replace(user, withheld=frozenset(entry.lower() for entry in self.switches.withheld))
        return Access(self.schema, user, self.plain)

    def count_call(self) -> int:
        """Count one API call; calls of the last 24 hours, this one included."""
        hour = self.clock.now_s() // 3600
        self.calls_by_hour[hour] += 1
        for old in [past for past in self.calls_by_hour if not hour - 24 < past <= hour]:
            del self.calls_by_hour[old]
        return self.calls_by_hour.total()

    @property
    def calls_used(self) -> int:
        """API calls of the last 24 hours."""
        return self.calls_by_hour.total()

    def next_number(self, entity: Entity, entry: Any) -> str:
        """The next value of an auto number field in its display format."""
        self.numbers[entity.name, entry.name] += 1
        head, _, rest = entry.auto_number.partition("{")
        zeros, _, tail = rest.partition("}")
        return f"{head}{self.numbers[entity.name, entry.name]:0{len(zeros)}d}{tail}"

    def _seed(self) -> None:
        profile = self._add("Profile", Name="System Administrator", UserType="Standard")
        rows = [self._user(*one, profile["Id"]) for one in _USERS]
        self.administrator = User(rows[0]["Id"], rows[0]["Username"], rows[0]["Name"])
        assigned = [given for name, given in self._sets.items() if name.startswith(_INTEGRATION_SETS)]
        grants = Grants.of(assigned) if assigned else None
        self.integration_user = User(rows[1]["Id"], rows[1]["Username"], rows[1]["Name"], grants)
        self._add(
            "Organization", self.id, Name="Sandbox", OrganizationType="Developer Edition", IsSandbox=True,
            InstanceName="SBX1", NamespacePrefix=self.switches.namespace or None, TimeZoneSidKey="GMT",
            DefaultLocaleSidKey="en_US", LanguageLocaleKey="en_US", FiscalYearStartMonth=1,
        )  # fmt: skip
        for code, decimals in facts.CURRENCY_DECIMALS.items():
            self._add("CurrencyType", IsoCode=code, DecimalPlaces=decimals, IsActive=True, ConversionRate=Decimal(1),
                      IsCorporate=code == CORPORATE_CURRENCY)  # fmt: skip
        for name, row in self._sets.items():
            self._add("PermissionSet", Name=name, Label=row.name, IsCustom=True)
        book = self._add("Pricebook2", Name="Standard Price Book", IsActive=True, IsStandard=True)
        self.standard_pricebook = str(book["Id"])
        self.store.commit(self.clock.now_s())

    def _user(self, username: str, first: str, last: str, profile_id: str) -> Row:
        return self._add(
            "User", Username=username, FirstName=first or None, LastName=last, Name=f"{first} {last}".strip(),
            Email=username, Alias=last[:8].lower(), IsActive=True, UserType="Standard", ProfileId=profile_id,
            TimeZoneSidKey="GMT", LocaleSidKey="en_US", LanguageLocaleKey="en_US", EmailEncodingKey="UTF-8",
            DefaultCurrencyIsoCode=CORPORATE_CURRENCY,
        )  # fmt: skip

    def add_row(self, entity_name: str, **values: Any) -> Row:
        """A row that nobody could make through the API, seen by everybody at once."""
        made = self._add(entity_name, **values)
        self.store.commit(self.clock.now_s())
        return made

    def _add(self, entity_name: str, record_id: str = "", **values: Any) -> Row:
        """A row the org comes with."""
        entity = self.schema.get(entity_name)
        row: Row = {f.name: False for f in entity.fields.values() if f.type == "boolean"}
        row |= {"Id": record_id or self.mint.new(entity.prefix), **values}
        maker = self.administrator.id if hasattr(self, "administrator") else row["Id"]
        if entity.find("CurrencyIsoCode"):
            row["CurrencyIsoCode"] = CORPORATE_CURRENCY
        row |= dict.fromkeys(_present(entity, "CreatedDate", "LastModifiedDate", "SystemModstamp"), self.now)
        row |= dict.fromkeys(_present(entity, "CreatedById", "LastModifiedById"), maker)
        self.store.put(entity.name, row)
        return row


_USERS = (
    ("admin@tandem.sandbox", "Ada", "Admin"),
    ("integration@tandem.sandbox", "", "Tandem Integration"),
    ("rep@tandem.sandbox", "Rita", "Rep"),
)


def _present(entity: Entity, *names: str) -> Iterable[str]:
    return [name for name in names if name in entity.fields]
