"""All pages: links lead somewhere; files, commands, fields, settings, metrics and log events that they name exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
from ruamel.yaml import YAML

from sync.cli.application import application
from sync.cli.exits import Exit
from sync.config import Settings
from sync.desired import issues, no_card, unapplied, use_issues
from sync.gateways.stripe_operations import rights
from sync.run import promise, usage, won
from tests.docs.pages import DOCS, PAGES, ROOT, anchors, code_of, named, text_of, without_code
from workers.metrics import TOLD

SALESFORCE = ROOT / "salesforce" / "force-app" / "main" / "default"
OPERATIONS = DOCS / "operations.md"
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
PAGE_NAMES = [named(page) for page in PAGES]
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]+))?\)")
PATH = re.compile(r"(?:sync|workers|sandbox|tests|mappings|salesforce|benchmarks|\.ci)(?:/[\w.-]+)+")
COMMANDS = typer.main.get_command(application()).commands
GROUPS = "|".join(name for name, command in COMMANDS.items() if hasattr(command, "commands"))
VERB = rf"(?:{GROUPS}) [a-z-]+|[a-z]+[a-z-]*"
SAID_OF_A_VERB = re.compile(rf"(?:^|[\s/(])tandem ({VERB})")
FIELD = re.compile(r"\b[A-Z]\w*__[cr]\b")


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_links_lead_to_a_page_and_to_a_heading_that_exists(page: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(text_of(page)):
        if target.startswith(("http://", "https://")):
            continue
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(f"{target}#{anchor}" if anchor else target)

    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_files_that_a_page_names_exist(page: Path) -> None:
    paths = {
        found.rstrip(".")
        for code in code_of(page)
        for found in PATH.findall(code)
        if "*" not in code and "<" not in code
    }

    assert not {path for path in paths if not (ROOT / path).exists()}


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_commands_that_a_page_names_exist(page: Path) -> None:
    said = {verb for code in code_of(page) for verb in SAID_OF_A_VERB.findall(code)}

    assert said <= verbs(), said - verbs()


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_options_that_a_page_gives_to_a_command_exist(page: Path) -> None:
    wrong = []
    for code in code_of(page):
        said = re.search(rf"(?:^|[\s/])tandem ({VERB})([^#\n]*)", code)
        command = command_of(said[1]) if said else None
        if said is None or command is None:
            continue
        known = {name for parameter in command.params for name in parameter.opts}
        wrong += [f"{said[1]} {option}" for option in re.findall(r"--[a-z-]+", said[2]) if option not in known]

    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_fields_of_salesforce_that_a_page_names_are_in_the_package(page: Path) -> None:
    found = {name for code in code_of(page) for name in FIELD.findall(code) if name.endswith("__c")}

    assert found <= package_names(), found - package_names()


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_rows_of_a_table_stand_under_its_heading(page: Path) -> None:
    astray = [rows[0] for rows in tables(page) if len(rows) < 3 or not re.fullmatch(r"\|[-:| ]+\|", rows[1])]

    assert not astray


def test_the_pages_name_fields_commands_and_files_at_all() -> None:
    code = [piece for page in PAGES for piece in code_of(page)]

    assert sum(bool(FIELD.search(piece)) for piece in code) > 40
    assert sum(bool(SAID_OF_A_VERB.search(piece)) for piece in code) > 30
    assert sum(bool(PATH.search(piece)) for piece in code) > 60


def test_a_word_that_is_no_command_would_be_found() -> None:
    assert SAID_OF_A_VERB.findall("then tandem reticulate --apply") == ["reticulate"]
    assert SAID_OF_A_VERB.findall("then tandem db reticulate") == ["db reticulate"]
    assert not {"reticulate", "db reticulate"} & verbs()


def test_every_setting_is_explained_with_its_default() -> None:
    explained = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", text_of(OPERATIONS), re.MULTILINE))

    assert explained == dict(settings())


def test_the_metrics_explained_are_those_that_web_serves() -> None:
    explained = set(re.findall(r"^\| `(tandem_\w+?)(?:\{.*)?` \|", text_of(OPERATIONS), re.MULTILINE))
    source = (ROOT / "workers" / "metrics.py").read_text(encoding="utf-8")
    served = set(re.findall(r'"(tandem_\w+)"', source))

    assert len(served) > 15
    assert explained == served


def test_the_outcomes_of_webhooks_explained_are_those_that_are_counted() -> None:
    explained = re.search(r"webhooks of this web process: ([a-z_, ]+) \|", text_of(OPERATIONS))
    source = (ROOT / "workers" / "web.py").read_text(encoding="utf-8")
    counted = set(re.findall(r'_answer\(\s*(?:"unknown"|_label\(notice\.type\)), "([a-z_]+)"', source))

    assert len(counted) > 5
    assert explained is not None
    assert set(explained[1].split(", ")) == counted


def test_every_state_of_a_quote_and_every_issue_is_explained() -> None:
    rules = text_of(DOCS / "billing-rules.md")
    states = SALESFORCE / "objects" / "Quote" / "fields" / "Billing_Status__c.field-meta.xml"
    told = {
        *issues.AUDIENCE,
        no_card.CODE,
        unapplied.CODE,
        use_issues.CODE,
        won.CODE,
        promise.CODE,
        usage.CODE,
        usage.UNSURE,
        usage.BROKE,
    }
    table = rules.partition("### Issues")[2].partition("`Sum__c`")[0]

    assert set(re.findall(r"<fullName>([^<_]+)</fullName>", text_of(states))) == set(
        re.findall(r"^\| ([A-Z][A-Za-z ]+) \|", rules.partition("### The quote")[2].partition("###")[0], re.MULTILINE)
    )
    assert set(re.findall(r"[A-Z]{3,4}-\d{3}", table)) == told


def test_the_room_that_the_package_takes_is_said_right() -> None:
    page = text_of(DOCS / "install-salesforce.md")
    objects = SALESFORCE / "objects"
    said = re.search(r"Room for (\d+) custom fields on Quote, (.+), and for (\d+) custom objects", page)
    assert said is not None
    numbers = {"Quote": int(said[1])}
    numbers |= {name.replace(" ", ""): int(many) for many, name in re.findall(r"(\d+) on ([A-Za-z ]+)", said[2])}
    numbers["Product2"] = numbers.pop("Product")
    standard = {path.name for path in objects.iterdir() if not path.name.endswith("__c")}

    assert numbers == {name: len(list((objects / name / "fields").glob("*"))) for name in standard}
    assert int(said[3]) == len(list(objects.glob("*__c")))


def test_every_permission_set_is_named_where_the_package_is_explained() -> None:
    sets = {path.name.partition(".")[0] for path in (SALESFORCE / "permissionsets").iterdir()}
    page, readme = text_of(DOCS / "install-salesforce.md"), text_of(ROOT / "salesforce" / "README.md")

    assert len(sets) > 4
    for name in sets:
        label = re.search(
            r"<label>(.+)</label>", text_of(SALESFORCE / "permissionsets" / f"{name}.permissionset-meta.xml")
        )
        assert label is not None
        assert label[1] in page
        assert f"`{name}`" in readme


def test_the_alert_rules_ask_for_metrics_and_values_of_labels_that_there_are() -> None:
    rules = YAML(typ="safe").load(text_of(DOCS / "alerts.yaml"))["groups"][0]["rules"]
    served = {told.name: set(told.labels) for told in TOLD.values()} | {"tandem_webhooks_total": {"type", "result"}}

    assert len(rules) > 12
    for rule in rules:
        asked = re.findall(r"(tandem_\w+)(?:\{([^}]*)\})?", rule["expr"])
        assert asked, rule["alert"]
        for metric, labels in asked:
            assert set(re.findall(r"(\w+)=", labels)) <= served[metric], rule["expr"]
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]
    assert set(re.findall(r"`tandem ([a-z]+)", text_of(DOCS / "alerts.yaml"))) <= verbs()


def test_the_log_events_explained_are_those_that_are_logged() -> None:
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \| ", text_of(OPERATIONS), re.MULTILINE)
    explained = {event for row in rows for event in re.findall(r"`([a-z_]+)`", row)}
    explained = {event for event in explained if not event.startswith("tandem_")}

    assert len(explained) > 15
    assert explained <= logged_events(), explained - logged_events()


def test_the_exit_codes_explained_are_those_of_the_command_line() -> None:
    explained = {int(code) for code in re.findall(r"^\| (\d+) \| ", text_of(OPERATIONS), re.MULTILINE)}

    assert explained | {Exit.DIFFERENT} == {int(code) for code in Exit}


def test_the_rights_of_a_restricted_key_are_those_that_the_gateway_needs() -> None:
    listed = re.search(r"<!-- rights -->\n(.+?)\n<!-- /rights -->", text_of(OPERATIONS))

    assert listed is not None
    assert tuple(listed[1].split(" · ")) == rights()


def test_decisions_are_numbered_without_a_gap_and_say_what_was_ruled_out() -> None:
    numbers = [int(page.name.partition("-")[0]) for page in DECISIONS]

    assert numbers == list(range(1, len(DECISIONS) + 1))
    for page in DECISIONS:
        text = text_of(page)
        assert text.startswith(f"# {page.name[:4]}: "), page.name
        assert "**Decision.**" in text, page.name
        assert "**Ruled out.**" in text, page.name


def tables(page: Path) -> list[list[str]]:
    """The tables of a page, each as its lines."""
    found: list[list[str]] = []
    before = ""
    for line in without_code(page).splitlines():
        if line.startswith("|"):
            found += [] if before.startswith("|") else [[]]
            found[-1].append(line)
        before = line
    return found


def verbs() -> set[str]:
    """What can be typed after ``tandem``."""
    inner = {f"{name} {verb}" for name, group in COMMANDS.items() for verb in getattr(group, "commands", {})}
    return set(COMMANDS) | inner


def command_of(words: str) -> Any:
    """The command that these words name, None for none."""
    name, _, verb = words.partition(" ")
    top = COMMANDS.get(name)
    return getattr(top, "commands", {}).get(verb) if verb else top


def settings() -> list[tuple[str, str]]:
    """Every variable with its default as the page writes it."""
    return [
        (str(field.validation_alias or name).upper(), _default(field.default))
        for name, field in Settings.model_fields.items()
    ]


def _default(value: object) -> str:
    if value is None or value in ((), ""):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{','.join(value)}`" if isinstance(value, tuple) else f"`{value}`"


def package_names() -> set[str]:
    """Objects and fields that the Salesforce package brings."""
    objects = ROOT / "salesforce" / "force-app" / "main" / "default" / "objects"
    fields = {path.name.removesuffix(".field-meta.xml") for path in objects.rglob("*.field-meta.xml")}
    return fields | {path.name for path in objects.iterdir() if path.name.endswith("__c")}


def logged_events() -> set[str]:
    """First arguments of every call of a log method in the product."""
    found = set()
    for path in [*(ROOT / "sync").rglob("*.py"), *(ROOT / "workers").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and _logs(node.func):
                found |= _texts(node.args[0])
    return found


def _logs(called: ast.expr) -> bool:
    """Whether this is a method of a logger, or the name under which one was chosen."""
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in {"debug", "info", "warning", "error", "exception", "said"}


def _texts(node: ast.expr) -> set[str]:
    """The text, or the texts that a conditional chooses from."""
    if isinstance(node, ast.IfExp):
        return _texts(node.body) | _texts(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()
