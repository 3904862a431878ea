"""What one would write first: a FastAPI handler that embeds the text it gets and asks FAISS. No batching, no cache.

python -m benchmarks.naive_server --store DIR --port PORT [--model DIR]
"""

import argparse
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from indexer.store import open_store
from model.directory import load_model


class Question(BaseModel):
    """A text, and how many results."""

    text: str
    k: int = 10


def main() -> None:
    """Load all, serve."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", type=Path, default=None)
    options = parser.parse_args()
    model = load_model(options.model)
    with open_store(options.store, space=model.space) as store:
        base = store.snapshot().base
        ids = np.array(base.ids)
        index: Any = (
            base.coarse.index if base.coarse is not None else faiss.IndexFlatIP(base.vectors.shape[1])
        )
        if base.coarse is None:
            index.add(np.array(base.vectors))
        library: Any = faiss  # Its stubs know the C++ methods, not the Python ones.
        probes = None if base.coarse is None else base.effort(1.0).probes
        parameters = None if probes is None else library.SearchParametersIVF(nprobe=probes)
    app = FastAPI()

    @app.get("/readyz")
    def readyz() -> str:
        return "ready"

    @app.post("/v1/search")
    def search(question: Question) -> dict[str, Any]:
        vector = model.embed_texts([question.text])
        scores, places = index.search(vector, question.k, params=parameters)
        hits = zip(ids[places[0]].tolist(), scores[0].tolist(), strict=True)
        return {"hits": [{"segment_id": segment_id, "score": score} for segment_id, score in hits]}

    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
