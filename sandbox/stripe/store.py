"""All objects of one sandbox account in memory, by type and id, in the order in which they came to be."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any

Obj = dict[str, Any]


class _Shelf:
    """The objects of one type. A position is a number that only grows; it never changes for an object."""

    def __init__(self) -> None:
        self.by_id: dict[str, Obj] = {}
        self.position: dict[str, int] = {}
        self.order: list[tuple[int, str]] = []
        self.graves: dict[str, Obj] = {}
        self.buried: dict[str, Obj] = {}
        self.next_position = 1


class Store:
    """Objects by ``(obj["object"], obj["id"])``. Declared indexes are over fields that never change."""

    def __init__(self) -> None:
        self._shelves: dict[str, _Shelf] = {}
        self._indexes: dict[tuple[str, str], dict[Any, list[tuple[int, str]]]] = {}

    def index_by(self, type: str, field: str) -> None:
        """Keep an index over a top-level field that never changes after :meth:`add`; declare it before adding."""
        self._indexes.setdefault((type, field), {})

    def _shelf(self, type: str) -> _Shelf:
        return self._shelves.setdefault(type, _Shelf())

    def add(self, obj: Obj) -> None:
        """Store a new object as the newest of its type. Raises ``ValueError`` when the id is taken."""
        type, id = obj["object"], obj["id"]
        shelf = self._shelf(type)
        if id in shelf.by_id:
            raise ValueError(f"{type} {id} is there already")
        place = (shelf.next_position, id)
        shelf.next_position += 1
        shelf.by_id[id] = obj
        shelf.position[id] = place[0]
        shelf.order.append(place)
        shelf.graves.pop(id, None)
        shelf.buried.pop(id, None)
        for (of_type, field), index in self._indexes.items():
            if of_type == type:
                index.setdefault(obj.get(field), []).append(place)

    def get(self, type: str, id: str) -> Obj | None:
        """The object, or ``None``; never a deleted one."""
        return self._shelf(type).by_id.get(id)

    def grave(self, type: str, id: str) -> Obj | None:
        """``{"id", "object", "deleted": True}`` of a deleted object."""
        return self._shelf(type).graves.get(id)

    def bury(self, obj: Obj) -> Obj:
        """Delete the object and return what is answered for it from now on."""
        shelf = self._shelf(obj["object"])
        del shelf.by_id[obj["id"]]
        grave: Obj = {"id": obj["id"], "object": obj["object"], "deleted": True}
        shelf.buried[obj["id"]] = obj
        shelf.graves[obj["id"]] = grave
        return grave

    def buried(self, type: str, id: str) -> Obj | None:
        """The object, or as it was when it was deleted: what goes on working where it already stands."""
        shelf = self._shelf(type)
        return shelf.by_id.get(id) or shelf.buried.get(id)

    def position(self, type: str, id: str) -> int | None:
        """Where the object stands (or stood) in the order of its type."""
        return self._shelf(type).position.get(id)

    def all(self, type: str, of: tuple[str, str] | None = None) -> list[Obj]:
        """Oldest first; ``of`` as in :meth:`newest_first`."""
        return list(self.newest_first(type, of=of))[::-1]

    def oldest_first(self, type: str, *, above: int, of: tuple[str, str] | None = None) -> Iterator[Obj]:
        """Oldest first, strictly behind a position; ``of`` as in :meth:`newest_first`."""
        shelf = self._shelf(type)
        order = shelf.order if of is None else self._indexes[(type, of[0])].get(of[1], [])
        for at in range(bisect_right(order, (above, "\U0010ffff")), len(order)):
            obj = shelf.by_id.get(order[at][1])
            if obj is not None and shelf.position[order[at][1]] == order[at][0]:
                yield obj

    def newest_first(self, type: str, *, of: tuple[str, str] | None = None, below: int | None = None) -> Iterator[Obj]:
        """Newest first, strictly before a position; ``of`` is ``(indexed field, value)``."""
        shelf = self._shelf(type)
        order = shelf.order if of is None else self._indexes[(type, of[0])].get(of[1], [])
        start = len(order) if below is None else bisect_left(order, (below, ""))
        for at in range(start - 1, -1, -1):
            obj = shelf.by_id.get(order[at][1])
            if obj is not None and shelf.position[order[at][1]] == order[at][0]:
                yield obj
