"""How fast models embed, turn by turn in one run; README.md says what is compared.

python -m benchmarks.exported_model DIR [DIR ...] [--rounds N]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from model.audio_embedder import AudioEmbedder
from model.directory import load_model
from model.retrieval_model import RetrievalModel

TEXTS = ("a dog barking in the yard", "ein Hund bellt laut", "人の笑い声", "стук колёс поезда")
STREAMED = 32  # windows


def works(model: RetrievalModel) -> dict[str, tuple[Callable[[], object], int]]:
    """Return what is timed, and how many things it embeds."""
    draw = np.random.default_rng(0)
    windows = (0.1 * draw.standard_normal((STREAMED, model.window_samples))).astype(np.float32)
    picture = Image.fromarray(draw.integers(0, 255, (480, 640, 3), dtype=np.uint8))
    texts = [f"{TEXTS[number % len(TEXTS)]} {number}" for number in range(64)]

    def stream() -> None:
        with AudioEmbedder(model) as embedder:
            size = embedder.batch_windows
            futures = [embedder.submit(windows[at : at + size]) for at in range(0, STREAMED, size)]
            for future in futures:
                future.result()

    return {
        "a text": (lambda: model.embed_texts(texts[:1]), 1),
        "8 texts at once": (lambda: model.embed_texts(texts[:8]), 8),
        "64 texts at once": (lambda: model.embed_texts(texts), 64),
        "a picture": (lambda: model.embed_images([picture]), 1),
        "a window of sound": (lambda: model.embed_audio(windows[:1]), 1),
        "windows in streams": (stream, STREAMED),
    }


def main() -> None:
    """Time the default model in torch and the exported ones, and print a table: milliseconds a thing, and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "directories", metavar="DIR", type=Path, nargs="+", help="as `sonoglot export` wrote it"
    )
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    models = {"torch": load_model()} | {path.name: load_model(path) for path in arguments.directories}
    timed = {name: works(model) for name, model in models.items()}
    print("| what | " + " | ".join(f"{name}, ms each" for name in models) + " | times faster |")
    print("|---|" + "---:|" * (len(models) + 1))
    for what in timed["torch"]:
        seconds: dict[str, list[float]] = {name: [] for name in models}
        for number in range(arguments.rounds + 1):
            for (
                name,
                jobs,
            ) in timed.items():  # side by side, so that what else the machine does meets all alike
                work, count = jobs[what]
                started = time.perf_counter()
                work()
                if number:  # kernels are chosen in the first
                    seconds[name].append((time.perf_counter() - started) / count)
        median = [1_000 * statistics.median(of_model) for of_model in seconds.values()]
        ratios = ", ".join(f"{median[0] / other:.1f}" for other in median[1:])
        print(f"| {what} | " + " | ".join(f"{value:.1f}" for value in median) + f" | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
