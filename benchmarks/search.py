"""Times searching, ours and plain FAISS of the same kind called in a bare loop, in one run.

Vectors are drawn with the shape of real embeddings (``embedding_shape``) and put into a real store: a catalogue, and
an index of the kind that its size calls for. Then the same queries are asked:

- bare: the same FAISS structure, with the same effort, in a loop of nothing but its ``search`` and the exact scores of
  its candidates; exact search is ``IndexFlatIP``'s. Filters are FAISS's own selectors, made beforehand.
- ours: ``Snapshot.search``, which chooses, filters, refines and names segments.
- whole: ``indexer.search.search``, down to ranked clips from the SQL catalogue.

Queries are vectors of the same shape that are not in the library. Recall is against the exact answer.

    python -m benchmarks.search --segments 200000 --json search.json
"""

import argparse
import json
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.embedding_shape import committed_shape, drawn
from indexer.catalog import clip_id_of
from indexer.coarse import IndexKind
from indexer.records import Clip, ClipContent, ClipStatus, SearchFilter
from indexer.search import search
from indexer.snapshot import Chosen, Snapshot
from indexer.store import Store, open_store_for_writing
from indexer.vector_index import EXACT_ROWS
from model.space import EmbeddingSpace

SEGMENTS_PER_CLIP = 20
RESULTS = 10
SHARES = (None, 0.01, 0.5)
_LIBRARY = "bench"

Ask = Callable[[NDArray[np.float32]], NDArray[np.int64]]
"""A query (D,) to the segment ids of the best results."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One way of asking: latencies in milliseconds, queries a second with one and with eight clients, recall@10."""

    way: str
    share: float
    p50_ms: float
    p99_ms: float
    one_client: float
    eight_clients: float
    recall: float


def fill(store: Store, *, count: int, dim: int, portion: int = 200) -> None:
    """Put ``count`` segments into a store, twenty a clip; a clip's duration says in which share it is."""
    number = 0
    random = np.random.default_rng(4)
    for vectors in drawn(committed_shape(), count=count, dim=dim, group_size=SEGMENTS_PER_CLIP * 20, seed=1):
        clips = [
            vectors[start : start + SEGMENTS_PER_CLIP] for start in range(0, len(vectors), SEGMENTS_PER_CLIP)
        ]
        for start in range(0, len(clips), portion):
            entries = []
            for own in clips[start : start + portion]:
                entries.append(_entry(number, own, duration_s=float(random.random())))
                number += 1
            store.catalog.put(entries)


def _entry(number: int, vectors: NDArray[np.float32], *, duration_s: float) -> tuple[Clip, ClipContent]:
    path = Path(f"/bench/{number // 1000}/{number}.wav")
    starts = np.arange(len(vectors), dtype=np.float64)
    content = ClipContent(
        audio_sha256=str(number), spans_s=np.stack([starts, starts + 5], axis=1), vectors=vectors
    )
    clip = Clip(
        clip_id=clip_id_of(_LIBRARY, path),
        library=_LIBRARY,
        path=path,
        size_bytes=1,
        mtime_ns=1,
        sha256=str(number),
        duration_s=duration_s,
        source_rate_hz=16000,
        status=ClipStatus.INDEXED,
    )
    return clip, content


def bare_loop(snapshot: Snapshot, chosen: Chosen | None) -> Ask:
    """Plain FAISS of the kind that ours takes for this share, with the same effort."""
    index, library = snapshot.base, faiss
    ids, rows = np.array(index.ids), index.vectors
    positions = None if chosen is None or chosen.base is None else chosen.base.positions
    there_are = len(index) if positions is None else len(positions)
    if index.about.kind is IndexKind.EXACT or there_are <= EXACT_ROWS:
        flat: Any = faiss.IndexFlatIP(rows.shape[1])
        flat.add(rows)
        selector = None if positions is None else library.IDSelectorArray(positions)
        parameters = None if selector is None else library.SearchParameters(sel=selector)
        return lambda query: ids[flat.search(query[None], RESULTS, params=parameters)[1][0]]
    effort = index.effort(there_are / len(index))
    assert index.coarse is not None
    base = index.coarse.index
    bits = None if positions is None else library.IDSelectorBitmap(chosen.base.bits)  # pyright: ignore
    parameters = (
        library.SearchParametersIVF(nprobe=effort.probes, sel=bits)
        if index.about.kind is IndexKind.IVF
        else library.SearchParametersHNSW(efSearch=max(effort.probes, RESULTS * effort.refined), sel=bits)
    )

    def ask(query: NDArray[np.float32]) -> NDArray[np.int64]:
        _, found = base.search(query[None], RESULTS * effort.refined, params=parameters)
        found = found[0][found[0] >= 0]
        return ids[found[np.argsort(-(rows[found] @ query))[:RESULTS]]]

    return ask


def ours(snapshot: Snapshot, chosen: Chosen | None) -> Ask:
    """Our search of segments."""
    return lambda query: np.array(
        [hit.segment_id for hit in snapshot.search(query, count=RESULTS, among=chosen)], np.int64
    )


def timed(
    ways: Mapping[str, Ask], share: float, queries: NDArray[np.float32], truth: Sequence[set[int]]
) -> list[Timing]:
    """Ask all queries one by one, each query every way in turn, so that a machine that is slower for a while is so for
    all; then from eight threads, way by way."""
    for ask in ways.values():
        for query in queries[:20]:
            ask(query)
    found: dict[str, list[NDArray[np.int64]]] = {way: [] for way in ways}
    latencies: dict[str, list[float]] = {way: [] for way in ways}
    names = list(ways)
    for number, query in enumerate(queries):
        first = number % len(names)  # whoever comes first finds its lists cold
        for way in names[first:] + names[:first]:
            before = time.perf_counter()
            own = ways[way](query)
            latencies[way].append(time.perf_counter() - before)
            found[way].append(own)
    return [
        _timing(
            way, share, latencies[way], _clients(ways[way], queries, clients=8), _recall(found[way], truth)
        )
        for way in names
    ]


def _recall(found: Sequence[NDArray[np.int64]], truth: Sequence[set[int]]) -> float:
    return float(
        np.mean([len(best & set(own.tolist())) / len(best) for own, best in zip(found, truth, strict=True)])
    )


def _timing(
    way: str, share: float, latencies: Sequence[float], eight_clients: float, recall: float
) -> Timing:
    p50, p99 = np.percentile(latencies, [50, 99]) * 1000
    return Timing(
        way=way,
        share=share,
        p50_ms=round(float(p50), 3),
        p99_ms=round(float(p99), 3),
        one_client=round(len(latencies) / sum(latencies), 1),
        eight_clients=round(eight_clients, 1),
        recall=round(recall, 4),
    )


def _clients(ask: Ask, queries: NDArray[np.float32], *, clients: int) -> float:
    """Queries a second when so many threads each ask all of them."""
    gate = threading.Barrier(clients + 1)

    def client(first: int) -> None:
        gate.wait()
        for query in np.roll(queries, first, axis=0):
            ask(query)

    threads = [threading.Thread(target=client, args=(number * 7,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    gate.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return clients * len(queries) / (time.perf_counter() - started)


def truths(snapshot: Snapshot, queries: NDArray[np.float32], chosen: Chosen | None) -> list[set[int]]:
    """Segment ids of the exact answers."""
    rows, best_scores, best_ids = snapshot.base.vectors, [], []
    mask = np.ones(len(rows), np.bool_)
    if chosen is not None and chosen.base is not None:
        mask[:] = False
        mask[chosen.base.positions] = True
    for start in range(0, len(rows), 50_000):
        part = np.flatnonzero(mask[start : start + 50_000]) + start
        scores = queries @ rows[part].T
        order = np.argsort(-scores, axis=1)[:, :RESULTS]
        best_scores.append(np.take_along_axis(scores, order, 1))
        best_ids.append(np.asarray(snapshot.base.ids)[part][order])
    scores, ids = np.concatenate(best_scores, axis=1), np.concatenate(best_ids, axis=1)
    order = np.argsort(-scores, axis=1)[:, :RESULTS]
    return [set(own.tolist()) for own in np.take_along_axis(ids, order, 1)]


def measure(directory: Path, *, count: int, dim: int, queries: int, kind: IndexKind | None) -> dict[str, Any]:
    """Build a store of this size and time all ways of asking it."""
    space = EmbeddingSpace(name="bench", fingerprint="0" * 64, dim=dim)
    with open_store_for_writing(directory, space=space) as store:
        started = time.perf_counter()
        fill(store, count=count, dim=dim)
        filled_s = time.perf_counter() - started
        store.ask_index(kind)
        started = time.perf_counter()
        store.save_index()
        built_s = time.perf_counter() - started
        assert store.manifest is not None
        result: dict[str, Any] = {
            "segments": count,
            "dim": dim,
            "kind": store.manifest.about.kind.value,
            "efforts": [asdict(effort) for effort in store.manifest.about.efforts],
            "filled_s": round(filled_s, 1),
            "built_s": round(built_s, 1),
            "peak_mb_of_building": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "files_mb": {name: facts.size_bytes // 2**20 for name, facts in store.manifest.files.items()},
        }
        # Other than the library's: the same shape, drawn further on.
        (asked,) = drawn(committed_shape(), count=queries, dim=dim, group_size=1, seed=9)
        snapshot = store.snapshot()
        result["timings"] = []
        for share in SHARES:
            limits = None if share is None else SearchFilter(max_duration_s=share)
            chosen = None if limits is None else store.passing(snapshot, limits)
            truth = truths(snapshot, asked, chosen)
            ways = {
                "bare": bare_loop(snapshot, chosen),
                "ours": ours(snapshot, chosen),
                "whole": _whole(store, limits),
            }
            # The whole answer is ranked clips; the segments behind them are those of ours.
            for timing in timed(ways, share or 1.0, asked, truth):
                result["timings"].append(asdict(timing))
                print(timing, flush=True)
    return result


def _whole(store: Store, limits: SearchFilter | None) -> Ask:
    def ask(query: NDArray[np.float32]) -> NDArray[np.int64]:
        search(store, query, filter=limits, k=RESULTS)
        return np.empty(0, np.int64)

    return ask


def print_table(result: dict[str, Any]) -> None:
    """All figures, and ours against bare FAISS."""
    print(
        f"{result['segments']} segments, {result['dim']} dimensions, {result['kind']}: built in {result['built_s']} s, "
        f"peak {result['peak_mb_of_building']} MB, files {result['files_mb']} MB"
    )
    print(
        f"{'filter':>8} {'way':>6} {'p50 ms':>8} {'p99 ms':>8} {'1 client':>9} {'8 clients':>9} {'recall':>7}"
    )
    bare: dict[float, float] = {}
    for timing in result["timings"]:
        share = timing["share"]
        line = f"{share:>8.0%} {timing['way']:>6} {timing['p50_ms']:>8.3f} {timing['p99_ms']:>8.3f} "
        line += f"{timing['one_client']:>9.1f} {timing['eight_clients']:>9.1f} "
        line += "      -" if timing["way"] == "whole" else f"{timing['recall']:>7.3f}"
        if timing["way"] == "bare":
            bare[share] = timing["p50_ms"]
        else:
            line += f"   {timing['p50_ms'] / bare[share]:.2f} x bare"
        print(line)


def main() -> None:
    """Build, ask, print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--segments", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--index", choices=[*IndexKind], default=None)
    parser.add_argument(
        "--work", type=Path, default=None, help="folder for the store; a temporary one if not given"
    )
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    kind = None if options.index is None else IndexKind(options.index)
    with tempfile.TemporaryDirectory(dir=options.work) as directory:
        result = measure(
            Path(directory), count=options.segments, dim=options.dim, queries=options.queries, kind=kind
        )
    print_table(result)
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
