"""The audit log in Weaviate. The only file that knows its SDK. What it has to get right, each measured with 4.23.1:

- Connecting asks the package index for the newest version unless the initial checks are skipped.
- `insert_many` raises nothing when some objects fail (their errors are in the answer), and hides which reason belongs
  to which object when all of them fail; an oversized batch is refused, not split. The same id writes the same object.
- Its own patience with a server that is gone is 15 s and more: every call here has a timeout of its own.
- A property never changes its type and a collection without a property list guesses types: it is made explicitly.
- A server that was killed while it took a batch may come back with an object and without its index entries, and then
  skips the same object as unchanged: found by id, and by no filter, for good. Taking it away by id first mends that.
- The asynchronous client ships more events a second than the blocking one in a thread, and holds up the loop less.
"""

from __future__ import annotations

import asyncio
import logging
import re
import warnings
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from runner.errors import AuditError, AuditOffline, AuditRefused, RunnerError, UsageError
from runner.run.audit_port import AuditHit, AuditQuery, Copy, Delivery
from runner.run.catalogue import sentence, tokens
from runner.run.event import Event
from runner.store.audit_errors import FORBIDDEN, ITS_STATE, TOO_LARGE, first_line, gone, refused_key, translated
from runner.store.audit_fusion import ALPHA
from runner.store.audit_objects import Embedder, batches, copy_of, event_in, object_id, properties
from runner.store.audit_settings import AuditSettings

if TYPE_CHECKING:
    from weaviate import WeaviateAsyncClient
    from weaviate.collections import CollectionAsync
    from weaviate.collections.classes.filters import _Filters

T = TypeVar("T")

VERSION = 1
_TIMEOUT = 10.0
_BATCH = 200
_PAGE = 1000
#: Runs that one count may tell apart.
_RUNS = 100_000
#: Calls at once where the SDK takes one id each.
_AT_ONCE = 20
_ABOUT = re.compile(r"version (\d+), embedder (\S+), (\d+) dimensions")


class WeaviateLog:
    """An AuditLog in one collection. `timeout` is in seconds, for each call of the SDK."""

    def __init__(self, settings: AuditSettings, embedder: Embedder | None = None, timeout: float = _TIMEOUT) -> None:
        self._settings = settings
        self._embedder = embedder
        self._timeout = timeout
        self._client: WeaviateAsyncClient | None = None
        self._embedded = False  # whether the collection has vectors
        self._unsure = False  # whether what is delivered next was cut off in the middle
        self._opening = asyncio.Lock()

    @property
    def name(self) -> str:
        """Where it is, for people."""
        return self._settings.name

    # ------------------------------------------------------------ life

    async def open(self) -> None:
        """See AuditLog.open. Raises AuditRefused for a collection that was made for something else."""
        async with self._opening:
            if self._client is not None:
                return
            await self._reach()
            client = await asyncio.to_thread(_client, self._settings, self._timeout)
            self._client = client
            try:
                async with self._vendor():
                    await asyncio.wait_for(client.connect(), self._timeout)
                    await self._prepare(client)
            except BaseException:
                await self._drop()
                raise

    async def _reach(self) -> None:
        """See that somebody listens there: loading the SDK takes a second of work, for nothing where nobody does."""
        if find_spec("weaviate") is None:
            raise _absent()
        try:
            asking = asyncio.open_connection(self._settings.host, self._settings.port)
            _, writer = await asyncio.wait_for(asking, self._timeout)
            writer.close()
        except (OSError, TimeoutError) as error:
            raise gone(self.name) from error

    async def close(self) -> None:
        """Let go of the connections. Closing a closed log does nothing."""
        await self._drop()

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            try:
                await asyncio.wait_for(client.close(), self._timeout)
            except Exception:  # noqa: BLE001 - of a connection that is given up nothing more is wanted
                return

    def _collection(self) -> CollectionAsync[Any, None]:
        if self._client is None:
            raise AuditOffline(f"{self.name} is not open")
        collection = self._client.collections.use(self._settings.collection)
        return collection.with_tenant(self._settings.tenant) if self._settings.tenant else collection

    async def _call(self, call: Awaitable[T]) -> T:
        async with self._vendor():
            return await asyncio.wait_for(call, self._timeout)

    @asynccontextmanager
    async def _vendor(self) -> AsyncIterator[None]:
        """The one place where the SDK's exceptions become ours. After AuditOffline the next call connects anew."""
        try:
            yield
        except RunnerError:
            raise
        except Exception as error:
            known = translated(self.name, error)
            if isinstance(known, AuditOffline):
                await self._drop()
            raise known from error

    # ------------------------------------------------------------ the collection

    async def _prepare(self, client: WeaviateAsyncClient) -> None:
        """Make the collection and the tenant where they are missing; see that they are ours."""
        name, tenant = self._settings.collection, self._settings.tenant
        if not await client.collections.exists(name):
            await self._create(client)
        collection = client.collections.use(name)
        config = await collection.config.get()
        if config.multi_tenancy_config.enabled != (tenant is not None):
            has = "keeps tenants apart" if tenant is None else "has no tenants"
            hint = (
                "Set RUNNER_AUDIT_TENANT, or another RUNNER_AUDIT_COLLECTION."
                if tenant is None
                else ("Unset RUNNER_AUDIT_TENANT, or set another RUNNER_AUDIT_COLLECTION.")
            )
            raise AuditRefused(f"the collection {name} of {self.name} {has}", hint)
        await self._check(collection, config)
        if tenant is not None and not await collection.tenants.exists(tenant):
            await collection.tenants.create(tenant)

    async def _create(self, client: WeaviateAsyncClient) -> None:
        from weaviate.classes.config import Configure, StopwordsPreset
        from weaviate.exceptions import UnexpectedStatusCodeError

        try:
            await client.collections.create(
                self._settings.collection,
                description=self._about(),
                properties=_properties(),
                vector_config=Configure.Vectors.self_provided(),
                inverted_index_config=Configure.inverted_index(stopwords_preset=StopwordsPreset.NONE),
                multi_tenancy_config=Configure.multi_tenancy(enabled=self._settings.tenant is not None),
            )
        except UnexpectedStatusCodeError as error:
            if "already exists" not in str(error):  # another process was faster
                raise

    def _about(self) -> str:
        model = self._embedder
        told = f"embedder {model.name}, {model.dimension} dimensions" if model else "embedder none, 0 dimensions"
        return f"Events of runner's journals: version {VERSION}, {told}"

    async def _check(self, collection: Any, config: Any) -> None:
        found = {each.name: str(each.data_type.value) for each in config.properties}
        wanted = {each.name: str(each.dataType.value) for each in _properties()}
        about = _ABOUT.search(config.description or "")
        if about is None or int(about[1]) != VERSION or any(found.get(name) != kind for name, kind in wanted.items()):
            raise AuditRefused(
                f"the collection {self._settings.collection} of {self.name} was not made by this version of runner",
                "Set another RUNNER_AUDIT_COLLECTION; `runner audit ship --again` fills it from the journals.",
            )
        self._embedded = about[2] != "none"
        if self._embedder is None or about[2] == self._embedder.name:
            return
        if self._embedded:
            raise AuditRefused(
                f"the collection {self._settings.collection} of {self.name} has vectors of {about[2]}, "
                f"not of {self._embedder.name}",
                "Set another RUNNER_AUDIT_COLLECTION; `runner audit ship --again` fills it from the journals.",
            )
        await collection.config.update(description=self._about())
        self._embedded = True

    # ------------------------------------------------------------ writing

    async def deliver(self, events: Sequence[Event], anew: bool = False) -> Delivery:
        """See AuditLog.deliver. An event that fails in company is tried alone, to know its own reason."""
        accepted: list[Event] = []
        refused: list[tuple[Event, str]] = []
        await self.open()
        if anew or self._unsure:
            await self._take_away(events)
        for batch in batches(events, _BATCH):
            failed = await self._insert(batch)
            for place, event in enumerate(batch):
                alone = await self._insert([event]) if place in failed else {}
                if alone:
                    self._own_fault(alone[0])
                    refused.append((event, alone[0]))
                else:
                    accepted.append(event)
        self._unsure = False
        return Delivery(tuple(accepted), tuple(refused))

    async def _take_away(self, events: Sequence[Event]) -> None:
        """Remove what an earlier, cut off delivery of these may have left. A key that may only write leaves it."""
        data = self._collection().data
        for first in range(0, len(events), _AT_ONCE):
            some = events[first : first + _AT_ONCE]
            try:
                await self._call(asyncio.gather(*(data.delete_by_id(object_id(each.run, each.seq)) for each in some)))
            except AuditRefused:
                return

    async def _insert(self, events: list[Event]) -> dict[int, str]:
        """Write the events; the reason for each that failed, by its place."""
        from weaviate.exceptions import WeaviateInsertManyAllFailedError, WeaviateInvalidInputError

        await self.open()
        objects = await self._objects(events)
        try:
            answer = await self._call(self._collection().data.insert_many(objects))
        except AuditError as error:
            cause = error.__cause__
            if isinstance(cause, WeaviateInsertManyAllFailedError | WeaviateInvalidInputError):
                return dict.fromkeys(
                    range(len(events)), first_line(str(cause).partition("all errors: ")[2] or str(cause))
                )
            if TOO_LARGE.search(str(cause)):
                return dict.fromkeys(range(len(events)), "it is larger than the server takes")
            self._unsure = self._unsure or isinstance(error, AuditOffline)
            raise
        return {place: first_line(error.message) for place, error in answer.errors.items()}

    async def _objects(self, events: list[Event]) -> list[Any]:
        from weaviate.classes.data import DataObject

        vectors: Sequence[list[float] | None] = [None] * len(events)
        if self._embedder is not None:
            vectors = await asyncio.to_thread(self._embedder.embed, [sentence(event) for event in events])
        return [
            DataObject(properties=properties(event), uuid=object_id(event.run, event.seq), vector=vector)
            for event, vector in zip(events, vectors, strict=True)
        ]

    def _own_fault(self, reason: str) -> None:
        """Raise AuditError unless the reason is the event's own: what the server lacks now it may have later."""
        if FORBIDDEN.search(reason):
            raise refused_key(self.name)
        if ITS_STATE.search(reason):
            raise AuditOffline(f"{self.name} takes no events: {reason}")

    async def forget(self, run: str, seq: int) -> None:
        """See AuditLog.forget. The server removes a bounded number at a time."""
        from weaviate.classes.query import Filter

        await self.open()
        where = Filter.all_of([Filter.by_property("run").equal(run), Filter.by_property("seq").less_or_equal(seq)])
        while True:
            answer = await self._call(self._collection().data.delete_many(where=where))
            if answer.failed:
                raise AuditOffline(f"{self.name} removed {answer.successful} of {answer.matches} events of run {run}")
            if answer.matches == 0:
                return

    # ------------------------------------------------------------ reading

    async def search(self, query: AuditQuery) -> list[AuditHit]:
        """See AuditLog.search. Raises UsageError for a search by meaning where no meanings are kept."""
        await self.open()
        answer = await self._call(await self._asked(query))
        return [AuditHit(event_in(each.properties), _score(query, each.metadata)) for each in answer.objects]

    async def _asked(self, query: AuditQuery) -> Awaitable[Any]:
        from weaviate.classes.query import HybridFusion, MetadataQuery, Sort

        ask = self._collection().query
        given: dict[str, Any] = {"filters": _filters(query), "limit": query.limit, "return_properties": ["event"]}
        if not query.words:
            order = Sort.by_property("ts", ascending=False).by_property("seq", ascending=False)
            order = order.by_property("run")
            return ask.fetch_objects(sort=order, **given)
        words = " ".join(tokens(query.words))
        if query.mode == "lexical":
            scored = MetadataQuery(score=True)
            return ask.bm25(words, query_properties=["words"], return_metadata=scored, **given)
        vector = await self._vector(query.words)
        if query.mode == "hybrid":
            scored = MetadataQuery(score=True)
            fusion = HybridFusion.RELATIVE_SCORE
            return ask.hybrid(
                words, vector=vector, alpha=ALPHA, fusion_type=fusion, query_properties=["words"],
                return_metadata=scored, **given,
            )  # fmt: skip
        return ask.near_vector(vector, return_metadata=MetadataQuery(distance=True), **given)

    async def _vector(self, words: str) -> list[float]:
        if self._embedder is None or not self._embedded:
            raise UsageError(
                f"{self.name} keeps no meanings of events: it can be searched by words only",
                "`runner audit setup-semantic`, then RUNNER_AUDIT_EMBEDDER=minilm and `runner audit ship --again`.",
            )
        return (await asyncio.to_thread(self._embedder.embed, [words]))[0]

    async def copies(self, run: str) -> list[Copy]:
        """All events of a run that it has, in order."""
        from weaviate.classes.query import Filter, Sort

        await self.open()
        found: list[Copy] = []
        while True:
            last = found[-1].seq if found else 0
            after = [Filter.by_property("run").equal(run), Filter.by_property("seq").greater_than(last)]
            page = await self._call(
                self._collection().query.fetch_objects(
                    filters=Filter.all_of(after), sort=Sort.by_property("seq"), limit=_PAGE
                )
            )
            found += [copy_of(each.properties) for each in page.objects]
            if len(page.objects) < _PAGE:
                return found

    async def counts(self) -> dict[str, int]:
        """How many events it has of each run."""
        from weaviate.classes.aggregate import GroupByAggregate

        await self.open()
        group = GroupByAggregate(prop="run", limit=_RUNS)
        answer = await self._call(self._collection().aggregate.over_all(group_by=group, total_count=True))
        return {str(each.grouped_by.value): int(each.total_count or 0) for each in answer.groups}


def _absent() -> AuditError:
    return AuditError("the weaviate-client package is missing", "pip install 'runner[audit]'")


def _client(settings: AuditSettings, timeout: float) -> WeaviateAsyncClient:
    """A client that is not connected yet. Raises AuditError without the SDK."""
    try:
        # A package below it says at import that it is about to change; nobody here can do anything about that.
        with warnings.catch_warnings(record=True):
            from weaviate import WeaviateAsyncClient
        from weaviate.classes.init import AdditionalConfig, Auth, Timeout
        from weaviate.connect import ConnectionParams
    except ImportError as error:
        raise _absent() from error
    # It prints the objects that failed; what failed is told by us, without them.
    logging.getLogger("weaviate-client").setLevel(logging.CRITICAL + 1)
    whole = max(round(timeout), 1)
    return WeaviateAsyncClient(
        connection_params=ConnectionParams.from_params(
            http_host=settings.host,
            http_port=settings.port,
            http_secure=settings.secure,
            grpc_host=settings.grpc_host,
            grpc_port=settings.grpc_port,
            grpc_secure=settings.secure,
        ),
        auth_client_secret=Auth.api_key(settings.key) if settings.key else None,
        additional_config=AdditionalConfig(timeout=Timeout(init=whole, query=whole, insert=whole)),
        skip_init_checks=True,
    )


def _properties() -> list[Any]:
    """The properties of the collection. `words` is split by us already, so that the journal's own search agrees; all
    names are compared whole.
    """
    from weaviate.classes.config import DataType, Property, Tokenization

    names = ("run", "type", "step", "leg", "agent", "provider", "severity", "hash")
    exact = [
        Property(name=name, data_type=DataType.TEXT, tokenization=Tokenization.FIELD, index_searchable=False)
        for name in names
    ]
    return [
        *exact,
        Property(name="seq", data_type=DataType.INT, index_range_filters=True),
        Property(name="ts", data_type=DataType.DATE, index_range_filters=True),
        Property(name="words", data_type=DataType.TEXT, tokenization=Tokenization.WORD, index_filterable=False),
        Property(name="event", data_type=DataType.TEXT, index_filterable=False, index_searchable=False),
    ]


def _filters(query: AuditQuery) -> _Filters | None:
    from weaviate.classes.query import Filter

    wanted: list[_Filters] = []
    for name in ("run", "agent", "provider"):
        value = getattr(query, name)
        if value is not None:
            wanted.append(Filter.by_property(name).equal(value))
    if query.step is not None:
        wanted.append(Filter.any_of([Filter.by_property(name).equal(query.step) for name in ("step", "leg")]))
    if query.types:
        wanted.append(Filter.by_property("type").contains_any(list(query.types)))
    if query.severities:
        wanted.append(Filter.by_property("severity").contains_any(list(query.severities)))
    if query.since is not None:
        wanted.append(Filter.by_property("ts").greater_or_equal(query.since))
    if query.until is not None:
        wanted.append(Filter.by_property("ts").less_than(query.until))
    return Filter.all_of(wanted) if wanted else None


def _score(query: AuditQuery, metadata: Any) -> float | None:
    if not query.words:
        return None
    if query.mode == "semantic":
        return 1.0 - float(metadata.distance)
    return float(metadata.score)
