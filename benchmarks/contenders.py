"""The ways to make vectors of files that ``indexing`` compares. Each runs alone in a process, and prints what it did.

    python -m benchmarks.contenders NAME JOB

JOB is a JSON file of a ``Job``. What is loaded and warmed up before is not timed, for none of them.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from indexer.build import index_paths
from indexer.reading import ClipRead, ReadJob, WindowPlan, read_clip
from indexer.store import open_store_for_writing
from indexer.windows import cut_windows
from model.audio_embedder import AudioEmbedder
from model.beats import BeatsEncoder, BeatsEncoderConfig
from model.directory import load_model
from model.onnx_export import export_onnx
from model.retrieval_model import RetrievalModel
from model.space import EmbeddingSpace
from model.torch_directory import load_torch_model
from model.torch_model import TorchModel

CLAP_RATE_HZ, CLAP_SECONDS = 48_000, 10.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """The files, the model (``default``, ``full``), where it runs, an empty folder, and on how many cores the encoder
    runs (None: all)."""

    files: list[str]
    model: str
    device: str
    folder: str
    encoder_cores: int | None = None


@dataclass(kw_only=True)
class Done:
    """What a contender did, in how much time of the wall and of all its processes' cores."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    files: int = 0
    failed: int = 0
    windows: int = 0
    audio_s: float = 0.0


def encoder_alone(job: Job) -> Done:
    """Embed windows that lie in memory: what end-to-end indexing could be at best."""
    model, done = model_of(job), Done()
    plan = _plan(model)
    held: list[NDArray[np.float32]] = []
    for path in job.files:
        for item in read_clip(ReadJob(path=Path(path), known_sha256=None), plan, lambda facts: False):
            windows = item.windows if isinstance(item, ClipRead) else item
            held += windows.samples
            if isinstance(item, ClipRead):
                done.files += item.error is None
                done.failed += item.error is not None
                done.audio_s += item.duration_s
    done.windows = len(held)
    _keep_to_cores(model, job)
    with AudioEmbedder(model) as embedder:
        size = embedder.batch_windows
        batches = [np.stack(held[at : at + size]) for at in range(0, len(held), size)]
        held.clear()
        embedder.submit(batches[0]).result()
        with timed(done):
            for future in [embedder.submit(batch) for batch in batches]:
                future.result()
    return done


def ours(job: Job) -> Done:
    """Index into a fresh store."""
    return _indexed(model_of(job), job)


def exported(job: Job) -> Done:
    """The same with the model as ``sonoglot export`` writes it: on a CPU the way that the README recommends."""
    folder = Path(job.folder) / "exported"
    export_onnx(model_of(job), folder, card="", int8=False)
    return _indexed(load_model(folder), job)


def _indexed(model: RetrievalModel, job: Job) -> Done:
    done = Done()
    _keep_to_cores(model, job)
    with AudioEmbedder(model) as embedder:
        embedder.submit(np.zeros((1, model.window_samples), np.float32)).result()
    with open_store_for_writing(Path(job.folder) / "store", space=model.space) as store, timed(done):
        summary = index_paths(store, model, library="benchmark", paths=[Path(path) for path in job.files])
    done.files, done.failed = len(summary.indexed), len(summary.failed)
    done.windows, done.audio_s = summary.segments, summary.audio_s
    return done


def loop(job: Job) -> Done:
    """Do what a user would write with our model: librosa, file by file, and an index at the end."""
    import librosa  # pyright: ignore[reportMissingImports]

    model, done = model_of(job), Done()
    plan = _plan(model)
    librosa.resample(np.zeros(99, np.float32), orig_sr=44_100, target_sr=plan.sample_rate_hz)
    model.embed_audio(np.zeros((1, plan.window), np.float32))
    vectors: list[NDArray[np.float32]] = []

    def embed(path: str) -> None:
        samples, _ = librosa.load(path, sr=plan.sample_rate_hz)
        cut = [window.samples for window in cut_windows([samples], window=plan.window, hop=plan.hop)]
        vectors.append(model.embed_audio(np.stack(cut)))
        done.windows += len(cut)
        done.audio_s += len(samples) / plan.sample_rate_hz

    with timed(done):
        _each(job, embed, done)
        _write_index(vectors, job)
    return done


def clap(job: Job) -> Done:
    """Do what transformers' documentation shows for CLAP, at random weights: the same, and one vector a file.

    Sizes are those of laion/clap-htsat-unfused, the library's defaults; its preprocessing says ``rand_trunc``: of a
    longer file it hears ten seconds.
    """
    import librosa  # pyright: ignore[reportMissingImports]
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    done = Done()
    model = ClapModel(ClapConfig()).eval().to(job.device)  # pyright: ignore[reportArgumentType]
    extractor = ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad")
    librosa.resample(np.zeros(99, np.float32), orig_sr=44_100, target_sr=CLAP_RATE_HZ)
    vectors: list[NDArray[np.float32]] = []

    def vector(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        inputs = extractor(samples, sampling_rate=CLAP_RATE_HZ, return_tensors="pt").to(job.device)
        with torch.no_grad():
            features = model.get_audio_features(**inputs)
        assert isinstance(features, BaseModelOutputWithPooling)
        assert features.pooler_output is not None
        return features.pooler_output.cpu().numpy()

    def embed(path: str) -> None:
        samples, _ = librosa.load(path, sr=CLAP_RATE_HZ)
        vectors.append(vector(samples))
        done.windows += 1
        done.audio_s += min(len(samples) / CLAP_RATE_HZ, CLAP_SECONDS)

    vector(np.zeros(CLAP_RATE_HZ, np.float32))
    with timed(done):
        _each(job, embed, done)
        _write_index(vectors, job)
    return done


CONTENDERS: dict[str, Callable[[Job], Done]] = {
    "encoder alone": encoder_alone,
    "ours": ours,
    "ours exported": exported,
    "loop": loop,
    "clap": clap,
}


def model_of(job: Job) -> TorchModel:
    """Return the default model; ``full`` puts BEATs of full size, at random weights, in the place of its encoder."""
    default = load_torch_model(device=job.device if job.model == "default" else "cpu")
    if job.model == "default":
        return default
    torch.manual_seed(0)
    encoder = BeatsEncoder(BeatsEncoderConfig(embed_dim=512)).eval().requires_grad_(False).to(job.device)
    return TorchModel(
        anchor=default.anchor,  # hears nothing
        audio_encoder=encoder,
        space=EmbeddingSpace(name="random", fingerprint="0" * 64, dim=encoder.embed_dim),
        window_s=default.window_s,
        hop_s=default.hop_s,
    )


@contextmanager
def timed(done: Done) -> Iterator[None]:
    """Add the time of a ``with`` block; that of processes counts if they ended in it."""
    started, cpu_s = time.monotonic(), _cpu_s()
    yield
    done.seconds += time.monotonic() - started
    done.cpu_s += _cpu_s() - cpu_s


def _cpu_s() -> float:
    uses = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def _keep_to_cores(model: RetrievalModel, job: Job) -> None:
    """Embed so many batches side by side, one core each, and not as many as there are cores."""
    if job.encoder_cores is not None:
        model.streams = job.encoder_cores


def _plan(model: TorchModel) -> WindowPlan:
    return WindowPlan(
        sample_rate_hz=model.sample_rate_hz,
        window=model.window_samples,
        hop=round(model.hop_s * model.sample_rate_hz),
    )


def _each(job: Job, embed: Callable[[str], None], done: Done) -> None:
    for path in job.files:
        try:
            embed(path)
        except Exception:  # whatever it is, such a loop goes on to the next file
            done.failed += 1
        else:
            done.files += 1


def _write_index(vectors: list[NDArray[np.float32]], job: Job) -> None:
    matrix = np.concatenate(vectors)
    index = faiss.IndexFlatIP(matrix.shape[1])
    index.add(matrix)  # pyright: ignore[reportCallIssue]
    faiss.write_index(index, str(Path(job.folder) / "index.faiss"))


def main() -> None:
    """Run one contender."""
    name, file = sys.argv[1:]
    done = CONTENDERS[name](Job(**json.loads(Path(file).read_text())))
    print(json.dumps(asdict(done)))


if __name__ == "__main__":
    main()
