"""What a map shows: the records it read, where they are, and what is asked of the collection."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from vecs._atlas.colours import Colouring, colouring, find_column, one_colour
from vecs._atlas.gathering import Gathered
from vecs._atlas.projection import Points
from vecs._atlas.wanted import Wanted
from vecs._concurrency.calls import resolve
from vecs._serving.layout import layouts
from vecs.exc import ArgError, VecsException

log = logging.getLogger("vecs")

_COLOURINGS_KEPT = 20


@dataclass(frozen=True)
class Shown:
    """What is on the map: records, points, and how often these have changed."""

    gathered: Gathered
    points: Points
    version: int = 0

    @cached_property
    def places(self) -> dict[str, int]:
        """The number of each record's point, by its id."""
        return {id: number for number, id in enumerate(self.gathered.ids)}


@dataclass
class State:
    """How far it is: `phase` is "reading", "arranging", "done" or "failed", `share` from 0 to 1."""

    phase: str = "reading"
    share: float = 0.0
    version: int = 0
    error: str | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Model:
    """The records of a collection on their way to a map; a thread reads them, others answer what is asked."""

    def __init__(self, collection: Any, wanted: Wanted) -> None:
        self.collection = collection
        self.wanted = wanted
        self.name: str = collection.name
        self.state = State()
        self.closed = False
        self._shown: Shown | None = None
        self._selected: list[int] = []
        self._colourings: dict[str, Colouring] = {}

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._work, name="vecs-atlas", daemon=True).start()

    def wait(self, timeout: float | None) -> bool:
        """Wait until nothing moves any more; return whether that is so."""
        return self.state.done.wait(timeout)

    def _work(self) -> None:
        state = self.state
        try:
            self._arrange()
        except Exception as error:
            if not self.closed:
                log.warning("the map of %r stops: %s", self.name, error, exc_info=not isinstance(error, VecsException))
                state.error = str(error) if isinstance(error, VecsException) else "an error of vecs; see its log"
                state.phase = "failed"
        finally:
            state.done.set()
            if self.closed:
                # A batch that was being read may have connected again.
                resolve(self.collection.client.close())

    def _arrange(self) -> None:
        state, limit = self.state, self.wanted.limit

        def told(done: int, total: int) -> None:
            state.share = done / max(1, total)
            if self.closed:
                raise VecsException("the map was closed")

        gathered: Gathered = resolve(self.collection._gathered(self.collection._map_filters, limit, told))
        for share, points in layouts(gathered, self.wanted.projection, lambda: self.closed):
            state.version += 1
            shown = self._shown
            made = Shown(gathered, points, state.version)
            if shown is not None:
                vars(made)["places"] = shown.places
            self._shown = made
            if shown is None and _is_local(self.collection.transform):
                # The points come first: importing what runs a model keeps all else waiting.
                threading.Thread(target=self._warm_up, name="vecs-atlas-model", daemon=True).start()
            state.phase, state.share = ("done" if share == 1 else "arranging"), share

    def _warm_up(self) -> None:
        try:
            resolve(self.collection._vectors(["warm"]))
        except VecsException as error:
            # The first search says so, too.
            log.info("the model of %r was not loaded ahead: %s", self.name, error)

    @property
    def shown(self) -> Shown:
        """What is on the map; raises ArgError before there is anything."""
        if self._shown is None:
            raise ArgError("the records are still being read")
        return self._shown

    @property
    def is_ready(self) -> bool:
        """Whether there are points."""
        return self._shown is not None

    def select(self, numbers: Sequence[int]) -> None:
        """Remember which points are selected."""
        self._selected = [number for number in numbers if 0 <= number < len(self.shown.gathered.ids)]

    def selection(self) -> list[str]:
        """Return the ids of the points that are selected."""
        return [] if self._shown is None else [self._shown.gathered.ids[number] for number in self._selected]

    def colouring(self, key: str | None) -> Colouring:
        """Return the colours by a key; raises ArgError if there is none of that name."""
        gathered = self.shown.gathered
        if not key:
            return one_colour(len(gathered.ids))
        if key not in self._colourings:
            column = find_column(gathered.columns, key)
            if column is None:
                raise ArgError(f"there is no key {key!r} to colour by")
            while len(self._colourings) >= _COLOURINGS_KEPT:
                self._colourings.pop(next(iter(self._colourings)), None)
            self._colourings[key] = colouring(column)
        return self._colourings[key]

    def matching(self, filters: dict[str, Any]) -> Any:
        """Return the numbers of the points whose records match, as an array, ascending."""
        places, whole = self.shown.places, self._with_filters(filters)
        found: list[int] = []
        after: str | None = None
        while True:
            ids, after = resolve(self.collection._ids_page(whole, after))
            found += [places[id] for id in ids if id in places]
            if after is None:
                return np.array(sorted(found), dtype=np.uint32)

    def search(self, **options: Any) -> list[Any]:
        """Search among the records of the map's filters."""
        options["filters"] = self._with_filters(options.get("filters"))
        return resolve(self.collection.search(**options))

    def record(self, id: str) -> Any:
        """Read a record; None if it is not there any more."""
        _, _, has_columns = self.facts
        found = resolve(self.collection.get([id], include_columns=has_columns))
        return next((record for record in found if str(record.id) == id), None)

    def records(self, ids: Sequence[str]) -> list[Any]:
        """Read records with their vectors, in the order of the ids."""
        found = resolve(self.collection.get(ids, include_vector=True))
        wanted = set(ids)
        return [record for record in found if str(record.id) in wanted]

    @cached_property
    def facts(self) -> tuple[bool, bool, bool]:
        """Whether texts are searched by meaning, whether by words, and whether there are columns of others."""
        return resolve(self.collection._search_facts())

    def _with_filters(self, filters: dict[str, Any] | None) -> Any:
        both = [each for each in (self.collection._map_filters, filters) if each]
        return {"$and": both} if len(both) > 1 else both[0] if both else None

    def close(self) -> None:
        """Stop reading, and close the connections."""
        self.closed = True
        resolve(self.collection.client.close())


def _is_local(transform: Any) -> bool:
    """Whether a transform has a model that runs here; others cost something when they are asked."""
    steps = getattr(transform, "steps", (transform,))
    return any(type(step).__name__ in ("TextEmbedding", "TextPreprocessor") for step in steps)
