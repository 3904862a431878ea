"""Messages between the server and the process that embeds for it: pickled, with their length before them.

A thread reads and writes them as a file; the event loop does without holding anybody up, for which it has to know where
a message ends. The server starts the other side itself, and nobody else holds the socket: so pickle may be trusted.
"""

import pickle
import struct
from asyncio import get_running_loop
from io import BufferedRWPair
from socket import socket
from typing import Any

_LENGTH = struct.Struct("!Q")
_PART_BYTES = 1 << 18


def write(file: BufferedRWPair, message: Any) -> None:
    """Write a message. Raises OSError if nobody reads any more."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    file.write(_LENGTH.pack(len(body)))
    file.write(body)
    file.flush()


def read(file: BufferedRWPair) -> Any:
    """Read a message, as soon as there is one. Raises EOFError or OSError if the other side is gone."""
    (length,) = _LENGTH.unpack(_exactly(file, _LENGTH.size))
    return pickle.loads(_exactly(file, length))


def _exactly(file: BufferedRWPair, size: int) -> bytes:
    held = file.read(size)
    if len(held) < size:
        raise EOFError
    return held


async def ask(pipe: socket, message: Any) -> Any:
    """Send a message through a socket that does not block, and return what is answered. Errors as of ``read``."""
    loop = get_running_loop()
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    await loop.sock_sendall(pipe, _LENGTH.pack(len(body)) + body)
    held, end = bytearray(), _LENGTH.size
    while len(held) < end:
        part = await loop.sock_recv(pipe, _PART_BYTES)
        if not part:
            raise EOFError
        held += part
        if len(held) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(held)[0]
    return pickle.loads(memoryview(held)[_LENGTH.size :])
