"""The commands as people and programs use them, on real files with the shipped model."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from indexer.store import open_store_for_writing
from model.beats_checkpoint import load_beats
from model.limits import MAX_QUERY_CHARS
from model.space import EmbeddingSpace
from service.upload_storage import UploadStorage
from sonoglot.cli import app
from tests.indexer.sounds import write_tone
from tests.model import beats_reference


def run(*arguments: str | Path, store: Path | None = None, answer: str | None = None) -> Result:
    options = [] if store is None else ["--store", str(store)]
    return CliRunner().invoke(app, [*(str(argument) for argument in arguments), *options], input=answer)


def document(result: Result) -> dict[str, Any]:
    """What was printed on standard output must be one JSON document and nothing else."""
    return json.loads(result.stdout)


def refusal(result: Result) -> str:
    """Bad input exits 1 with one line on standard error, and nothing on standard output."""
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    return line


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    for number in range(4):
        write_tone(folder / f"{number}.wav", seconds=2 + 3 * number, hz=150 * 3**number)
    (folder / "broken.wav").write_text("no sound")
    (folder / "notes.txt").write_text("skipped")
    return folder


@pytest.fixture(scope="module")
def store(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("home") / "store"
    result = run("index", sounds, "--library", "tones", "--json", store=directory)
    assert result.exit_code == 0, result.stderr
    summary = document(result)
    assert [Path(item["path"]).name for item in summary["indexed"]] == ["0.wav", "1.wav", "2.wav", "3.wav"]
    assert summary["failed"][0]["code"] == "not_audio"
    assert "suffix" in summary["skipped"][0]["reason"]
    assert "committed 5 of 5" in result.stderr
    return directory


def test_searching_by_text_gives_the_documented_json(store: Path) -> None:
    result = run("search", "ein tiefes Brummen, 低い音", "-k", "2", "--json", store=store)
    found = document(result)
    assert found["query"]["text"] == "ein tiefes Brummen, 低い音"
    assert "低い音" in result.stdout
    assert found["model"] == "sonoglot-compact"
    assert [hit["rank"] for hit in found["hits"]] == [1, 2]
    for hit in found["hits"]:
        assert set(hit) == {"rank", "clip_id", "path", "library", "score", "start_s", "end_s", "duration_s"}
        assert 0 <= hit["start_s"] < hit["end_s"] <= hit["duration_s"]
        assert Path(hit["path"]).is_file()
    assert found["hits"][0]["score"] >= found["hits"][1]["score"]


def test_a_question_may_have_several_parts_and_what_is_not_wanted(sounds: Path, store: Path) -> None:
    def scores(*options: str | Path) -> dict[str, float]:
        hits = document(run("search", *options, "--json", store=store))["hits"]
        return {Path(hit["path"]).name: hit["score"] for hit in hits}

    sound = ["--audio", sounds / "2.wav"]
    alone, both = scores(*sound), scores("a dog barking", *sound)
    assert next(iter(both)) == "2.wav"
    assert both["2.wav"] < alone["2.wav"]
    text, without = scores("a low hum"), scores("a low hum", "--without", "a dog barking")
    assert text.keys() == without.keys()
    assert text != without
    answer = document(run("search", "hum", "--without", "dog", "--json", store=store))
    assert answer["query"] == {"text": "hum", "without": ["dog"], "k": 10}


def test_searching_can_be_narrowed_and_shows_what_clips_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("a.wav", 1), ("sub/b.wav", 2), ("sub/c.wav", 3)):
        write_tone(tmp_path / "sounds" / name, seconds=seconds, hz=200 * seconds)
    table = "file,title,licence,category,tags\na.wav,[red] A,CC0,X,one;two\nsub/b.wav,B,CC0,,one\n"
    (tmp_path / "sounds" / "metadata.csv").write_text(table + "no name for this,2,3,4,5,6\n")
    store = tmp_path / "store"
    indexed = document(run("index", tmp_path / "sounds", "--library", "x", "--json", store=store))
    [note] = indexed["skipped"]
    assert (note["code"], "line 4: 6 values in 5 columns" in note["reason"]) == ("bad_table_lines", True)

    def found(*options: str) -> list[str]:
        hits = document(run("search", "a tone", *options, "--json", store=store))["hits"]
        return sorted(Path(hit["path"]).name for hit in hits)

    monkeypatch.chdir(tmp_path / "sounds")
    assert found("--folder", "sub") == ["b.wav", "c.wav"]
    assert found("--tag", "ONE") == ["a.wav", "b.wav"]
    assert found("--tag", "one", "--tag", "two") == ["a.wav"]
    assert found("--licence", "cc0", "--min-duration", "1.5") == ["b.wav"]
    assert found("--category", "x", "--max-duration", "1") == ["a.wav"]

    answer = document(run("search", "a tone", "--folder", ".", "--category", "X", "--json", store=store))
    assert answer["query"] == {"text": "a tone", "folder": str(Path.cwd()), "category": "X", "k": 10}
    [hit] = answer["hits"]
    assert (hit["title"], hit["licence"], hit["tags"]) == ("[red] A", "CC0", ["one", "two"])
    shown = run("search", "a tone", "--category", "X", store=store).stdout
    assert "[red] A" in shown
    assert "one, two" in shown.replace("\n", " ")
    assert "No clips" in run("search", "a tone", "--tag", "three", store=store).stderr
    assert "not 2" not in refusal(
        run("search", "a", "--min-duration", "3", "--max-duration", "2", store=store)
    )

    [library] = document(run("status", "--json", store=store))["libraries"]
    assert library["tags"] == [{"value": "one", "clips": 2}, {"value": "two", "clips": 1}]
    assert library["licences"] == [{"value": "CC0", "clips": 2}]
    assert "tags: one (2), two (1)" in run("status", store=store).stdout


def test_searching_with_a_sound_finds_that_sound(store: Path, sounds: Path) -> None:
    found = document(run("search", "--audio", sounds / "2.wav", "--library", "tones", "--json", store=store))
    assert Path(found["hits"][0]["path"]).name == "2.wav"
    assert found["query"] == {"audio": str(sounds / "2.wav"), "library": "tones", "k": 10}


def test_searching_with_a_picture_answers_in_a_table(store: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    Image.new("RGB", (64, 64), "green").save(picture)
    result = run("search", "--image", picture, store=store)
    assert result.exit_code == 0
    assert "score" in result.stdout
    assert all(f"{number}.wav" in result.stdout for number in range(4))


def test_indexing_again_changes_nothing_and_says_so(store: Path, sounds: Path) -> None:
    summary = document(run("index", sounds, "--library", "tones", "--json", store=store))
    assert (len(summary["indexed"]), len(summary["unchanged"]), summary["searchable"]) == (0, 4, 4)
    table = run("index", sounds, "--library", "tones", store=store)
    assert table.exit_code == 0
    assert "broken.wav" in table.stdout
    assert "4 clips can be searched" in table.stdout


def test_indexing_nothing_usable_fails_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "broken.mp3").write_text("no sound")
    result = run(
        "index", tmp_path / "broken.mp3", tmp_path / "none", "--library", "x", store=tmp_path / "store"
    )
    assert result.exit_code == 1
    assert "Nothing usable" in result.stderr
    assert f"'{tmp_path}/none' does not exist." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give TEXT"),
        (["--without", "dog"], "Give TEXT"),
        (["dog", "--without", ""], "empty"),
        ([""], "empty"),
        (["   "], "empty"),
        (["x" * 20_000], f"{MAX_QUERY_CHARS:,}"),
        (["dog", "--library", "none"], "'tones'"),
        (["--image", "missing.png"], "does not exist"),
        (["--audio", "missing.wav"], "does not exist"),
        (["dog", "--model", "missing"], "missing"),
    ],
)
def test_bad_queries_are_refused_in_one_line(store: Path, arguments: list[str], said: str) -> None:
    for options in ([], ["--json"]):
        assert said in refusal(run("search", *arguments, *options, store=store))


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    for command in (["search", "dog"], ["libraries"], ["remove", "--library", "x", "--yes"]):
        assert str(tmp_path / "none") in refusal(run(*command, store=tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_a_store_of_another_model_is_refused(tmp_path: Path, sounds: Path) -> None:
    from tests.indexer.test_store import AXES, clip, content

    other = EmbeddingSpace(name="another-model", fingerprint="0" * 64, dim=4)
    with open_store_for_writing(tmp_path, space=other) as opened:
        opened.catalog.put([(clip("a"), content(AXES[0]))])
    assert "another-model" in refusal(run("search", "dog", store=tmp_path))
    assert "another-model" in refusal(run("index", sounds, "--library", "x", store=tmp_path))


def test_libraries_and_models_are_listed(store: Path) -> None:
    (library,) = document(run("libraries", "--json", store=store))["libraries"]
    assert (library["name"], library["clips"], library["failed"]) == ("tones", 4, 1)
    assert "tones" in run("libraries", store=store).stdout
    listed = document(run("models", "--json"))
    (model,) = listed["models"]
    assert (model["name"], model["default"]) == ("sonoglot-compact", True)
    assert "CC BY-NC" in {a["model_name"]: a["licence"] for a in listed["anchors"]}["nllb-clip-large-siglip"]
    assert "sonoglot-compact" in run("models").stdout
    assert "nllb-clip" in run("models").stdout
    encoders = {encoder["name"]: encoder for encoder in listed["encoders"]}
    assert encoders["audio-mae"]["licence"].startswith("CC BY-NC")
    assert (encoders["beats"]["window_s"], encoders["ear"]["window_s"]) == (10.0, 5.0)
    assert "eat-small" in run("models").stdout


def test_a_published_beats_is_converted_once(tmp_path: Path) -> None:
    converted = tmp_path / "beats.safetensors"
    done = run("convert-beats", beats_reference.REFERENCE, "--out", converted)
    assert done.exit_code == 0, done.stderr
    theirs, ours = load_beats(beats_reference.REFERENCE).state_dict(), load_beats(converted).state_dict()
    assert all(theirs[key].equal(tensor) for key, tensor in ours.items())
    missing = tmp_path / "missing.pt"
    assert "is not a BEATs checkpoint" in refusal(run("convert-beats", missing, "--out", converted))
    unknown = run("convert-beats", beats_reference.REFERENCE, "--out", tmp_path / "beats.pt")
    assert "does not end in .safetensors" in refusal(unknown)
    nowhere = tmp_path / "nowhere" / "beats.safetensors"
    assert "cannot be written" in refusal(run("convert-beats", beats_reference.REFERENCE, "--out", nowhere))


def test_where_to_embed_is_chosen_and_has_to_be_there(sounds: Path, store: Path, tmp_path: Path) -> None:
    on_cpu = run("index", sounds, "--library", "tones", "--device", "cpu", "--json", store=store)
    assert [len(document(on_cpu)[state]) for state in ("indexed", "unchanged")] == [0, 4]
    if torch.cuda.is_available():
        pytest.skip("a GPU is there")
    refused = run("index", sounds, "--library", "x", "--device", "cuda", store=tmp_path / "new")
    assert "no CUDA device" in refusal(refused)
    assert not (tmp_path / "new").exists()


def test_the_store_can_be_named_in_the_environment(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONOGLOT_STORE", str(store))
    assert document(run("libraries", "--json"))["libraries"][0]["name"] == "tones"


def test_names_that_are_no_text_go_through_json(tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    write_tone(folder / "plain.wav", seconds=1)
    os.rename(folder / "plain.wav", os.fsencode(folder) + b"/caf\xe9\n[red].wav")
    assert run("index", folder, "--library", "x", store=tmp_path / "store").exit_code == 0
    (hit,) = document(run("search", "dog", "--json", store=tmp_path / "store"))["hits"]
    assert os.fsencode(hit["path"]).endswith(b"/caf\xe9\n[red].wav")
    assert Path(hit["path"]).is_file()
    table = run("search", "dog", store=tmp_path / "store")
    assert table.exit_code == 0
    assert "[red]" in table.stdout.replace("\n", "").replace(" ", "").replace("│", "")


def test_removing_asks_first_and_leaves_the_files(tmp_path: Path) -> None:
    kept, gone = (write_tone(tmp_path / "sounds" / name, seconds=1, hz=500) for name in ("a.wav", "b.wav"))
    store = tmp_path / "store"
    run("index", tmp_path / "sounds", "--library", "x", store=store)
    gone.unlink()
    assert "file is gone" in run("index", tmp_path / "sounds", "--library", "x", store=store).stdout
    assert document(run("remove", "--library", "x", "--missing", "--json", store=store))["removed_clips"] == 1
    assert "'x'" in refusal(run("remove", "--library", "y", "--yes", store=store))

    refused = run("remove", "--library", "x", store=store, answer="n\n")
    assert refused.exit_code == 1
    assert len(document(run("search", "dog", "--json", store=store))["hits"]) == 1
    assert run("remove", "--library", "x", store=store, answer="y\n").exit_code == 0
    assert document(run("search", "dog", "--json", store=store))["hits"] == []
    assert kept.is_file()


def test_removing_a_library_deletes_what_was_uploaded_to_it_and_nothing_else(tmp_path: Path) -> None:
    store, own = tmp_path / "store", write_tone(tmp_path / "sounds" / "own.wav", seconds=1, hz=500)
    for library, names in (("x", ("a.wav", "b.wav")), ("y", ("c.wav",))):
        storage = UploadStorage(store, library)
        for number, name in enumerate(names):
            path = storage.new_path(".wav")
            storage.take(write_tone(path, seconds=1, hz=300 + 90 * number), name=name)
        uploads = storage.keep().parent
        assert run("index", uploads, own, "--library", library, store=store).exit_code == 0
    unfinished = UploadStorage(store, "x").new_path(".part")
    unfinished.touch()
    asked = run("remove", "--library", "x", store=store, answer="n\n")
    assert "3 clips, and delete the 2 files" in asked.stderr
    assert len(document(run("search", "dog", "--json", store=store))["hits"]) == 5
    removed = run("remove", "--library", "x", "--yes", store=store)
    assert "Deleted the 2 files" in removed.stdout
    hits = document(run("search", "dog", "--json", store=store))["hits"]
    assert [hit["library"] for hit in hits] == ["y", "y"]
    assert all(Path(hit["path"]).is_file() for hit in hits)
    assert list(uploads.parent.iterdir()) == [uploads]
    assert own.is_file()
    again = document(run("remove", "--library", "y", "--yes", "--json", store=store))
    assert (again["removed_clips"], again["deleted_uploads"]) == (2, 1)


def test_revoking_the_last_key_says_that_one_is_still_needed(tmp_path: Path) -> None:
    first, second = (
        document(run("keys", "create", "--scope", "search", "--json", store=tmp_path)) for _ in range(2)
    )
    assert "needing a key" not in run("keys", "revoke", first["key_id"], store=tmp_path).stdout
    assert "needing a key" in run("keys", "revoke", second["key_id"], store=tmp_path).stdout
    assert "no key" in refusal(run("keys", "revoke", second["key_id"], store=tmp_path))
