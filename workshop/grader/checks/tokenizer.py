"""How many tokens a conversation is, by the tokenizer and the template beside a model's weights, and by nothing else.

`python tokenizer.py FOLDER`, in the serving environment, messages as JSON on stdin; prints the number. vLLM is not
asked: it is what is graded.
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
