"""Creating a collection: its schema, pgvector, its table, and what it is made with."""

from __future__ import annotations

from vecs._async.sending.executor import AsyncExecutor, AsyncSession
from vecs._async.tables.enable_text import find_language
from vecs._async.tables.find import require_table
from vecs._checks.arguments import one_of
from vecs._concurrency.calls import async_offload
from vecs._sql import table as tables
from vecs._sql.table import Table, check_dimension
from vecs._writing.stored_transform import description, keeps_text
from vecs.exc import ArgError, CollectionAlreadyExists, DatabaseError, MismatchedDimension
from vecs.storage import VEC_TYPES, Precision, VecTypeName, check_version
from vecs.transforms import Transform


async def create_collection(
    executor: AsyncExecutor,
    schema: str,
    name: str,
    dimension: int | None,
    transform: Transform | None,
    text: bool | None,
    language: str,
    vec_type: VecTypeName,
    *,
    must_create: bool = False,
) -> tuple[Table, int, Transform | None]:
    """Create a collection, unless another client is faster; return its table, its dimension and its transform."""
    if transform is not None:
        check_takes_transform(vec_type)
    made = None if transform is None else await async_offload(getattr, transform, "dimension")
    if dimension is not None and made is not None and dimension != made:
        raise MismatchedDimension(f"dimension is {dimension}, but the transform makes vectors of dimension {made}")
    dimension = dimension or made
    if dimension is None:
        raise ArgError("One of dimension or adapter must provide a dimension: give dimension= or transform=")
    check_dimension(dimension, vec_type)
    has_text = keeps_text(transform) if text is None else text
    async with executor.transaction() as session:
        await session.execute(tables.lock_creation())
        # Looked for again under the lock: another client may have been faster.
        rows = await session.execute(tables.find_table(schema, name))
        if not rows:
            await _prepare_schema(session, schema)
            extension = await _prepare_extension(executor, session)
            configuration = await find_language(session, language)
            storage = VEC_TYPES[vec_type]
            check_version(
                extension.version, storage.since, f"a collection of {storage.described}", "leave precision= out"
            )
            language_read = configuration if has_text else None
            table = Table(schema, name, dimension, extension, has_text, language_read, vec_type)
            for statement in tables.create_table(table):
                await session.execute(statement)
            described = description(transform, language, has_text)
            if described:
                await session.execute(tables.write_comment(table, described))
    if executor.extension is None:
        await executor.refresh_extension()
    if rows and must_create:
        raise CollectionAlreadyExists(f"collection {name!r} already exists in schema {schema!r}")
    return await require_table(executor, schema, name), dimension, transform


async def _prepare_schema(session: AsyncSession, schema: str) -> None:
    if not await session.execute(tables.find_schema(schema)):
        await session.execute(tables.create_schema(schema))


async def _prepare_extension(executor: AsyncExecutor, session: AsyncSession) -> tables.Extension:
    found = tables.read_extension(await session.execute(tables.find_extension()))
    if found is not None:
        return found
    if not await session.execute(tables.find_available_extension()):
        raise DatabaseError(
            f"{executor.target} has no pgvector: install it on the server "
            "(package postgresql-<version>-pgvector, or choose it at your provider) and try again"
        )
    await session.execute(tables.create_extension())
    created = tables.read_extension(await session.execute(tables.find_extension()))
    if created is None:
        raise DatabaseError("pgvector was created but its type vector is not to be found")
    return created


def unqualified(language: str) -> str:
    """Return the name of a text search configuration without its schema."""
    return language.rsplit(".", 1)[-1]


def check_same_type(table: Table, precision: Precision | None, sparse: bool | None) -> None:
    """Refuse a type of vectors other than the one that a collection holds."""
    storage = table.storage
    if precision not in (None, storage.precision) or sparse not in (None, storage.sparse):
        given = f"precision={precision!r}" if precision not in (None, storage.precision) else f"sparse={sparse}"
        raise ArgError(
            f"collection {table.name!r} exists and holds {storage.described}, which is decided when it is created; "
            f"leave {given} out, or use another collection"
        )


def check_takes_transform(vec_type: VecTypeName) -> None:
    """Refuse a transform for a type of vectors that no transform makes."""
    if vec_type in ("bit", "sparsevec"):
        raise ArgError(
            f"a collection of {VEC_TYPES[vec_type].described} takes no transform: transforms make vectors of floating "
            "point numbers. Store those in full or half precision and use index(precision='binary')"
        )


def one_transform(transform: Transform | None, adapter: Transform | None) -> Transform | None:
    """Return the transform that is given under either name, or None; refuse what is none."""
    given = one_of("transform", transform, "adapter", adapter)
    if given is not None and not callable(getattr(given, "transform_records", None)):
        raise ArgError(f"{given!r} is not a transform: it has no transform_records() and transform_query()")
    return given
