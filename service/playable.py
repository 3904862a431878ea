"""WAV copies of clips that a browser cannot play itself (AIFF, WMA, ...), made when somebody first listens.

They lie in a folder of the running server's own, so that ranges work on them as on any file; the oldest make room for
the newest, and all go when the server stops.
"""

import tempfile
from pathlib import Path

import soundfile

from indexer.audio import open_audio
from service.limits import MAX_PLAYABLE_BYTES, PLAYABLE_RATE_HZ


class PlayableCopies:
    """Makes copies and keeps them, up to ``most_bytes`` in all; one thread at a time may ask for one."""

    def __init__(self, *, most_bytes: int = MAX_PLAYABLE_BYTES) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sonoglot-playable-")
        self._most_bytes = most_bytes

    def of(self, path: Path, *, clip_id: str, mtime_ns: int) -> Path:
        """Return a 16-bit mono WAV of the clip at PLAYABLE_RATE_HZ; one of an older ``mtime_ns`` is not used again.

        Raises DecodeError.
        """
        copy = Path(self._folder.name, f"{clip_id}-{mtime_ns}.wav")
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)  # something may tidy up where temporary files are
            unfinished = copy.with_suffix(".part")
            try:
                _write_wav(path, unfinished)
                unfinished.replace(copy)
            finally:
                unfinished.unlink(missing_ok=True)
            self._make_room(copy)
        return copy

    def close(self) -> None:
        """Delete every copy."""
        self._folder.cleanup()

    def _make_room(self, newest: Path) -> None:
        others = [other for other in Path(self._folder.name).glob("*.wav") if other != newest]
        left = self._most_bytes - newest.stat().st_size
        for other in sorted(others, key=lambda file: file.stat().st_mtime_ns, reverse=True):
            left -= other.stat().st_size
            if left < 0:
                other.unlink()


def _write_wav(path: Path, wav: Path) -> None:
    with (
        open_audio(path, sample_rate_hz=PLAYABLE_RATE_HZ) as blocks,
        soundfile.SoundFile(wav, "w", PLAYABLE_RATE_HZ, 1, "PCM_16", format="WAV") as sound,
    ):
        for block in blocks:
            sound.write(block)
