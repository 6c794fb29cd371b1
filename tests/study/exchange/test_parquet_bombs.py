"""Parquet files of some kilobytes that unpack to gigabytes: refused before they are read, in bounded memory."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from core.study.exchange import tables

READ = """
import sys
from pathlib import Path
from core.errors import StudyError
from core.study.exchange import tables
from tests import memory
before = memory.peak_mb()
try:
    tables.read(Path(sys.argv[1]))
except StudyError as error:
    print(error)
print(int(memory.peak_mb() - before))
"""


def repeated(n: int, text: str) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), pa.array([text]))


def plain(size: int) -> pa.Array:
    return pa.array(["x" * 1000] * (size // 1000))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "most_mb"),
    [(lambda: repeated(2_000_000, "x" * 10_000), 100), (lambda: plain(600 << 20), 100)],
    ids=["a text of 10 kB, two million times", "600 MB of texts in pages that compress"],
)
def test_a_small_file_of_gigabytes_is_refused_in_little_memory(tmp_path: Path, make: object, most_mb: int) -> None:
    assert callable(make)
    path = tmp_path / "bomb.parquet"
    use = isinstance(make(), pa.DictionaryArray)
    parquet.write_table(pa.table({"text": make()}), path, compression="zstd", use_dictionary=use)
    assert path.stat().st_size < 1 << 20

    done = subprocess.run(
        [sys.executable, "-c", READ, path], capture_output=True, text=True, check=True,
        preexec_fn=limit_memory, cwd=Path(__file__).parents[3],
    )  # fmt: skip

    sentence, grown = done.stdout.splitlines()
    assert "at most 512 MB are read. Split it into several files" in sentence
    assert int(grown) < most_mb


def limit_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))


def test_a_usual_file_is_read_as_before(tmp_path: Path) -> None:
    path = tmp_path / "usual.parquet"
    texts = [None, "a", "b" * 300, "語"]
    table = pa.table({"text": texts, "n": [1, None, 3, 4], "list": [["a"], None, [], ["b", "c"]]})
    parquet.write_table(table, path)

    found = tables.read(path).frame

    assert found["text"].tolist() == ["", "a", "b" * 300, "語"]
    assert found["n"].tolist() == ["1", "", "3", "4"]
    assert found["list"].tolist() == ['["a"]', "", "[]", '["b", "c"]']
