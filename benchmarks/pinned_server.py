"""`sonoglot serve` with the threads that embed texts on cores of their own, as an encoder on a GPU is; for
``benchmarks.encoder_apart``.

    python -m benchmarks.pinned_server ENCODER REST serve [...]

ENCODER and REST are numbers of cores with commas between them.
"""

import os
import sys
import threading

from sonoglot.cli import main

ENCODING = ("embed-texts", "texts", "networks", "infer")
"""How names of threads begin that embed: the batcher's, those of the text tower, in torch and exported, and of
``service.threads``."""


def cores_of(listed: str) -> set[int]:
    """Numbers of cores from a list with commas."""
    return {int(number) for number in listed.split(",")}


def pin(encoder: set[int], rest: set[int]) -> None:
    """Give threads that start from now on, and this one, their cores."""
    os.sched_setaffinity(0, rest)
    run = threading.Thread.run

    def run_pinned(self: threading.Thread) -> None:
        os.sched_setaffinity(0, encoder if self.name.startswith(ENCODING) else rest)
        run(self)

    threading.Thread.run = run_pinned


if __name__ == "__main__":
    pin(cores_of(sys.argv[1]), cores_of(sys.argv[2]))
    sys.argv[1:] = sys.argv[3:]
    main()
