"""Guards on packaging: names nobody else may bring, exclusive extras, version ranges, data files.

The application's packages stand at top level (docs/decisions/0001), so a dependency with a package of the
same name would silently shadow one of ours.
"""

import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PathDistribution, distributions, version
from itertools import chain
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
OUR_PACKAGES = {"model", "training", "indexer", "service", "sonoglot"}
NOT_CODE = ("..", ".dist-info", ".egg-info", ".data", ".libs")
CODE = {".py", ".so", ".pyd"}


def top_level_names(distribution: Distribution) -> set[str]:
    """Return the import names a distribution brings, declared (top_level.txt) or installed (its files)."""
    declared = (distribution.read_text("top_level.txt") or "").split()
    paths = [PurePosixPath(str(file)) for file in distribution.files or [] if file.suffix in CODE]
    installed = {path.parts[0].partition(".")[0] for path in paths if not path.parts[0].endswith(NOT_CODE)}
    return {name.partition("/")[0] for name in declared} | installed


def clashes(installed: Iterable[Distribution]) -> list[str]:
    """Name each distribution other than ours that brings a package with one of our names."""
    return [
        f"{distribution.name} {distribution.version} brings {sorted(shared)}"
        for distribution in installed
        if distribution.name != "sonoglot" and (shared := top_level_names(distribution) & OUR_PACKAGES)
    ]


def fake_distribution(site: Path, *, name: str, files: dict[str, str]) -> Distribution:
    """Lay out an installed distribution on disk, the way pip leaves it, and open it."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in files))
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    return PathDistribution(info)


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_no_installed_distribution_brings_a_package_with_one_of_our_names() -> None:
    installed = list(distributions())
    assert {"torch", "numpy"} <= {distribution.name for distribution in installed}, "nothing was looked at"
    assert clashes(installed) == []


@pytest.mark.parametrize(
    "files",
    [
        {"model/__init__.py": ""},
        {"service.py": ""},
        {"indexer/deep/module.py": ""},
        {"training.cpython-311-x86_64-linux-gnu.so": ""},
        {"intruder-1.0.dist-info/top_level.txt": "harmless\nsonoglot\n"},
    ],
)
def test_the_guard_sees_a_clash_however_it_is_installed(tmp_path: Path, files: dict[str, str]) -> None:
    assert len(clashes([fake_distribution(tmp_path, name="intruder", files=files)])) == 1


def test_the_guard_leaves_harmless_distributions_alone(tmp_path: Path) -> None:
    files = {"models/__init__.py": "", "other/model.py": "", "../../bin/service": "", "model.data/x.py": ""}
    assert clashes([fake_distribution(tmp_path, name="intruder", files=files)]) == []


def test_cpu_and_gpu_extras_each_bring_one_faiss_and_nothing_else() -> None:
    extras = project()["optional-dependencies"]
    assert [Requirement(text).name for text in extras["cpu"]] == ["faiss-cpu"]
    assert [Requirement(text).name for text in extras["gpu"]] == ["faiss-gpu"]
    everywhere = project()["dependencies"] + extras["dev"]
    assert not [text for text in everywhere if "faiss" in text], "faiss outside its extra defeats the choice"


def test_exactly_one_faiss_is_installed() -> None:
    assert len([d for d in distributions() if d.name.lower().startswith("faiss")]) == 1


def test_every_dependency_has_a_range_and_the_installed_version_is_inside_it() -> None:
    extras = project()["optional-dependencies"]
    optional = {"faiss-cpu", "faiss-gpu"}
    for text in chain(project()["dependencies"], *extras.values()):
        requirement = Requirement(text)
        operators = {specifier.operator for specifier in requirement.specifier}
        assert operators == {">=", "<"}, f"{text}: give a lower and an upper bound"
        if requirement.name not in optional:
            installed = version(requirement.name)
            assert requirement.specifier.contains(installed), f"{text}, but {installed} is installed"


def test_what_serving_needs_has_the_projects_own_ranges() -> None:
    lines = (ROOT / "docker" / "requirements-serve.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    extras = project()["optional-dependencies"]
    assert set(wanted) <= {*project()["dependencies"], *extras["cpu"], *extras["onnx"], *extras["postgres"]}
    assert wanted == sorted(wanted)
    assert not [line for line in wanted if line.startswith("torch")]


def test_files_that_are_not_python_travel_in_the_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    for package, patterns in settings["package-data"].items():
        for pattern in patterns:
            assert list((ROOT / package).glob(pattern)), f"package data {package}/{pattern} matches no file"
