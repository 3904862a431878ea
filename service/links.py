"""Addresses of what the service serves, relative to its root, as answers name them."""


def audio_url(clip_id: str) -> str:
    """Return where a clip's audio is served, relative to the server's root."""
    return f"/v1/clips/{clip_id}/audio"
