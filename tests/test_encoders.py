"""Finding encoders by name, in packages and in folders."""

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
