"""A byte-level BPE tokenizer, trained on the corpus, with a chat template.

In: the corpus. Out: a Hugging Face tokenizer folder (`tokenizer.json`, `tokenizer_config.json`).
Knows nothing of models. Any byte sequence can be encoded: there is no unknown token.
"""

import json
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from serving.tiny_model.questions import Corpus

VOCABULARY = 3072
PAD, SYSTEM, USER, ASSISTANT, END = "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"
CONTEXT = 2048

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(corpus: Corpus, *, seed: int) -> PreTrainedTokenizerFast:
    """Learn the merges from the answers, and from questions as people type them, noise included."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, SYSTEM, USER, ASSISTANT, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    typed = (m["content"] for talk in islice(corpus.conversations(seed), 20_000) for m in talk)
    tokenizer.train_from_iterator(typed, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        extra_special_tokens=[SYSTEM, USER, ASSISTANT],
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def encode_chat(tokenizer: PreTrainedTokenizerFast, messages: list[dict[str, str]]) -> tuple[list[int], list[bool]]:
    """The ids of a conversation, and for each of them whether the model says it (and so learns it)."""
    ids: list[int] = []
    taught: list[bool] = []
    for message in messages:
        said = tokenizer.encode(message["content"] + END, add_special_tokens=False)
        ids += [tokenizer.convert_tokens_to_ids(f"<|{message['role']}|>"), *said]
        taught += [False] + [message["role"] == "assistant"] * len(said)
    return ids, taught


def save(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    tokenizer.save_pretrained(folder, save_jinja_files=False)
    # The class name that older and newer readers know; transformers 5 writes its own.
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    for name in ("backend", "is_local", "local_files_only"):
        config.pop(name, None)
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
