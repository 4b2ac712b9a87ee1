"""What people see of the installation as a whole, from the store alone, so that it answers while a vendor is away."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from sync.config import Settings
from sync.ports import Failing, SubjectState
from sync.run.naming import NoId, key_of
from sync.run.overview import Home, OfCode, Question, Standing, Story
from sync.wiring.store import Store, open_store

#: Records of a code, entries of a story, questions and groups that are read for one page.
MOST = 200
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
        store = self.store
        return Home(
            standing=standing(store),
            failing=store.subjects.failing(),
            refused=store.outbox.refused()[:MOST],
            usage=list(islice(store.usage.set_aside_of(), MOST)),
            questions=self._questions(),
        )

    def of_code(self, code: str) -> OfCode:
        failing = {one.code: one for one in self.store.subjects.failing()}
        states = self.store.subjects.failures(code=code, limit=MOST)
        return OfCode(failing.get(code, Failing(code, 0, {}, None)), states)

    def story(self, name: str) -> Story | None:
        state = self._state(name)
        entries = self.store.ledger.timeline(state.key if state else name, MOST)
        return Story(state, entries) if state or entries else None

    def _questions(self) -> list[Question]:
        subjects = self.store.subjects
        states = [state for code in IDENTITY_CODES for state in subjects.failures(code=code, limit=MOST)]
        asked = self.store.identities.asked([state.key for state in states])
        return [Question(state, asked.get(state.key)) for state in states]

    def _state(self, name: str) -> SubjectState | None:
        """What is meant by a key, an id, or a reference as a quote shows it ("DATA-201 . 7F3K")."""
        word = (name.replace(".", " ").split() or [""])[-1]
        try:
            key = key_of(word)
        except NoId:
            return None
        return self.store.subjects.state(key) if key else self.store.subjects.by_reference(word)


def overview(settings: Settings, *, database_url: str) -> StoreOverview:
    """For the web process: what its pages for people read."""
    return StoreOverview(open_store(settings, database_url=database_url))
