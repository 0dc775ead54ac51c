"""The words of the house (docs/GLOSSARY.md): which are not said, and where they still stand.

``python -m tests.words [folder or file ...]`` lists them.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent
ROOMS: Final = ("reelmill", "flows", "workpools", "blocks", "deployments", "bench")

#: What is not said, in the singular, and what is said instead.
NOT_SAID: Final = {
    "picture": "frame (of a video) or image (a file)",
    "stamp": "PTS or DTS (of a frame), mtime or time",
    "group": "GOP",
    "sound": "audio",
    "card": "GPU; of a job's result: result card",
    "piece": "chunk (of an encode), segment (taken into a film) or cell (of a grid)",
    "stretch": "chunk, segment or time range",
    "span": "segment or time range",
    "part": "chunk, segment, cell or share (of the progress)",
    "machine": "node",
    "neighbour": "node or worker",
    "fingerprint": "content id (what a file holds) or perceptual hash (what it looks like)",
    "nursery": "forkserver",
    "bell": "poll trigger",
    "told": "what is returned, raised, reported or logged",
    "tell": "what is returned, raised, reported or logged",
    "say": "what is returned, raised, reported or logged",
    "answer": "what is returned (Returns:) or raised (Raises:)",
}

#: In running text these have their everyday meaning, too.
_ONLY_IN_NAMES: Final = frozenset({"part", "answer", "say", "tell"})

#: Running text that is not said: other forms of those.
_PHRASES: Final = {
    r"\banswers with\b": NOT_SAID["answer"],
    r"\b(?:says|tells)\b": NOT_SAID["say"],
}

#: Names of more than one word in which a word has its everyday meaning.
_EVERYDAY: Final = frozenset({"process_group", "newgroup"})
_EVERYDAY_TEXT: Final = re.compile(
    r"\bprocess(?:es'|') groups?\b|\bprocess groups?\b|\b(?:result|title)[ _]cards?\b", re.IGNORECASE
)
#: A thing of two words, in whatever name it stands.
_COMPOUNDS: Final = re.compile(r"(?<![a-z])(?:result|title)_cards?(?![a-z])")

#: A class is named by a noun, what it is, not by what has happened to it.
_PARTICIPLES: Final = frozenset(
    {"asked", "begun", "bound", "built", "chosen", "cut", "done", "drawn", "found", "given", "gone", "heard", "held",
        "kept", "known", "left", "lost", "made", "met", "opened", "paid", "placed", "put", "read", "seen", "sent",
        "shown", "silent", "spent", "taken", "told", "wanted", "written"}
)  # fmt: skip
_NOUNS: Final = frozenset({"seed", "speed", "feed", "need", "read"})

#: A function says what it does: none of these alone.
_VERBS: Final = frozenset({"look", "keep", "take", "make"})


class Finding(NamedTuple):
    """A word that is not said."""

    path: Path
    line: int
    name: str  # where it stands
    say: str  # what is said instead

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.name}: {self.say}"


def words(name: str) -> list[str]:
    """The words of an identifier, in lower case."""
    return [
        word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name.replace("_", " "))
    ]  # fmt: skip


def _singular(word: str) -> str:
    if word.endswith("ches"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name that a module gives to something, and where."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.alias) and node.asname is not None:
            yield node.lineno, node.asname
        elif isinstance(node, ast.ExceptHandler) and node.name is not None:
            yield node.lineno, node.name


def _texts(source: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every line of docstrings and comments."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found = ast.get_docstring(node, clean=False)
            if found is not None:
                yield from enumerate(found.splitlines(), node.body[0].lineno)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _in_name(name: str) -> Iterator[str]:
    for word in words(_COMPOUNDS.sub("", "" if name in _EVERYDAY else "_".join(words(name)))):
        say = NOT_SAID.get(_singular(word)) or NOT_SAID.get(word)
        if say is not None:
            yield say


def _in_text(text: str) -> Iterator[tuple[str, str]]:
    text = _EVERYDAY_TEXT.sub("", re.sub(r"``[^`]*``|`[^`]*`|https?://\S+", "", text))
    for word in re.findall(r"[A-Za-z]+", text):
        single = _singular(word.lower())
        if single in NOT_SAID and single not in _ONLY_IN_NAMES:
            yield word, NOT_SAID[single]
    for phrase, say in _PHRASES.items():
        for found in re.findall(phrase, text):
            yield found, say


def findings(path: Path, allowed: frozenset[str] = frozenset()) -> Iterator[Finding]:
    """What a module says that is not said.

    Args:
        path: the module.
        allowed: names that have to stay.

    Yields:
        Each word where it stands.
    """
    source = path.read_text()
    tree = ast.parse(source)
    for say in _in_name(path.stem):
        yield Finding(path, 1, path.stem, say)
    for line, name in _identifiers(tree):
        if name not in allowed:
            yield from (Finding(path, line, name, say) for say in _in_name(name))
    for line, text in _texts(source, tree):
        yield from (Finding(path, line, f"{word!r}", say) for word, say in _in_text(text))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            said = words(node.name)
            if len(said) == 1 and _participle(said[0]):
                yield Finding(path, node.lineno, node.name, "a class is a noun: what it is")
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.strip("_") in _VERBS:
            yield Finding(path, node.lineno, node.name, "a verb that says which")


def _participle(word: str) -> bool:
    return word in _PARTICIPLES or (word.endswith("ed") and word not in _NOUNS)


def modules(*places: str) -> Iterator[Path]:
    """The Python files of some folders, or those named."""
    for place in places or ROOMS:
        path = ROOT / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


if __name__ == "__main__":
    from tests.test_words import ALLOWED

    count = 0
    for module in modules(*sys.argv[1:]):
        for finding in findings(module, ALLOWED.get(module.relative_to(ROOT).as_posix(), frozenset())):
            print(finding)
            count += 1
    print(f"{count} in all")
