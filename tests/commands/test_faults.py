"""Faults in the way of `run`: each ends with one clear sentence, exit code 1 and no traceback, and leaves nothing half-written."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core import settings as settings_module
from core.study import store as store_module
from core.study.rows.study import Prediction, Run
from tests import tiny_encoder
from tests.command_line import CommandLine, Said
from tests.jobs.bench import end_all
from tests.training.conftest import BLAME, PRAISE, sentences


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.build(tmp_path_factory.mktemp("tiny") / "encoder")


def study_file(folder: Path, encoder: object, *, arm_size: int = 10, unseen_label: bool = False) -> Path:
    """A study file with one task, its real texts, and an arm `own` with `arm_size` texts of each label."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["text,label,split"]
    for label, ends in (("good", PRAISE), ("bad", BLAME)):
        rows += [f"{text},{label},train" for text in sentences(ends, 12)]
        rows += [f"{text},{label},test" for text in sentences(ends, 8, start=12)]
    rows += ["nobody can say,mixed,test"] if unseen_label else []
    (folder / "real.csv").write_text("\n".join(rows))
    own = [
        f"{text},{label}"
        for label, ends in (("good", PRAISE), ("bad", BLAME))
        for text in sentences(ends, arm_size, start=20)
    ]
    (folder / "own.csv").write_text("\n".join(["text,label", *own]))
    labels = ["good", "bad", *(["mixed"] if unseen_label else [])]
    tasks = {
        "reviews": {
            "question": "?",
            "labels": labels,
            "real": {"file": "real.csv"},
            "arms": {"own": {"file": "own.csv"}},
        }
    }
    training = {"steps": 20, "batch_size": 8, "learning_rate": 5e-4, "max_length": 32}
    content = {"study": "small", "encoders": [str(encoder)], "seeds": [0], "training": training, "tasks": tasks}
    path = folder / "study.yaml"
    path.write_text(json.dumps(content))
    return path


def assert_one_sentence(said: Said, words: str) -> None:
    assert said.code == 1, said.stderr
    assert words in " ".join((said.stderr + said.stdout).split())
    assert "Traceback" not in said.stderr


def stored(home: Path) -> tuple[int, int]:
    """The numbers of finished runs and of predictions in a home folder."""
    store = store_module.open_store(settings_module.load({"LITMUS_HOME": str(home)}))
    with store() as session:
        finished = session.scalar(select(func.count()).select_from(Run).where(Run.finished_at.is_not(None)))
        predicted = session.scalar(select(func.count()).select_from(Prediction))
    store.close()
    return finished or 0, predicted or 0


@pytest.mark.slow
def test_a_folder_that_is_no_encoder_is_refused_before_anything_is_stored(
    call: CommandLine, tmp_path: Path, tiny: Path
) -> None:
    faults = {
        "empty": "has no readable config.json",
        "pickled": "has no weights in safetensors",
        "coded": "needs code of its own",
    }
    for name in faults:
        shutil.copytree(tiny, tmp_path / name)
    (tmp_path / "empty/config.json").unlink()
    (tmp_path / "pickled/model.safetensors").rename(tmp_path / "pickled/pytorch_model.bin")
    config = json.loads((tmp_path / "coded/config.json").read_text())
    (tmp_path / "coded/config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "mine.Model"}}))

    for name, words in faults.items():
        for check in ([], ["--check"]):
            assert_one_sentence(call("run", study_file(tmp_path / "study", tmp_path / name), *check), words)
    assert_one_sentence(call("run", study_file(tmp_path / "study", tmp_path / "nowhere")), "There is no folder")

    assert stored(call.home) == (0, 0)


def test_a_label_seen_only_in_test_is_refused(call: CommandLine, tmp_path: Path, tiny: Path) -> None:
    said = call("run", study_file(tmp_path / "study", tiny, unseen_label=True))

    assert_one_sentence(said, "no training text labelled")
    assert stored(call.home) == (0, 0)


def test_an_arm_with_two_texts_is_said_by_the_check(call: CommandLine, tmp_path: Path, tiny: Path) -> None:
    said = call("run", study_file(tmp_path / "study", tiny, arm_size=1), "--check")

    assert said.code == 0
    assert "trains on 2 texts in all: that is too few for its score to mean much" in said.stdout


@pytest.mark.slow
def test_weights_that_are_damaged_fail_the_job_with_a_sentence(call: CommandLine, tmp_path: Path, tiny: Path) -> None:
    shutil.copytree(tiny, tmp_path / "damaged")
    weights = tmp_path / "damaged/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])

    said = call("run", study_file(tmp_path / "study", tmp_path / "damaged"))

    assert_one_sentence(said, "cannot be loaded")
    assert stored(call.home) == (0, 0)


@pytest.mark.slow
def test_a_gpu_asked_for_where_there_is_none_fails_the_job_with_a_sentence(
    call: CommandLine, tmp_path: Path, tiny: Path
) -> None:
    if shutil.which("nvidia-smi"):
        pytest.skip("this machine has a GPU")

    said = call("run", study_file(tmp_path / "study", tiny), LITMUS_GPUS="1")

    assert_one_sentence(said, "LITMUS_GPUS offers 1 for training, but this machine has no GPU that PyTorch could use.")
    assert stored(call.home) == (0, 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 24 MB; the test is skipped where no disk can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "false", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a disk is not allowed here")
    yield folder
    end_all(folder / "home")
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_ends_the_command_with_a_sentence_and_space_lets_it_end_well(
    small_disk: Path, tmp_path: Path, tiny: Path
) -> None:
    call, file = CommandLine(small_disk / "home"), study_file(tmp_path / "study", tiny)
    study = json.loads(file.read_text())
    study["training"]["steps"] = 150
    file.write_text(json.dumps(study))
    with call.start("run", file, LITMUS_CHECKPOINT_SECONDS="0") as process:
        kept = small_disk / "home/checkpoints"
        while process.poll() is None and not list(kept.glob("run-*")):
            time.sleep(0.005)
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file_of_zeros, pytest.raises(OSError, match="No space left"):
            while True:
                file_of_zeros.write(bytes(1 << 12))
        stdout, stderr = process.communicate(timeout=200)
    assert_one_sentence(Said(process.returncode, stdout, stderr), "Free some disk space")
    finished, predicted = stored(small_disk / "home")
    assert predicted == 16 * finished

    filler.unlink()
    said = call("run", file)

    assert said.code == 0, said.stderr
    assert stored(small_disk / "home") == (2, 32)
