"""Examples of answers, for the OpenAPI document."""

from typing import Any

CLIP_ID = "9f2c61d0a4b7e8535c1a"

SAID = {"title": "Rain on a tin roof", "licence": "CC BY 4.0", "tags": ["rain", "roof"]}
LIVES = {"status": "ok"}
READY = {"status": "ready", "model": "sonoglot-compact"}
LIBRARIES = {
    "libraries": [
        {"name": "weather", "clips": 120, "segments": 1430, "failed": 1, "missing": 0, "duration_s": 3610.5}
    ]
}
CLIP = {
    "clip_id": CLIP_ID,
    "path": "/sounds/weather/rain-on-roof.ogg",
    "library": "weather",
    "duration_s": 30.0,
    "status": "indexed",
    "audio_url": f"/v1/clips/{CLIP_ID}/audio",
    **SAID,
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


def answer(example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of a successful answer with an example."""
    return {200: {"content": {"application/json": {"example": example}}}}
