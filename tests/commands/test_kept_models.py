"""Kept models by the commands run, models and push: as they are called, with a real hub server."""

import json
from pathlib import Path

import pytest

from tests import tiny_encoder
from tests.command_line import CommandLine
from tests.hub_server import HubServer

STUDY = """
study: shop
encoders: [tiny]
seeds: [0, 1]
training: {steps: 2, batch_size: 4, max_length: 16}
keep_models: best
tasks:
  tone:
    question: How is it?
    labels: [bad, good]
    real: {file: real.csv}
    arms: {zero-shot: {file: made.csv}}
"""


def written(folder: Path) -> Path:
    encoder = tiny_encoder.build(folder / "tiny")
    real = [f"a {word} lamp {n},{word},{'test' if n % 2 else 'train'}" for word in ("bad", "good") for n in range(12)]
    made = [f"one {word} chair {n},{word},train" for word in ("bad", "good") for n in range(6)]
    for name, rows in (("real.csv", real), ("made.csv", made)):
        (folder / name).write_text("\n".join(["text,label,split", *rows]))
    path = folder / "study.yaml"
    path.write_text(STUDY.replace("[tiny]", f"[{encoder}]"))
    return path


@pytest.mark.slow
def test_a_run_keeps_its_best_models_which_are_listed_kept_pushed_and_removed(
    call: CommandLine, tmp_path: Path
) -> None:
    path = written(tmp_path)
    refused = call("run", path, "--jobs", "slurm", "--keep-models", "all")

    found = json.loads(call("run", path, "--json")[1])
    best = {one["run_id"] for one in found["models"]}
    runs = range(1, 5)
    other = next(run for run in runs if run not in best)
    kept = json.loads(call("models", "keep", other, "--json").stdout)["kept"]
    with HubServer() as hub:
        environ = {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.key, "HF_HOME": str(tmp_path / "hf")}
        pushed = call.apart("push", "--model", other, "--to", "me/tone", "--json", **environ)
    removed = call("models", "remove", other)
    listed = call("models", "list")

    assert refused.code == 1
    assert [(one["task"], one["arm"]) for one in found["models"]] == [("tone", "real"), ("tone", "zero-shot")]
    assert {one["run_id"] for one in kept} == best | {other}
    assert json.loads(pushed.stdout)["private"] is True, pushed.stderr
    assert {"README.md", "config.json", "model.safetensors"} <= set(hub.sets["me/tone"].branches["main"])
    assert removed.code == 0 and f"The scores of run {other} stay." in removed.stderr
    assert "2 kept models" in listed.stdout and not (tmp_path / "home" / "models" / f"run-{other}").exists()
    again = call("push", "--model", other, "--to", "me/tone", HF_TOKEN="hf_x")
    assert again.code == 1 and "has no kept model" in again.stderr
    assert call("push", "--to", "me/tone").code == 1 and call("models", "keep", "smollm2").code == 1
