"""Where the paper's recipes get their clips: from manifests, whose audio is held in memory, or streamed from shards."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from training.batch import TrainingData
from training.captions import clip_texts
from training.card import CardData
from training.dataset import AlignmentData, plain_draws
from training.errors import DataError
from training.manifest import ManifestEntry, read_manifests
from training.preparation import decoded, watchable
from training.processes import own_cores
from training.progress import Progress
from training.runs import content_hash
from training.shard_index import ShardedClip, read_index, read_sources, what_identifies
from training.streaming import StreamChoices, stream
from training.text_vectors import TextVectors


@dataclass(frozen=True, kw_only=True)
class Source:
    """Clips to train on, and those to watch; or ``sharded`` ones to train on, which lie in the folder ``shards``."""

    train: Sequence[ManifestEntry]
    val: Sequence[ManifestEntry]
    shards: Path | None = None
    sharded: Sequence[ShardedClip] = ()

    @property
    def shards_hash(self) -> str:
        """What tells the shards from others."""
        return content_hash(what_identifies(self.shards)) if self.shards else ""

    def captions(self) -> list[str]:
        """Return every caption that is learned from."""
        return sorted({caption for clip in (*self.sharded, *self.train) for caption in clip.captions})

    def card_data(self) -> CardData:
        """Return what a card says of the clips that are trained on."""
        return CardData(clips=read_sources(self.shards)) if self.shards else CardData.of(self.train)


def read_source(data: Sequence[Path]) -> Source:
    """Read manifests, and know a folder of shards. Only captions are learned from: tags and clips without are left out.

    Raises DataError if there is nothing to learn from, or more than one folder.
    """
    folders = [path for path in data if path.is_dir()]
    entries = read_manifests(path for path in data if not path.is_dir())
    val = watchable(entries)
    if len(folders) > 1:
        raise DataError(
            f"{folders[0]} and {folders[1]} are two folders of shards; write their manifests as one: `sonoglot shards`"
        )
    if folders:
        return Source(train=(), val=val, shards=folders[0], sharded=read_index(folders[0]))
    train = [
        replace(entry, tags=()) for entry in entries if entry.split in (None, "train") and entry.captions
    ]
    if not train:
        raise DataError(
            "none of the clips to train on (split 'train', or none) has a caption; the paper's recipe learns from "
            "captions alone"
        )
    return Source(train=train, val=val)


def batches_of(
    source: Source,
    vectors: TextVectors,
    *,
    sample_rate_hz: int,
    batch_size: int,
    seconds: float,
    captions_per_clip: int,
    seed: int,
    progress: Progress,
) -> TrainingData:
    """Return batches of ``seconds`` of each clip, cut at random, and so many of its captions, as they are."""
    if source.shards:
        streamed = StreamChoices(
            sample_rate_hz=sample_rate_hz,
            batch_size=batch_size,
            seconds=seconds,
            captions_per_clip=captions_per_clip,
            seed=seed,
            workers=own_cores(),
        )
        return stream(source.shards, source.sharded, vectors, streamed)
    texts = clip_texts(source.train, vectors)
    waveforms = decoded(source.train, sample_rate_hz=sample_rate_hz, progress=progress)
    choices = plain_draws(batch_size=batch_size, seconds=seconds, captions_per_clip=captions_per_clip)
    return AlignmentData(
        waveforms, texts, vectors, sample_rate_hz=sample_rate_hz, choices=choices, mixtures=0, seed=seed
    )
