"""The command diversity: how varied a file of texts is, beside real texts and by group."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from core import files
from core import settings as settings_module
from core.commands import output
from core.errors import StudyError
from core.quality import diversity, lexical, nearest
from core.quality.beside_real import languages
from core.quality.diversity import Distance
from core.study.exchange import columns_in_files, tables
from core.study.splits import duplicates

FEWEST = 20  # texts: the comparison takes as many texts of each group as the smallest group has
TEXTS, REFERENCE = "texts", "reference"
OWN_SPACE = "The reference is left out of the comparison: the vectors of --embeddings are not its encoder's."
INTERVALS = tuple(f"{score}{end}" for score in diversity.SCORES for end in ("", "_low", "_high"))
ALIKE = ("distinct_1", "distinct_2", "self_bleu", "nearest_real", "copies", "duplicates", "near_duplicates")

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Collection:
    """n texts with their vectors (n, d) for diversity, and the vectors of an encoder for comparing with real texts."""

    texts: list[str]
    vectors: Vectors
    encoded: Vectors

    def subset(self, places: NDArray[np.intp]) -> "Collection":
        """Return the texts at some places."""
        encoded = self.encoded[places] if len(self.encoded) else self.encoded
        return Collection([self.texts[place] for place in places], self.vectors[places], encoded)


def register(app: typer.Typer) -> None:
    """Add the command diversity to the program."""
    app.command("diversity")(measure_diversity)


def measure_diversity(
    file: Annotated[Path, typer.Argument(metavar="TEXTS", help="CSV, TSV, JSONL or Parquet with one text a row.")],
    reference: Annotated[Path | None, typer.Option(help="A file of real texts to compare with.")] = None,
    embeddings: Annotated[Path | None, typer.Option(help="A .npy with one vector for each row of TEXTS.")] = None,
    distance: Annotated[Distance, typer.Option(help="1 - cos, or arccos(cos) in radians.")] = Distance.COSINE,
    text: Annotated[str | None, typer.Option(help="Column of the texts.")] = None,
    label: Annotated[
        str | None, typer.Option(help="Column of the labels: diversity inside each label as well.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="COLUMN=VALUE: only rows with this value; may be repeated.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Compare the groups of this column, on equally many texts.")] = None,
    encoder: Annotated[
        str, typer.Option(help="The encoder that embeds the texts; minilm needs no network.")
    ] = "minilm",
    as_json: output.Json = False,
) -> None:
    """Measure the diversity of texts: remote clique, Chamfer distance, distinct-n, self-BLEU, duplicates; copies of real texts."""
    with output.answering():
        rows, n_rows = _rows(file, text=text, where=where or [], by=by, label=label)
        vectors = _load_vectors(embeddings, file, n=n_rows)[rows.index] if embeddings else None
        reference_rows = _rows(reference, text=text, is_reference=True)[0] if reference else None
        texts = _collection(rows["text"].tolist(), encoder, vectors=vectors, needs_encoder=reference_rows is not None)
        real = _collection(reference_rows["text"].tolist(), encoder) if reference_rows is not None else None
        result: dict[str, Any] = {"distance": str(distance), "encoder": encoder if len(texts.encoded) else None}
        result |= _numbers(texts, distance) | {"nearest_real": np.nan, "copies": None}
        result["language"] = _unknown_language(texts, encoder, name=file.name)
        if real is not None:
            result |= _against(texts, real) | {REFERENCE: _numbers(real, distance)}
        if label:
            parts = _groups(rows, texts, "label")
            result["labels"] = {
                name: diversity.measure(part.vectors, distance=distance).flat() for name, part in parts.items()
            }
        result |= _compared(_groups(rows, texts, "group"), real, distance, own_space=vectors is not None)
    output.emit(result) if as_json else _show(result, file.name)


def _rows(
    path: Path,
    *,
    text: str | None,
    where: Sequence[str] = (),
    by: str | None = None,
    label: str | None = None,
    is_reference: bool = False,
) -> tuple[pd.DataFrame, int]:
    """Return the columns text, group and label of the wanted rows with a text, and the number of rows in the file.

    The index of the frame is the place of a row in the file. A reference without the column `text` is read from a column
    with a usual name.
    """
    table = tables.read(path)
    frame, names = table.frame, list(table.frame.columns)
    guessed = next((name for name in columns_in_files.TEXT_NAMES if name in names), "text")
    column = guessed if text is None or (is_reference and text not in names) else text
    pairs = [_condition(pair) for pair in where]
    wanted = [column, *(name for name, _ in pairs), *(name for name in (by, label) if name)]
    tables.need_columns(frame, wanted, file=table.file)
    for name, value in pairs:
        frame = frame[frame[name] == value]
    rows = pd.DataFrame(
        {
            "text": frame[column].str.strip(),
            "group": frame[by] if by else TEXTS,
            "label": frame[label] if label else "",
        }
    )
    rows = rows[rows["text"] != ""]
    if rows.empty:
        matching = f" where {' and '.join(where)}" if where else ""
        raise StudyError(f"{table.file} has no text in column {column!r}{matching}.")
    if REFERENCE in set(rows["group"]):
        raise StudyError(f"Column {by!r} holds {REFERENCE!r}, which the real texts are called here. Rename it there.")
    return rows, len(table.frame)


def _condition(written: str) -> tuple[str, str]:
    """Return column and value of COLUMN=VALUE. Raises `StudyError` for another form."""
    name, sign, value = written.partition("=")
    if not sign or not name:
        raise StudyError(f"--where takes COLUMN=VALUE; it is {written!r}.")
    return name, value


def _load_vectors(path: Path, file: Path, *, n: int) -> Vectors:
    """Return the vectors (n, d) of a .npy file for the `n` rows of `file`. Raises `StudyError` for another shape."""
    if not files.is_file(path):
        raise StudyError(f"There is no file {path}.")
    try:
        vectors = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise StudyError(f"{path.name} cannot be read as a .npy array of numbers: {error}.") from error
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        raise StudyError(f"{path.name} must hold one table of numbers, with a row for each row of {file.name}.")
    if len(vectors) != n:
        raise StudyError(f"{path.name} has {len(vectors)} rows, but {file.name} has {n}. Give one vector for each row.")
    return vectors


def _collection(
    texts: list[str], encoder: str, *, vectors: Vectors | None = None, needs_encoder: bool = True
) -> Collection:
    """Return texts with their vectors; `vectors` None takes the encoder's."""
    encoded = np.empty((0, 0), dtype=np.float32)
    if vectors is None or needs_encoder:
        encoded = _embedded(texts, encoder)
    return Collection(texts, encoded if vectors is None else vectors, encoded)


def _embedded(texts: list[str], encoder: str) -> Vectors:
    """Return the encoder's vectors (n, d) of texts, from the cache of the home where possible."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read once, by torch: four times quicker on a busy machine
    from core.quality import embedding  # torch takes seconds to import, and vectors in a file need no torch

    with output.progress("Embed texts") as report:
        return embedding.embed(texts, encoder=encoder, home=settings_module.load().home, report=report)


def _unknown_language(texts: Collection, encoder: str, *, name: str) -> str | None:
    """Return a sentence if the encoder made the vectors and does not know the language of the texts."""
    if not len(texts.encoded):
        return None
    from core.quality import embedding  # torch takes seconds to import, and vectors in a file need no torch

    read = languages.tokens(texts.texts, embedding.tokenizer(encoder))
    reason = languages.reason(
        encoder, [(name, read)], advice="Give another encoder (--encoder) or vectors (--embeddings)"
    )
    return None if read.is_known else reason[0].upper() + reason[1:]


def _groups(rows: pd.DataFrame, made: Collection, column: str) -> dict[str, Collection]:
    """Return the texts of each value of a column, by the value."""
    places = rows.reset_index(drop=True).groupby(column, sort=True).indices
    return {str(name): made.subset(np.asarray(of_group, dtype=np.intp)) for name, of_group in places.items()}


def _numbers(texts: Collection, distance: Distance) -> dict[str, Any]:
    """Return every measure of some texts that needs no other texts."""
    return (
        diversity.measure(texts.vectors, distance=distance).flat()
        | _wording(texts)
        | {"lengths": asdict(lexical.lengths(texts.texts)), "vocabulary": asdict(lexical.vocabulary(texts.texts))}
    )


def _wording(texts: Collection) -> dict[str, Any]:
    """Return the measures of wording.

    `duplicates` counts texts equal to an earlier text, `near_duplicates` texts nearly equal to an earlier text.
    """
    n_repeated = sum(len(group) - 1 for group in duplicates.exact(texts.texts))
    return {
        "counted_by_characters": lexical.share_by_characters(texts.texts),
        "distinct_1": lexical.distinct(texts.texts, 1),
        "distinct_2": lexical.distinct(texts.texts, 2),
        "self_bleu": lexical.self_bleu(texts.texts),
        "duplicates": n_repeated,
        "near_duplicates": len(duplicates.near(texts.texts).extra) - n_repeated,
    }


def _against(made: Collection, real: Collection) -> dict[str, Any]:
    """Return how near texts are to real texts, and how many texts copy a real text."""
    return {
        "nearest_real": nearest.nearest_real(made.encoded, real.encoded),
        "copies": len(nearest.copies(made.texts, real.texts)),
    }


def _compared(
    groups: dict[str, Collection], real: Collection | None, distance: Distance, *, own_space: bool
) -> dict[str, Any]:
    """Return one row per group and one for the reference, all measured on as many texts as the smallest group has.

    `own_space` says that the vectors are not the encoder's, so that the reference cannot be compared.
    """
    sizes = {name: len(group.texts) for name, group in groups.items()}
    result: dict[str, Any] = {
        "compared": [],
        "left_out": {name: n for name, n in sizes.items() if n < FEWEST},
        "note": OWN_SPACE if real is not None and own_space else None,
    }
    kept = {name: group for name, group in groups.items() if sizes[name] >= FEWEST}
    if real is not None and not own_space and len(real.texts) >= FEWEST:
        kept[REFERENCE] = real
    if len(kept) < 2:
        return result
    spread = diversity.at_equal_size({name: group.vectors for name, group in kept.items()})
    rows = [
        {"name": row["arm"], "n": row["n"], "available": row["available"]}
        | {name: row[name] for name in INTERVALS}
        | _on_a_draw(kept[row["arm"]], real if row["arm"] != REFERENCE else None, n=row["n"])
        for row in spread[spread["distance"] == distance].to_dict("records")
    ]
    return result | {"compared": rows}


def _on_a_draw(whole: Collection, real: Collection | None, *, n: int) -> dict[str, Any]:
    """Return the measures of wording, and nearness to real texts, of `n` texts drawn at random."""
    drawn = whole.subset(np.sort(np.random.default_rng(0).permutation(len(whole.texts))[:n]))
    against = _against(drawn, real) if real is not None else {"nearest_real": np.nan, "copies": None}
    return _wording(drawn) | against


def _show(result: dict[str, Any], name: str) -> None:
    columns = {name: result} | ({REFERENCE: result[REFERENCE]} if REFERENCE in result else {})
    lines = [
        *((score, [_interval(column, score) for column in columns.values()]) for score in diversity.SCORES),
        *((key, [column.get(key) for column in columns.values()]) for key in ALIKE),
        *((f"{key} of words", [column["lengths"][key] for column in columns.values()]) for key in ("median", "mean")),
        *((key, [column["vocabulary"][key] for column in columns.values()]) for key in ("tokens", "types", "hd_d")),
    ]
    heads = [f"{title} (n {column['n']})" for title, column in columns.items()]
    cells = [[what, *map(output.shown, values)] for what, values in lines]
    output.table(f"Diversity ({result['distance']})", ["what", *heads], cells)
    if "labels" in result:
        inside = [
            [label, part["n"], *(_interval(part, score) for score in diversity.SCORES)]
            for label, part in result["labels"].items()
        ]
        output.table("Inside a label", ["label", "n", *diversity.SCORES], inside)
    if result["compared"]:
        shown = ("distinct_2", "self_bleu", "nearest_real", "copies", "near_duplicates")
        rows = [
            [
                row["name"],
                row["available"],
                *(_margin(row, score) for score in diversity.SCORES),
                *(row[key] for key in shown),
            ]
            for row in result["compared"]
        ]
        heads = ["clique", "chamfer", "distinct 2", "self-BLEU", "near real", "copies", "near dup."]
        output.table(f"On {result['compared'][0]['n']} texts each ({result['distance']})", ["name", "of", *heads], rows)
    for group, n in result["left_out"].items():
        typer.echo(f"{group} is left out of the comparison: it has {n} texts, fewer than {FEWEST}.")
    for note in (result["note"], result["language"]):
        if note:
            typer.echo(note)


def _margin(numbers: dict[str, Any], score: str) -> str:
    margin = (numbers[f"{score}_high"] - numbers[f"{score}_low"]) / 2
    return f"{output.shown(numbers[score])} ± {output.shown(margin)}"


def _interval(numbers: dict[str, Any], score: str) -> str:
    value, low, high = (output.shown(numbers[f"{score}{end}"]) for end in ("", "_low", "_high"))
    return f"{value} [{low}, {high}]"
