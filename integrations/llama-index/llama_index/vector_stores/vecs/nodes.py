"""Between LlamaIndex's nodes and vecs' records. Pure functions."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

from llama_index.core.schema import (
    BaseNode,
    Document,
    ImageDocument,
    ImageNode,
    IndexNode,
    MetadataMode,
    Node,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from pydantic_core import to_jsonable_python

from llama_index.vector_stores.vecs.key_order import in_order, key_order
from vecs import Match, Record
from vecs.exc import ArgError
from vecs.sharing import OnNul, brief, restored_metadata, storable, stored_metadata

# The key in a record's extra data for all of a node that has no column of its own.
NODE = "llama_index"
# The key in that for the order of the metadata's keys: a node's hash and what a model reads depend on it.
ORDER = "metadata_order"
# The key for the types of metadata values that JSON has no type for.
TYPES = "metadata_types"
# The key that marks image nodes and index nodes: an index also keeps these in its index_struct.
OBJECT = "is_object"
# The metadata key of a node that was found with `highlight=`: the places of the query's words, lists [start, end].
HIGHLIGHTS = "_highlights"

_CLASSES: dict[str, type[BaseNode]] = {
    cls.class_name(): cls for cls in (TextNode, Node, Document, ImageNode, ImageDocument, IndexNode)
}
_OWN_COLUMNS: Any = {"id_": True, "text": True, "embedding": True, "metadata": True, "text_resource": {"text"}}


def checked_nodes(nodes: Any) -> Sequence[BaseNode]:
    """Return nodes as a list, or raise ArgError."""
    if isinstance(nodes, BaseNode | str) or not hasattr(nodes, "__iter__"):
        raise ArgError(f"nodes must be a list of nodes, not {type(nodes).__name__}: {brief(nodes)}")
    listed = list(nodes)
    for place, node in enumerate(listed):
        if not isinstance(node, BaseNode):
            raise ArgError(f"node {place} is {type(node).__name__}, not a llama_index node: {brief(node)}")
    return listed


def check_embedded(nodes: Sequence[BaseNode]) -> None:
    """Refuse nodes without an embedding."""
    for node in nodes:
        if node.embedding is None:
            raise ArgError(
                f"node {brief(node.node_id)} has no embedding; add nodes through a VectorStoreIndex or "
                "IngestionPipeline with an embed_model, or give the store a transform="
            )


def to_record(node: BaseNode, *, embed: bool, on_nul: OnNul = "strip") -> Record:
    """
    Turn a node into a record; with `embed`, a transform embeds the text that LlamaIndex would embed.

    What a search added to the node is not stored.
    """
    node = _as_added(node)
    who = f"node {brief(node.node_id)}"
    try:
        fields = _fields_of(node, on_nul)
        document_id = node.ref_doc_id or None
    except ValueError as error:
        raise ArgError(f"{who} cannot be written as JSON: {error}") from error
    metadata, types = stored_metadata(node.metadata, f"the metadata of {who}", on_nul, _jsonable)
    order = key_order(metadata)
    if order is not None:
        fields[ORDER] = order
    if types:
        fields[TYPES] = types
    if _is_object(node):
        fields[OBJECT] = True
    text = _text_of(node)
    return Record(
        node.node_id,
        vec=None if embed else node.embedding,
        text=None if text is None else storable(text, on_nul),
        metadata=metadata,
        document_id=document_id,
        extra={NODE: fields},
        media=storable(node.get_content(metadata_mode=MetadataMode.EMBED), on_nul) if embed else None,
    )


def objects_of(nodes: Sequence[BaseNode]) -> list[str]:
    """Return the ids of those nodes that an index also keeps in its index_struct."""
    return [node.node_id for node in nodes if _is_object(node)]


def _is_object(node: BaseNode) -> bool:
    return isinstance(node, ImageNode | IndexNode)


def _fields_of(node: BaseNode, on_nul: OnNul) -> dict[str, Any]:
    """Return as JSON the parts of a node that have no column of their own."""
    try:
        fields = node.model_dump(mode="json", exclude=_OWN_COLUMNS, exclude_defaults=True)
    except ValueError:
        # The metadata of related nodes, such as the document's, may have values that only vecs can write.
        plain = node.model_copy(update={"relationships": _plain_relationships(node.relationships, on_nul)})
        fields = plain.model_dump(mode="json", exclude=_OWN_COLUMNS, exclude_defaults=True)
    return stored_metadata(fields, "the node", on_nul)[0]


def _jsonable(value: Any) -> Any:
    """Return a value as LlamaIndex writes it. Else return the value: vecs then raises an error with its place."""
    try:
        return to_jsonable_python(value)
    except ValueError:
        return value


def _plain_relationships(relationships: Mapping[Any, Any], on_nul: OnNul) -> dict[Any, Any]:
    def plain(related: Any) -> Any:
        if isinstance(related, list):
            return [plain(one) for one in cast("list[Any]", related)]
        made, _ = stored_metadata(related.metadata, "the metadata of a related node", on_nul, _jsonable)
        return related.model_copy(update={"metadata": made})

    return {name: plain(related) for name, related in relationships.items()}


def _text_of(node: BaseNode) -> str | None:
    if isinstance(node, Node):
        return None if node.text_resource is None else node.text_resource.text
    return node.get_content(metadata_mode=MetadataMode.NONE)


def to_node(found: Match | Record, *, include_embedding: bool = False) -> BaseNode:
    """Turn what was found into the node it was; what others wrote into a TextNode."""
    node = _to_node(found)
    if include_embedding and found.vec is not None:
        node.embedding = cast("Any", found.vec).tolist()
    if isinstance(found, Match) and found.highlights is not None:
        add_hidden(node, HIGHLIGHTS, [list(pair) for pair in found.highlights])
    return node


class Window(str):
    """The text that a search put where node parsers may put another one, and `replaced`, what it put aside."""

    replaced: Any = None


def _as_added(node: BaseNode) -> BaseNode:
    """Return a node without what searches add to its metadata; the node itself does not change."""
    added = [key for key, value in node.metadata.items() if key == HIGHLIGHTS or isinstance(value, Window)]
    if not added:
        return node
    metadata = dict(node.metadata)
    for key in added:
        value = metadata.pop(key)
        if isinstance(value, Window) and value.replaced is not None:
            metadata[key] = value.replaced
    gone = {key for key in added if key not in metadata}
    lists = ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys")
    shown = {name: [key for key in getattr(node, name) if key not in gone] for name in lists}
    return node.model_copy(update={"metadata": metadata, **shown})


def add_hidden(node: BaseNode, key: str, value: Any) -> None:
    """Write something into a node's metadata where neither models nor embeddings see it."""
    node.metadata[key] = value
    for hidden in (node.excluded_embed_metadata_keys, node.excluded_llm_metadata_keys):
        if key not in hidden:
            hidden.append(key)


def _to_node(found: Match | Record) -> BaseNode:
    metadata: dict[str, Any] = dict(found.metadata or {})
    extra: Any = found.extra
    if is_of_others(found):
        return _node_of_others(found, metadata)
    try:
        return _as_it_was(found, metadata, extra[NODE])
    # Another program may have written anything. The other nodes of the answer are not to blame.
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        warnings.warn(
            f"the extra data of node {brief(found.id)} does not describe a node, so it is read as a TextNode: "
            f"{brief(str(error))}",
            UserWarning,
            stacklevel=2,
        )
        return _node_of_others(found, metadata)


def is_of_others(found: Match | Record) -> bool:
    """Whether something else than this store wrote a record."""
    extra: Any = found.extra
    return extra is None or (isinstance(extra, Mapping) and NODE not in extra)


def _as_it_was(found: Match | Record, metadata: dict[str, Any], stored: Any) -> BaseNode:
    if not isinstance(stored, Mapping):
        raise TypeError(f"{NODE} is {brief(stored)}, not an object")
    fields: dict[str, Any] = dict(cast("Mapping[str, Any]", stored))
    fields.pop(OBJECT, None)
    order = fields.pop(ORDER, None)
    if order is not None:
        metadata = in_order(metadata, order)
    metadata = restored_metadata(metadata, fields.pop(TYPES, None))
    cls = _class_named(fields.pop("class_name", None), fields)
    fields |= {"id_": found.id, "metadata": metadata}
    if not issubclass(cls, Node):
        fields["text"] = found.text or ""
    elif fields.get("text_resource") is not None:
        fields["text_resource"] = {**fields["text_resource"], "text": found.text}
    return cls.from_dict(fields) if cls is IndexNode else cls(**fields)


def _class_named(name: Any, fields: Mapping[str, Any]) -> type[BaseNode]:
    known = _CLASSES.get(name)
    if known is not None:
        return known
    # A caller's own class: take the nearest that LlamaIndex has.
    return Node if any(field.endswith("_resource") for field in fields) else TextNode


def _node_of_others(found: Match | Record, metadata: dict[str, Any]) -> TextNode:
    node = TextNode(id_=str(found.id), text=found.text or "", metadata=metadata)
    if found.document_id is not None:
        node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=str(found.document_id))
    return node
