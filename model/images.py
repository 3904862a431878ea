"""Loads pictures safely, for queries and for training data.

Pictures come from strangers: a few kilobytes can claim billions of pixels, end in the middle, or not be a
picture at all. Everything that is wrong with one becomes an UnreadableImageError that says what.
"""

import io
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from model.errors import UnreadableImageError
from model.limits import MAX_IMAGE_PIXELS


def load_image(source: Path | str | bytes, *, max_pixels: int = MAX_IMAGE_PIXELS) -> Image.Image:
    """Decode a picture, given as a path or as a file's content, to an upright RGB image.

    Transparent parts become white; of an animation the first frame is taken.

    Raises:
        UnreadableImageError: missing, empty, not a picture, broken, truncated, or more than ``max_pixels``.
    """
    name, data = _read(source)
    if not data:
        raise UnreadableImageError(f"{name} is empty (0 bytes).")
    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_size(image, name=name, max_pixels=max_pixels)
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        message = f"{name} is not a picture in a known format (PNG, JPEG, WebP, GIF, ...)."
        raise UnreadableImageError(message) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImageError(
            f"{name} claims far more than {max_pixels:,} pixels; scale it down."
        ) from error
    except UnreadableImageError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds on broken data, SyntaxError among them.
        raise UnreadableImageError(f"{name} is broken or truncated: {error}") from error


def _read(source: Path | str | bytes) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        return "The picture", source
    path = Path(source)
    name = f"The picture {str(path)!r}"
    if path.exists() and not path.is_file():
        raise UnreadableImageError(f"{name} is not a regular file.")
    try:
        return name, path.read_bytes()
    except FileNotFoundError as error:
        raise UnreadableImageError(f"{name} does not exist.") from error
    except (OSError, ValueError) as error:
        raise UnreadableImageError(f"{name} cannot be read: {error}") from error


def _check_size(image: Image.Image, *, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise UnreadableImageError(f"{name} has no pixels.")
    if width * height > max_pixels:
        raise UnreadableImageError(
            f"{name} has {width} x {height} pixels; at most {max_pixels:,} in all are allowed. Scale it down."
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
