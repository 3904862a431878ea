"""How much the service accepts, in one place, so that the API, its documents and the tests agree."""

from dataclasses import dataclass

MAX_RESULTS = 1000  # hits in one answer
MAX_DEPTH = 10_000  # hits that the pages of one question have together
MAX_PARTS = 16  # of a mixed question
MAX_SEARCHES = 32  # in one batch
MOMENTS = 3  # of a clip that are told
DEFAULT_RESULTS = 10
MAX_JSON_BYTES = 1024 * 1024  # a query just over the text limit, fully escaped, still gets its own message
MAX_IMAGE_BYTES = 25 * 1024 * 1024
MAX_AUDIO_BYTES = 100 * 1024 * 1024  # a minute of 24-bit 96 kHz stereo is 35 MB
MULTIPART_OVERHEAD_BYTES = 64 * 1024  # boundaries, part headers and the small fields beside the file
MAX_FIELDS = 32  # beside the file: the filters, one for each tag
MAX_PAGE_CLIPS = 1000  # of a library, in one answer
DEFAULT_PAGE_CLIPS = 100
MAX_PEAKS = 4000  # a screen has fewer columns
DEFAULT_PEAKS = 1000
MAX_VOCABULARY = 1000  # texts to choose tags from
WAVEFORM_PEAKS = 240  # bars that a screen can show of one clip
WAVEFORM_RATE_HZ = 16000
PLAYABLE_RATE_HZ = 44_100  # of the WAV that stands in for a clip which a browser cannot play
MAX_PLAYABLE_BYTES = 1024**3  # of all such copies together: three hours; a longer clip is kept alone
DEFAULT_JOBS = 50  # in one list
MAX_JOBS = 1000
MAX_STREAMS = 100  # of jobs' progress, at one time
MAX_MIRROR_BYTES = 100 * 1024**3  # copied from one prefix of an object store


@dataclass(frozen=True, kw_only=True)
class UploadLimits:
    """How much one upload may bring. ``ratio``: an archive may unpack to so many times its size, once it unpacks to
    more than ``ratio_from_bytes``; recordings pack to a half, silence to a thousandth, and bombs to less."""

    request_bytes: int = 4 * 1024**3
    file_bytes: int = 1024**3  # six hours of 24-bit mono at 16 kHz, or one of 96 kHz stereo in FLAC
    files: int = 1000
    members: int = 10_000  # of all its archives together, as
    unpacked_bytes: int = 4 * 1024**3
    ratio: int = 200
    ratio_from_bytes: int = 64 * 1024**2


UPLOAD_LIMITS = UploadLimits()
