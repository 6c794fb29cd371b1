"""A local model made on the fly (random weights) generates through the same path as any endpoint."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
import transformers
from sqlalchemy import select
from tokenizers import models, pre_tokenizers, processors, trainers

from core.errors import StudyError
from core.llm import connection, providers
from core.llm.answers import Answer, Message, SlotKey
from core.llm.connection import Connection
from core.llm.local.local_model import LocalProvider, in_memory
from core.llm.text import PROMPT_TOO_LONG
from core.settings import Settings
from core.study.rows.study import Arm, Completion, Label
from core.study.store import Store
from core.synthesis import judging
from core.synthesis.generation import generation
from core.synthesis.limits import Limits
from core.synthesis.prompts import versions
from core.synthesis.prompts.drafts import Draft
from tests.texts import sample

ROOT = Path(__file__).parents[3]
WORDS = ["1. a glad letter about the garden", "2. a sad letter about the rain", "user: assistant: system: write texts"]
MESSAGES = [{"role": "user", "content": "write a glad letter about the rain"}]
TEMPLATE = (
    "{% for message in messages %}{% if message.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "<{{ message.role }}>{{ message.content }}{% endfor %}<assistant>"
)
SIMPLE = Draft(
    context="", generation="Number of texts: {n}\nLabel: {label}", diversity="others", texts_per_call=5, turns=1
)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a two-layer causal model with 64 positions and a tokenizer of its own."""
    folder = tmp_path_factory.mktemp("tiny")
    made = tokenizers.Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer: Any = trainers.BpeTrainer(vocab_size=400, special_tokens=["<unk>", "<end>"], initial_alphabet=alphabet)
    made.train_from_iterator(WORDS * 20, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>", eos_token="<end>")
    tokenizer.save_pretrained(folder)
    save_network(folder, tokenizer, positions=64)
    return folder


def save_network(folder: Path, tokenizer: Any, *, positions: int) -> None:
    """Save two layers with random weights that read a number of positions."""
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer),
        n_layer=2,
        n_head=2,
        n_embd=32,
        n_positions=positions,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.eos_token_id,
    )
    transformers.set_seed(0)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)


def slot(index: int = 0) -> SlotKey:
    return SlotKey(study="s", task="t", arm="zero-shot", label="glad", index=index)


def ask(provider: LocalProvider, *, slots: list[int], messages: list[Message] = MESSAGES) -> list[Answer]:
    async def all_of_them() -> list[Answer]:
        try:
            return await asyncio.gather(*(provider.complete(messages, slot_key=slot(index)) for index in slots))
        finally:
            await provider.close()

    return asyncio.run(all_of_them())


@pytest.mark.slow
def test_a_local_model_fills_an_arm_like_any_other_and_its_garbage_is_counted(
    store: Store, settings: Settings, make_arm: Callable[[str], Arm], model: Path
) -> None:
    arm = make_arm("zero-shot")
    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=SIMPLE)
    wanted = connection.made(provider="local", models=(str(model),), max_tokens=24)

    (client,) = connection.open_all(wanted, settings)
    made = generation.generate(
        store, arm_id=arm.id, per_label=4, provider=client, limits=Limits(budget_usd=0.01, concurrency=4)
    )

    with store() as session:
        rows = list(session.scalars(select(Completion).where(Completion.arm_id == arm.id)))
    assert made.completions == len(rows) > 0 and made.cost_usd == 0 and made.tokens_out > 0
    assert made.kept + sum(made.rejected.values()) > 0
    assert {(row.provider, row.model, row.is_recorded) for row in rows} == {("local", str(model), False)}
    assert all(row.content and row.tokens_in > 0 and row.parsed_at for row in rows)


def test_calls_made_at_the_same_time_share_batches(model: Path) -> None:
    provider = LocalProvider(str(model), max_tokens=8, batch_size=4)

    answers = ask(provider, slots=list(range(10)))

    assert len(answers) == 10 and provider.batches == 3


@pytest.mark.slow
def test_an_answer_depends_on_its_slot_and_not_on_its_batch(model: Path) -> None:
    together = ask(LocalProvider(str(model), max_tokens=12), slots=[0, 1, 2])
    alone = [ask(LocalProvider(str(model), max_tokens=12), slots=[index])[0] for index in (0, 1, 2)]

    assert [answer.content for answer in together] == [answer.content for answer in alone]
    assert len({answer.content for answer in together}) == 3


def test_a_temperature_of_zero_takes_the_likeliest_tokens(model: Path) -> None:
    answers = ask(LocalProvider(str(model), max_tokens=6, temperature=0), slots=[0, 1])

    assert answers[0].content == answers[1].content and answers[0].parameters["temperature"] == 0


def test_an_answer_that_meets_its_limit_is_marked_as_cut(model: Path) -> None:
    (answer,) = ask(LocalProvider(str(model), max_tokens=3), slots=[0])

    assert answer.finish_reason == "length" and answer.tokens_out == 3


def test_a_prompt_that_does_not_fit_is_answered_by_its_refusal_and_the_others_as_usual(model: Path) -> None:
    provider = LocalProvider(str(model), max_tokens=5)
    long = [{"role": "user", "content": "garden " * 100}]

    async def both() -> list[Answer]:
        calls = [provider.complete(given, slot_key=slot()) for given in (long, MESSAGES)]
        return list(await asyncio.gather(*calls))

    refused, answer = asyncio.run(both())

    assert "reads 64, its answer included" in str(refused.refusal) and answer.refusal is None
    assert (refused.finish_reason, refused.tokens_in, refused.tokens_out) == (PROMPT_TOO_LONG, 0, 0)
    assert answer.tokens_out and provider.batches == 1


def test_a_local_judge_goes_on_after_a_text_that_is_too_long(
    store: Store, labels: list[Label], make_arm: Callable[[str], Arm], model: Path, tmp_path: Path
) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    tokenizer.save_pretrained(tmp_path / "roomy")
    save_network(tmp_path / "roomy", tokenizer, positions=1024)  # for the judge's instructions, not for the garden
    arm = make_arm("zero-shot")
    with store.write() as session:
        for text in ("garden " * 1000, "rain", "a letter"):
            session.add(sample(arm, labels[0], text))
    provider = LocalProvider(str(tmp_path / "roomy"), max_tokens=4)

    found = judging.judge(store, arm_ids=[arm.id], provider=provider)

    assert (found.wanted, found.judged) == (3, 3) and found.unclear[PROMPT_TOO_LONG] == 1


def test_a_chat_template_is_used_and_one_without_a_system_role_is_served(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "chat"
    folder.mkdir()
    for file in model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    system = [{"role": "system", "content": "be glad"}]

    plain = ask(LocalProvider(str(model), max_tokens=4), slots=[0], messages=system + MESSAGES)[0]
    chat = ask(LocalProvider(str(folder), max_tokens=4), slots=[0], messages=system + MESSAGES)[0]

    assert chat.content and chat.tokens_in != plain.tokens_in


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["missing", "empty", "encoder", "sequence-to-sequence"])
def test_what_is_no_causal_model_gets_a_sentence(
    kind: str, tmp_path: Path, model: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / kind
    if kind != "missing":
        folder.mkdir()
    if kind == "encoder":
        transformers.BertForMaskedLM(
            transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
        ).save_pretrained(folder)
    if kind == "sequence-to-sequence":
        (folder / "config.json").write_text(json.dumps({"model_type": "t5", "architectures": ["T5Model"]}))
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_bytes((model / name).read_bytes())

    with pytest.raises(StudyError, match="Give") as loaded:
        providers.open_provider("local", model=str(folder), base_url=None, settings=settings)

    assert len(str(loaded.value)) < 600 and str(folder) in str(loaded.value)
    if kind != "sequence-to-sequence":
        with pytest.raises(StudyError, match="folder|writes no text"):
            connection.check(Connection(provider="local", models=(str(folder),)), settings)


def test_what_does_not_fit_into_memory_gets_a_sentence() -> None:
    with pytest.raises(StudyError, match="huge does not fit into the memory of this machine"), in_memory("huge"):
        torch.empty(10**15)


@pytest.mark.slow
def test_checking_and_queueing_a_local_model_loads_no_torch(model: Path) -> None:
    program = (
        "import sys\n"
        "from core import settings\n"
        "from core.llm import connection\n"
        f"wanted = connection.made(provider='local', models=({str(model)!r},))\n"
        "connection.check(wanted, settings.load({}))\n"
        "tested = connection.test(wanted, settings.load({}))\n"
        "assert tested[0].ok, tested\n"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
