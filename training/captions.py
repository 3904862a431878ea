"""What a clip is said to sound like: people's captions, and machine captions made from its tags.

Machine captions are made as WavCaps and Auto-ACD make them, from a tagger's classes, and are dropped where they
disagree with a person's caption of the same clip. They keep the vocabulary open: trained on fifty labels alone, a
model forgets every other word. Of a clip that nobody described, a faint tag says something too, if few other clips have
it: a tag weighs what it scores times its inverse document frequency, and goes by each of the names that its class has.
"""

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from training.manifest import ManifestEntry
from training.text_vectors import TextVectors

MIN_TAG_SCORE, MAX_TAGS = 0.02, 10  # of a clip that no person described
MIN_SURE_SCORE, MAX_SURE_TAGS = 0.1, 4  # of one that somebody did: a faint tag would only blur what was said
MIN_AGREEMENT = 0.1  # cosine between a tag and a person's caption, as the paper's f0.1
JOINED_TAGS = 4  # names that are joined in one caption: the heaviest
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
    """Everything a clip may be called; tags are in order of their weights, which sum to one."""

    captions: tuple[str, ...]
    tags: tuple[str, ...]
    tag_weights: tuple[float, ...]

    def draw(
        self, rng: random.Random, *, machine_share: float, templates: Sequence[str] = PERSON_TEMPLATES
    ) -> str:
        """Draw one caption: a person's, put into one of the templates, or one made of up to two tags."""
        if not self.captions or (self.tags and rng.random() < machine_share):
            return self._machine_caption(rng)
        return rng.choice(templates).format(rng.choice(self.captions))

    def all_captions(self, templates: Sequence[str] = PERSON_TEMPLATES) -> set[str]:
        """Return every caption that ``draw`` can return, to embed them once."""
        return {
            *(template.format(tag) for template in TAG_TEMPLATES for tag in self.tags),
            *(JOINT.format(*pair) for pair in combinations(sorted(self.tags[:JOINED_TAGS]), 2)),
            *(template.format(caption) for template in templates for caption in self.captions),
        }

    def _machine_caption(self, rng: random.Random) -> str:
        first, second = rng.choices(self.tags, self.tag_weights, k=2)
        if first != second and {first, second} <= set(self.tags[:JOINED_TAGS]):
            return JOINT.format(*sorted((first, second)))
        return rng.choice(TAG_TEMPLATES).format(first)


def clip_texts(entries: Sequence[ManifestEntry], vectors: TextVectors) -> list[ClipText]:
    """Return what each clip may be called, in order; tags are filtered by score and by agreement."""
    names = sorted({name for entry in entries for tag, _ in entry.tags for name in tag_names(tag)})
    captions = sorted({caption for entry in entries for caption in entry.captions})
    vectors.add([*names, *captions])
    having = Counter(tag for entry in entries for tag, score in entry.tags if score >= MIN_TAG_SCORE)
    rarity = {tag: math.log((len(entries) + 1) / count) for tag, count in having.items()}
    return [_clip_text(entry, rarity, vectors) for entry in entries]


def tag_names(tag: str) -> list[str]:
    """Turn a class of the tagger into words: its synonyms in lower case, without what is in brackets."""
    parts = re.sub(r"\(.*?\)", "", tag).lower().split(",")
    names = [re.sub(r"^(and|or) ", "", " ".join(part.split())) for part in parts]
    return [name for name in names if name and name != "etc."]


def _clip_text(entry: ManifestEntry, rarity: Mapping[str, float], vectors: TextVectors) -> ClipText:
    least, most = (MIN_SURE_SCORE, MAX_SURE_TAGS) if entry.captions else (MIN_TAG_SCORE, MAX_TAGS)
    weighed = [
        (tag, score * rarity[tag]) for tag, score in entry.tags if score >= least and tag not in SILENT_TAGS
    ]
    if not weighed and not entry.captions and entry.tags:  # a clip must be called something
        weighed = [(entry.tags[0][0], 1.0)]
    heaviest = sorted(weighed, key=lambda item: -item[1])[:most]
    named = [(name, weight / len(tag_names(tag))) for tag, weight in heaviest for name in tag_names(tag)]
    if entry.captions:
        own = vectors.rows(list(entry.captions)).mean(0)
        named = [(name, weight) for name, weight in named if _agrees(vectors.rows([name])[0], own)]
    weight_of: defaultdict[str, float] = defaultdict(float)
    for name, weight in named:
        weight_of[name] += weight
    kept = sorted(weight_of.items(), key=lambda item: -item[1])
    total = sum(weight_of.values())
    return ClipText(
        captions=entry.captions,
        tags=tuple(name for name, _ in kept),
        tag_weights=tuple(weight / total for _, weight in kept),
    )


def _agrees(tag: NDArray[np.float32], caption: NDArray[np.float32]) -> bool:
    return float(tag @ caption) >= MIN_AGREEMENT * float(np.linalg.norm(caption))
