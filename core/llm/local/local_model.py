"""Run a causal language model on this machine; calls made at the same time are answered in one padded batch."""

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import torch
import transformers
from torch import Tensor

from core.errors import ProviderError, StudyError
from core.llm import answers as llm_answers
from core.llm.answers import Answer, Message, SlotKey
from core.llm.local import places
from core.llm.money import prices
from core.llm.text import PROMPT_TOO_LONG

MAX_TOKENS = 1024
BATCH_SIZE = 8
GATHER_S = 0.05


@dataclass
class _Call:
    """A call that waits for its answer; `limit` is the most tokens of the answer."""

    messages: Sequence[Message]
    key: SlotKey
    limit: int
    answer: asyncio.Future[Answer]


class LocalProvider:
    """Completes messages with a causal model from a folder or the Hugging Face hub, on the GPU if there is one.

    `source` is the folder that the model called `model` is loaded from, if the name is not that of the folder itself.

    The random numbers of an answer are seeded by the call's slot key, so an answer does not depend on the other calls of
    its batch, except for rounding: padding changes the last bits of the logits, which rarely changes a draw. A
    temperature of 0 takes the most probable token; None is the model's own temperature. `batches` counts batches.

    Raises `StudyError` if the model is missing, is no causal model, or does not fit into memory.
    """

    name = "local"

    def __init__(
        self,
        model: str,
        *,
        source: str | Path | None = None,
        max_tokens: int = MAX_TOKENS,
        temperature: float | None = None,
        batch_size: int = BATCH_SIZE,
        device: str | None = None,
        token: str | None = None,
    ) -> None:
        self.model = model
        self.price: prices.Price | None = prices.Price(model=model, input_usd_per_million=0, output_usd_per_million=0)
        self.max_tokens: int | None = max_tokens
        self.batches = 0
        self._batch_size = batch_size
        self._temperature = temperature
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._network, self._tokenizer = _load(model, str(source or model), self._device, token)
        self._usual = _usual_sampling(self._network)
        self._waiting: list[_Call] = []
        self._worker: asyncio.Task[None] | None = None

    async def complete(
        self, messages: Sequence[Message], *, slot_key: SlotKey, max_tokens: int | None = None
    ) -> Answer:
        """Return the model's answer; if the messages are longer than the model can read, the answer is that refusal."""
        limit = min(max_tokens or MAX_TOKENS, self.max_tokens or MAX_TOKENS)
        call = _Call(messages, slot_key, limit, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await call.answer

    async def close(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
        self._waiting.clear()

    async def _work(self) -> None:
        """Answer the waiting calls batch by batch, each batch in a thread, until no call waits."""
        while self._waiting:
            await self._gather_calls()
            calls = self._waiting[: self._batch_size]
            del self._waiting[: self._batch_size]
            batch = asyncio.create_task(asyncio.to_thread(self._answers, calls))
            await asyncio.wait([batch])
            error = batch.exception()
            for place, call in enumerate(calls):
                if call.answer.done():
                    continue
                outcome = error or batch.result()[place]
                if isinstance(outcome, BaseException):
                    call.answer.set_exception(outcome)
                else:
                    call.answer.set_result(outcome)
            await asyncio.sleep(0)

    async def _gather_calls(self) -> None:
        """Wait up to 50 ms for more calls, so that calls started at about the same time share a batch."""
        until = time.monotonic() + GATHER_S
        while len(self._waiting) < self._batch_size and time.monotonic() < until:
            await asyncio.sleep(GATHER_S / 10)

    def _answers(self, calls: Sequence[_Call]) -> list[Answer]:
        """Return an answer for each call; a batch that does not fit into memory is halved.

        The answer to a prompt that is too long is a refusal.
        """
        prompts = [self._prompt(call.messages) for call in calls]
        lengths = [len(row) for row in prompts]
        longest = _context(self._network)
        room = [min(call.limit, longest - length) for call, length in zip(calls, lengths, strict=True)]
        fits = [place for place, left in enumerate(room) if left > 0]
        answers = [
            llm_answers.to_refused_prompt(
                PROMPT_TOO_LONG,
                said=f"The prompt has {length} tokens and the model {self.model} reads {longest}, its answer included.",
                model=self.model,
                messages=call.messages,
            )
            for call, length in zip(calls, lengths, strict=True)
        ]
        if fits:
            generated = self._generated(
                [prompts[at] for at in fits], [calls[at].key for at in fits], [room[at] for at in fits]
            )
            for place, answer in zip(fits, generated, strict=True):
                answers[place] = answer
        return answers

    def _generated(self, prompts: list[list[int]], keys: list[SlotKey], room: list[int]) -> list[Answer]:
        """Return the answers of a batch; if memory runs out, the batch is answered in two halves."""
        with in_memory(self.model):
            try:
                return self._batch(prompts, keys, room)
            except torch.OutOfMemoryError:
                if len(prompts) == 1:
                    raise
        half = len(prompts) // 2
        first = self._generated(prompts[:half], keys[:half], room[:half])
        return first + self._generated(prompts[half:], keys[half:], room[half:])

    def _batch(self, prompts: list[list[int]], keys: list[SlotKey], room: list[int]) -> list[Answer]:
        """Return the answers to prompts (lists of token ids), each cut at its `room` in tokens."""
        started = time.monotonic()
        self.batches += 1
        pad = self._tokenizer.pad_token_id or 0
        width = max(map(len, prompts))
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in prompts], device=self._device)  # (b, width)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts], device=self._device)
        with torch.inference_mode():
            out = self._network.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=max(room),
                do_sample=False,
                pad_token_id=pad,
                logits_processor=transformers.LogitsProcessorList([*self._warpers(), *self._draws(keys)]),
            )
        latency = time.monotonic() - started
        rows = out[:, width:].tolist()
        return [
            self._answer(row, asked=len(prompt), room=left, latency_s=latency)
            for row, prompt, left in zip(rows, prompts, room, strict=True)
        ]

    def _answer(self, row: list[int], *, asked: int, room: int, latency_s: float) -> Answer:
        """Return the answer in a row of token ids, to a prompt of `asked` tokens."""
        ends = _ends(self._network, self._tokenizer)
        stop = next((place for place, token in enumerate(row) if token in ends), None)
        is_whole = stop is not None and stop < room
        kept = row[: stop if is_whole else room]
        temperature = {} if self._temperature is None else {"temperature": self._temperature}
        return Answer(
            content=self._tokenizer.decode(kept, skip_special_tokens=True).strip(),
            finish_reason="stop" if is_whole else "length",
            tokens_in=asked,
            tokens_out=len(kept),
            request_id=None,
            model=self.model,
            latency_s=latency_s,
            parameters={"max_tokens": room} | temperature,
        )

    def _prompt(self, messages: Sequence[Message]) -> list[int]:
        """Return the token ids of messages, formatted by the model's chat template if the model has a template."""
        if not getattr(self._tokenizer, "chat_template", None):
            text = "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)
            return list(self._tokenizer(f"{text}\n\nassistant:")["input_ids"])
        try:
            text = self._in_template(messages)
        except jinja2.TemplateError:  # some templates know no system role
            text = self._in_template(llm_answers.without_system(messages))
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _in_template(self, messages: Sequence[Message]) -> str:
        return str(
            self._tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        )

    def _warpers(self) -> list[Any]:
        """Return the processors that apply temperature, top k and top p to the logits; an empty list at temperature 0."""
        if self._temperature == 0:
            return []
        top_k, top_p = self._usual["top_k"], self._usual["top_p"]
        made: list[Any] = [transformers.TemperatureLogitsWarper(float(self._temperature or self._usual["temperature"]))]
        if top_k:
            made.append(transformers.TopKLogitsWarper(top_k=int(top_k)))
        if top_p and top_p < 1:
            made.append(transformers.TopPLogitsWarper(top_p=float(top_p)))
        return made

    def _draws(self, keys: Sequence[SlotKey]) -> list[Any]:
        """Return the processor that draws a token per row; an empty list at temperature 0."""
        return [] if self._temperature == 0 else [_Draw(keys)]


@contextlib.contextmanager
def in_memory(model: str) -> Iterator[None]:
    """Turn an error of torch inside the block into a `StudyError`: memory too small for the model, or another failure."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        is_memory = isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate" in str(error)
        if not is_memory:
            raise ProviderError(f"The model {model} failed: {_first_line(error)}. Choose another model.") from error
        raise StudyError(
            f"The model {model} does not fit into the memory of this machine. Choose a smaller one, or shorter answers."
        ) from error


class _Draw:
    """A logits processor that leaves one token per row, drawn from the softmax with the row's own random numbers."""

    def __init__(self, keys: Sequence[SlotKey]) -> None:
        self._rngs = [random.Random(str(key)) for key in keys]

    def __call__(self, _input_ids: Tensor, scores: Tensor) -> Tensor:  # (b, length), (b, vocabulary)
        summed = torch.softmax(scores.float(), dim=-1).cumsum(dim=-1)
        drawn = torch.tensor([[rng.random()] for rng in self._rngs], device=scores.device)
        chosen = torch.searchsorted(summed, drawn * summed[:, -1:], right=True).clamp(max=scores.shape[1] - 1)
        return torch.full_like(scores, -math.inf).scatter(1, chosen, 0.0)


def _load(model: str, source: str, device: torch.device, token: str | None) -> tuple[Any, Any]:
    """Return a model's network, ready to generate, and its tokenizer. Raises `StudyError` if the model cannot be used."""
    where: dict[str, Any] = {"token": token, "local_files_only": Path(source).is_dir()}
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    logging.getLogger("transformers").setLevel(logging.ERROR)
    bars: Any = transformers.utils.logging
    bars.disable_progress_bar()
    try:
        kinds = [str(kind) for kind in transformers.AutoConfig.from_pretrained(source, **where).architectures or []]
        if kinds and all(kind.endswith(places.NOT_CAUSAL) for kind in kinds):
            raise StudyError(f"The model {model} is a {kinds[0]}, which writes no text. Give a causal language model.")
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **where)
        with in_memory(model):
            network: Any = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=dtype, **where)
            network = network.to(device).eval()
    except OSError as error:
        raise StudyError(
            f"The model {model} cannot be found or read: {_first_line(error)}. Give the folder of a causal model, "
            "or its name on the Hugging Face hub."
        ) from error
    except (ValueError, KeyError) as error:
        raise StudyError(
            f"The model {model} cannot be loaded as a causal language model: {_first_line(error)}. Give another."
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return network, tokenizer


def _usual_sampling(network: Any) -> dict[str, Any]:
    """Return temperature, top k and top p of a model's own generation config, and remove them from the network.

    A missing temperature is 1; a missing top k or top p is None.
    """
    own = network.generation_config
    usual = {
        "temperature": getattr(own, "temperature", None) or 1.0,
        "top_k": getattr(own, "top_k", None),
        "top_p": getattr(own, "top_p", None),
    }
    make: Any = transformers.GenerationConfig
    network.generation_config = make(
        bos_token_id=own.bos_token_id, eos_token_id=own.eos_token_id, pad_token_id=own.pad_token_id
    )
    return usual


def _ends(network: Any, tokenizer: Any) -> set[int]:
    """Return the ids of the tokens that end an answer."""
    own = network.generation_config.eos_token_id
    ends = own if isinstance(own, list) else [own, tokenizer.eos_token_id]
    return {int(token) for token in ends if token is not None}


def _context(network: Any) -> int:
    """Return the most tokens of prompt and answer together; 2^30 if the model's config does not say."""
    config = network.config.get_text_config()
    return int(getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or 1 << 30)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
