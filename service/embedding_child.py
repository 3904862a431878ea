"""The other side of ``embedding_process``: loads a model and embeds what comes through two sockets, until they end.

    python -m service.embedding_child TEXTS FILES [MODEL]

TEXTS and FILES are numbers of open sockets. It lives exactly as long as the server holds their other ends: signals that
end a whole group of processes are the server's to heed, which first finishes what it accepted.
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from io import BufferedRWPair
from pathlib import Path
from socket import socket
from typing import Any

from indexer.errors import IndexerError
from model.errors import ModelError
from service import frames


def main(texts: BufferedRWPair, files: BufferedRWPair, model_dir: Path | None) -> None:
    """Tell the facts to where files come from, or why there are none, and answer until no more texts can come."""
    # Here, for it takes a second in which a signal would otherwise end the process.
    from service.embedder import Facts, ready_model, vector_of_file

    try:
        model = ready_model(model_dir)
    except ModelError as error:
        frames.write(files, error)
        return
    frames.write(files, Facts(space=model.space, calibration=model.calibration))

    def answer_files() -> None:
        try:
            _answer(files, lambda file: vector_of_file(model, file))
        finally:
            os._exit(1)  # Whatever ended it: whoever waits for an answer is to hear that none will come.

    threading.Thread(target=answer_files, daemon=True).start()
    # As bytes: to pickle an array and to make it again takes a tenth of a millisecond, for which somebody waits.
    _answer(texts, lambda asked: model.embed_texts(asked).tobytes())


def _answer(pipe: BufferedRWPair, embed: Callable[[Any], Any]) -> None:
    with suppress(EOFError, OSError):  # the other side is gone
        while True:
            frames.write(pipe, _embedded(embed, frames.read(pipe)))  # holding no file meanwhile


def _embedded(embed: Callable[[Any], Any], asked: Any) -> Any:
    try:
        return embed(asked)
    except (ModelError, IndexerError) as error:
        return error
    except Exception as error:
        # Of unknown kind, so perhaps one that cannot be sent; the server logs it with where it came from.
        told = RuntimeError(f"{type(error).__name__}: {error}")
        told.add_note(traceback.format_exc())
        return told


if __name__ == "__main__":
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    to_texts, to_files, *model_dirs = sys.argv[1:]
    with suppress(BrokenPipeError):  # where the server ended while the model was being loaded
        main(
            socket(fileno=int(to_texts)).makefile("rwb"),
            socket(fileno=int(to_files)).makefile("rwb"),
            Path(*model_dirs) if model_dirs else None,
        )
