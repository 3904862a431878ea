"""Pictures from strangers: every kind of bad one gets its clear error, and good ones come out upright and
opaque."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from model.errors import UnreadableImageError
from model.images import load_image


def encoded(image: Image.Image, *, file_format: str = "PNG", exif: Image.Exif | None = None) -> bytes:
    buffer = io.BytesIO()
    if exif is None:
        image.save(buffer, file_format)
    else:
        image.save(buffer, file_format, exif=exif)
    return buffer.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_common_formats_load_as_rgb_from_bytes_and_from_a_path(tmp_path: Path, file_format: str) -> None:
    data = encoded(Image.new("RGB", (30, 20), (200, 10, 10)), file_format=file_format)
    path = tmp_path / "picture"
    path.write_bytes(data)
    for image in (load_image(data), load_image(path), load_image(str(path))):
        assert image.mode == "RGB"
        assert image.size == (30, 20)
        pixel = image.getpixel((15, 10))
        assert isinstance(pixel, tuple)
        assert pixel[0] > 180
        assert pixel[1] < 40


def test_transparent_parts_become_white() -> None:
    image = load_image(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 0))))
    assert image.getpixel((1, 1)) == (255, 255, 255)


def test_a_rotated_photo_is_set_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert load_image(encoded(Image.new("RGB", (40, 20)), file_format="JPEG", exif=exif)).size == (20, 40)


@pytest.mark.parametrize("size", [(60_000, 60_000), (9_000, 9_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(UnreadableImageError, match="pixels"):
        load_image(png_claiming(*size))


def test_the_pixel_limit_is_exact() -> None:
    data = encoded(Image.new("RGB", (10, 10)))
    assert load_image(data, max_pixels=100).size == (10, 10)
    with pytest.raises(UnreadableImageError, match="10 x 10"):
        load_image(data, max_pixels=99)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_pictures_are_refused(file_format: str, share: float) -> None:
    data = encoded(Image.effect_noise((200, 200), 80).convert("RGB"), file_format=file_format)
    with pytest.raises(UnreadableImageError):
        load_image(data[: int(len(data) * share)])


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "photo.jpg"
    text.write_text("not a picture\n")
    with pytest.raises(UnreadableImageError, match="not a picture"):
        load_image(text)
    with pytest.raises(UnreadableImageError, match="empty"):
        load_image(b"")
    with pytest.raises(UnreadableImageError, match="does not exist"):
        load_image(tmp_path / "missing.png")
    with pytest.raises(UnreadableImageError, match="not a regular file"):
        load_image(tmp_path)
