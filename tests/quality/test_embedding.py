"""Embeddings equal those of the encoder's own library, are computed once, and are read without torch."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.errors import StudyError
from core.quality import embedding, embedding_store

TEXTS = [
    "Oh great, another Monday.",
    "I love the sound of rain",
    "",
    "I love the sound of rain on a tin roof while the kettle sings and nobody needs anything from me until noon",
    "word " * 300,
    "今天天气真好",
]


def run(program: str, *arguments: object) -> str:
    """The output of a Python program that runs in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


@pytest.mark.slow
def test_vectors_are_those_of_the_encoder_s_own_library(tmp_path: Path) -> None:
    program = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from sentence_transformers import SentenceTransformer\n"
        "from core import encoders\n"
        "from core.quality import embedding\n"
        f"texts = {TEXTS!r}\n"
        "theirs = SentenceTransformer(encoders.resolve('minilm'), device='cpu')\n"
        "theirs.max_seq_length = embedding.MAX_LENGTH\n"
        "seen = []\n"
        "ours = embedding.embed(texts, home=Path(sys.argv[2]), batch_size=2, report=lambda done, total, *_: seen.append((done, total)))\n"
        "np.savez(sys.argv[1], ours=ours, theirs=theirs.encode(texts, normalize_embeddings=True), seen=seen)\n"
    )

    run(program, tmp_path / "vectors.npz", tmp_path)

    found = np.load(tmp_path / "vectors.npz")
    assert found["ours"].shape == (6, 384)
    assert found["ours"].dtype == np.float32
    np.testing.assert_allclose(found["ours"], found["theirs"], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found["ours"], axis=1), 1, atol=1e-5)
    assert found["seen"].tolist() == [[2, 6], [4, 6], [6, 6]]


@pytest.mark.slow
def test_no_text_is_embedded_twice(tmp_path: Path) -> None:
    totals: list[int] = []

    def tell(done: int, total: int, what: str, more: dict[str, float]) -> None:
        totals.append(total)

    first = embedding.embed(["a cat", "a dog", "a cat"], home=tmp_path, report=tell)
    second = embedding.embed(["a cow", "a dog", "A dog"], home=tmp_path, report=tell)
    third = embedding.embed(["A dog", "a cat"], home=tmp_path, report=tell)

    assert totals == [2, 2]
    assert np.array_equal(first[0], first[2]) and np.array_equal(first[1], second[1])
    assert np.array_equal(third, np.stack([second[2], first[0]]))
    np.testing.assert_allclose(first[:2], embedding.embed(["a cat", "a dog"], home=tmp_path / "other"), atol=1e-5)
    assert embedding.embed([], home=tmp_path).shape == (0, 384)
    vectors, held = embedding_store.read(["a cat", "never seen"], encoder="minilm", home=tmp_path)
    assert held.tolist() == [True, False]
    assert vectors.shape == (2, 384)
    assert np.isnan(vectors[1]).all()


def test_an_encoder_that_cannot_be_loaded_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")

    with pytest.raises(StudyError, match="cannot be loaded.*'minilm' needs no network"):
        embedding.embed(["a"], encoder=str(tmp_path), home=tmp_path / "home")


@pytest.mark.slow
def test_several_processes_keep_vectors_at_once(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from core.quality import embedding_store\n"
        "start = int(sys.argv[2])\n"
        "for k in range(start, start + 200, 10):\n"
        "    texts = [f'text {j}' for j in range(k, k + 20)]\n"
        "    vectors = np.array([[j, 2 * j] for j in range(k, k + 20)], dtype=np.float32)\n"
        "    embedding_store.write(texts, vectors, encoder='e', home=Path(sys.argv[1]))\n"
    )

    workers = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(100 * k)]) for k in range(4)]
    codes = [worker.wait(timeout=120) for worker in workers]

    texts = [f"text {j}" for j in range(510)]
    vectors, held = embedding_store.read(texts, encoder="e", home=tmp_path)
    assert codes == [0, 0, 0, 0]
    assert held.all()
    assert np.array_equal(vectors[:, 1], 2 * np.arange(510))


def test_an_empty_home_has_nothing_and_reading_leaves_it_so(tmp_path: Path) -> None:
    vectors, held = embedding_store.read(["a"], encoder="minilm", home=tmp_path)

    assert vectors.shape == (1, 0)
    assert not held.any()
    assert list(tmp_path.iterdir()) == []


def test_encoders_are_kept_apart_and_a_broken_file_is_named(tmp_path: Path) -> None:
    one, other = embedding_store.path("owner/name", tmp_path), embedding_store.path("owner_name", tmp_path)
    one.parent.mkdir()
    one.write_bytes(b"no database at all, but long enough to look like one" * 40)

    assert one != other
    with pytest.raises(StudyError, match=one.name):
        embedding_store.read(["a"], encoder="owner/name", home=tmp_path)


def test_other_weights_in_the_same_folder_are_another_encoder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    before = embedding_store.path(str(tmp_path), tmp_path)
    (tmp_path / "model.safetensors").write_text("weights")

    assert embedding_store.path(str(tmp_path), tmp_path) != before
