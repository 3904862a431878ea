"""Multipart bodies and archives, good and hostile, for the tests of uploads."""

import gzip
import io
import struct
import tarfile
import zipfile


def zipped(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def encrypted(members: dict[str, bytes]) -> bytes:
    """The same with the flag that says so in both of its headers."""
    data = bytearray(zipped(members))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(signature)
        while start >= 0:
            data[start + place] |= 1
            start = data.find(signature, start + 4)
    return bytes(data)


def claiming_members(count: int) -> bytes:
    """A zip file whose end says that a list of so many members comes before it."""
    data = zipped({"a.wav": b"x"})
    end = data.rfind(b"PK\x05\x06")
    return data[:end] + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, 46 * count, 0, 0)


def with_list_elsewhere(members: dict[str, bytes], *, by: int) -> bytes:
    """A zip file of the kind for large ones, whose list is said to be described so far from where it is."""
    data = zipped(members)
    end = data.rfind(b"PK\x05\x06")
    count, size, start = struct.unpack("<HLL", data[end + 10 : end + 20])
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end + by, 1)
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return data[:end] + record + locator + last


def tarred(members: dict[str, bytes | tarfile.TarInfo], *, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]
        for name, data in members.items():
            if isinstance(data, tarfile.TarInfo):
                archive.addfile(data)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def entry(name: str, kind: bytes, *, target: str = "") -> tarfile.TarInfo:
    """A member of a tar file that is no plain file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def with_long_header(size: int) -> bytes:
    """A packed tar file with a header that says it is so long, and is."""
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, size
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + b"x" * size + bytes(1024))


def sparse_bomb(count: int) -> bytes:
    """A tar file of which a header has a list of ``count`` numbers, which a reader would hold."""
    info = tarfile.TarInfo("a.wav")
    info.size = 2 * count + 16
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a.wav"}
    body = (b"%d\n" % count) + b"1\n" * count
    return gzip.compress(info.tobuf(tarfile.PAX_FORMAT) + body.ljust(info.size, b"\0") + bytes(2048))
