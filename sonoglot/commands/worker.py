"""``sonoglot worker``: does the jobs that were submitted over REST."""

import os
import signal
from typing import Annotated

import typer

from sonoglot.options import DEFAULT_STORE, DatabaseOption, LogJsonOption, ModelOption, StoreOption


def worker(
    store: StoreOption = DEFAULT_STORE,
    model: ModelOption = None,
    database: DatabaseOption = None,
    log_json: LogJsonOption = False,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", help="End when the process ends that started this one.")
    ] = False,
) -> None:
    """Do the jobs that are submitted over REST, one after the other, until Ctrl-C or SIGTERM.

    `sonoglot serve` starts one. Asked to end, it puts the job at hand back into the queue; killed, it loses nothing
    that was written, and another worker goes on. Any number may run; a store is written to by one at a time.
    """
    import logging.config
    from functools import partial

    from model.directory import load_model
    from service.database import open_database
    from service.logs import logging_config
    from service.parent import when_parent_ends
    from service.worker import Worker

    if log_json:
        logging.config.dictConfig(logging_config(as_json=True))
    else:  # Lines that can be told from those of the server beside it.
        logging.basicConfig(level=logging.INFO, format="%(asctime)s worker %(message)s")
    store_dir = store.expanduser()
    opened = open_database(store_dir, database)
    working = Worker(opened, store_dir=store_dir, load=partial(load_model, model))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: working.stop())
    if with_parent:
        when_parent_ends(os.getppid(), working.stop)
    try:
        working.run()
    finally:
        opened.close()
