"""How often a key may ask: a token bucket each, held in the memory of one server."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class _Bucket:
    tokens: float
    filled_at_s: float


class RateLimiter:
    """A bucket holds a minute's requests and fills evenly, so that a burst passes and a flood does not."""

    def __init__(self, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def wait_s(self, who: str, *, per_minute: int, cost: int = 1) -> float:
        """Take one request, or what counts as ``cost`` of them: 0 if it may pass, otherwise seconds until it may.

        What costs more than a minute's share passes when the bucket is full, and empties it.
        """
        now = self._now_s()
        with self._lock:
            bucket = self._buckets.setdefault(who, _Bucket(float(per_minute), now))
            earned = (now - bucket.filled_at_s) * per_minute / 60
            bucket.tokens = min(float(per_minute), bucket.tokens + earned)
            bucket.filled_at_s = now
            cost = min(cost, per_minute)
            if bucket.tokens >= cost:
                bucket.tokens -= cost
                return 0.0
            return (cost - bucket.tokens) * 60 / per_minute
