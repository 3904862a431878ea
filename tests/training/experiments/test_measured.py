"""What every table says of its clips."""

from pathlib import Path

from model.retrieval_model import RetrievalModel
from tests.indexer.sounds import write_tone
from training.experiments.measured import measure
from training.manifest import ManifestEntry


def test_clips_that_cannot_be_read_are_counted_and_the_first_is_named(
    model: RetrievalModel, tmp_path: Path
) -> None:
    paths = [tmp_path / "gone.wav", write_tone(tmp_path / "a.wav", seconds=1), tmp_path / "lost.wav"]
    measured = measure(model, [ManifestEntry(audio=path) for path in paths], on_progress=lambda _: None)
    assert [entry.audio for entry in measured.entries] == [paths[1]]
    count, unreadable = measured.clip_notes()
    assert count == "Clips: 1."
    assert unreadable.startswith("Left out because they could not be read: 2,")
    assert "gone.wav" in unreadable
