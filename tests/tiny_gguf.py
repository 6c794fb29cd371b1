"""A tiny language model as a GGUF file, as llama.cpp's tools write them: random weights, bytes as tokens, a chat template."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from tokenizers import pre_tokenizers

WIDTH, HEADS, HIDDEN, BLOCKS, POSITIONS = 32, 2, 64, 2, 256
TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message['role'] }}\n{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)


def build(path: Path) -> Path:
    """Write the model to a path ending in .gguf; the same weights each time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tokens = ["<unk>", "<|start|>", "<|end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    pairs = [("t", "h"), ("h", "e")]
    tokens += [left + right for left, right in pairs]
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny")
    writer.add_context_length(POSITIONS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3, *[1] * (len(tokens) - 3)])
    writer.add_token_merges([" ".join(pair) for pair in pairs])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)
    for name, shape in _tensors(len(tokens)).items():
        rng = np.random.default_rng(len(name))
        values: Any = rng.normal(0, 0.3, shape).astype(np.float32) if len(shape) > 1 else np.ones(shape, np.float32)
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors(vocabulary: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocabulary, WIDTH), "output_norm.weight": (WIDTH,)}
    for at in range(BLOCKS):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes[f"blk.{at}.{part}.weight"] = (WIDTH, WIDTH)
        shapes |= {f"blk.{at}.ffn_{part}.weight": (HIDDEN, WIDTH) for part in ("gate", "up")}
        shapes |= {f"blk.{at}.ffn_down.weight": (WIDTH, HIDDEN)}
        shapes |= {f"blk.{at}.{part}_norm.weight": (WIDTH,) for part in ("attn", "ffn")}
    return shapes
