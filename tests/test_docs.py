"""What the documentation says is so."""

import ast
import doctest
import re
import typing
from collections import defaultdict
from datetime import timedelta
from functools import cache
from pathlib import Path

import click
import pytest
from falcon.routing import map_http_methods
from pydantic import BaseModel

from distribution import StoredNamespace
from distribution.cli import distribution, registry
from distribution.config.settings import RegistrySettings
from distribution.registry import errors, router
from distribution.registry.app import create_app
from distribution.registry.site import Limits, Site
from distribution.registry.state import StateTokens
from distribution.registry.urls import Urls
from distribution.storage.drivers import base, filesystem
from distribution.storage.drivers.memory import MemoryDriver

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(DOCS.rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]


def shown(page: Path) -> str:
    return str(page.relative_to(ROOT))


each_page = pytest.mark.parametrize("page", PAGES, ids=shown)


def section(page: Path, heading: str) -> str:
    """Return the text below a heading, up to the next one of its level."""
    text = page.read_text()
    marks = heading.split(" ", maxsplit=1)[0]
    found = re.search(
        rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{len(marks)}}} |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"{shown(page)} has no {heading!r}"
    return found[1]


def rows(text: str, *header: str) -> list[list[str]]:
    """Return the cells of all tables with this header, without their backticks at the ends."""
    found, inside = [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"\|", line.strip()[1:-1])]
        if not line.startswith("|"):
            inside = False
        elif cells == list(header):
            inside = True
        elif inside and set(line) - set("|- "):
            found.append([plain(cell) for cell in cells])
    assert found, f"no table {header}"
    return found


def plain(cell: str) -> str:
    bare = re.fullmatch(r"`([^`]*)`", cell)
    return cell if bare is None else bare[1]


class TestPython:
    """The blocks of a page are one program."""

    @each_page
    def test_runs(self, page, tmp_path, monkeypatch):
        """Each ``python`` block does what it says, in the order of the page."""
        monkeypatch.chdir(tmp_path)
        names: dict[str, object] = {}
        text = page.read_text()
        for found in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text[: found.start()].count("\n") + 1
            if ">>>" in found[1]:
                parsed = doctest.DocTestParser().get_doctest(
                    found[1], names, page.name, str(page), line
                )
                assert doctest.DocTestRunner().run(parsed).failed == 0
            else:
                exec(compile("\n" * line + found[1], str(page), "exec"), names)

    def test_is_found(self):
        """The pages that promise a program have one."""
        for page in [ROOT / "README.md", DOCS / "library.md"]:
            assert "\n```python\n" in page.read_text()


class TestLinks:
    """Links within the repository."""

    @each_page
    def test_resolve(self, page):
        """Every relative link leads to a file, and to a heading of it where it names one."""
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            there = (page.parent / path).resolve() if path else page
            assert there.exists(), f"{target} leads nowhere"
            if anchor:
                assert anchor in anchors(there), f"{target} names no heading"

    def test_toctree_names_every_page(self):
        """Nobody writes a page that the index does not lead to."""
        listed = {DOCS / f"{name}.md" for name in toctree(DOCS / "index.md")}
        listed |= {DOCS / "adr" / f"{name}.md" for name in toctree(DOCS / "adr" / "index.md")}
        hidden = {DOCS / "index.md", DOCS / "adr" / "template.md", *DOCS.glob("changes/*.md")}
        assert listed | hidden == set(DOCS.rglob("*.md"))


def toctree(page: Path) -> list[str]:
    blocks = re.findall(r"^```\{toctree\}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [
        line for block in blocks for line in block.split("\n") if line and not line.startswith(":")
    ]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def commands(group: click.Command, name: str) -> list[tuple[str, click.Command]]:
    found = [(name, group)]
    for child, command in getattr(group, "commands", {}).items():
        found += commands(command, f"{name} {child}")
    return found


ALL_COMMANDS = [*commands(distribution.main, "distribution"), *commands(registry.main, "registry")]


class TestCommands:
    """The table of commands."""

    @pytest.mark.parametrize(("name", "command"), ALL_COMMANDS, ids=[n for n, _ in ALL_COMMANDS])
    def test_options_are_named(self, name, command):
        """Each option of each command stands in the table, in a row that begins with it."""
        described = [row[0] for row in self.table() if row[0].strip("`").startswith(name)]
        assert described, f"{name} is not described"
        context = click.Context(command, **command.context_settings)
        for option in command.get_params(context):
            for text in option.opts if isinstance(option, click.Option) else []:
                if text not in {"-h", "--help"}:
                    assert any(text in row for row in described), f"{name} {text}"
            if isinstance(option, click.Argument):
                assert any(option.human_readable_name in row for row in described)

    def test_are_there(self):
        """Each command in the table exists."""
        known = {name for name, _ in ALL_COMMANDS}
        for row in self.table():
            command = re.match(r"`?((?:[a-z]+ ?)+)", row[0])
            assert command is not None, row[0]
            assert command[1].strip() in known, row[0]

    def table(self) -> list[list[str]]:
        return rows((DOCS / "operating.md").read_text(), "Command or option", "What it does")


def settings(model: type[BaseModel], prefix: str = "") -> dict[str, str]:
    """Return the default of each key below *model*, as the documentation shows it."""
    found = {}
    for name, field in model.model_fields.items():
        key, default = prefix + name, field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            found |= settings(type(default), f"{key}.")
        elif key == "storage":
            storage = typing.cast("type[BaseModel]", field.annotation)
            found |= settings(storage, "storage.")
        else:
            found[key] = "required" if field.is_required() else in_yaml(default)
            (*_, entry) = typing.get_args(field.annotation) or (None,)
            if isinstance(entry, type) and issubclass(entry, BaseModel):
                found |= settings(entry, f"{key}[].")
    return found


def in_yaml(value: object) -> str:
    match value:
        case "":
            return "empty"
        case bool():
            return str(value).lower()
        case timedelta():
            minutes, seconds = divmod(int(value.total_seconds()), 60)
            parts = [f"{minutes}m" * bool(minutes), f"{seconds}s" * bool(seconds or not minutes)]
            return "".join(parts)
        case dict():
            entries = [f"{key}: {in_yaml(each)}" for key, each in value.items()]
            return ", ".join(entries) or "empty"
        case list():
            return f"[{', '.join(map(str, value))}]"
        case _:
            return str(value)


class TestSettings:
    """The tables of settings."""

    def test_every_key_stands_with_its_default(self):
        """Keys and defaults are those of the code: none is missing, none made up, none stale."""
        expected = settings(RegistrySettings)
        # One key of the file says both.
        assert expected.pop("storage.parameters") == "empty"
        expected["storage.<driver>"] = expected.pop("storage.driver")
        for name, default in settings(filesystem._Parameters).items():
            expected[f"storage.filesystem.{name}"] = default
        expected["storage.inmemory"] = ""
        actual = {key: default for key, default, _ in self.table()}
        assert actual == expected

    def test_refused_sections_are_named(self):
        """What stops the start is said to."""
        text = (DOCS / "operating.md").read_text()
        for key in ["auth", "proxy", "middleware", "policy", "http.tls"]:
            assert f"`{key}`" in section(DOCS / "operating.md", "## Settings"), key
            assert f"`{key}`" in (ROOT / "README.md").read_text()
        assert "does not start" in text

    def table(self) -> list[list[str]]:
        return rows((DOCS / "operating.md").read_text(), "Key", "Default", "Meaning")


class TestDriver:
    """The page on writing a driver."""

    PAGE = DOCS / "writing-a-driver.md"

    def test_properties_stand_with_their_defaults(self):
        """The table is the dataclass."""
        expected = {
            name: str(field.default) for name, field in base.Properties.__dataclass_fields__.items()
        }
        table = rows(self.PAGE.read_text(), "Field", "Default", "Means")
        assert {name: default for name, default, _ in table} == expected

    def test_methods_are_those_of_the_contract(self):
        """Each method that a driver may write is described, and no other."""
        own = {name for name in vars(base.StorageDriver) if re.fullmatch(r"_[a-z]+", name)}
        expected = (own - {"_abc_impl"}) | {"from_parameters", "properties", "translate"}
        table = rows(self.PAGE.read_text(), "You write", "It promises")
        assert {row[0].partition("(")[0] for row in table} == expected


class TestDecisions:
    """The architecture decision records."""

    FILES = sorted((DOCS / "adr").glob("[0-9]*.md"))
    HEADINGS = ("## Context", "## Drivers", "## Options", "## Decision", "## Consequences")

    def test_are_in_the_index(self):
        """The index lists each by number, file and title, in order."""
        listed = rows((DOCS / "adr" / "index.md").read_text(), "Number", "Decision", "Status")
        linked = [re.match(r"\[(\d{4})\]\((.*)\)", row[0]) for row in listed]
        assert [match[2] for match in linked if match] == [file.name for file in self.FILES]
        for match, file in zip(linked, self.FILES, strict=True):
            assert match is not None
            assert match[1] == file.name[:4]
        assert [int(file.name[:4]) for file in self.FILES] == [*range(1, len(self.FILES) + 1)]

    @pytest.mark.parametrize("file", FILES, ids=shown)
    def test_has_all_parts(self, file):
        """A record says what the template asks, and fits on a page or two."""
        text = file.read_text()
        assert text.startswith(f"# {file.name[:4]}: ")
        assert tuple(re.findall(r"^## .*$", text, re.MULTILINE)) == self.HEADINGS
        assert re.search(r"^\* Status: (accepted|superseded by \d{4})$", text, re.MULTILINE)
        assert 30 <= len(text.splitlines()) <= 80

    def test_template_asks_for_them(self):
        """The template has the parts."""
        text = (DOCS / "adr" / "template.md").read_text()
        assert tuple(re.findall(r"^## .*$", text, re.MULTILINE)) == self.HEADINGS


class TestChanges:
    """Fragments of the changelog."""

    @pytest.mark.parametrize("file", sorted(DOCS.glob("changes/[0-9]*")), ids=shown)
    def test_is_named_by_issue_and_kind(self, file):
        """A fragment's name tells the issue and the kind, and it says something."""
        assert re.fullmatch(r"\d+\.(feature|bugfix|removal|doc|misc)\.md", file.name)
        assert file.read_text().strip()


#: Every id of the OCI distribution spec 1.1, "Endpoints".
ENDPOINTS = {
    *[
        "end-1",
        "end-2",
        "end-3",
        "end-4a",
        "end-4b",
        "end-4c",
        "end-5",
        "end-6",
        "end-7a",
        "end-7b",
    ],
    *["end-8a", "end-8b", "end-9", "end-10", "end-11", "end-12a", "end-12b", "end-13", "end-14"],
}


def served() -> dict[tuple[str, str], str]:
    """Return what answers each method of each route of the application."""
    site = Site(StoredNamespace(MemoryDriver()), Urls(), StateTokens(b"secret"), Limits())
    found = {}
    for template, (resource, _) in create_app(site)._router._routes.items():
        for method, responder in map_http_methods(resource).items():
            name = f"on_{method.lower()}"
            assert responder == getattr(resource, name)
            found[method, template] = f"{type(resource).__name__}.{name}"
    return found


@cache
def _tests_in(path: Path) -> frozenset[str]:
    """Return the names of the tests in a file: ``test_x``, ``TestX`` and ``TestX::test_x``."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            methods = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
            tests = [name for name in methods if name.startswith("test_")]
            found |= {node.name, *(f"{node.name}::{name}" for name in tests)} if tests else set()
    return frozenset(found)


class TestSpecCoverage:
    """The page that says what of the spec is served."""

    PAGE = DOCS / "spec-coverage.md"

    def test_has_a_row_for_every_route_and_method(self):
        """Rows and routes are the same, and name what answers."""
        actual = {(method, route): answer for _, method, route, _, answer, _ in self.table()}
        assert actual == served()

    def test_rows_of_one_route_agree(self):
        """Where a method has several ids, all its rows name the same responder."""
        answers = defaultdict(set)
        for _, method, route, _, answer, _ in self.table():
            answers[method, route].add(answer)
        assert {len(each) for each in answers.values()} == {1}

    def test_templates_are_the_routers(self):
        """The application serves every template that the router knows."""
        known = {
            value
            for name, value in vars(router).items()
            if name.isupper() and not name.startswith("_") and isinstance(value, str)
        }
        assert {route for _, route in served()} == known

    def test_has_every_endpoint_of_the_spec(self):
        """No id of the spec is missing, and none is made up."""
        assert {row[0] for row in self.table()} - {"V2"} == ENDPOINTS

    def test_names_tests_that_exist(self):
        """Each row's test is there."""
        for row in self.table():
            path, _, name = row[5].partition("::")
            assert (ROOT / path).is_file(), path
            assert name in _tests_in(ROOT / path), row[5]

    def test_errors_are_those_of_the_table(self):
        """Codes and statuses are those that the code answers with."""
        expected = defaultdict(set)
        for status, code in errors.RESPONSES.values():
            expected[code].add(status.split()[0])
        listed = rows(self.PAGE.read_text(), "Code", "Status")
        assert {code: set(statuses.split(", ")) for code, statuses in listed} == expected

    def table(self) -> list[list[str]]:
        header = ("Id", "Method", "Route", "Query", "Answered by", "Checked by")
        return rows(self.PAGE.read_text(), *header)
