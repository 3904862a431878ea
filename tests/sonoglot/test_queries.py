"""The commands that make evaluation queries, from small folders in the real formats."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sonoglot.cli import app
from tests.training.test_cldr_queries import write_language
from training.cldr_queries import load_emoji_classes
from training.image_queries import TUX_PAINT_CLASSES
from training.query_files import read_queries


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["queries", *map(str, arguments)])


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A CLDR package in which two languages name every class, and one only its emoji of dogs."""
    emoji = {label: character.rstrip("\ufe0f") for label, character in load_emoji_classes().items()}
    folder = tmp_path / "cldr-annotations-full"
    for lang in ("en", "sw"):
        names = {character: f"{label} in {lang}" for label, character in emoji.items()}
        write_language(folder, lang, {"language": lang}, names)
    write_language(folder, "ia", {"language": "ia"}, {emoji["dog"]: "can"})
    return folder


def test_cldr_names_become_queries_that_evaluation_reads(package: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "names.jsonl"

    result = run("cldr", package, "--out", out)

    assert result.exit_code == 0, result.stderr
    queries = read_queries(out)
    assert {query.lang for query in queries} == {"en", "sw"}
    assert {query.text for query in queries if query.label == "dog"} == {"dog in en", "dog in sw"}
    assert result.stdout == f"{out}: {len(queries)} queries in 2 languages and scripts.\n"


def test_stamps_become_queries_that_evaluation_reads(tmp_path: Path) -> None:
    for name in [name for names in TUX_PAINT_CLASSES.values() for name in names]:
        (tmp_path / "stamps" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "stamps" / name).touch()
    out = tmp_path / "images.jsonl"

    result = run("tuxpaint", tmp_path / "stamps", "--out", out)

    assert result.exit_code == 0, result.stderr
    queries = read_queries(out)
    assert {query.label for query in queries} == set(TUX_PAINT_CLASSES)
    assert all(query.image and query.image.is_file() for query in queries)
    assert result.stdout == f"{out}: {len(queries)} queries.\n"


@pytest.mark.parametrize(("source", "said"), [("cldr", "npm pack"), ("tuxpaint", "tuxpaint-stamps-default")])
def test_a_folder_of_something_else_is_refused_and_the_old_file_stays(
    tmp_path: Path, source: str, said: str
) -> None:
    out = tmp_path / "queries.jsonl"
    out.write_text("old")

    result = run(source, tmp_path, "--out", out)

    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert said in line
    assert out.read_text() == "old"


def test_a_file_that_cannot_be_written_is_named(package: Path, tmp_path: Path) -> None:
    result = run("cldr", package, "--out", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {tmp_path} cannot be written")
