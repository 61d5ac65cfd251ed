"""What every file of the project keeps to, whoever writes it."""

import ast
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
LINES = 300

# The public hosts that a file may name, with those below them. Any other one may be where packages come from, and that only the
# environment of whoever installs them says.
HOSTS = (
    "example.com",
    "example.net",
    "example.org",
    "kafka.apache.org",
    "www.apache.org",  # the licence
    "github.com",  # names of third-party modules
    "json-schema.org",
    "k8s.io",
    "keepachangelog.com",
    "kubernetes.io",
    "osv.dev",  # what `make audit` asks
    "prometheus.io",  # names of annotations
    "semver.org",
    "stripe.com",
)
PUBLIC = re.compile(r"(?<![\w.-])(?:[\w-]+\.)+(?:com|dev|io|net|org)(?![\w-]|\.\w)", re.IGNORECASE)
# How an address of packages is given, whatever its host.
INDEX = re.compile(r"--(?:extra-)?index-url|\b[\w.:-]+/simple\b|(?:FROM|image:)\s+[\w-]+(?:\.[\w-]+)+(?::\d+)?/")
AS_PUBLISHED = ("tests/contracts/asyncapi-3.0.0-schema.json", "tests/house/keda-2.20.2-schemas.json")  # by others
# Where a machine keeps its users' things. /proc, /dev and /var/tmp are the same everywhere, /opt/kafka/ is in Kafka's image.
MACHINE_PATHS = re.compile(
    r"(?<![\w.$}~*-])(?:/(?:home|Users|work|mnt|opt)/(?!kafka/)\w|/root(?=/)|/var/folders(?=/)|[A-Z]:\\Users)"
)

SLEEPERS = {"tests/embedded/stand_in.py": "a service of its own process, which has nothing to do but stay"}


def _files() -> Iterator[Path]:
    """Every file that is not ignored."""
    ignored = {line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split() if line.endswith("/")} | {".git"}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in ignored and not name.endswith(".egg-info")]
        yield from (path for path in (Path(folder, name) for name in names) if path.is_file())


def _texts() -> dict[str, str]:
    texts = {}
    for path in _files():
        try:
            texts[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image
    return texts


TEXTS = _texts()
PAGES = {path: text for path, text in TEXTS.items() if path.endswith(".md")}
MIGRATIONS = sorted(path for path in TEXTS if re.match(r"services/[a-z]+/migrations/|chassis/schema/", path))


def _hits(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path, text in TEXTS.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def _strange(line: str) -> list[str]:
    """What in a line may be where packages come from."""
    hosts = [
        host for host in PUBLIC.findall(line) if not f".{host.lower()}".endswith(tuple(f".{known}" for known in HOSTS))
    ]
    return [*hosts, *INDEX.findall(line)]


def test_no_file_names_where_packages_come_from() -> None:
    found = [
        f"{path}:{number}: {strange}"
        for path, text in TEXTS.items()
        if path not in AS_PUBLISHED
        for number, line in enumerate(text.splitlines(), 1)
        if (strange := _strange(line))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("words", "strange"),
    [
        (("wheels", "acme", "io"), True),
        (("https://user:pw@Acme", "ORG/wheels"), True),
        (("see notexample", "org"), True),
        (("FROM images", "acme:5000/base"), True),
        (("pip install --index", "url https://10.0.0.1"), True),
        (("java", "io", "tmpdir"), False),
        (("https://json-schema", "org/draft"), False),
        (("ada@harbour.example", "org"), False),
    ],
)
def test_places_of_packages_are_found(words: tuple[str, ...], strange: bool) -> None:
    assert bool(_strange(".".join(words).replace("index.", "index-"))) == strange


def test_no_file_names_a_path_of_one_machine() -> None:
    assert _hits(MACHINE_PATHS) == []
    if len(ROOT.parts) > 2:  # else it is a word that means something elsewhere
        assert _hits(re.compile(re.escape(str(ROOT)) + r"(?![\w-])")) == []


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    counted = {
        path: text.count("\n")
        for path, text in TEXTS.items()
        if not path.startswith(("requirements/", "contracts/schemas/", "contracts/samples/"))
        and path.endswith((".py", ".md", ".sql", ".toml", ".yml", ".yaml", "Makefile"))
    }
    long = [f"{path}: {lines} lines" for path, lines in sorted(counted.items()) if lines > LINES]
    assert not long, f"past {LINES} lines something wants a name of its own: {long}"


def _links(page: str) -> Iterator[str]:
    """The relative targets of a page's links and pictures, without their anchors."""
    prose = re.sub(r"^(```|~~~).*?^\1", "", page, flags=re.DOTALL | re.MULTILINE)
    prose = re.sub(r"`[^`\n]*`", "", prose)
    inline = re.findall(r"\]\(\s*(<[^>\n]*>|[^)\s]+)(?:\s+[\"'(][^)]*)?\s*\)", prose)
    defined = re.findall(r"^ {0,3}\[[^\]]+\]:\s*(<[^>\n]*>|\S+)", prose, flags=re.MULTILINE)
    for target in (*inline, *defined):
        path = unquote(target.strip("<>")).partition("#")[0]
        if path and not re.match(r"[a-z][a-z0-9+.-]*:|//", path, flags=re.IGNORECASE):
            yield path


def test_every_link_of_a_page_leads_to_a_file() -> None:
    there = set(TEXTS) | {path.relative_to(ROOT).as_posix() for path in _files()}
    folders = {parent.as_posix() for path in there for parent in Path(path).parents}
    broken = []
    for page, text in PAGES.items():
        for link in _links(text):
            target = os.path.normpath(Path(page).parent / link)
            if link.startswith("/") or target not in there | folders:
                broken.append(f"{page}: {link}")
    assert broken == []


@pytest.mark.parametrize(
    ("page", "links"),
    [
        ("[a](b.md) and ![c](d/e.png)", ["b.md", "d/e.png"]),
        ("[a](b.md#part) [c](#part)", ["b.md"]),
        ('[a](b.md "Title") [c](<d e.md>) [f](g%20h.md)', ["b.md", "d e.md", "g h.md"]),
        ("[a](https://example.org/b.md) [c](mailto:d@example.org)", []),
        ("[a]: b.md\n[c]: https://example.org", ["b.md"]),
        ("```\n[a](b.md)\n```\n`[c](d.md)` [e](f.md)", ["f.md"]),
        ("[[1](a.md)]", ["a.md"]),
    ],
)
def test_links_are_found(page: str, links: list[str]) -> None:
    assert list(_links(page)) == links


def test_every_decision_has_its_own_number_and_its_place_in_the_index() -> None:
    decisions = sorted(path for path in TEXTS if path.startswith("docs/decisions/"))
    numbers = [Path(path).name[:4] for path in decisions]
    assert len(numbers) == len(set(numbers)), "two decisions have one number: renumber the later one"
    assert [path for path, number in zip(decisions, numbers, strict=True) if f"# {number} " not in TEXTS[path]] == []
    assert re.findall(r"\]\((decisions/[^)]+)\)", TEXTS["docs/README.md"]) == [
        path.removeprefix("docs/") for path in decisions
    ]


def _named(page: str) -> Iterator[tuple[str, str]]:
    """The links whose text is code, `Stream.take` of stream.py: what is named, and the file that has it."""
    prose = re.sub(r"^(```|~~~).*?^\1", "", page, flags=re.DOTALL | re.MULTILINE)
    for name, target in re.findall(r"\[`([^`\n]+)`\]\(([^)\s#]+)(?:#[^)]*)?\)", prose):
        yield name, unquote(target)


def _definitions(tree: ast.AST, within: str = "") -> Iterator[str]:
    """What a module defines: `Stream`, `Stream.take`, constants and fields too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield within + node.name
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node, f"{within}{node.name}.")
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = (each for target in targets for each in getattr(target, "elts", [target]))
            yield from (within + each.id for each in names if isinstance(each, ast.Name))


def _has(path: str, name: str) -> bool:
    """Whether the file defines this: a method with or without its class, a rule by its name; or, if it is no Python, says it."""
    if path.endswith(name):  # a link by its path
        return True
    if not path.endswith(".py"):
        return name in TEXTS[path]
    tree = ast.parse(TEXTS[path])
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    if name in texts or any(f"'{name}'" in text for text in texts):
        return True
    defined = set(_definitions(tree))
    return name in defined or any(each.endswith(f".{name}") for each in defined)


def test_every_function_that_a_page_names_is_in_the_file_it_links_to() -> None:
    found = {
        (page, name, os.path.normpath(Path(page).parent / target))
        for page, text in PAGES.items()
        for name, target in _named(text)
    }
    assert found
    assert [(page, name, path) for page, name, path in sorted(found) if path in TEXTS and not _has(path, name)] == []


def test_named_functions_are_found() -> None:
    page = "[`a`](b.py), [`C.d`](e.py#L1) and [f](g.py)\n```\n[`h`](i.py)\n```\n"
    assert list(_named(page)) == [("a", "b.py"), ("C.d", "e.py")]
    code = "A, B = 1, 2\nclass C:\n  d: int = 3\n  async def e(self): f = 4\ndef g(): pass"
    assert list(_definitions(ast.parse(code))) == ["A", "B", "C", "C.d", "C.e", "g"]


def _sleeps(tree: ast.AST, polling: bool = False) -> Iterator[tuple[int, bool]]:
    """The line of each sleep, and whether a loop asks again for something after it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name == "sleep":
                yield node.lineno, polling
        yield from _sleeps(node, polling or isinstance(node, ast.While))


def test_each_module_of_the_tests_has_a_name_of_its_own() -> None:
    """Their folders are no packages: of two with one name a process that runs both has the first only."""
    names = Counter(Path(path).name for path in TEXTS if path.startswith("tests/") and path.endswith(".py"))
    assert [name for name, count in names.items() if count > 1 and name != "conftest.py"] == []


def test_no_test_sleeps() -> None:
    """Waiting is awaiting a condition, in a helper that asks for it again and again; a test calls the helper."""
    found = []
    for path, text in TEXTS.items():
        if path.startswith("tests/") and path.endswith(".py") and path not in SLEEPERS:
            helper = not Path(path).name.startswith("test_")
            found += [f"{path}:{line}" for line, polls in _sleeps(ast.parse(text)) if not (helper and polls)]
    assert found == []
    assert SLEEPERS.keys() <= TEXTS.keys()


def test_sleeps_are_found() -> None:
    code = "import time\nasync def f():\n  while not g():\n    await asyncio.sleep(1)\ntime.sleep(1)\nsleep(2)\n'time.sleep(3)'"
    assert sorted(_sleeps(ast.parse(code))) == [(4, True), (5, False), (6, False)]


def test_every_migration_is_named_by_its_place() -> None:
    """A misnamed file would never be applied, and nobody would say so."""
    assert MIGRATIONS
    assert [path for path in MIGRATIONS if not re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", Path(path).name)] == []
    by_folder: dict[Path, list[str]] = {}
    for path in MIGRATIONS:
        by_folder.setdefault(Path(path).parent, []).append(Path(path).name)
    for folder, names in by_folder.items():
        first = 0 if folder == Path("chassis/schema") else 1
        assert [int(name[:4]) for name in names] == list(range(first, first + len(names))), (
            f"{folder}: a gap, or a number twice"
        )
    shared = set(by_folder.get(Path("chassis/schema"), []))
    assert [path for path in MIGRATIONS if path.startswith("services/") and Path(path).name in shared] == []


def test_no_migration_ends_its_own_transaction() -> None:
    """Half a file would stay when the other half fails."""
    ends = re.compile(r"^\s*(?:BEGIN|START TRANSACTION|COMMIT|ROLLBACK|END)\s*;|\bCONCURRENTLY\b", re.IGNORECASE)
    assert [
        f"{path}:{number}"
        for path in MIGRATIONS
        for number, line in enumerate(re.sub(r"\$\$.*?\$\$", "", TEXTS[path], flags=re.DOTALL).splitlines(), 1)
        if ends.search(line.partition("--")[0])
    ] == []
