"""Reading a YAML 1.2 file of ours as a whole: every fault is kept with its line, and the file is used only without any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, order=True)
class FileFault:
    """One thing wrong with one line of one file. ``line`` counts from 1; 0 = the file as a whole."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


class YamlNodes:
    """The nodes of one file; what is wrong goes to ``faults`` with its line."""

    def __init__(self, path: Path, faults: list[FileFault]) -> None:
        self._path = path
        self._faults = faults

    def _parse(self) -> Node | None:
        yaml = YAML(typ="safe", pure=True)  # YAML 1.2: "no" is text, not false
        try:
            root: Node | None = yaml.compose(self._path.read_text(encoding="utf-8"))
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._fault(mark.line + 1 if mark else 0, f"not valid YAML: {error.problem}")
            return None
        except RecursionError:
            self._fault(0, "can't be read: it is nested too deep")
            return None
        except (YAMLError, OSError, UnicodeDecodeError) as error:
            self._fault(0, f"can't be read: {error}")
            return None
        if root is None:
            self._fault(0, "is empty")
        return root

    def _members(self, node: Node, what: str) -> dict[str, Node] | None:
        if not isinstance(node, MappingNode):
            self._fault(self._line(node), f"{what} must be a mapping of names to values")
            return None
        members: dict[str, Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in members:
                self._fault(self._line(key), f"{name} stands here twice")
            members[name] = value
        return members

    def _text(self, members: Mapping[str, Node], key: str, line: int) -> str | None:
        node = members.get(key)
        if node is None:
            self._fault(line, f"{key} is missing")
            return None
        if not isinstance(node, ScalarNode) or node.tag != f"{TAG}str" or not node.value:
            self._fault(self._line(node), f"{key} must be text")
            return None
        return str(node.value)

    def _known(self, members: Mapping[str, Node], known: set[str]) -> None:
        for name, node in members.items():
            if name not in known:
                self._fault(self._line(node), f"unknown key {name}; known are {', '.join(sorted(known))}")

    def _line(self, node: Any) -> int:
        return int(node.start_mark.line) + 1

    def _fault(self, line: int, what: str) -> None:
        self._faults.append(FileFault(str(self._path), line, what))
