"""Creating a collection: its schema, pgvector, its table, and what it is made with."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

from vecs._async.sending.executor import AsyncExecutor
from vecs._async.sending.sessions import AsyncSession
from vecs._async.tables.enable_text import find_language, newest_preparation
from vecs._async.tables.find import table_named
from vecs._async.tables.refused import saying_what_to_grant
from vecs._checks.arguments import callers_level, one_of
from vecs._checks.numbers import checked_flag
from vecs._checks.settings import check_may_alter
from vecs._checks.shown import brief
from vecs._concurrency.calls import async_offload
from vecs._sql import reading, relations, tables
from vecs._sql.extension import (
    Extension,
    create_extension,
    find_available_extension,
    find_extension,
    read_extension,
)
from vecs._sql.tables import Table, check_dimension, check_same_language
from vecs._writing.stored_transform import describe_collection, keeps_text
from vecs.exc import ArgError, CollectionAlreadyExists, DatabaseError, MismatchedDimension
from vecs.storage import VEC_TYPES, Precision, VecTypeName, check_version, vec_type_of
from vecs.transforms import Transform
from vecs.transforms._given import checked_transform
from vecs.transforms._require import check_installed
from vecs.transforms._retrying import waited_for

# Types of vectors that no transform makes.
_WITHOUT_TRANSFORM = ("bit", "sparsevec")


@dataclass(frozen=True)
class NewCollection:
    """A collection as its creator asks for it; `text` None leaves it to the transform, and `language` to vecs."""

    schema: str
    name: str
    dimension: int | None
    transform: Transform | None
    text: bool | None
    language: str | None
    vec_type: VecTypeName

    @property
    def keeps_text(self) -> bool:
        """Whether it has text columns."""
        return keeps_text(self.transform) if self.text is None else self.text

    @property
    def keywords(self) -> str:
        """The language of its keywords, if it has any."""
        return "english" if self.language is None else self.language

    def like(self, found: Table, text: bool | None, language: str | None) -> NewCollection:
        """Return it with the text columns and the language of one that it replaces, where none were given."""
        return replace(
            self,
            text=True if text is None and found.has_text else text,
            language=found.language if language is None else self.language,
        )


async def create_collection(executor: AsyncExecutor, new: NewCollection, *, must_create: bool = False) -> Table:
    """
    Create a collection, unless another client is faster, and return the table that is there then.

    Where another client was faster, `must_create` raises CollectionAlreadyExists, and another dimension
    MismatchedDimension.
    """
    check_may_alter(executor.settings, f"to create the collection {brief(new.name)}")
    dimension = await dimension_of(new)
    async with (
        saying_what_to_grant(executor, new.schema, None, "make"),
        executor.transaction() as session,
    ):
        await session.execute(tables.lock_creation())
        # Looked for again under the lock: another client may have been faster.
        rows = await session.execute(relations.find_relation(new.schema, new.name))
        created = not rows
        if created:
            await create_anew(executor, session, new, dimension)
            # Read now: after the transaction others may delete it.
            rows = await session.execute(relations.find_relation(new.schema, new.name))
    await executor.refresh_extension()
    if created and "." in new.name and (other := await table_named(executor, new.name)) is not None:
        warnings.warn(
            f"made a collection {new.name!r} in schema {new.schema!r}, though there is a table {other}: "
            f"client.attach({other!r}, vec=...) opens that",
            UserWarning,
            stacklevel=callers_level(),
        )
    if must_create and not created:
        raise CollectionAlreadyExists(f"collection {new.name!r} already exists in schema {new.schema!r}")
    table = reading.read_table(rows, new.schema, new.name, executor.extension)
    assert table is not None
    check_same_dimension(table, dimension)
    return table


async def dimension_of(new: NewCollection) -> int:
    """Return the dimension that was given, or else the transform's; loads a model where only the model knows."""
    made = None
    if new.transform is not None:
        check_takes_transform(new.vec_type)
        with waited_for(new.transform):
            made = await async_offload(_dimension, new.transform)
    if new.dimension is not None and made is not None and new.dimension != made:
        raise MismatchedDimension(f"dimension is {new.dimension}, but the transform makes vectors of dimension {made}")
    dimension = new.dimension or made
    if dimension is None and new.transform is not None:
        raise ArgError(
            f"the transform {brief(new.transform)} makes no vectors: give one that ends with an embedder, as in "
            "vecs.Pipeline([chunker, embedder]), or dimension= if you give vectors yourself"
        )
    if dimension is None:
        raise ArgError("One of dimension or adapter must provide a dimension: give dimension= or transform=")
    return check_dimension(dimension, new.vec_type)


def _dimension(transform: Transform) -> int | None:
    # Else the first upsert would fail, and leave an empty collection behind.
    check_installed(transform)
    return transform.dimension


async def create_anew(executor: AsyncExecutor, session: AsyncSession, new: NewCollection, dimension: int) -> None:
    """Create a collection if there is none of its name."""
    await prepare_schema(session, new.schema)
    extension = await prepare_extension(executor, session)
    # An unknown language is refused for a collection without text, too.
    language = await find_language(session, new.keywords)
    storage = VEC_TYPES[new.vec_type]
    check_version(extension.version, storage.since, f"a collection of {storage.described}", "leave precision= out")
    has_text = new.keeps_text
    table = Table(new.schema, new.name, dimension, extension, has_text, has_hash=has_text, vec_type=new.vec_type)
    if has_text:
        table = replace(table, language=language, preparation=await newest_preparation(session))
    for statement in tables.create_table(table):
        await session.execute(statement)
    described = describe_collection(new.transform, new.keywords, has_text)
    if described:
        await session.execute(tables.write_comment(table, described))


async def prepare_schema(session: AsyncSession, schema: str) -> None:
    """Create the schema where it is absent."""
    if not await session.execute(tables.find_schema(schema)):
        await session.execute(tables.create_schema(schema))


async def prepare_extension(executor: AsyncExecutor, session: AsyncSession) -> Extension:
    """Return the pgvector of the database, created where it is absent."""
    found = read_extension(await session.execute(find_extension()))
    if found is not None:
        return found
    if not await session.execute(find_available_extension()):
        raise DatabaseError(
            f"{executor.target} has no pgvector: install it on the server "
            "(package postgresql-<version>-pgvector, or choose it at your provider) and try again"
        )
    await session.execute(create_extension())
    created = read_extension(await session.execute(find_extension()))
    if created is None:
        raise DatabaseError("pgvector was created but its type vector cannot be found")
    return created


def wants_text(text: bool | None, language: str | None) -> bool | None:
    """Return whether text columns are asked for, which a language does, too; None leaves it to the transform."""
    text = None if text is None else checked_flag(text, "text")
    if text is False and language is not None:
        raise ArgError(
            f"language={brief(language)} is that of keyword search, and text=False asks for no texts: leave one of "
            "them out"
        )
    return True if language is not None else text


def check_same_text(table: Table, text: bool | None, language: str | None) -> None:
    """Refuse text columns, or their absence, or a language, other than what a collection has."""
    check_same_language(table, language)
    if text is not None and text != table.has_text:
        raise ArgError(
            f"collection {table.name!r} exists {'with' if table.has_text else 'without'} text columns, which are "
            f"decided when it is created; leave text={text} out, "
            + ("call enable_text() on it, " if text else "")
            + "or use another collection"
        )


def check_same_dimension(table: Table, dimension: int | None) -> None:
    """Refuse a dimension other than the one that a collection has."""
    if dimension is not None and table.dimension is not None and dimension != table.dimension:
        raise MismatchedDimension(
            f"dimension is {dimension}, but collection {table.name!r} has dimension {table.dimension}"
        )


def check_same_type(table: Table, precision: Precision | None, sparse: bool | None) -> None:
    """Refuse a type of vectors other than the one that a collection holds."""
    storage = table.storage
    if precision not in (None, storage.precision) or sparse not in (None, storage.sparse):
        given = f"precision={brief(precision)}" if precision not in (None, storage.precision) else f"sparse={sparse}"
        raise ArgError(
            f"collection {table.name!r} exists and holds {storage.described}, which is decided when it is created; "
            f"leave {given} out, or use another collection"
        )


def check_takes_transform(vec_type: VecTypeName) -> None:
    """Refuse a transform for a type of vectors that no transform makes."""
    if vec_type in _WITHOUT_TRANSFORM:
        raise ArgError(
            f"a collection of {VEC_TYPES[vec_type].described} takes no transform: transforms make vectors of floating "
            "point numbers. Store those in full or half precision and use index(precision='binary')"
        )


def wanted_type(
    found: Table | None, transform: Transform | None, precision: Precision | None, sparse: bool | None
) -> VecTypeName:
    """Return the type of vectors that is asked for: where that is not said, the one of the collection that is there."""
    wanted = vec_type_of(precision, sparse)
    if found is None or precision is not None or sparse is not None:
        return wanted
    return wanted if transform is not None and found.vec_type in _WITHOUT_TRANSFORM else found.vec_type


def one_transform(transform: Transform | None, adapter: Transform | None) -> Transform | None:
    """Return the transform that is given under either name, or None; refuse what is none."""
    given = one_of("transform", transform, "adapter", adapter)
    return None if given is None else checked_transform(given)
