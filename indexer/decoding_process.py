"""A decoding process: reads jobs from standard input, decodes, writes what it read to standard output.

    python -m indexer.decoding_process

Decoders are C libraries that meet whatever lies on people's disks. In a process of its own, one that crashes, hangs or
asks for all memory costs one file. Messages are pickled, each after its length; both ends are this program.
"""

import os
import pickle
import struct
import sys
from collections.abc import Callable, Iterator
from typing import IO, Any

from indexer.errors import DecodeError, DecodeReason
from indexer.reading import ClipRead, FileFacts, ReadJob, WindowPlan, Windows, read_clip

LENGTH = struct.Struct("<Q")
MAX_MEMORY_BYTES = 4 << 30
"""Address space of a decoding process; a six-hour file at the highest rate needs a small part of it."""


def send(stream: IO[bytes], message: object) -> None:
    """Write one message."""
    data = pickle.dumps(message, protocol=5)
    stream.write(LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one message; EOFError at the end of the stream."""
    return pickle.loads(_exactly(stream, LENGTH.unpack(_exactly(stream, LENGTH.size))[0]))


def _exactly(stream: IO[bytes], size: int) -> bytearray:
    data = bytearray(size)
    view, filled = memoryview(data), 0
    while filled < size:
        read = stream.readinto(view[filled:])  # type: ignore[attr-defined]
        if not read:
            raise EOFError
        filled += read
    return data


def main() -> None:
    """Serve jobs until standard input ends."""
    _limit_memory()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not end up among the messages
    questions = sys.stdin.buffer

    def is_known(facts: FileFacts) -> bool:
        send(answers, facts)
        return bool(receive(questions))

    try:
        plan: WindowPlan = receive(questions)
        while True:
            job: ReadJob = receive(questions)
            for item in _read(job, plan, is_known):
                send(answers, item)
    except (EOFError, BrokenPipeError):
        os._exit(0)  # whoever asked is gone, or has enough


def _read(
    job: ReadJob, plan: WindowPlan, is_known: Callable[[FileFacts], bool]
) -> Iterator[Windows | ClipRead]:
    try:
        yield from read_clip(job, plan, is_known)
    except (EOFError, BrokenPipeError):
        raise
    except Exception as error:  # A defect of ours: it costs this file, and people can report it.
        told = f"Decoding {str(job.path)!r} met an error that it should have known: {error!r}."
        yield ClipRead(job=job, facts=None, error=DecodeError(DecodeReason.DECODER_CRASHED, told))


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on this system
        return
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))


if __name__ == "__main__":
    main()
