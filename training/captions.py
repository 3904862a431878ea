"""What a clip is said to sound like: people's captions, and machine captions made from its tags.

Machine captions are made as WavCaps and Auto-ACD make them, from a tagger's classes, and are dropped where they
disagree with a person's caption of the same clip. They keep the vocabulary open: trained on fifty labels alone, a
model forgets every other word.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from training.manifest import ManifestEntry
from training.text_vectors import TextVectors

MIN_TAG_SCORE = 0.1
MIN_AGREEMENT = 0.1  # cosine between a tag and a person's caption, as the paper's f0.1
MAX_TAGS = 4
SILENT_TAGS = frozenset(
    {
        "Silence",
        "Sound effect",
        "Outside, rural or natural",
        "Inside, small room",
        "Inside, large room or hall",
        "Inside, public space",
        "Outside, urban or manmade",
        "Noise",
    }
)
PERSON_TEMPLATES = ("{}", "{}", "the sound of {}", "{} can be heard")
TAG_TEMPLATES = ("{}", "the sound of {}")
JOINT = "{}, {}"  # of two tags of one clip
MIXTURE_JOINTS = ("{} and {}", "{} with {}", "{} while {}", "{}, {}")


@dataclass(frozen=True, kw_only=True)
class ClipText:
    """Everything a clip may be called; tags come with their weights, which sum to one."""

    captions: tuple[str, ...]
    tags: tuple[str, ...]
    tag_weights: tuple[float, ...]

    def draw(self, rng: random.Random, *, machine_share: float) -> str:
        """Draw one caption: a person's, or one made of up to two tags."""
        if not self.captions or (self.tags and rng.random() < machine_share):
            return self._machine_caption(rng)
        return rng.choice(PERSON_TEMPLATES).format(rng.choice(self.captions))

    def all_captions(self) -> set[str]:
        """Return every caption that ``draw`` can return, to embed them once."""
        return {
            *(template.format(tag) for template in TAG_TEMPLATES for tag in self.tags),
            *(JOINT.format(*pair) for pair in combinations(sorted(self.tags), 2)),
            *(template.format(caption) for template in PERSON_TEMPLATES for caption in self.captions),
        }

    def _machine_caption(self, rng: random.Random) -> str:
        first, second = sorted(rng.choices(self.tags, self.tag_weights, k=2))
        return JOINT.format(first, second) if first != second else rng.choice(TAG_TEMPLATES).format(first)


def clip_texts(entries: Sequence[ManifestEntry], vectors: TextVectors) -> list[ClipText]:
    """Return what each clip may be called, in order; tags are filtered by score and by agreement."""
    tag_names = sorted({tag_text(name) for entry in entries for name, _ in entry.tags})
    captions = sorted({caption for entry in entries for caption in entry.captions})
    vectors.add([*tag_names, *captions])
    return [_clip_text(entry, vectors) for entry in entries]


def tag_text(name: str) -> str:
    """Turn a class name of the tagger into words: its first synonym, in lower case."""
    return name.split(",")[0].split("(")[0].strip().lower()


def _clip_text(entry: ManifestEntry, vectors: TextVectors) -> ClipText:
    scored = [
        (tag_text(name), score)
        for name, score in entry.tags
        if score >= MIN_TAG_SCORE and name not in SILENT_TAGS
    ]
    if entry.captions:
        own = vectors.rows(list(entry.captions)).mean(0)
        scored = [(name, score) for name, score in scored if _agrees(vectors.rows([name])[0], own)]
    kept = dict(scored[:MAX_TAGS])
    if not kept and not entry.captions and entry.tags:  # a clip must be called something
        kept = {tag_text(entry.tags[0][0]): 1.0}
    total = sum(kept.values())
    return ClipText(
        captions=entry.captions, tags=tuple(kept), tag_weights=tuple(score / total for score in kept.values())
    )


def _agrees(tag: NDArray[np.float32], caption: NDArray[np.float32]) -> bool:
    return float(tag @ caption) >= MIN_AGREEMENT * float(np.linalg.norm(caption))
