"""Pieces of a page. Whatever is put into one is escaped, unless it is a piece itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from markupsafe import Markup

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 80rem; padding: 1rem; color: #1b1f24; background: #fff; }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 1.75rem 0 .4rem; }
p { margin: .3rem 0; } .quiet { color: #59636e; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid #d1d9e0; vertical-align: top; overflow-wrap: anywhere; }
.right { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
code { background: #f3f4f6; padding: .1rem .3rem; user-select: all; overflow-wrap: anywhere; }
.fine, .look, .unknown { font-size: .8rem; font-weight: 600; padding: .1rem .45rem; border-radius: .7rem; margin-left: .4rem; }
.fine { background: #dafbe1; color: #116329; } .look { background: #ffebe9; color: #a40e26; } .unknown { background: #e9ecef; color: #454c54; }
input { font: inherit; width: 24rem; max-width: 100%; } a { color: #0a58ca; }
"""
#: The page may show its own style and send its own form; it runs nothing and loads nothing.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_PAGE = Markup(
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
    "<title>{title} · Tandem</title><style>{style}</style></head>\n<body>\n"
    '<p><a href="/ops">Tandem · billing operations</a></p>\n<h1>{title}</h1>\n{body}\n</body></html>\n'
)
_SEARCH = Markup(
    '<form action="/ops/record" method="get"><label for="id">Find a record</label> '
    '<input id="id" name="id" value="{given}" maxlength="255" '
    'placeholder="reference, Salesforce id, or Stripe id"> <button>Show</button></form>'
)

#: How a part stands: looked at and fine, to be looked at by a person, or not looked at so far.
WORDS: Mapping[str, str] = {"fine": "fine", "look": "look here", "unknown": "not checked yet"}


def page(title: str, *parts: Markup) -> str:
    """The whole document."""
    return str(_PAGE.format(title=title, style=Markup(STYLE), body=Markup("\n").join(parts)))


def search(given: str = "") -> Markup:
    """The box that finds a record by any of its names."""
    return _SEARCH.format(given=given)


def heading(text: str, state: str = "") -> Markup:
    """A heading, with how that part stands as a word and a colour."""
    mark = Markup(' <span class="{}">{}</span>').format(state, WORDS[state]) if state else ""
    return Markup("<h2>{}{}</h2>").format(text, mark)


def line(text: str | Markup, *, quiet: bool = False) -> Markup:
    """A paragraph."""
    return Markup('<p class="{}">{}</p>').format("quiet" if quiet else "", text)


def command(text: str) -> Markup:
    """A command to copy: one click marks the whole of it."""
    return Markup("<code>{}</code>").format(text)


def link(text: str, path: str, *, id: str = "") -> Markup:
    """A link to a page of ours; ``id`` goes along as its parameter."""
    return Markup('<a href="{}">{}</a>').format(f"{path}?id={quote(id, safe='')}" if id else path, text)


def record(text: str, id: str) -> Markup:
    """A link to the story of a record."""
    return link(text, "/ops/record", id=id)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> Markup:
    """Rows under headings; those in ``right`` stand at the right of their column. What is None is left blank."""
    marks = ["right" if name in right else "" for name in headings]
    head = Markup("").join(
        Markup('<th scope="col" class="{}">{}</th>').format(mark, name)
        for mark, name in zip(marks, headings, strict=True)
    )
    body = Markup("\n").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup('<td class="{}">{}</td>').format(mark, "" if cell is None else cell)
                for mark, cell in zip(marks, row, strict=True)
            )
        )
        for row in rows
    )
    return Markup("<table><thead><tr>{}</tr></thead><tbody>\n{}\n</tbody></table>").format(head, body)
