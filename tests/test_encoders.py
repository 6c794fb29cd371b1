"""Finding encoders by name, in packages and in folders."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import RobertaConfig, RobertaForSequenceClassification

from core import encoders
from core.errors import StudyError
from core.training.fitting import encoder
from tests import tiny_encoder


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


def test_a_path_is_relative_to_the_folder_that_is_given_and_names_stay_names(tmp_path: Path) -> None:
    for folder in ("enc", "roberta-base", "results"):
        (tmp_path / folder).mkdir()
    for folder in ("enc", "roberta-base"):
        (tmp_path / folder / "config.json").write_text("{}")

    found = {
        name: encoders.absolute(name, tmp_path)
        for name in ("./enc", "enc", "../x", "~/x", "/x", "roberta-base", "results", "org/name", "minilm")
    }

    assert found == {
        "./enc": f"{tmp_path}/enc",
        "enc": f"{tmp_path}/enc",
        "../x": f"{tmp_path.parent}/x",
        "~/x": f"{Path.home()}/x",
        "/x": "/x",
        "roberta-base": f"{tmp_path}/roberta-base",
        "results": "results",
        "org/name": "org/name",
        "minilm": "minilm",
    }


def test_weights_of_a_folder_are_known_by_their_content_and_read_once(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for name in ("config.json", "model.safetensors", "README.md"):
            (tmp_path / folder / name).write_text(f"{name} of both")
    weights = tmp_path / "one" / "model.safetensors"
    at = weights.stat().st_mtime_ns

    first = encoders.weights_digest(str(tmp_path / "one"))
    (tmp_path / "two" / "README.md").write_text("of two alone")
    again = [encoders.weights_digest(str(tmp_path / folder)) for folder in ("one", "two")]
    weights.write_text(weights.read_text().upper())
    os.utime(weights, ns=(at, at))
    unread = encoders.weights_digest(str(tmp_path / "one"))
    weights.write_text("other weights")

    assert [first, first] == again and unread == first  # of the same size and time: not read again
    assert encoders.weights_digest(str(tmp_path / "one")) != first
    assert [encoders.weights_digest(name) for name in ("minilm", "roberta-base", str(tmp_path / "gone"))] == [""] * 3


def test_a_missing_package_says_how_to_get_it() -> None:
    with pytest.raises(StudyError, match="make run"):
        encoders.packaged("no_such_encoder_package")


def test_an_encoder_that_counts_positions_from_its_padding_reads_fewer_tokens_than_it_has_positions(
    tmp_path: Path,
) -> None:
    folder = tiny_encoder.build(tmp_path / "tiny")
    config = RobertaConfig(
        vocab_size=60, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=20, pad_token_id=0,
    )  # fmt: skip
    RobertaForSequenceClassification(config).save_pretrained(folder)

    most = encoders.most_tokens(config)
    in_file = SimpleNamespace(**json.loads((folder / "config.json").read_text(encoding="utf-8")))
    model, _ = encoder.load(str(folder), classes=2, max_length=19, device=torch.device("cpu"))

    assert most == encoders.most_tokens(in_file) == 19
    assert encoders.most_tokens(SimpleNamespace(model_type="bert", max_position_embeddings=20)) == 20
    assert model(torch.full((1, 19), 7)).logits.shape == (1, 2)
    with pytest.raises((IndexError, RuntimeError), match="out of"):
        model(torch.full((1, 20), 7))
    with pytest.raises(StudyError, match="reads at most 19 tokens"):
        encoder.load(str(folder), classes=2, max_length=20, device=torch.device("cpu"))
