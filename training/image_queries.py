"""Makes picture queries out of Tux Paint's stamps: photographs and drawings of things that sound.

A small set in the public domain comes with the package (``queries/images.jsonl``). Tux Paint's has more
photographs, but it is GPL-2, so it is read where the Debian package ``tuxpaint-stamps-default`` is, and not
kept here. Pictures were chosen by eye, for showing what makes the sound, and not by how well a model ranks
with them: some that ImageNet networks misread (a cartoon helicopter, a black cat) are among them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from training.errors import StampsError

TUX_PAINT_STAMPS = Path("/usr/share/tuxpaint/stamps")
"""Where Debian installs the stamps."""

TUX_PAINT_CLASSES = {
    "airplane": ("vehicles/flight/planes/747.png", "vehicles/flight/planes/cartoon/plane.png"),
    "cat": ("seasonal/halloween/blackcat.png",),
    "chirping_birds": ("animals/birds/lark.png", "animals/birds/blackbird.png"),
    "clock_tick": ("symbols/clockface.png",),
    "cow": ("animals/mammals/bovines/cow.png", "animals/mammals/bovines/cow_white.png"),
    "crackling_fire": ("naturalforces/fire.png",),
    "crow": ("animals/birds/crow.png",),
    "dog": ("animals/mammals/dogs/dog.png",),
    "fireworks": ("seasonal/newyears/fireworks.png", "seasonal/newyears/fireworks2.png"),
    "frog": ("animals/amphibians/frog.png", "animals/amphibians/frog-1.png"),
    "hand_saw": ("household/tools/saw.png",),
    "helicopter": ("vehicles/flight/cartoon/eddieCopter.png",),
    "hen": ("animals/birds/hen.png", "animals/birds/chicken_profile.png"),
    "insects": ("animals/insects/fly.png", "animals/insects/hornet.png", "animals/insects/hoverfly.png"),
    "pig": (
        "animals/mammals/pig.png",
        "animals/mammals/pig_golden.png",
        "animals/mammals/pig_golden2.png",
    ),
    "rooster": ("animals/birds/rooster.png",),
    "sheep": (
        "animals/mammals/bovines/sheep.png",
        "animals/mammals/bovines/sheep_lamb.png",
        "animals/mammals/bovines/ram.png",
    ),
    "siren": ("vehicles/emergency/firetruck.png", "vehicles/emergency/cartoon/fire_engine.png"),
    "toilet_flush": ("household/toilet.png",),
    "train": ("vehicles/locomotive/cartoon/toy_train.png",),
}
"""The stamps that show what makes the sound of a class, by class; paths within the stamps folder."""


class LabelledImage(TypedDict):
    """A picture query: every clip with this ``label`` answers it. ``image`` is a path."""

    image: str
    label: str


def tux_paint_queries(stamps: Path = TUX_PAINT_STAMPS) -> Iterator[LabelledImage]:
    """Yield a query, with an absolute path, for each stamp of ``TUX_PAINT_CLASSES``.

    Raises:
        StampsError: one of them is missing; figures over another set of pictures would not compare.
    """
    for label, names in TUX_PAINT_CLASSES.items():
        for name in names:
            path = (stamps / name).absolute()
            if not path.is_file():
                raise StampsError(
                    f"{path} is missing. Install Debian's tuxpaint-stamps-default, or unpack it "
                    "(apt-get download tuxpaint-stamps-default; dpkg-deb -x tuxpaint-stamps-default_*.deb .) "
                    "and give its folder usr/share/tuxpaint/stamps."
                )
            yield {"image": str(path), "label": label}
