"""How much of a GPU a training uses: model FLOP utilisation, texts a second, small runs side by side, and the paper's grid in minutes.

    python -m benchmarks.gpu [--device cuda] [--tiny]

It needs no network and no data: the encoders have random weights in the shape of BERT-base and of MiniLM, the tokenizer is that of the
packaged MiniLM, and texts are drawn to the lengths of three data sets, whose quantiles stand below. The trainings are those of
`core.training.fitting`. Utilisation counts the arithmetic of tokens that are no padding, against the rate of large matrix products that
is measured on the same device. Under 8 minutes on one H100; `--device cpu --tiny` runs the same code on a small scale in about a minute.
The Markdown that it prints belongs into docs/performance.md.
"""

import argparse
import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from core import encoders
from core.reports import silent
from core.study.rows.study import Run
from core.training import predict
from core.training.fitting import encoder, loop
from core.training.fitting.loop import Fit
from core.training.fitting.run_data import Labelled, RunData
from core.training.settings import TrainingSettings

# Tokens of a text with the two special ones, at 0, 5, ..., 100 % of 3,000 texts of each data set, by the tokenizer of MiniLM
LENGTHS = {
    "ag_news": (20, 32, 36, 39, 41, 43, 45, 46, 48, 49, 51, 52, 54, 56, 58, 60, 62, 65, 70, 81, 309),
    "tweet_sarcasm": (3, 9, 11, 13, 14, 16, 17, 19, 20, 22, 24, 26, 28, 30, 32, 35, 37, 42, 49, 58, 116),
    "imdb": (23, 85, 119, 141, 152, 162, 171, 180, 192, 204, 220, 240, 260, 290, 321, 359, 409, 473, 569, 746, 1425),
}
# The paper's ten tasks: labels, and the data set above whose lengths are nearest to those of the task's texts
GRID = {
    "ag_news": (4, "ag_news"), "imdb": (2, "imdb"), "sms_spam": (2, "tweet_sarcasm"), "financial_phrasebank": (3, "ag_news"),
    "reddit_emotion": (2, "tweet_sarcasm"), "relation": (4, "ag_news"), "tweet_irony": (2, "tweet_sarcasm"),
    "tweet_emotions": (4, "tweet_sarcasm"), "sarcasm_news": (2, "tweet_sarcasm"), "humor": (2, "tweet_sarcasm"),
}  # fmt: skip
ARMS, ENCODERS, SEEDS, PER_LABEL, PASSES, TEST_TEXTS = 3, 2, 3, 3000, 10, 1000
CLASSES = 4
WARM_UP = 5  # steps before a training that is timed


@dataclass(frozen=True)
class Scale:
    """How much is measured. `shapes`: encoder -> hidden size, layers, heads and inner size; `batch`, `max_length`, `rate`: as in the
    preset paper; `side`: how many processes train side by side, `runs` small runs each; `matrix`: rows of a matrix product."""

    shapes: dict[str, tuple[int, int, int, int]]
    batch: int
    steps: int
    small_steps: int
    side: int
    runs: int
    matrix: int


FULL = Scale(
    {"BERT-base": (768, 12, 12, 3072), "MiniLM": (384, 6, 12, 1536)},
    batch=64,
    steps=120,
    small_steps=200,
    side=4,
    runs=2,
    matrix=8192,
)
TINY = Scale(
    {"BERT-base": (48, 2, 4, 96), "MiniLM": (24, 2, 4, 48)}, batch=8, steps=4, small_steps=6, side=2, runs=1, matrix=512
)


@dataclass(frozen=True)
class Measured:
    """A training: texts a second, the share of tokens that are padding, teraflops of tokens that are no padding, seconds around the
    steps (model, tokens), and texts a second of prediction."""

    encoder: str
    data: str
    max_length: int
    texts_per_second: float
    padding: float
    teraflops: float
    around_s: float
    predicted_per_second: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--small-runs", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    scale, device = TINY if asked.tiny else FULL, torch.device(asked.device)
    if asked.tiny:
        torch.set_num_threads(1)  # so small a model only waits for its threads
    with tempfile.TemporaryDirectory() as folder:
        shapes = {name: _written(Path(folder) / name, shape) for name, shape in scale.shapes.items()}
        if asked.small_runs:
            _small_runs(shapes["MiniLM"], scale, device, n=asked.small_runs)
            return
        began = time.monotonic()
        rate = _matrix_rate(device, scale.matrix)
        measured = list(_measured(shapes, scale, device))
        apart, together = _side_by_side(scale, asked.device, is_tiny=asked.tiny)
    _print_head(device, scale, rate)
    _print_trainings(measured, rate)
    n = scale.side * scale.runs
    print(
        f"\n{n} small runs (MiniLM, tweet_sarcasm, {scale.small_steps} steps of 32 texts) one after another in one process: {apart:.1f} s; "
        f"{scale.runs} in each of {scale.side} processes on the one device: {together:.1f} s, {apart / together:.2f} times as fast."
    )
    _print_grid(
        {one.data: one for one in measured if one.encoder == "BERT-base" and one.max_length == 128}, is_tiny=asked.tiny
    )
    print(f"\nMeasured in {(time.monotonic() - began) / 60:.1f} minutes.")


def _written(folder: Path, shape: tuple[int, int, int, int]) -> str:
    """Write an encoder of random weights with the tokenizer of MiniLM to a folder."""
    hidden, layers, heads, inner = shape
    tokenizer = AutoTokenizer.from_pretrained(encoders.resolve("minilm"))
    config = BertConfig(
        num_labels=CLASSES,
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
    )
    torch.manual_seed(0)
    BertForSequenceClassification(config).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return str(folder)


def _texts(data: str, n: int, seed: int = 0) -> list[str]:
    """Texts of random words, each a token, with the lengths of a data set."""
    rng = np.random.default_rng(seed)
    quantiles = np.linspace(0, 1, len(LENGTHS[data]))
    lengths = np.interp(rng.random(n), quantiles, LENGTHS[data]).round().astype(int)
    return [" ".join(_words()[rng.integers(0, len(_words()), size=max(1, length - 2))]) for length in lengths]


@functools.cache
def _words() -> np.ndarray:
    """Words that are one token each."""
    vocabulary = AutoTokenizer.from_pretrained(encoders.resolve("minilm")).get_vocab()
    return np.array(sorted(word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2))


def _prepared(name: str, data: str, settings: TrainingSettings, device: torch.device) -> tuple[Fit, float]:
    """A training made ready by the project's own loop, with the seconds that this took."""
    n = settings.batch_size * min(settings.length, 60)
    labelled = Labelled(_texts(data, n), np.random.default_rng(1).integers(0, CLASSES, n).tolist())
    run = Run(arm_id=1, encoder=name, seed=0, n_train=n, config={}, fingerprint="")
    began = time.monotonic()
    model, tokenizer = encoder.load(name, classes=CLASSES, max_length=settings.max_length, device=device)
    of_run = RunData(run, "benchmark", settings, labelled, Labelled(), list(range(CLASSES)), [], [], "")
    return loop.prepare(model, tokenizer, of_run, dtype=predict.fast_dtype(device)), time.monotonic() - began


def _timed(fit: Fit, device: torch.device) -> float:
    """The seconds of a training after a few steps that warm the device up."""
    settings = fit.data.settings
    warm = replace(fit, data=replace(fit.data, settings=settings.model_copy(update={"steps": WARM_UP})))
    loop.train(warm, report=silent)
    _wait(device)
    began = time.monotonic()
    loop.train(fit, report=silent)
    _wait(device)
    return time.monotonic() - began


def _measured(shapes: dict[str, str], scale: Scale, device: torch.device) -> Iterator[Measured]:
    """Train and predict with each encoder on texts of each data set, at the preset's limit of tokens; imdb also at 512."""
    for name, folder in shapes.items():
        for data, max_length in (*((data, 128) for data in LENGTHS), ("imdb", 512)):
            settings = TrainingSettings(
                steps=scale.steps, batch_size=scale.batch, learning_rate=5e-5, max_length=max_length
            )
            fit, around = _prepared(folder, data, settings, device)
            seconds = _timed(fit, device)
            n = settings.length * settings.batch_size
            lengths = np.array([len(row) for row in fit.train])
            flops = n * float(np.mean([_flops(int(length), scale.shapes[name]) for length in lengths]))
            yield Measured(
                name, data, max_length, n / seconds, _padding(fit, device), flops / seconds / 1e12, around,
                _prediction_rate(fit, device),
            )  # fmt: skip


def _flops(tokens: int, shape: tuple[int, int, int, int]) -> float:
    """The arithmetic of training on one text: three times that of the forward pass, which is 2 for each weight and token, 4 for each
    pair of tokens and hidden unit in each layer (scores and their sums), and the head on the first token."""
    hidden, layers, _, inner = shape
    weights = layers * (4 * hidden**2 + 2 * hidden * inner)
    return 3 * (2 * weights * tokens + 4 * layers * hidden * tokens**2 + 2 * hidden * (hidden + CLASSES))


def _padding(fit: Fit, device: torch.device) -> float:
    """The share of tokens that are padding, over the batches of a training."""
    lengths = [len(row) for row in fit.train]
    stream = loop.batches(lengths, fit.data.settings.batch_size, rng=np.random.default_rng(0))
    real = whole = 0
    for _ in range(fit.data.settings.length):
        rows = [fit.train[place] for place in next(stream)]
        real += sum(map(len, rows))
        whole += predict.pad(rows, pad_id=fit.pad_id, device=torch.device(device.type))["input_ids"].numel()
    return 1 - real / whole


def _prediction_rate(fit: Fit, device: torch.device) -> float:
    rows = fit.train[: 4 * fit.data.settings.batch_size]
    predict.probabilities(fit.model, rows, pad_id=fit.pad_id, dtype=fit.dtype)
    _wait(device)
    began = time.monotonic()
    predict.probabilities(fit.model, rows, pad_id=fit.pad_id, dtype=fit.dtype)
    return len(rows) / (time.monotonic() - began)


def _matrix_rate(device: torch.device, n: int) -> float:
    """The rate of products of square matrices in the number format of the trainings, in teraflops: the best of ten."""
    dtype = predict.fast_dtype(device)
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        _wait(device)
        began = time.monotonic()
        for _ in range(5):
            a @ b
        _wait(device)
        best = min(best, (time.monotonic() - began) / 5)
    return 2 * n**3 / best / 1e12


def _side_by_side(scale: Scale, device: str, *, is_tiny: bool) -> tuple[float, float]:
    """The seconds of small runs one after another in one process, and dealt out to processes that train at the same time.

    Every process loads and warms up first; the time is from the word to start to the end of the last process.
    """
    return tuple(
        _together(n, runs, device, is_tiny=is_tiny)
        for n, runs in ((1, scale.side * scale.runs), (scale.side, scale.runs))
    )  # type: ignore[return-value]


def _together(n: int, runs: int, device: str, *, is_tiny: bool) -> float:
    command = [
        sys.executable,
        "-m",
        "benchmarks.gpu",
        "--device",
        device,
        "--small-runs",
        str(runs),
        *["--tiny"] * is_tiny,
    ]
    threads = str(max(1, (os.cpu_count() or 1) // n))
    environment = {**os.environ, "OMP_NUM_THREADS": threads}
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(n)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
    began = time.monotonic()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        process.communicate()
        assert process.returncode == 0
    return time.monotonic() - began


def _small_runs(folder: str, scale: Scale, device: torch.device, *, n: int) -> None:
    """Train some small runs when the word to start comes; for `_together`."""
    settings = TrainingSettings(steps=scale.small_steps, batch_size=32, learning_rate=5e-5, max_length=128)
    fits = [_prepared(folder, "tweet_sarcasm", settings, device)[0] for _ in range(n)]
    _timed(replace(fits[0], data=replace(fits[0].data, settings=settings.model_copy(update={"steps": 1}))), device)
    print("ready", flush=True)
    sys.stdin.readline()
    for fit in fits:
        loop.train(fit, report=silent)
    _wait(device)


def _wait(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _print_head(device: torch.device, scale: Scale, rate: float) -> None:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {os.cpu_count()} cores"
    print(
        f"\n{date.today().isoformat()}, {name}, torch {torch.__version__}, {predict.fast_dtype(device)}; batches of {scale.batch}, "
        f"{scale.steps} steps, random weights. Matrix products of {scale.matrix} rows: {rate:.2f} teraflops.\n"
    )


def _print_trainings(measured: Sequence[Measured], rate: float) -> None:
    print(
        "| encoder | lengths of | tokens at most | texts a second | padding | teraflops | utilisation | predicted a second | around, s |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for one in measured:
        print(
            f"| {one.encoder} | {one.data} | {one.max_length} | {one.texts_per_second:,.0f} | {one.padding:.1%} | {one.teraflops:.3g} | "
            f"{one.teraflops / rate:.1%} | {one.predicted_per_second:,.0f} | {one.around_s:.1f} |"
        )


def _print_grid(at: dict[str, Measured], *, is_tiny: bool) -> None:
    """The paper's grid in minutes on this device, one run after another, from the rates of BERT-base at 128 tokens."""
    runs, total = ARMS * ENCODERS * SEEDS, 0.0
    print(
        f"\nThe paper's grid, extrapolated: {len(GRID)} tasks x {ARMS} arms x {ENCODERS} encoders of BERT-base's shape x {SEEDS} seeds, "
        f"{PER_LABEL:,} texts a label, {PASSES} passes, {TEST_TEXTS:,} test texts, one run after another."
        + (" Figures of a tiny encoder: they say nothing about BERT-base." if is_tiny else "")
    )
    print("\n| task | labels | lengths of | runs | minutes |\n|---|---:|---|---:|---:|")
    for task, (labels, data) in GRID.items():
        one = at[data]
        each = labels * PER_LABEL * PASSES / one.texts_per_second + TEST_TEXTS / one.predicted_per_second + one.around_s
        total += runs * each / 60
        print(f"| {task} | {labels} | {data} | {runs} | {runs * each / 60:,.1f} |")
    print(f"| all | | | {runs * len(GRID)} | {total:,.1f} |")


if __name__ == "__main__":
    main()
