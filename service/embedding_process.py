"""A model in a process of its own, which embeds for the server; one that died is replaced when it is needed.

Beside the event loop, in one interpreter, an encoder loses a quarter of its speed: hundreds of short operators each
take Python's lock anew (docs/decisions/0013). The event loop itself asks for texts, with no thread between, so that a
lone question pays nothing for it. What kills the process costs a while until the next has loaded, and no answer.
"""

import asyncio
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from socket import socketpair
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import ModelError
from service import frames
from service.embedder import Embedder, Facts, File, Vector
from service.errors import NotAvailableError

logger = logging.getLogger(__name__)

_END_S = 30.0
_LONGEST_PAUSE_S = 60.0
_TRIES = 2
"""How often a question is asked: the first time may have found a process that had ended before."""


class EmbeddingProcess(Embedder):
    """Starts the process and waits until its model is loaded, the committed default if none is given.

    Raises ModelError, or NotAvailableError if the process ends meanwhile.
    """

    def __init__(self, model_dir: Path | None = None) -> None:
        self._model_dir = model_dir
        self._changing = threading.Lock()
        self._is_closed = False
        self._failure: str | None = None
        self._pause_s = self._again_at_s = 0.0
        """After a failure, how long and until when no other process is started."""
        self._link: _Link | None = _Link(model_dir)
        self.space, self.calibration = self._link.facts.space, self._link.facts.calibration

    async def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        for _ in range(_TRIES):
            link = self._link or await asyncio.to_thread(self._linked)
            try:
                answer = _known(await frames.ask(link.texts, texts))
                return np.frombuffer(answer, np.float32).reshape(len(texts), self.space.dim)
            except (EOFError, OSError):
                await asyncio.to_thread(self._drop, link)
            except asyncio.CancelledError:
                link.kill()  # Its answer would be taken for that of the next question.
                raise
        raise _ended()

    def embed_file(self, file: File) -> Vector:
        for _ in range(_TRIES):
            link = self._linked()
            try:
                with link.asking:
                    frames.write(link.files, file)
                    answer = frames.read(link.files)
                return _known(answer)
            except (EOFError, OSError):
                self._drop(link)
        raise _ended()

    def check(self) -> None:
        link = self._linked()
        if link.has_ended():
            self._drop(link)
            self._linked()

    def close(self) -> None:
        with self._changing:
            self._is_closed = True
            if self._link is not None:
                self._link.close()

    def _linked(self) -> "_Link":
        with self._changing:
            if self._is_closed:
                raise NotAvailableError("The server is shutting down.")
            if self._link is None:
                self._link = self._started_again()
            return self._link

    def _started_again(self) -> "_Link":
        if self._failure is not None and time.monotonic() < self._again_at_s:
            raise NotAvailableError(self._failure)
        try:
            link = _Link(self._model_dir)
            if link.facts.space != self.space:
                link.close()
                raise NotAvailableError(
                    f"The model has changed, from {self.space} to {link.facts.space}: start the server again."
                )
        except (ModelError, NotAvailableError) as error:
            # Loading takes all cores for seconds: it is not tried as often as somebody asks.
            self._pause_s = min(_LONGEST_PAUSE_S, 2 * self._pause_s + 1)
            self._failure, self._again_at_s = str(error), time.monotonic() + self._pause_s
            raise NotAvailableError(self._failure) from error
        self._failure, self._pause_s = None, 0.0
        return link

    def _drop(self, link: "_Link") -> None:
        # Its sockets close when nobody holds the link: the event loop or a thread may be waiting for one of them.
        code = link.kill()
        with self._changing:
            if self._link is link:
                self._link = None
                logger.warning("the process that embeds has ended (%d); starting another", code)


class _Link:
    """A running process and the sockets to it."""

    def __init__(self, model_dir: Path | None) -> None:
        self.asking = threading.Lock()
        """Held while a file is embedded."""
        try:
            self._process = self._start(model_dir)
        except OSError as error:  # too many open files, no memory, no interpreter any more
            raise NotAvailableError(
                f"The process that embeds cannot be started: {error.strerror}."
            ) from error
        try:
            facts = frames.read(self.files)
        except (EOFError, OSError):
            facts = _ended()
        except BaseException:
            self.kill()
            raise
        if not isinstance(facts, Facts):
            self.kill()
            raise facts
        self.facts = facts

    def _start(self, model_dir: Path | None) -> "subprocess.Popen[bytes]":
        self.texts, its_texts = socketpair()
        self.texts.setblocking(False)
        to_files, its_files = socketpair()
        with to_files, its_texts, its_files:
            self.files = to_files.makefile("rwb")
            passed = [its_texts.fileno(), its_files.fileno()]
            # -P: a folder named like a package of ours, where the server was started, is not that package.
            command = [sys.executable, "-P", "-m", "service.embedding_child", *map(str, passed)]
            if model_dir is not None:
                command.append(str(model_dir))
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=passed)

    def has_ended(self) -> bool:
        """Whether the process has ended by itself, or was killed."""
        return self._process.poll() is not None

    def close(self) -> None:
        """Have the process end, which it does when nobody can ask it for texts any more."""
        self.texts.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> int:
        """End the process, unless it has ended; its exit code."""
        self._process.kill()
        return self._process.wait()


def _known(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


def _ended() -> NotAvailableError:
    return NotAvailableError("The process that embeds has ended; the server's log may say why. Ask again.")
