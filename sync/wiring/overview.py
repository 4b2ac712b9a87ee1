"""What people see of the installation as a whole, from the store alone, so that it answers while a vendor is away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sync.config import Settings
from sync.ports import Asked, Failing, SubjectState
from sync.run.naming import NoId, key_of
from sync.run.overview import Home, OfCode, Question, Standing, Story
from sync.store.realm import NAMED
from sync.wiring.store import Store, open_store, store_of

#: Records of a code, entries of a story, questions and groups that are read for one page.
MOST = 200
#: Rows of usage that were set aside and are looked at for the groups of one page, the newest.
MOST_USAGE = 10_000
#: What people are asked about identity: who a customer is, and which of two live ones pays.
IDENTITY_CODES = ("DATA-213", "DATA-214")


def standing(store: Store) -> Standing:
    """How the installation stands now."""
    now = store.clock.now()
    rows, rows_in_s = store.outbox.waiting()
    return Standing(
        now=now,
        machine_now=store.machine_now(),
        counts=store.subjects.counts(now),
        oldest_s=store.subjects.oldest_due_s(),
        rows=rows,
        rows_in_s=rows_in_s,
        rows_refused=sum(group.many for group in store.outbox.refused()),
        events=store.last_notices(),
        calls=store.salesforce_calls(),
        paused=store.cursors.paused(),
        late=store.cursors.get("won_not_billed"),
        compared=store.comparing.last_report(),
    )


@dataclass(frozen=True)
class StoreOverview:
    """`sync.run.overview.Overview` of a store."""

    store: Store

    def home(self) -> Home:
        first, stores = self.store, self.of_every_account()
        return Home(
            standing=standing(first),
            failing=first.subjects.failing(),
            refused=first.outbox.refused()[:MOST],
            usage=first.usage.set_aside_of(newest=MOST_USAGE)[:MOST],
            questions=self._questions(list(stores.values())),
            compared={name if len(stores) > 1 else "": one.comparing.last_report() for name, one in stores.items()},
        )

    def asked(self, keys: Sequence[str]) -> Mapping[str, Asked]:
        """What is asked about these subjects, whichever Stripe account they are on."""
        return _asked(list(self.of_every_account().values()), keys)

    def of_every_account(self) -> Mapping[str, Store]:
        """The store as each Stripe account has it, by the account's name; that of its beginning first."""
        store, pinned = self.store, self.store.cursors.realm()
        first = pinned.get("stripe", "")
        names = {id_: name.removeprefix(NAMED) for name, id_ in sorted(pinned.items()) if name.startswith(NAMED)}
        others = [id_ for id_ in names if id_ != first]
        rest = {names[id_]: store_of(store.settings, store.engine, store.clock, id_, part=id_) for id_ in others}
        return {names.get(first, first): store} | rest

    def of_code(self, code: str) -> OfCode:
        failing = {one.code: one for one in self.store.subjects.failing()}
        states = self.store.subjects.failures(code=code, limit=MOST)
        return OfCode(failing.get(code, Failing(code, 0, {}, None)), states)

    def story(self, name: str) -> Story | None:
        for store in self.of_every_account().values():
            state = _state(store, name)
            entries = store.ledger.timeline(state.key if state else name, MOST)
            if state or entries:
                return Story(state, entries)
        return None

    def _questions(self, stores: Sequence[Store]) -> list[Question]:
        subjects = self.store.subjects
        states = [state for code in IDENTITY_CODES for state in subjects.failures(code=code, limit=MOST)]
        asked = _asked(stores, [state.key for state in states])
        return [Question(state, asked.get(state.key)) for state in states]


def _asked(stores: Sequence[Store], keys: Sequence[str]) -> Mapping[str, Asked]:
    return {key: one for store in stores for key, one in store.identities.asked(keys).items()}


def _state(store: Store, name: str) -> SubjectState | None:
    """What is meant by a key, an id, or a reference as a quote shows it ("DATA-201 . 7F3K")."""
    word = (name.replace(".", " ").split() or [""])[-1]
    try:
        key = key_of(word)
    except NoId:
        return None
    return store.subjects.state(key) if key else store.subjects.by_reference(word)


def overview(settings: Settings, *, database_url: str) -> StoreOverview:
    """For the web process: what its pages for people read."""
    return StoreOverview(open_store(settings, database_url=database_url))
