"""The corpus: what `workshop-tiny` is taught, and what it is tested on.

In: the text files of `corpus/`, written by hand. Out: entries (an answer and its questions), the held-out questions
that are never trained on, and an endless, seeded supply of training conversations with the noise of typing.
Knows nothing of tokens, tensors or models; needs only the standard library.

A topic file is a list of entries, each in English and Spanish:

    [retry.backoff]                           a key
    en = Wait longer after each failure …     the answer
    ~ exponential backoff                     names: each is inserted into the phrasings of `phrasings.txt`
    ? What is backoff? | Explain backoff      questions to train on
    ! Why wait longer every time?             questions held out, for measuring
    es = …

In `off_topic.txt` there are also `!~` names, held-out subjects. The other files hold lists by name.
"""

import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict

FOLDER = Path(__file__).parent / "corpus"
LANGUAGES = ("en", "es")
OFF_TOPIC = "off_topic"
LISTS = ("phrasings.txt", "rewrites.txt", "wrappings.txt")

Language = Literal["en", "es"]
Split = Literal["train", "held_out"]


class Message(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(slots=True)
class Entry:
    """One answer in one language, with its questions."""

    key: str
    language: str
    answer: str
    names: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)
    held_out_names: list[str] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Question:
    """A question as asked in a measurement, and its right answer."""

    key: str
    language: str
    text: str
    answer: str


def normalise(text: str) -> str:
    """The letters and digits of a text: no case, no accents, no punctuation, single spaces."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^\w]+", " ", plain).split())


class Corpus:
    """Everything read from a folder. Raises ValueError for malformed files, with the file's name and the entry."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.lists: dict[str, list[str]] = {}
        self.entries: list[Entry] = []
        self._asked: dict[str, str] = {}
        for name in LISTS:
            self.lists |= _read_lists(folder / name)
        for path in sorted(folder.glob("*.txt")):
            if path.name not in LISTS:
                self.entries += _read_entries(path)
        self.held_out_texts = {normalise(q.text) for q in self.questions("held_out")}
        self._rewrites = {
            language: [_rule(line) for line in self.lists[f"rewrites.{language}"]] for language in LANGUAGES
        }
        self._shared_names = {
            normalise(n) for e in self.entries if e.language == "en" for n in e.names + e.held_out_names
        } & {normalise(n) for e in self.entries if e.language == "es" for n in e.names + e.held_out_names}
        self._validate()

    def questions(self, split: Split, *, off_topic: bool | None = None) -> list[Question]:
        """The hand-written questions of a split, and each held-out off-topic subject in one fixed phrasing."""
        found = []
        for entry in self.entries:
            if off_topic is not None and off_topic != (entry.key == OFF_TOPIC):
                continue
            texts = list(entry.questions if split == "train" else entry.held_out)
            if split == "held_out":
                every = self.lists[f"name.{entry.language}"] + self.lists[f"name held out.{entry.language}"]
                texts += [_fill(every[i * 7 % len(every)], name) for i, name in enumerate(entry.held_out_names)]
            found += [Question(entry.key, entry.language, text, entry.answer) for text in texts]
        return found

    def conversations(self, seed: int) -> Iterator[list[Message]]:
        """Endless training conversations, the same ones for the same seed; never a held-out question."""
        draw = random.Random(seed)
        unknown = {e.language: e for e in self.entries if e.key == OFF_TOPIC}
        # Every question once, and half as many again by name: all are dealt before the cards are shuffled again.
        cards: list[tuple[Entry, str | None]] = []
        for entry in (e for e in self.entries if e.key != OFF_TOPIC):
            cards += [(entry, question) for question in entry.questions]
            cards += [(entry, None)] * (len(entry.questions) // 2 if entry.names else 0)
        deck: list[tuple[Entry, str | None]] = []
        while True:
            messages: list[Message] = []
            if draw.random() < 0.15:
                messages.append({"role": "system", "content": draw.choice(self.lists["system"])})
            for _ in range(draw.choices((1, 2, 3), (70, 24, 6))[0]):
                entry, question = unknown[draw.choice(LANGUAGES)], None
                if draw.random() < 0.72:
                    deck = deck or draw.sample(cards, len(cards))
                    entry, question = deck.pop()
                messages.append({"role": "user", "content": self._ask(entry, question, draw)})
                messages.append({"role": "assistant", "content": entry.answer})
            yield messages

    def _ask(self, entry: Entry, question: str | None, draw: random.Random) -> str:
        """A question as people type it: unchanged a third of the time, otherwise in other words and with noise."""
        if question and draw.random() < 0.35:
            return question
        while True:
            text = self._rewrite(question, entry.language, draw) if question else self._phrase(entry, draw)
            text = self._type(text, entry.language, draw)
            if text.strip() and normalise(text) not in self.held_out_texts:
                return text

    def _phrase(self, entry: Entry, draw: random.Random) -> str:
        """A question for an entry by one of its names; for off-topic entries also by any other name, before noise."""
        if entry.key == OFF_TOPIC:
            kind = draw.random()
            if kind < 0.04 and entry.language == "en":
                return _gibberish(draw)
            if kind < 0.06:
                return " ".join(draw.choice(entry.questions) for _ in range(draw.randint(2, 12)))
            if kind < 0.08:
                return " ".join([draw.choice(draw.choice(entry.questions).split())] * draw.randint(5, 200))
            if kind < 0.35:
                return self._rewrite(draw.choice(entry.questions), entry.language, draw)
        name = draw.choice(entry.names)
        if entry.key == OFF_TOPIC and draw.random() < 0.3:
            # Invented names are off-topic too.
            name = _invented(draw)
        phrasings = self.lists[f"name.{entry.language}"]
        if entry.key == OFF_TOPIC and draw.random() < 0.35:
            phrasings = self.lists[f"off topic.{entry.language}"]
        phrasing = draw.choice(phrasings)
        # A bare name that both languages share does not say in which language to answer.
        if phrasing == "{}" and normalise(name) in self._shared_names:
            return draw.choice(entry.questions)
        return _fill(phrasing, name)

    def _rewrite(self, text: str, language: str, draw: random.Random) -> str:
        """Another way to say the same, half of the time, unless those words already ask for something else."""
        if draw.random() < 0.5:
            return text
        fitting = [(found, others) for shape, others in self._rewrites[language] if (found := shape.fullmatch(text))]
        if not fitting:
            return text
        found, others = draw.choice(fitting)
        other = _contract(draw.choice(others).format(**found.groupdict()))
        return text if normalise(other) in self._asked else other

    def _type(self, text: str, language: str, draw: random.Random) -> str:
        """The same question as people type it: politely, in a hurry, without punctuation, with typos."""
        if draw.random() < 0.16:
            text = f"{draw.choice(self.lists[f'before.{language}'])} {_lower_first(text)}"
        if draw.random() < 0.12:
            text = f"{text.rstrip('?. ')}{draw.choice(self.lists[f'after.{language}'])}"
        words = text.split()
        if len(words) > 4 and draw.random() < 0.1:
            # Leave a word out: the subject of a question should not depend on any single one.
            words.pop(draw.randrange(len(words)))
            text = " ".join(words)
        if draw.random() < 0.35:
            text = text.lower()
        elif draw.random() < 0.02:
            text = text.upper()
        if draw.random() < 0.4:
            text = text.strip("¿?¡!. ")
        if draw.random() < 0.3:
            text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
        if draw.random() < 0.14:
            text = _slip(text, draw)
        return text

    def _validate(self) -> None:
        asked = self._asked
        for entry in self.entries:
            where = f"{entry.key} ({entry.language})"
            if not entry.answer or not entry.questions:
                raise ValueError(f"{where}: an entry needs an answer and at least one question")
            for text in entry.questions + entry.held_out:
                owner = asked.setdefault(normalise(text), where)
                if owner != where:
                    raise ValueError(f"{where}: {text!r} is already a question of {owner}")
            both = {normalise(q) for q in entry.questions} & {normalise(q) for q in entry.held_out}
            if both:
                raise ValueError(f"{where}: both trained on and held out: {sorted(both)}")


def _read_entries(path: Path) -> list[Entry]:
    entries: list[Entry] = []
    key = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            key = line.strip("[] ")
            continue
        mark, _, rest = line.partition(" ")
        items = [item.strip() for item in rest.split(" | ") if item.strip()]
        if mark in LANGUAGES and rest.startswith("= "):
            entries.append(Entry(key, mark, rest.removeprefix("= ").strip()))
        elif mark == "~":
            entries[-1].names += items
        elif mark == "?":
            entries[-1].questions += items
        elif mark == "!":
            entries[-1].held_out += items
        elif mark == "!~":
            entries[-1].held_out_names += items
        else:
            raise ValueError(f"{path.name}:{number}: a line starts with en =, es =, ~, ?, ! or !~, not with {mark!r}")
    return entries


def _read_lists(path: Path) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    current: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = lists.setdefault(line.strip("[] "), [])
        elif line.startswith("- "):
            current.append(line[2:])
    return lists


def _rule(line: str) -> tuple[re.Pattern[str], list[str]]:
    shape, _, others = line.partition(" => ")
    pattern = re.sub(r"\\{([abxy])\\}", lambda m: f"(?P<{m[1]}>.{'*' if m[1] in 'xy' else '+'})", re.escape(shape))
    return re.compile(pattern), others.split(" | ")


def _fill(phrasing: str, name: str) -> str:
    return _contract(phrasing.format(name))


def _contract(text: str) -> str:
    """Spanish joins these two words; English has neither."""
    return text.replace(" de el ", " del ").replace(" a el ", " al ")


def _lower_first(text: str) -> str:
    start = 1 if text[:1] in "¿¡" else 0
    word = text[start:].split(" ", 1)[0]
    # FastAPI, LRU and HTTP keep their capitals; How and Qué lose theirs.
    return text if word[1:] != word[1:].lower() else text[:start] + text[start : start + 1].lower() + text[start + 1 :]


def _slip(text: str, draw: random.Random) -> str:
    """One or two typos: a letter lost, doubled, changed, or two swapped."""
    for _ in range(draw.choice((1, 1, 2))):
        if len(text) < 8:
            return text
        at = draw.randrange(1, len(text) - 1)
        text = draw.choice(
            (
                text[:at] + text[at + 1 :],
                text[:at] + text[at] + text[at:],
                text[:at] + draw.choice("abcdefghijklmnopqrstuvwxyz") + text[at + 1 :],
                text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            )
        )
    return text


def _invented(draw: random.Random) -> str:
    """An invented name that sounds like a word, bare or as people would say it: brunela, the torpidons."""
    heads, vowels, tails = (
        "b br c ch cl d f fl g gr h j l m n p pl qu r s sc t tr v z",
        "a e i o u ia ue",
        "n r s l t",
    )
    word = "".join(
        draw.choice(heads.split()) + draw.choice(vowels.split()) + (draw.choice(tails.split()) * (draw.random() < 0.35))
        for _ in range(draw.randint(2, 4))
    )
    return draw.choice(("{}", "{}", "{}s", "the {}", "a {}", "el {}", "la {}", "los {}s", "un {}")).format(word)


def _gibberish(draw: random.Random) -> str:
    letters = draw.choice(("abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiopasdfghjkl", "!?#$%&*+-=", "asdf"))
    words = ("".join(draw.choice(letters) for _ in range(draw.randint(2, 11))) for _ in range(draw.randint(1, 6)))
    return " ".join(words)
