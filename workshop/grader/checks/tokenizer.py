"""The number of tokens in a conversation, counted only with the tokenizer and the template beside a model's weights.

`python tokenizer.py FOLDER`, in the serving environment, with the messages as JSON on stdin; prints the number. It does
not ask vLLM, which is what is graded.
"""

import json
import sys
from pathlib import Path

from jinja2 import Template
from tokenizers import Tokenizer


def main() -> None:
    folder = Path(sys.argv[1])
    template = Template(json.loads((folder / "tokenizer_config.json").read_text())["chat_template"])
    text = template.render(messages=json.load(sys.stdin), add_generation_prompt=True)
    print(len(Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False)))


if __name__ == "__main__":
    main()
