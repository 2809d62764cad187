"""Train `workshop-tiny` from scratch, on the CPU, in minutes.

    python -m serving.tiny_model.train

In: the corpus. Out: `weights/hf/`, a Hugging Face folder in bfloat16 that transformers and vLLM load.
Knows nothing of ONNX (see export.py), and measures only its own loss (see evaluate.py).
"""

import argparse
import json
import math
import os
import random
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy, dropout
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from serving.tiny_model.questions import Corpus
from serving.tiny_model.tokenizer import CONTEXT, END, PAD, VOCABULARY, encode_chat, save, train_tokenizer

WEIGHTS = Path(__file__).parent / "weights" / "hf"
SEED = 2026
STEPS = 3000
BATCH_TOKENS = 2048
LEARNING_RATE = 1.5e-3
WARM_UP = 120
IGNORED = -100
DROPOUT = 0.1
# Half the time if the processor multiplies bfloat16 natively; elsewhere it would only be slower.
BFLOAT16 = any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16"))

Batch = tuple[torch.Tensor, torch.Tensor]


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
    )
    return LlamaForCausalLM(config)


def add_dropout(model: LlamaForCausalLM) -> None:
    """Llama has no dropout of its own; in training, this applies it to the embeddings and to each block's output."""

    def thin(module: torch.nn.Module, _: object, out: Any) -> Any:
        if isinstance(out, tuple):
            return (dropout(out[0], DROPOUT, module.training), *out[1:])
        return dropout(out, DROPOUT, module.training)

    model.model.embed_tokens.register_forward_hook(thin)
    for layer in model.model.layers:
        layer.self_attn.register_forward_hook(thin)
        layer.mlp.register_forward_hook(thin)


def batches(corpus: Corpus, tokenizer: PreTrainedTokenizerFast, seed: int) -> Iterator[Batch]:
    """Batches of conversations of similar length, so that there is little padding; about BATCH_TOKENS ids in each."""
    draw = random.Random(seed)
    talks = corpus.conversations(seed)
    while True:
        pool = [encode_chat(tokenizer, talk) for talk in islice(talks, 1600)]
        pool = sorted((p for p in pool if len(p[0]) <= CONTEXT // 2), key=lambda p: len(p[0]))
        groups: list[list[tuple[list[int], list[bool]]]] = [[]]
        for talk in pool:
            if groups[-1] and (len(groups[-1]) + 1) * len(talk[0]) > BATCH_TOKENS:
                groups.append([])
            groups[-1].append(talk)
        draw.shuffle(groups)
        yield from (_pad(group, tokenizer.pad_token_id) for group in groups)


def _pad(group: list[tuple[list[int], list[bool]]], pad: int) -> Batch:
    width = max(len(ids) for ids, _ in group)
    ids = torch.full((len(group), width), pad)
    targets = torch.full((len(group), width), IGNORED)
    for row, (said, taught) in enumerate(group):
        ids[row, : len(said)] = torch.tensor(said)
        # After position i comes id i + 1; only the assistant's words are learned.
        nexts = [after if mine else IGNORED for after, mine in zip(said[1:], taught[1:], strict=True)]
        targets[row, : len(nexts)] = torch.tensor(nexts)
    return ids, targets


def loss_of(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    ids, targets = batch
    # Padding is on the right, and attention looks only left: no mask is needed, and it is fastest without one.
    hidden = model.model(input_ids=ids).last_hidden_state
    wanted = targets != IGNORED
    return cross_entropy(model.lm_head(hidden[wanted]), targets[wanted])


def train(steps: int, seed: int, folder: Path) -> None:
    torch.manual_seed(seed)
    corpus = Corpus()
    tokenizer = train_tokenizer(corpus, seed=seed)
    model = new_model(tokenizer)
    add_dropout(model)
    model.train()
    decayed = [p for p in model.parameters() if p.dim() > 1]
    kept = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": kept, "weight_decay": 0.0}], betas=(0.9, 0.98), fused=True
    )
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {torch.get_num_threads()} threads", flush=True)

    started, smooth = time.monotonic(), math.nan
    for step, batch in enumerate(islice(batches(corpus, tokenizer, seed), steps)):
        rate = LEARNING_RATE * min((step + 1) / WARM_UP, 0.02 + 0.98 * (1 + math.cos(math.pi * step / steps)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=BFLOAT16):
            loss = loss_of(model, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        smooth = loss.item() if math.isnan(smooth) else 0.95 * smooth + 0.05 * loss.item()
        if step % 50 == 49:
            print(f"step {step + 1:5d}  loss {smooth:.4f}  {time.monotonic() - started:.0f} s", flush=True)

    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    model.to(torch.bfloat16).save_pretrained(folder)
    save(tokenizer, folder)
    report = {
        "steps": steps,
        "seed": seed,
        "seconds": round(time.monotonic() - started),
        "cores": os.cpu_count(),
        "bfloat16": BFLOAT16,
        "final_loss": round(smooth, 4),
    }
    (folder / "training.json").write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    asked = parser.parse_args()
    train(asked.steps, asked.seed, asked.out)


if __name__ == "__main__":
    main()
