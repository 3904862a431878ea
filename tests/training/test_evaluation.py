"""``sonoglot evaluate`` on a few generated clips: which figures there are, and that they follow from the data."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from sonoglot.cli import app
from training.errors import ManifestError
from training.query_files import read_queries

RATE = 16_000


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = []
    for index, label in enumerate(["rain", "rain", "dog", "dog"]):
        wave = rng.standard_normal(6 * RATE) * 0.1 if label == "rain" else np.zeros(2 * RATE)
        if label == "dog":
            wave[4000:6000] = np.sin(np.arange(2000) * 0.3 * (index + 1))
        soundfile.write(tmp_path / f"{index}.wav", wave, RATE)
        lines.append({"audio": f"{index}.wav", "label": label, "captions": [f"clip {index}"]})
    lines.append({"audio": "gone.wav", "label": "dog"})
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path / "m.jsonl"


def evaluate(manifest: Path, *arguments: str) -> dict:
    result = CliRunner().invoke(app, ["evaluate", "--data", str(manifest), "--json", *arguments])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_every_part_is_there_that_the_data_allow(manifest: Path) -> None:
    queries = manifest.with_name("q.jsonl")
    asked = [
        {"text": "rain", "lang": "en", "label": "rain"},
        {"text": "lluvia", "lang": "es", "label": "rain"},
        {"text": "Katze", "lang": "de", "label": "cat"},
    ]
    queries.write_text("\n".join(map(json.dumps, asked)))
    result = evaluate(manifest, "--queries", str(queries))
    assert result["clips"] == 4
    assert [Path(item["audio"]).name for item in result["failed"]] == ["gone.wav"]
    assert set(result["text_to_audio"]) == {"r1", "r5", "r10", "map10", "median_rank"}
    assert set(result["audio_to_text"]) == {"r1", "r5", "r10", "map10", "median_rank"}
    assert set(result["classes"]["by_class"]) == {"rain", "dog"}
    assert set(result["languages"]) == {"en", "es"}
    assert result["languages"]["en"]["share_of_english"] == 1
    assert result["queries_without_answer"] == 1
    assert "image_to_audio" not in result
    assert isinstance(result["diagnosis"], list)


def test_what_the_figures_are_a_sign_of_is_said(manifest: Path) -> None:
    queries = manifest.with_name("q.jsonl")
    # one text for both labels: whichever clips it finds, it is wrong as often as right
    asked = [{"text": "rain", "lang": "en", "label": label} for label in ("rain", "dog")]
    queries.write_text("\n".join(map(json.dumps, asked)))
    (sentence,) = evaluate(manifest, "--queries", str(queries))["diagnosis"]
    assert sentence.startswith("English itself is near chance")
    text = CliRunner().invoke(app, ["evaluate", "--data", str(manifest), "--queries", str(queries)]).stdout
    assert "English itself is near chance" in text


def test_without_labels_and_queries_only_captions_are_measured(manifest: Path) -> None:
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    manifest.write_text(
        "\n".join(json.dumps({k: v for k, v in line.items() if k != "label"}) for line in lines)
    )
    result = evaluate(manifest)
    assert "text_to_audio" in result
    assert not {"classes", "languages", "image_to_audio"} & set(result)


def test_clips_that_cannot_be_read_at_all_are_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"audio": "gone.wav", "label": "dog"}\n')
    result = CliRunner().invoke(app, ["evaluate", "--data", str(tmp_path / "m.jsonl")])
    assert result.exit_code == 1
    assert "none of 1 clips can be read" in result.output


@pytest.mark.parametrize(
    "line", ['{"text": "x"}', '{"label": "dog"}', '{"text": "x", "image": "y", "label": "dog"}']
)
def test_a_malformed_query_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "q.jsonl").write_text(line)
    with pytest.raises(ManifestError, match="line 1"):
        read_queries(tmp_path / "q.jsonl")
