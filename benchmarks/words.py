"""
How well keyword and hybrid search answer judged queries, beside LanceDB and SQLite's FTS5, and how fast.

    python -m venv .peers && .peers/bin/pip install -r benchmarks/peers.txt
    python benchmarks/words.py --data FILE.npz [--data ...] [--half 0] [--peers .peers/bin/python]
    python benchmarks/words.py million --data FILE.npz [--target DSN-or-folder] [--rows 1000000]

FILE.npz is any judged corpus: ids, texts, vectors, query_texts, query_vectors and query_relevant (ids, one per line).
It may have query_kind, each of which gets an nDCG of its own; query_half, of which --half chooses; and language, one
word, "english" without it. nDCG@10 counts a record as relevant or not, MRR@10 is the mean of 1 / the place of the
first relevant one. Every query is asked twice, and the second time is measured. A load writes texts and vectors (not
FTS5) and indexes the words; the size of words is that of what they need besides the texts.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

# Of the text and the vector of a query the ids found, best first.
Search = Callable[[str, Any], list[str]]

MODES: dict[str, dict[str, Any]] = {
    "vector": {},
    "vector, exact": {"exact": True},
    "keyword": {"mode": "keyword"},
    "hybrid": {"mode": "hybrid"},
    "hybrid, exact": {"mode": "hybrid", "exact": True},
    "hybrid, rrf_constant=60": {"mode": "hybrid", "rrf_constant": 60},
    "hybrid, rrf_constant=10": {"mode": "hybrid", "rrf_constant": 10},
    "hybrid, weights=(1, .5)": {"mode": "hybrid", "weights": (1, 0.5)},
    "hybrid, weights=(.5, 1)": {"mode": "hybrid", "weights": (0.5, 1)},
}

# Ordinary questions to the PostgreSQL manual.
QUESTIONS = """
how to create a table
What is a transaction?
when does vacuum run
Can a view be updated?
How can I speed up a slow query?
what happens when the server crashes
how to restore a database from a backup
How does logical replication work?
where are the configuration files
Which data type should I use for money?
How do I change the password of a user?
what is the default value of work_mem
How are NULL values sorted?
connect to a database over SSL
What does the planner do with statistics?
difference between json and jsonb
set the time zone for a session
What is the maximum size of a row?
drop a column from a table
how do locks conflict with each other
""".strip().splitlines()


class Corpus:
    """A file of records and judged queries."""

    def __init__(self, path: str, half: int | None) -> None:
        data = np.load(path)
        self.ids = [str(id) for id in data["ids"]]
        self.texts = [str(text) for text in data["texts"]]
        self.vectors = data["vectors"].astype(np.float32)
        self.language = str(data["language"]) if "language" in data else "english"
        count = len(data["query_texts"])
        halves = data["query_half"] if "query_half" in data else np.zeros(count)
        chosen = [ix for ix in range(count) if half is None or halves[ix] == half]
        self.queries = [(str(data["query_texts"][ix]), data["query_vectors"][ix].astype(np.float32)) for ix in chosen]
        self.relevant = [set(str(data["query_relevant"][ix]).split("\n")) for ix in chosen]
        self.kinds = [str(data["query_kind"][ix]) if "query_kind" in data else "" for ix in chosen]


def connected(target: str) -> Any:
    """Return a client; only here vecs is imported, since the peers' environment has none."""
    import vecs

    warnings.simplefilter("ignore", UserWarning)
    return vecs.create_client(target)


def as_vecs(corpus: Corpus, folder: str) -> Iterator[Any]:
    """Yield what a load took and needs, then each mode with its search; so do the two below."""
    import vecs

    with connected(folder) as client:
        collection = client.create_collection("judged", corpus.vectors.shape[1], text=True, language=corpus.language)
        start = time.perf_counter()
        collection.upsert(map(vecs.Record, corpus.ids, corpus.vectors, corpus.texts))
        seconds = time.perf_counter() - start
        with client.connection() as connection:
            # As autovacuum does after a while.
            connection.execute("vacuum analyze vecs.judged")
            words = connection.execute(
                "select pg_relation_size('vecs.judged_text_search_idx') + sum(pg_column_size(text_search))"
                " from vecs.judged"
            ).fetchone()
        yield {"seconds": seconds, "bytes": collection.info().size_bytes, "words": int(words[0])}
        collection.index()

        def search(options: dict[str, Any]) -> Search:
            def found(text: str, vec: Any) -> list[str]:
                asked = {"text": text, **options} if "mode" in options else options
                return [match.id for match in collection.search(vec, **asked)]

            return found

        for name, options in MODES.items():
            yield name, search(options)


def as_lancedb(corpus: Corpus, folder: str) -> Iterator[Any]:
    """Without an index on vectors, which its documentation calls unnecessary up to about 100,000 rows."""
    from datetime import timedelta

    import lancedb
    import pyarrow as pa
    from lancedb.index import FTS
    from lancedb.rerankers import RRFReranker

    dimension = corpus.vectors.shape[1]
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(corpus.vectors.ravel()), dimension)
    rows = pa.table({"id": corpus.ids, "text": corpus.texts, "vector": vectors})
    start = time.perf_counter()
    table = lancedb.connect(folder).create_table("judged", rows)
    language = corpus.language.capitalize()
    words = FTS(language=language, stem=True, remove_stop_words=True, ascii_folding=True)
    table.create_index("text", config=words)
    table.wait_for_index(["text_idx"])
    seconds = time.perf_counter() - start
    table.optimize(cleanup_older_than=timedelta(0))
    yield {"seconds": seconds, "bytes": used(folder), "words": sum(map(used, Path(folder).glob("*/_indices")))}

    def ids(query: Any) -> list[str]:
        return query.select(["id"]).to_arrow()["id"].to_pylist()[:10]

    def hybrid(limit: int, constant: int) -> Search:
        reranker = RRFReranker(K=constant)

        def found(text: str, vec: Any) -> list[str]:
            query = table.search(query_type="hybrid").vector(vec).text(text)
            return ids(query.metric("cosine").rerank(reranker).limit(limit))

        return found

    yield "vector", lambda text, vec: ids(table.search(vec).metric("cosine").limit(10))
    yield "keyword", lambda text, vec: ids(table.search(text, query_type="fts").limit(10))
    yield "hybrid, RRF 60", hybrid(10, 60)
    # Each side contributes as many as the limit.
    yield "hybrid, RRF 60, of 50", hybrid(50, 60)
    yield "hybrid, RRF 10, of 50", hybrid(50, 10)


def as_fts5(corpus: Corpus, folder: str) -> Iterator[Any]:
    """Words only. Its stemmer is for English."""
    import sqlite3

    connection = sqlite3.connect(Path(folder) / "words.db")
    for tokenizer in ("porter unicode61", "unicode61") if corpus.language == "english" else ("unicode61",):
        connection.execute("drop table if exists words")
        connection.execute(f"create virtual table words using fts5(id unindexed, text, tokenize='{tokenizer}')")
        start = time.perf_counter()
        connection.executemany("insert into words values (?, ?)", zip(corpus.ids, corpus.texts, strict=True))
        connection.execute("insert into words (words) values ('optimize')")
        connection.commit()
        seconds = time.perf_counter() - start
        connection.execute("vacuum")
        words = connection.execute(
            "select (select sum(length(block)) from words_data) + (select sum(length(sz)) from words_docsize)"
        ).fetchone()[0]
        yield {"seconds": seconds, "bytes": used(folder), "words": words}

        def found(text: str, vec: Any) -> list[str]:
            # Any of the words; quoted, since an operator may be among them.
            words = " OR ".join(f'"{word}"' for word in re.findall(r"[^\W_]+", text))
            statement = "select id from words where words match ? order by bm25(words) limit 10"
            return [row[0] for row in connection.execute(statement, [words])]

        yield f"keyword, {tokenizer}", found


SYSTEMS = {"vecs": as_vecs, "lancedb": as_lancedb, "fts5": as_fts5}


def used(folder: str | Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def child(system: str, corpus: Corpus) -> None:
    """Print what a system found and how fast, as one line of JSON per load and per mode."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for step in SYSTEMS[system](corpus, folder):
            if isinstance(step, dict):
                print(json.dumps(step), flush=True)
                continue
            name, search = step
            answers: list[list[str]] = []
            times: list[float] = []
            for _ in range(2):
                answers.clear()
                times.clear()
                for text, vec in corpus.queries:
                    start = time.perf_counter()
                    answers.append(search(text, vec))
                    times.append((time.perf_counter() - start) * 1000)
            print(json.dumps({"name": name, "answers": answers, "times": times}), flush=True)


def ndcg(found: list[str], relevant: set[str]) -> float:
    """Return the discounted gain of the first ten, divided by the greatest that is possible."""
    gain = sum(1 / math.log2(place + 1) for place, id in enumerate(found[:10], 1) if id in relevant)
    return gain / sum(1 / math.log2(place + 1) for place in range(1, min(10, len(relevant)) + 1))


def reciprocal(found: list[str], relevant: set[str]) -> float:
    """Return 1 / the place of the first relevant record, 0 if it is not among the first ten."""
    return next((1 / place for place, id in enumerate(found[:10], 1) if id in relevant), 0)


def show(system: str, corpus: Corpus, step: dict[str, Any]) -> None:
    """Print a line for a load or a mode."""
    if "seconds" in step:
        rate = len(corpus.ids) / step["seconds"]
        print(
            f"{system:8} load {rate:8,.0f} rows/s  {step['bytes'] / 1e6:.1f} MB, words {step['words'] / 1e6:.1f} MB",
            flush=True,
        )
        return
    gains = [ndcg(found, relevant) for found, relevant in zip(step["answers"], corpus.relevant, strict=True)]
    ranks = [reciprocal(found, relevant) for found, relevant in zip(step["answers"], corpus.relevant, strict=True)]
    by_kind = "".join(
        f"  {kind} {statistics.fmean(gain for gain, its in zip(gains, corpus.kinds, strict=True) if its == kind):.3f}"
        for kind in sorted(set(corpus.kinds))
        if kind
    )
    print(
        f"{system:8} {step['name']:25} nDCG@10 {statistics.fmean(gains):.3f}  MRR@10 {statistics.fmean(ranks):.3f}"
        f"  p50 {np.percentile(step['times'], 50):5.1f} ms  p95 {np.percentile(step['times'], 95):5.1f} ms{by_kind}",
        flush=True,
    )


def bench_quality(arguments: argparse.Namespace) -> None:
    """Have each system load each corpus and answer its queries, in processes of their own."""
    half = [] if arguments.half is None else ["--half", str(arguments.half)]
    for path in arguments.data:
        corpus = Corpus(path, arguments.half)
        print(f"{Path(path).stem}: {len(corpus.ids):,} records, {len(corpus.queries)} queries, {corpus.language}")
        for system in SYSTEMS:
            python = sys.executable if system == "vecs" else arguments.peers
            if python is None:
                continue
            command = [python, __file__, "--data", path, *half, "--system", system]
            # LanceDB warns at each query that a column of scores will one day have to be selected.
            quiet = os.environ | {"LANCEDB_LOG": "error", "PYTHONWARNINGS": "ignore"}
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=quiet) as process:
                for line in process.stdout or ():
                    show(system, corpus, json.loads(line))
            if process.returncode:
                raise SystemExit(f"{system} ended with {process.returncode}")


def bench_million(arguments: argparse.Namespace) -> None:
    """Latency of keyword search among a million texts of two sentences each, by questions, sentences and words."""
    import vecs

    corpus = Corpus(arguments.data[0], arguments.half)
    rows = arguments.rows
    sentences = [s.strip() for text in corpus.texts for s in re.split(r"(?<=[.!?])\s+", text) if len(s) > 30]
    rng = random.Random(0)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        connected(arguments.target or folder) as client,
    ):
        client.delete_collection("million")
        collection = client.create_collection("million", 3, text=True)
        collection.upsert(
            vecs.Record(f"{number:07}", [1, 2, 3], text=f"{rng.choice(sentences)} {rng.choice(sentences)}")
            for number in range(rows)
        )
        # As autovacuum does after a while: what a word weighs comes from the planner's statistics.
        with client.connection() as connection:
            connection.execute("vacuum analyze vecs.million")
        queries = QUESTIONS + [text for text, _ in corpus.queries if len(text.split()) <= 12]
        queries += [
            " ".join(rng.sample(words, 4)) for words in map(str.split, rng.sample(sentences, 60)) if len(words) > 5
        ]
        for exact, sample in ((False, queries), (True, queries[::10])):
            times: list[float] = []
            for _ in range(2):
                times.clear()
                rng.shuffle(sample)
                for text in sample:
                    start = time.perf_counter()
                    collection.search(text, mode="keyword", exact=exact)
                    times.append((time.perf_counter() - start) * 1000)
            which = "every record with any of the words ranked" if exact else "as by default"
            print(
                f"keyword among {rows:,} texts, {which}: p50 {np.percentile(times, 50):.0f} ms, "
                f"p95 {np.percentile(times, 95):.0f} ms (target 100), most {max(times):.0f} ms, {len(sample)} queries"
            )


def main() -> None:
    """Run the benchmarks named, or the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["quality"], help="quality, million")
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--half", type=int, choices=(0, 1))
    parser.add_argument("--peers", help="the Python of the environment that has the peers")
    parser.add_argument("--system", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--target", help="for million; without it a temporary embedded server is used")
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    if arguments.system:
        child(arguments.system, Corpus(arguments.data[0], arguments.half))
        return
    for name in arguments.names:
        globals()[f"bench_{name}"](arguments)


if __name__ == "__main__":
    main()
