"""Encoders are found, and runs planned and read, without loading torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from core import encoders
from core.errors import StudyError


def test_minilm_is_a_folder_with_weights() -> None:
    folder = Path(encoders.resolve("minilm"))

    assert (folder / "model.safetensors").is_file()
    assert (folder / "tokenizer.json").is_file()


def test_other_names_and_paths_are_passed_on(tmp_path: Path) -> None:
    assert encoders.resolve("roberta-base") == "roberta-base"
    assert encoders.resolve(str(tmp_path)) == str(tmp_path)


def test_only_what_is_on_this_machine_is_offline(tmp_path: Path) -> None:
    assert encoders.offline("minilm")
    assert encoders.offline(str(tmp_path))
    assert not encoders.offline("roberta-base")


def test_a_missing_package_says_how_to_get_it() -> None:
    with pytest.raises(StudyError, match="make run"):
        encoders.packaged("no_such_encoder_package")


def test_planning_reading_and_scoring_load_neither_torch_nor_transformers() -> None:
    program = (
        "import sys\n"
        "from core import encoders\n"
        "from core.training import plan, runs, score\n"
        "encoders.resolve('minilm')\n"
        "sys.exit(str({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules) or ''))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)

    assert done.stderr.strip() == ""
