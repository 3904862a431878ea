"""Examples of answers, for the OpenAPI document."""

import json
from typing import Any

from pydantic import BaseModel

CLIP_ID = "9f2c61d0a4b7e8535c1a"

SAID = {"title": "Rain on a tin roof", "licence": "CC BY 4.0", "tags": ["rain", "roof"]}
LIVES = {"status": "ok"}
METRICS = """# HELP sonoglot_index_segments Segments that can be found.
# TYPE sonoglot_index_segments gauge
sonoglot_index_segments 1430.0
"""
READY = {"status": "ready", "model": "sonoglot-compact"}
SESSION = {"scope": "index", "needs_key": True}
LIBRARY = {"name": "weather", "clips": 120, "segments": 1430, "failed": 1, "missing": 0, "duration_s": 3610.5}
LIBRARIES = {"libraries": [LIBRARY]}
CLIP = {
    "clip_id": CLIP_ID,
    "path": "/sounds/weather/rain-on-roof.ogg",
    "library": "weather",
    "duration_s": 30.0,
    "status": "indexed",
    "audio_url": f"/v1/clips/{CLIP_ID}/audio",
    **SAID,
}
CLIPS = {"clips": [CLIP], "next": "L3NvdW5kcy93ZWF0aGVyL3JhaW4tb24tcm9vZi5vZ2c"}
FACETS = {
    "tags": [{"value": "rain", "clips": 14}],
    "licences": [{"value": "CC0", "clips": 90}],
    "categories": [{"value": "WEATHER", "clips": 31}],
}
PEAKS = {"clip_id": CLIP_ID, "start_s": 0.0, "end_s": 2.0, "min": [-0.02, -0.4], "max": [0.03, 0.38]}
TAGS = {
    "clip_id": CLIP_ID,
    "model": "sonoglot-compact",
    "tags": [{"tag": "дождь", "score": 0.61, "probability": 0.87}],
}
UPLOADS = {
    "files": [
        {"filename": "rain.wav", "state": "accepted", "reason": None},
        {
            "filename": "foley.zip/readme.txt",
            "state": "refused",
            "reason": "not an audio file (by its suffix)",
        },
    ],
    "job": None,
}
WAVEFORM = {"clip_id": CLIP_ID, "peaks": [0.02, 0.4, 1.0, 0.31]}
SEARCH = {
    "query": {"kind": "text", "text": "雨の音", "lang": "ja", "k": 5, "by": "clip"},
    "model": "sonoglot-compact",
    "generation": 17,
    "took_ms": 21.4,
    "timings_ms": {"embed": 17.9, "search": 3.5},
    "good_match": True,
    "hits": [
        {
            "rank": 1,
            "clip_id": CLIP_ID,
            "path": "/sounds/weather/rain-on-roof.ogg",
            "library": "weather",
            "score": 0.61,
            "confidence": 0.93,
            "start_s": 2.5,
            "end_s": 7.5,
            "duration_s": 30.0,
            "audio_url": f"/v1/clips/{CLIP_ID}/audio",
            "matches": [
                {"start_s": 2.5, "end_s": 7.5, "score": 0.61},
                {"start_s": 20.0, "end_s": 25.0, "score": 0.55},
            ],
            **SAID,
        }
    ],
    "next": "eyJmb3JtYXQiOjEs...",
}
QUEUED_JOB = {
    "job_id": "4be1c07d92aa5f36",
    "library": "weather",
    "source": {"folder": "/sounds/weather"},
    "retry_failed": False,
    "state": "queued",
    "created_at": "2026-05-04T09:30:00.000000+00:00",
    "attempt": 0,
    "queue_position": 1,
}
JOB = {key: value for key, value in QUEUED_JOB.items() if key != "queue_position"} | {
    "state": "running",
    "started_at": "2026-05-04T09:30:00.500000+00:00",
    "attempt": 1,
    "progress": {"done": 40, "total": 121, "indexed": 39, "unchanged": 0, "skipped": 2, "failed": 1},
}
JOBS = {"jobs": [JOB]}
JOB_EVENTS = f"event: progress\ndata: {json.dumps(JOB)}\n\n"


def answer(example: dict[str, Any], *, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of a successful answer with an example."""
    return {status: {"content": {"application/json": {"example": example}}}}


def json_body(schema: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI description of a JSON body that an operation reads itself."""
    content = {"schema": schema.model_json_schema(), "example": example}
    return {"required": True, "content": {"application/json": content}}
