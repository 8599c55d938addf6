"""The nodes before and after those that were found, by their relationships, or else as vecs finds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, cast

from llama_index.core.schema import BaseNode, NodeRelationship, RelatedNodeInfo

from llama_index.vector_stores.vecs.nodes import Window, add_hidden, is_of_others
from vecs import Context, Match, Record
from vecs.exc import ArgError
from vecs.records import context_of
from vecs.sharing import brief, checked_int

# Where LlamaIndex' own SentenceWindowNodeParser puts such a text, and MetadataReplacementPostProcessor looks for it.
WINDOW = "window"

Side = Literal["before", "after"]
SIDES: tuple[Side, ...] = ("before", "after")
_RELATED = {"before": NodeRelationship.PREVIOUS, "after": NodeRelationship.NEXT}


def checked_context(context: Any) -> tuple[int, int] | None:
    """Return how many nodes before and after each are wanted, or raise ArgError; None where none are."""
    if context is None:
        return None
    pair = cast("Sequence[Any]", context if isinstance(context, tuple | list) else (context, context))
    if len(pair) != 2:
        raise ArgError(f"context must be a number of nodes or a pair (before, after), not {brief(pair)}")
    before, after = (checked_int(number, "context", 0) for number in pair)
    return before, after


class Windows:
    """The neighbours of some nodes, found step by step: each step asks for the next node on each side of each node."""

    def __init__(self, found: Sequence[Match | Record], nodes: Sequence[BaseNode], context: tuple[int, int]) -> None:
        self.found, self.context, self._nodes = found, context, nodes
        self._most = dict(zip(SIDES, context, strict=True))
        self._sides: dict[Side, list[list[Record]]] = {side: [[] for _ in nodes] for side in SIDES}
        # The next node of each, None at the end.
        self._ahead: dict[Side, list[str | None]] = {side: [_next(node, side) for node in nodes] for side in SIDES}

    def wanted(self) -> list[str]:
        """Return the ids of the nodes to read for the next step; none where there are no more."""
        for side in SIDES:
            for at, records in enumerate(self._sides[side]):
                if len(records) >= self._most[side]:
                    self._ahead[side][at] = None
        return list(dict.fromkeys(id for side in SIDES for id in self._ahead[side] if id is not None))

    def take(self, records: Mapping[str, tuple[Record, BaseNode]]) -> None:
        """Add what was read for the last step: nodes of the same document, by their ids."""
        for side in SIDES:
            for at, id in enumerate(self._ahead[side]):
                record, node = records.get(id or "", (None, None))
                self._ahead[side][at] = None
                if record is None or node is None or record.document_id != self.found[at].document_id:
                    continue
                known = {str(self.found[at].id), *(str(each.id) for each in self._sides[side][at])}
                if id not in known:
                    self._sides[side][at].append(record)
                    self._ahead[side][at] = _next(node, side)

    def of_others(self) -> list[int]:
        """Return the places of what no node parser made, and no relationship therefore leads on from."""
        return [at for at, found in enumerate(self.found) if found.document_id is not None and is_of_others(found)]

    def put(self, at: int, context: Context) -> None:
        """Take the neighbours that vecs found by the document's id and the numbers in the ids."""
        self._sides["before"][at], self._sides["after"][at] = context.before[::-1], context.after

    def write(self) -> None:
        """Write the joined texts into the metadata of the nodes, where neither models nor embeddings see them."""
        before, after = (self._sides[side] for side in SIDES)
        for at, node in enumerate(self._nodes):
            window = Window(context_of(self.found[at], before[at][::-1], after[at]).text)
            window.replaced = node.metadata.get(WINDOW)
            add_hidden(node, WINDOW, window)


def by_id(records: Iterable[Record], nodes: Iterable[BaseNode]) -> dict[str, tuple[Record, BaseNode]]:
    """Return records with their nodes, by their ids."""
    return {str(record.id): (record, node) for record, node in zip(records, nodes, strict=True)}


def _next(node: BaseNode, side: Side) -> str | None:
    related = node.relationships.get(_RELATED[side])
    return related.node_id if isinstance(related, RelatedNodeInfo) else None
