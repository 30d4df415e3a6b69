"""What stands in README and docs: fenced blocks, and the commands in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
DOCUMENTS = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"\s+# .*$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its document, language, and text."""

    document: Path
    language: str
    text: str


def blocks(language: str) -> list[Block]:
    """Every block of a language in README and docs, in their order."""
    return [
        Block(document, found, text)
        for document in DOCUMENTS
        for found, text in _BLOCK.findall(document.read_text(encoding="utf-8"))
        if found == language
    ]


def shell_commands(program: str) -> list[str]:
    """Every different command of a program in the shell blocks, without its comment, in their order."""
    lines = [
        _COMMENT.sub("", line).strip()
        for block in blocks("sh")
        for line in re.sub(r"\\\n\s*", "", block.text).splitlines()
    ]
    return list(dict.fromkeys(line for line in lines if line.split(" ")[0] == program))
