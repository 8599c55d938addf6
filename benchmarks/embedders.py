"""
What embedding costs, and how well it finds, by PyTorch, by ONNX Runtime, and by static models.

    python benchmarks/embedders.py [quality] [speed] EMBEDDER... [--data FILE.npz] [--texts 48] [--keep FOLDER]

EMBEDDER is NAME=KIND:MODEL or NAME=KIND:MODEL@PYTHON: KIND is torch, onnx (both vecs.TextEmbedding) or model2vec;
MODEL a name or a folder; PYTHON the interpreter of an environment in which it is installed, whose size is
printed as well. The first one is what the others are compared with.

quality: hit@10 and MRR@10 by vectors and hybrid, on the judged queries of FILE.npz (see words.py; all its texts are
embedded anew, which takes long: --keep stores the vectors) and on docstrings of Python's standard library, which are
sought by their own first sentence, left out of the text.
speed: seconds to the first vector in a new process, texts per second with one thread and with two, memory at most.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import vecs

Corpus = dict[str, Any]


def loaded(kind: str, model: str) -> Callable[[list[str]], Any]:
    """Return the function that embeds texts."""
    if kind == "model2vec":
        from model2vec import StaticModel

        return StaticModel.from_pretrained(model).encode
    backend: Any = kind
    embedding = vecs.TextEmbedding(model or "all-MiniLM-L6-v2", backend=backend)

    def embed(texts: list[str]) -> Any:
        records = embedding.transform_records([vecs.Record(str(ix), text=text) for ix, text in enumerate(texts)])
        return np.array([record.vec for record in records])

    return embed


def child(kind: str, model: str) -> None:
    """Embed the texts of standard input, and print what it cost; the process is new for each measurement."""
    began = time.perf_counter()
    warnings.simplefilter("ignore")
    texts, where = json.load(sys.stdin)
    embed = loaded(kind, model)
    embed([texts[0]])
    first = time.perf_counter() - began
    times = []
    for _ in range(1 if where else 2):
        start = time.perf_counter()
        made = [embed(texts[at : at + 256]) for at in range(0, len(texts), 256)]
        times.append(time.perf_counter() - start)
    if where:
        np.save(where, np.concatenate(made).astype(np.float32))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"first": first, "rate": len(texts) / min(times), "memory": memory}))


class Embedder:
    """One that is measured, in processes of its own."""

    def __init__(self, given: str) -> None:
        self.name, _, rest = given.partition("=")
        rest, _, python = rest.partition("@")
        self.kind, _, self.model = rest.partition(":")
        self.python = python or sys.executable

    def run(self, texts: list[str], threads: int, where: str = "") -> dict[str, float]:
        source = str(Path(vecs.__file__).parent.parent)
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": source, "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            [self.python, __file__, "--child", self.kind, self.model],
            input=json.dumps([texts, where]),
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return json.loads(done.stdout.splitlines()[-1])

    def size(self) -> str:
        """How many packages are installed beside pip, and how large they are."""
        code = "import json, sysconfig; print(json.dumps([sysconfig.get_path('purelib')]))"
        done = subprocess.run([self.python, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
        (folder,) = (Path(path) for path in json.loads(done.stdout))
        own = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        others = ("pip", "setuptools", "_distutils_hack", "pkg_resources")
        counted = [p for p in own if p.relative_to(folder).parts[0].partition("-")[0] not in others]
        packages = {p.parent for p in counted if p.parent.name.endswith(".dist-info")}
        return f"{len(packages):3} packages, {sum(p.stat().st_size for p in counted) / 1e6:6.0f} MB"


def docstrings() -> Corpus:
    """Docstrings of the standard library without their first sentence, which is the query for each."""
    from vecs.cli.stdlib import stdlib_docs

    ids, texts, queries, relevant = [], [], [], []
    for doc in stdlib_docs()[::2]:
        text = doc.text or ""
        name, _, rest = text.partition("\n\n")
        summary, _, rest = rest.partition("\n\n")
        ids.append(doc.id)
        if len(rest.split()) >= 20 and 5 <= len(summary.split()) <= 30:
            queries.append(summary)
            relevant.append(doc.id)
            texts.append(f"{name}\n\n{rest}")
        else:
            texts.append(text)
    return {"ids": ids, "texts": texts, "query_texts": queries, "query_relevant": relevant}


def bench_quality(embedders: list[Embedder], given: argparse.Namespace) -> None:
    """Print how well each finds the judged texts."""
    corpora: dict[str, Corpus] = {"docstrings": docstrings()}
    if given.data:
        with np.load(given.data) as data:
            wanted = ("ids", "texts", "query_texts", "query_relevant")
            corpora = {Path(given.data).stem: {key: data[key].tolist() for key in wanted}, **corpora}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, vecs.create_client(folder) as client:
        for corpus, data in corpora.items():
            print(f"{corpus}: {len(data['ids']):,} texts, {len(data['query_texts'])} queries")
            against: Any = None
            for embedder in embedders:
                kept = Path(given.keep or folder) / f"{corpus}-{embedder.name}.npy"
                if not kept.exists():
                    embedder.run([*data["texts"], *data["query_texts"]], 2, str(kept))
                vectors = np.load(kept)
                vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
                found = "  ".join(f"{mode} {figures}" for mode, figures in judged(client, data, vectors).items())
                against = vectors if against is None else against
                same = (
                    "" if against.shape != vectors.shape else f"  cosine >= {(against * vectors).sum(axis=1).min():.5f}"
                )
                print(f"  {embedder.name:18} {found}{same}", flush=True)


def judged(client: vecs.Client, data: Corpus, vectors: Any) -> dict[str, str]:
    """Return hit@10 and MRR@10 of each mode; exact, so that no index has a share in it."""
    client.delete_collection("judged")
    collection = client.create_collection("judged", vectors.shape[1], text=True)
    count = len(data["ids"])
    collection.upsert(map(vecs.Record, data["ids"], vectors[:count], data["texts"]))
    figures: dict[str, str] = {}
    for mode in ("vector", "hybrid"):
        places: list[int] = []
        for text, vec, relevant in zip(data["query_texts"], vectors[count:], data["query_relevant"], strict=True):
            more: Any = {"mode": "hybrid", "text": text} if mode == "hybrid" else {}
            found = collection.search(vec, limit=10, exact=True, **more)
            wanted = set(relevant.split("\n"))
            places.append(next((place for place, match in enumerate(found, 1) if match.id in wanted), 0))
        hits = statistics.fmean(bool(place) for place in places)
        figures[mode] = f"hit@10 {hits:.3f} MRR@10 {statistics.fmean(1 / p if p else 0 for p in places):.3f}"
    return figures


def bench_speed(embedders: list[Embedder], given: argparse.Namespace) -> None:
    """Print what each costs; in alternating rounds, of which the best counts."""
    corpus = docstrings()
    texts = corpus["texts"]
    if given.data:
        with np.load(given.data) as data:
            texts = data["texts"].tolist()
    texts = texts[:: max(1, len(texts) // given.texts)][: given.texts]
    runs: dict[tuple[str, int], list[dict[str, float]]] = {}
    for _ in range(given.rounds):
        for threads in (1, 2):
            for embedder in embedders:
                more = texts * (20 if embedder.kind not in ("torch", "onnx") else 1)
                runs.setdefault((embedder.name, threads), []).append(embedder.run(more, threads))
    base = {threads: max(run["rate"] for run in runs[embedders[0].name, threads]) for threads in (1, 2)}
    for embedder in embedders:
        both = {threads: runs[embedder.name, threads] for threads in (1, 2)}
        first = min(run["first"] for run in both[1] + both[2])
        memory = max(run["memory"] for run in both[1])
        rates = "  ".join(
            f"{threads} thread{'s' * (threads > 1)} {rate:8.1f}/s ({rate / base[threads]:.2f})"
            for threads in (1, 2)
            for rate in [max(run["rate"] for run in both[threads])]
        )
        print(f"{embedder.name:18} {embedder.size()}  first {first:5.2f} s  {rates}  memory {memory:5} MB")


def main() -> None:
    """Run the benchmarks named, or both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", help="quality, speed, and embedders")
    parser.add_argument("--data")
    parser.add_argument("--texts", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--keep", help="where vectors are kept between runs")
    given = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    embedders = [Embedder(name) for name in given.names if "=" in name]
    for name in [name for name in given.names if "=" not in name] or ["quality", "speed"]:
        {"quality": bench_quality, "speed": bench_speed}[name](embedders, given)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
