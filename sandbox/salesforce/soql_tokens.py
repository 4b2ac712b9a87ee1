"""SOQL text cut into words, signs and literals, and how Salesforce prints the place of a fault."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.salesforce.errors import SalesforceError

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>'(?:\\.|[^'\\])*')
    |(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    |(?P<date>\d{4}-\d\d-\d\d(?![\dT]))
    |(?P<number>[+-]?\d+(?:\.\d+)?(?![\w.]))
    |(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    |(?P<sign><=|>=|!=|<>|[=<>(),])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """One word, sign or literal; ``at`` counts characters from the start."""

    kind: str
    text: str
    at: int


class Tokens:
    """The tokens of one query, read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = list(self._split())
        self._next = 0

    def _split(self) -> list[Token]:
        found, at = [], 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise self.refuse(at, f"unexpected token: '{self.text[at]}'")
            if match.lastgroup != "space":
                found.append(Token(str(match.lastgroup), match.group(), at))
            at = match.end()
        return [*found, Token("end", "<EOF>", len(self.text))]

    def peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self._next + ahead, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.peek()
        self._next += 1
        return token

    def is_word(self, word: str, ahead: int = 0) -> bool:
        token = self.peek(ahead)
        return token.kind == "name" and token.text.lower() == word

    def accept(self, text: str) -> bool:
        """Take the next token if it is this sign or word."""
        if self.peek().text.lower() != text or self.peek().kind not in ("name", "sign"):
            return False
        self._next += 1
        return True

    def expect(self, text: str) -> Token:
        if not self.accept(text):
            raise self.unexpected(f"expecting '{text.upper()}'")
        return self._tokens[self._next - 1]

    def unexpected(self, expecting: str = "") -> SalesforceError:
        token = self.peek()
        detail = f"{expecting}, found '{token.text}'" if expecting else f"unexpected token: '{token.text}'"
        return self.refuse(token.at, detail)

    def refuse(self, at: int, detail: str) -> SalesforceError:
        return SalesforceError("MALFORMED_QUERY", located(self.text, at, detail))


def located(text: str, at: int, detail: str) -> str:
    """The message with the place in the query, as Salesforce prints it."""
    row = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    shown = text[max(0, at - 40) : at + 40].replace("\n", " ")
    arrow = " " * min(at, 40) + "^"
    return f"\n{shown}\n{arrow}\nERROR at Row:{row}:Column:{column}\n{detail}"
