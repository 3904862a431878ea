"""The service at 64 clients where the encoder of texts has cores of its own, as beside a GPU, against the same encoder
alone on these cores; README.md says what is compared.

    python -m benchmarks.encoder_apart [--encoder-cores 1] [--segments 100000] [--model DIR] [--json FILE]

In ``benchmarks.service`` the clients, the server and its encoder share all cores: how fast the encoder is there says
how much of the machine the others leave it. Here it says how well the server keeps an encoder at work.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.service import (
    BATCH,
    filled_store,
    free_port,
    load,
    offline_s,
    questions,
    running,
    texts_embedded,
)
from model.directory import load_model

CLIENTS = 64
_BATCHES = 4


def measure(
    store_dir: Path, model_dir: Path | None, *, rounds: int, encoder: set[int], rest: set[int]
) -> dict[str, Any]:
    """Embed alone and ask the server, in turn: medians of each round's ratios, for the machine is faster and slower.

    This process embeds: it is kept to the encoder's cores, as is, of the server that it starts, what embeds."""
    os.sched_setaffinity(0, encoder)
    source = questions()
    model, port = load_model(model_dir), free_port()
    count = _BATCHES * BATCH
    alone, while_embedding, answers, failed = [], [], [], 0
    command = [sys.executable, "-m", "sonoglot", "serve", "--no-worker", "--store", str(store_dir)]
    command += ["--port", str(port), *([] if model_dir is None else ["--model", str(model_dir)])]
    with running(command, port) as server:
        for thread in Path(f"/proc/{server}/task").iterdir():
            os.sched_setaffinity(int(thread.name), rest)  # which those that it starts later inherit
        offline_s(model, [next(source) for _ in range(count)])
        load(port, CLIENTS, [next(source) for _ in range(count)], cores=rest)
        for number in range(rounds):
            alone_s = offline_s(model, [next(source) for _ in range(count)])
            texts_before, seconds_before = texts_embedded(port)
            asked = load(port, CLIENTS, [next(source) for _ in range(count)], cores=rest)
            texts, seconds = texts_embedded(port)
            alone.append(count / alone_s)
            while_embedding.append((texts - texts_before) / (seconds - seconds_before) / alone[-1])
            answers.append(alone_s / asked.elapsed_s)
            failed += asked.failed
            print(f"round {number + 1} of {rounds}", flush=True)
    return {
        "rounds": rounds,
        "encoder_cores": len(encoder),
        "other_cores": len(rest),
        "offline_texts_a_second": round(median(alone), 1),
        "encoder_to_offline": round(median(while_embedding), 2),
        "answers_to_offline": round(median(answers), 2),
        "failed": failed,
    }


def main() -> None:
    """Make a store, time, print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--encoder-cores", type=int, default=1)
    parser.add_argument("--segments", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--model", type=Path, default=None, help="a model directory; the default if not given"
    )
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    encoder, rest = set(cores[-options.encoder_cores :]), set(cores[: -options.encoder_cores])
    if not rest or not encoder:
        raise SystemExit(f"This machine has {len(cores)} cores: leave one at least to each side.")
    with filled_store(load_model(options.model).space, segments=options.segments) as store_dir:
        result = measure(store_dir, options.model, rounds=options.rounds, encoder=encoder, rest=rest)
    print(
        f"encoder on cores of its own ({len(encoder)}, others {len(rest)}), {CLIENTS} clients: alone "
        f"{result['offline_texts_a_second']} texts a second in batches of {BATCH}; of it in the server "
        f"{result['encoder_to_offline']} while it embeds (at least .8 is wanted), "
        f"{result['answers_to_offline']} in answers; failed {result['failed']}"
    )
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
