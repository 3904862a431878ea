"""``sonoglot experiment``, each as one command on a few short sounds with the shipped model."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sonoglot.cli import app
from tests.indexer.sounds import write_tone

LABELS = ["dog", "rain", "cat"]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["experiment", *map(str, arguments)])


def write_lines(path: Path, lines: list[dict]) -> Path:
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


@pytest.fixture(scope="module")
def esc50(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like ESC-50's, with a manifest and queries beside."""
    root = tmp_path_factory.mktemp("esc50")
    rows = ["filename,fold,target,category"]
    for number, label in enumerate(LABELS):
        write_tone(root / "audio" / f"{number}.wav", seconds=1, hz=200 * 3**number)
        rows.append(f"{number}.wav,{1 + number % 2},0,{label}")
    (root / "esc50.csv").write_text("\n".join(rows))
    audio = [{"audio": f"audio/{n}.wav", "label": label, "split": "val"} for n, label in enumerate(LABELS)]
    write_lines(root / "m.jsonl", audio)
    words = {"en": LABELS, "de": ["Hund", "Regen", "Katze"], "sw": ["mbwa", "mvua", "paka"]}
    write_lines(
        root / "names.jsonl",
        [
            {"text": text, "lang": lang, "label": label}
            for lang, texts in words.items()
            for text, label in zip(texts, LABELS, strict=True)
        ],
    )
    return root


def written(out: Path, stem: str, result: Result) -> dict:
    assert result.exit_code == 0, result.output
    assert str(out / f"{stem}.md") in result.stdout
    assert (out / f"{stem}.md").read_text("utf-8").startswith("# ")
    document = json.loads((out / f"{stem}.json").read_text("utf-8"))
    assert document["models"][0]["name"] == "sonoglot-compact"
    return document


def test_languages_writes_a_table_and_a_plot_a_file(esc50: Path, tmp_path: Path) -> None:
    queries = ["--queries", esc50 / "names.jsonl"]
    result = run("languages", "--data", esc50 / "m.jsonl", *queries, "--split", "val", "--out", tmp_path)
    document = written(tmp_path, "languages-names", result)
    assert {row["lang"] for row in document["rows"]} == {"en", "de", "sw"}
    assert ">sw</text>" in (tmp_path / "languages-names.svg").read_text("utf-8")


def test_domains_and_pictures_write_tables(esc50: Path, tmp_path: Path) -> None:
    document = written(tmp_path, "domains", run("domains", "--data", esc50 / "m.jsonl", "--out", tmp_path))
    assert document["rows"][0]["domain"] == "animals"
    assert document["rows"][0]["clips"] == 2
    images = Path(__file__).parents[2] / "training" / "queries" / "images.jsonl"
    result = run("pictures", "--data", esc50 / "m.jsonl", "--queries", images, "--out", tmp_path)
    assert written(tmp_path, "pictures", result)["rows"][0]["what"] == "picture to audio"


def test_zero_shot_reads_the_layout_and_writes_two_tables(esc50: Path, tmp_path: Path) -> None:
    result = run("zero-shot", esc50, "--layout", "esc50", "--out", tmp_path)
    assert [row["fold"] for row in written(tmp_path, "zero-shot-esc50", result)["rows"]] == ["1", "2", "all"]
    assert len(written(tmp_path, "zero-shot-esc50-worst", result)["rows"]) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["domains", "--data", "none.jsonl"], "none.jsonl cannot be read"),
        (["pictures", "--data", "m.jsonl", "--queries", "none.jsonl"], "none.jsonl cannot be read"),
        (["languages", "--data", "m.jsonl", "--queries", "names.jsonl", "--split", "test"], "split 'test'"),
        (["zero-shot", "audio", "--layout", "urbansound8k"], "UrbanSound8K.csv is missing"),
        (["zero-shot", ".", "--layout", "esc50", "--fold", "7"], "no fold 7; it has 1, 2"),
    ],
)
def test_what_is_missing_is_said_in_one_line_and_nothing_is_written(
    esc50: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(esc50)
    result = run(*arguments, "--out", tmp_path / "out")
    assert result.exit_code == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert said in line
    assert not (tmp_path / "out").exists()
