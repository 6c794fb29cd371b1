"""The command `diversity`: its numbers, groups at equal size, vectors from a file, and its errors."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.quality import diversity
from tests.command_line import CommandLine

KEYS = {
    "remote_clique", "chamfer_distance", "distinct_1", "distinct_2", "self_bleu", "duplicates", "near_duplicates", "n",
    "nearest_real", "copies",
}  # fmt: skip
MANY = 200  # real texts of each group


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    rows = [f"the {'happy' if k % 2 else 'weary'} {word} {k} came home,{'ab'[k % 2]}" for k, word in enumerate(WORDS)]
    path = tmp_path / "texts.csv"
    path.write_text(
        "\n".join(["text,kind", *rows, rows[0], rows[1].replace("came", "comes"), ' ,"a"']), encoding="utf-8"
    )
    return path


ENDS = "dek vio wunt zaf hurm lisk novo pryt quen rabs telm yord".split()
WORDS = [f"{start}{end}" for start in ("gar", "lan", "mor", "pel", "sut") for end in ENDS]


def vectors(folder: Path, n: int) -> Path:
    path = folder / "vectors.npy"
    np.save(path, np.random.default_rng(0).normal(size=(n, 5)))
    return path


def test_given_vectors_need_no_encoder_and_no_store_and_rows_without_a_text_are_left_out(
    texts: Path, tmp_path: Path
) -> None:
    given, call = vectors(tmp_path, 63), CommandLine(tmp_path / "home")

    code, stdout, stderr = call("diversity", texts, "--embeddings", given, "--distance", "angular", "--json")

    assert code == 0, stderr
    found = json.loads(stdout)
    assert set(found) >= KEYS
    assert found["n"] == 62
    expected = diversity.measure(np.load(given)[:62], distance="angular")
    assert found["remote_clique"] == pytest.approx(expected.remote_clique.value, abs=1e-6)
    assert found["chamfer_distance"] == pytest.approx(expected.chamfer_distance.value, abs=1e-6)
    assert found["remote_clique_low"] < found["remote_clique"] < found["remote_clique_high"]
    assert (found["duplicates"], found["near_duplicates"]) == (1, 1)
    assert found["nearest_real"] is None
    assert found["copies"] is None
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_beside_real_texts_groups_are_compared_on_equally_many(call: CommandLine, texts: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.csv"
    told = [f"A real tale of {word} number {k}" for k, word in enumerate(WORDS[:25])]
    real.write_text("\n".join(["sentence", *told, "The WEARY gardek 0 came home!"]), encoding="utf-8")

    code, stdout, stderr = call("diversity", texts, "--reference", real, "--by", "kind", "--label", "kind", "--json")
    _, table, _ = call("diversity", texts, "--reference", real, "--by", "kind")

    assert code == 0, stderr
    found = json.loads(stdout)
    assert [(row["name"], row["n"], row["available"]) for row in found["compared"]] == [
        ("a", 26, 31), ("b", 26, 31), ("reference", 26, 26),
    ]  # fmt: skip
    assert found["copies"] == 2
    assert 0 < found["nearest_real"] < 1
    assert found["reference"]["n"] == 26
    assert set(found["labels"]) == {"a", "b"}
    assert "On 26 texts each (cosine)" in table


def test_rows_are_chosen_by_where_and_small_groups_left_out_of_the_comparison(
    call: CommandLine, texts: Path, tmp_path: Path
) -> None:
    given = vectors(tmp_path, 63)

    code, stdout, _ = call("diversity", texts, "--embeddings", given, "--where", "kind=b", "--by", "text", "--json")

    found = json.loads(stdout)
    assert code == 0
    assert found["n"] == 31
    assert found["compared"] == []
    assert len(found["left_out"]) == 31


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--embeddings", "5"], "vectors.npy has 5 rows, but texts.csv has 63. Give one vector for each row."),
        (["--embeddings", "nothing.npy"], "There is no file nothing.npy."),
        (["--embeddings", "README.md"], "README.md cannot be read as a .npy array"),
        (["--where", "kind"], "--where takes COLUMN=VALUE; it is 'kind'."),
        (["--where", "kind=z"], "texts.csv has no text in column 'text' where kind=z."),
        (["--where", "sort=z"], "texts.csv has no column 'sort'."),
        (["--by", "sort"], "texts.csv has no column 'sort'."),
        (["--text", "body"], "texts.csv has no column 'body'."),
        (["--reference", "nothing.csv"], "There is no file nothing.csv."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    call: CommandLine, texts: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    given = [str(vectors(tmp_path, 5)) if part == "5" else part for part in arguments]
    if "--embeddings" not in given:
        given += ["--embeddings", str(vectors(tmp_path, 63))]

    code, stdout, stderr = call("diversity", texts, *given)

    assert code == 1
    assert sentence in " ".join(stderr.split())
    assert "Traceback" not in stderr + stdout


@pytest.mark.slow
def test_real_tweets_are_more_diverse_than_one_shot_and_those_than_zero_shot(real_data: Path, tmp_path: Path) -> None:
    call = CommandLine(tmp_path / "home")
    made, real = (
        first_texts(real_data / f"tweet_sarcasm{kind}.csv", tmp_path, by)
        for kind, by in ((".synthetic", "source"), ("", None))
    )

    for distance in ("cosine", "angular"):  # in one home: the second finds the vectors of the first
        code, stdout, stderr = call.apart(
            "diversity", made, "--reference", real, "--by", "source", "--distance", distance, "--json"
        )

        assert code == 0, stderr
        rows = {row["name"].split("/")[-1]: row for row in json.loads(stdout)["compared"]}
        assert {row["n"] for row in rows.values()} == {MANY}
        order = [rows["reference"], rows["grounded_norewrite"], rows["simple"]]
        assert order[0]["remote_clique_low"] > order[1]["remote_clique_high"]
        assert order[1]["remote_clique_low"] > order[2]["remote_clique_high"]
        assert order[0]["chamfer_distance_low"] > order[1]["chamfer_distance_high"]
        assert order[1]["chamfer_distance_low"] > order[2]["chamfer_distance_high"]
        assert order[1]["nearest_real"] > order[2]["nearest_real"]


def first_texts(table: Path, folder: Path, by: str | None) -> Path:
    """The first `MANY` rows of a table, or of each of its groups."""
    rows = pd.read_csv(table)
    path = folder / table.name
    (rows.groupby(by).head(MANY) if by else rows.head(MANY)).to_csv(path, index=False)
    return path


def test_a_language_that_the_encoder_does_not_know_is_said(call: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "thai.csv"
    path.write_text("text\n" + "\n".join(f"อาหารรสชาติธรรมดาและพนักงานไม่เป็นมิตร {n}" for n in range(3)), encoding="utf-8")

    code, stdout, stderr = call("diversity", path, "--json")

    assert code == 0, stderr
    said = json.loads(stdout)["language"]
    assert said.startswith("The encoder minilm does not know the language of thai.csv: it lacks")
    assert said.endswith("Give another encoder (--encoder) or vectors (--embeddings).")
