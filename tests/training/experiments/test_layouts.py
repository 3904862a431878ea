"""ESC-50 and UrbanSound8K as their makers publish them, and what is said of folders that are not."""

from pathlib import Path

import pytest

from training.errors import DataError, ManifestError
from training.experiments.layouts import ESC50, URBANSOUND8K, read_folds

ESC50_TABLE = """filename,fold,target,category,esc10,src_file,take
1-9-A-0.wav,2,0,dog,True,9,A
1-7-A-1.wav,1,1,rooster,False,7,A
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("table", ["meta/esc50.csv", "esc50.csv"])
def test_esc50(tmp_path: Path, table: str) -> None:
    write(tmp_path / table, ESC50_TABLE)
    folds = read_folds(tmp_path, ESC50)
    assert list(folds) == [1, 2]
    (dog,) = folds[2]
    assert (dog.audio, dog.label) == ((tmp_path / "audio" / "1-9-A-0.wav").resolve(), "dog")
    assert list(read_folds(tmp_path, ESC50, only=[2])) == [2]


def test_urbansound8k_has_a_folder_a_fold(tmp_path: Path) -> None:
    header = "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
    write(tmp_path / "metadata/UrbanSound8K.csv", f"{header}7-0-0-0.wav,7,0,4,1,10,0,air_conditioner\n")
    ((entry,),) = read_folds(tmp_path, URBANSOUND8K).values()
    assert entry.audio == (tmp_path / "audio" / "fold10" / "7-0-0-0.wav").resolve()
    assert entry.label == "air_conditioner"


def test_a_folder_without_the_table_is_told_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"meta/esc50\.csv or .*esc50\.csv is missing.*ESC-50"):
        read_folds(tmp_path, ESC50)


def test_a_table_without_the_columns_is_named_with_the_line(tmp_path: Path) -> None:
    write(tmp_path / "esc50.csv", "filename,fold\na.wav,1\n")
    with pytest.raises(ManifestError, match=r"line 2: the columns filename, fold, category are needed"):
        read_folds(tmp_path, ESC50)


def test_a_fold_that_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path / "esc50.csv", ESC50_TABLE)
    with pytest.raises(DataError, match="no fold 4; it has 1, 2"):
        read_folds(tmp_path, ESC50, only=[1, 4])


def test_a_table_without_rows_is_said(tmp_path: Path) -> None:
    write(tmp_path / "esc50.csv", "filename,fold,target,category\n")
    with pytest.raises(DataError, match=r"esc50\.csv names no clip"):
        read_folds(tmp_path, ESC50)
