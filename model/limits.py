"""Limits on what may be asked of a model, in one place for the command line and the service alike."""

from model.errors import InvalidTextError

MAX_QUERY_CHARS = 2000
"""Longest text query, in characters. Anchors read far less; more is a mistake or an attack."""

MAX_IMAGE_PIXELS = 50_000_000
"""Largest picture that is decoded, in pixels; a small file can claim billions (a decompression bomb)."""


def check_query_text(text: str) -> str:
    """Return ``text`` without surrounding white space; InvalidTextError if it is empty or too long."""
    stripped = text.strip()
    if not stripped:
        raise InvalidTextError("The query text is empty: say what the sound is, in any language.")
    if len(stripped) > MAX_QUERY_CHARS:
        raise InvalidTextError(
            f"The query text has {len(stripped):,} characters; at most {MAX_QUERY_CHARS:,} are allowed. "
            "Shorten it."
        )
    return stripped
