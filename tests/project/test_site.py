"""The documentation: its code runs, its tables are true, and its site builds."""

import ast
import functools
import importlib
import importlib.util
import inspect
import os
import re
import types
import warnings
from pathlib import Path
from typing import Any

import jax
import optax
import optax.contrib
import pytest

import adamx
from adamx import names
from adamx.testing.laws.truth import deviation, follower
from adamx.testing.public import public_names
from benchmarks import examples, moving, pictures, readme
from tests.oracles import in_float64, keras_steps, torch_steps
from tests.pages import blocks, written
from tests.places import ROOT
from tests.process import python
from tests.spec import Spec, live, subject
from tests.tiers import full

DOCS = ROOT / "docs"
PAGES = sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))
ELSEWHERE = {"clients.md", "gradients.md", "laws.md", "saving.md", "schedules.md"} | {
    "seeing.md",
    "race.md",
}
"""Their code is run in test_docs.py, with more to say about each."""
TRANSLATED = [page for page in PAGES if f"zh/{page}" in PAGES]


@pytest.mark.parametrize(
    "page",
    [
        # The code of a Chinese page is that of the English one.
        full(page) if page.startswith("zh/") else page
        for page in sorted({*PAGES} - ELSEWHERE)
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_page_prints_what_it_says(page, monkeypatch, tmp_path):
    text = (DOCS / page).read_text()
    monkeypatch.chdir(tmp_path)
    assert written(text) == text


def test_pages_without_code_have_none_by_intention():
    silent = {page for page in PAGES if not blocks((DOCS / page).read_text())}
    assert {page for page in silent if not page.startswith("api/")} == {
        "benchmarks.md",
        "command_line.md",
        "differences.md",
        "examples.md",
        "gallery.md",
        "optimizers.md",
        "zh/examples.md",
    }


def said(code: str) -> str:
    """The code without its comments, and without the words that it prints."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            node.values = [v for v in node.values if isinstance(v, ast.FormattedValue)]
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = re.sub(r"[^\x00-\x7f]+|[A-Za-z ,:.]+", "", node.value)
    return ast.dump(tree)


@pytest.mark.parametrize("page", TRANSLATED)
def test_a_translation_has_the_same_code(page):
    here, there = (blocks((DOCS / p).read_text()) for p in (page, f"zh/{page}"))
    assert [said(code) for code, _ in there] == [said(code) for code, _ in here]


def test_the_pages_that_are_to_be_translated_are():
    assert set(TRANSLATED) == {
        "adam.md",
        "examples.md",
        "index.md",
        "moving/from_keras.md",
        "moving/from_optax.md",
        "moving/from_pytorch.md",
        "own_transform.md",
        "tour.md",
    }


OPTIMIZERS = [("torch", row) for row in moving.TORCH] + [
    ("keras", row) for row in moving.KERAS
]
ARGUMENTS = [("torch", argument) for argument in moving.TORCH_ARGUMENTS] + [
    ("keras", argument) for argument in moving.KERAS_ARGUMENTS
]
CALLS = [
    (library, moving.Row(argument.their_call, argument.our_call))
    for library, argument in ARGUMENTS
    if argument.their_call
]


def ours(row: moving.Row) -> adamx.Transform:
    return eval(row.ours, public_names())


@pytest.mark.parametrize(
    ("library", "row"),
    [*OPTIMIZERS, *(full(*call) for call in CALLS)],
    ids=lambda x: getattr(x, "theirs", x),
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_rows_of_the_pages_on_moving_take_the_same_steps(library, row):
    tx = ours(row)
    if not importlib.util.find_spec(library):
        pytest.skip(f"{library} is in the extra 'oracles'")

    def theirs(given: Any) -> Any:
        module = importlib.import_module(
            "torch.optim" if library == "torch" else "keras.optimizers"
        )
        return eval(row.theirs, {**vars(module), "params": given})

    torch = library == "torch"
    oracle = torch_steps(theirs, in_float64) if torch else keras_steps(theirs)
    spec = Spec(row.theirs, lambda: tx, library, oracle)
    path = live(spec, 0)
    with jax.enable_x64(True):
        away = deviation(subject(spec, path), path, follower(subject(spec)))
    # Parameters of about 1 are rounded 60 times, by 1e-16, and steps are 1e-3 long.
    assert away < 2e-11


@functools.cache
def names_here() -> set[str]:
    """The public names, and the names of all their arguments."""
    public = public_names()
    return {*public, "mask"} | {
        name
        for thing in public.values()
        if callable(thing)
        for name in inspect.signature(thing).parameters
    }


def theirs_of(argument: moving.Argument) -> list[str]:
    """The names of theirs that an entry is about: `a, b=True` are two."""
    return [name.partition("=")[0] for name in argument.theirs.split(", ")]


@pytest.mark.parametrize(
    ("library", "argument"), ARGUMENTS, ids=lambda x: getattr(x, "theirs", x)
)
def test_arguments_on_the_pages_on_moving_exist_here(library, argument):
    here = names_here()
    theirs = {*theirs_of(argument), "lr", "a", "b", "c", "steps", "tx", "init"}
    theirs |= {"clip_grad_norm_", "clip_grad_value_", "norm_type", "jax", "grad"}
    for text in (argument.ours, argument.english, argument.chinese):
        code = [argument.ours] if text is argument.ours else re.findall("`(.*?)`", text)
        names = {n for c in code for n in re.findall(r"[A-Za-z_]\w*", c)}
        assert names - {"True", "False"} <= here | theirs | {"update"}, names


@pytest.mark.parametrize("library", ["torch", "keras"])
def test_every_argument_of_their_optimizers_is_on_the_page(library):
    module = found("torch.optim" if library == "torch" else "keras.optimizers")
    names = {n for of, a in ARGUMENTS if of == library for n in theirs_of(a)}
    names |= {"self", "kwargs", "defaults"}
    # Wrappers of optimizers are in the table of what is around them.
    names |= {"inner_optimizer", "initial_scale", "dynamic_growth_steps"}
    names |= {"optimizer_map"}
    for optimizer in vars(module).values():
        if inspect.isclass(optimizer) and issubclass(optimizer, module.Optimizer):
            assert {*inspect.signature(optimizer.__init__).parameters} <= names


def found(name: str) -> Any:
    """What a dotted name stands for, if its package is installed."""
    package, *rest = name.partition("(")[0].split(".")
    if not importlib.util.find_spec(package):
        pytest.skip(f"{package} is in the extra 'oracles'")
    os.environ["KERAS_BACKEND"] = "jax"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thing: Any = importlib.import_module(package)
        for i, part in enumerate(rest):
            if not hasattr(thing, part):
                importlib.import_module(".".join([package, *rest[: i + 1]]))
            thing = getattr(thing, part)
    return thing


AROUND = [*moving.TORCH_AROUND, *moving.KERAS_AROUND]


@pytest.mark.parametrize("row", AROUND, ids=lambda row: row.theirs)
def test_names_on_the_pages_on_moving_exist(row):
    assert hasattr(adamx, row.ours)
    for remark in (row.english, row.chinese):
        for name in re.findall(r"`([a-z_]+)`", remark):
            assert hasattr(adamx, name) or name in ("mask", "ema_momentum"), name
    if row.theirs.endswith(("param_groups", "trainable")):
        return  # attributes of instances
    assert found(row.theirs) is not None


def test_errors_call_the_optimizers_as_the_pages_on_moving_do():
    rows = [*moving.TORCH, *moving.KERAS, *moving.TORCH_AROUND, *moving.KERAS_AROUND]
    for row in rows:
        name = row.theirs.partition("(")[0].split(".")[-1]
        called = [r.ours for r in rows if f".{name}(" in f".{r.theirs}("]
        if here := names.KERAS_AND_TORCH.get(name):
            assert any(re.match(rf"(.*\W)?{here}\b", ours) for ours in called), name
        else:
            assert row in (*moving.TORCH_AROUND, *moving.KERAS_AROUND), name


@pytest.mark.parametrize("page", PAGES)
def test_names_of_optax_on_a_page_exist(page):
    for name in re.findall(r"\boptax\.[A-Za-z_.]+\b", (DOCS / page).read_text()):
        assert found(name) is not None


def test_names_of_optax_that_are_not_here_are_there():
    text = (DOCS / "differences.md").read_text()
    rows = text.partition("## Names of Optax that are not here")[2]
    rows = rows.partition("## ")[0].splitlines()[4:]
    names = [n for r in rows if r for n in re.findall(r"`(\w+)", r.split("|")[1])]
    assert len(names) > 10
    for name in names:
        assert hasattr(optax, name) or hasattr(optax.contrib, name), name


@pytest.mark.parametrize("page", ["from_pytorch", "from_keras"])
def test_the_tables_on_moving_are_written_by_their_script(page):
    for folder in (DOCS, DOCS / "zh"):
        text = (folder / "moving" / f"{page}.md").read_text()
        for mark, table in moving.parts(page, folder.name == "zh").items():
            assert f"<!-- begin: {mark} -->\n{table}\n<!-- end: {mark} -->" in text


def test_the_table_of_optax_names_is_written_by_its_script():
    table = moving.names_of_optax()
    text = (DOCS / "moving/from_optax.md").read_text()
    assert f"<!-- begin: names -->\n{table}\n<!-- end: names -->" in text
    for name in (n for n in dir(optax) if not n.startswith("_")):
        assert f"`{name}`" in table, name


@pytest.mark.parametrize("part", readme.PARTS)
def test_the_tables_of_the_readme_are_written_by_their_script(part):
    mark, text = f"benchmarks.readme {part}", readme.PARTS[part]()
    written_part = f"<!-- begin: {mark} -->\n{text}\n<!-- end: {mark} -->"
    assert written_part in (ROOT / "README.md").read_text()


def test_links_of_the_readme_lead_somewhere():
    for name in ("README.md", "CONTRIBUTING.md"):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / name).read_text()):
            assert link.startswith("http") or (ROOT / link).exists(), link


NAME = re.compile(r"adamx\.(\w+)")
MODULES = {"errors", "types"}


@pytest.mark.parametrize("page", PAGES)
def test_names_of_adamx_on_a_page_exist(page):
    text = (DOCS / page).read_text()
    rooms = {file.parent.name for file in (ROOT / "adamx").glob("*/__init__.py")}
    for name in NAME.findall(text):
        assert hasattr(adamx, name) or name in rooms | MODULES


def test_every_picture_is_drawn_by_a_script(tmp_path):
    drawn = {f"pictures/{name}.png" for name in pictures.DRAWN}
    shown = {
        Path(os.path.normpath((DOCS / page).parent / link)).relative_to(DOCS)
        for page in PAGES
        for link in re.findall(r"!\[[^]]*\]\((.*?)\)", (DOCS / page).read_text())
    }
    for picture in shown:
        kind = b"GIF89a" if picture.suffix == ".gif" else b"\x89PNG"
        assert (DOCS / picture).read_bytes().startswith(kind), picture
    assert {str(p) for p in shown} >= drawn
    pictures.main(["weight_decay", "--folder", str(tmp_path)])
    assert (tmp_path / "weight_decay.png").stat().st_size > 10_000


@pytest.fixture(scope="module")
def hooks():
    """The hooks of mkdocs, which are no part of a package."""
    spec = importlib.util.spec_from_file_location("hooks", DOCS / "make" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_site_has_the_addresses_of_pyproject(hooks, tmp_path, monkeypatch):
    assert hooks.on_config({"site_name": "adamx"})["site_name"] == "adamx"
    monkeypatch.setattr(hooks, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        "[project]\nname = 'x'\n[project.urls]\n"
        "Repository = 'https://host.example/owner/name/'\nOther = 'https://x.example'\n"
    )
    assert hooks.on_config({}) == {
        "repo_url": "https://host.example/owner/name/",
        "repo_name": "owner/name",
    }


def test_every_public_name_is_in_the_reference(hooks):
    public = {
        name
        for name, thing in public_names().items()
        if not isinstance(thing, types.ModuleType)
    }
    assert set(hooks.PLACES) == public


@pytest.mark.full
def test_the_site_builds_without_a_warning(tmp_path):
    """Every page is in the navigation, and every link and anchor leads somewhere."""
    if not importlib.util.find_spec("mkdocs"):
        pytest.skip("mkdocs is in the extra 'docs'")
    done = python(
        *("-m", "mkdocs", "build", "--strict", "-d", str(tmp_path)),
        check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    home = (tmp_path / "index.html").read_text()
    assert 'src="http' not in home
    assert '<html lang="zh"' in (tmp_path / "zh" / "index.html").read_text()
    assert "<math" in (tmp_path / "adam" / "index.html").read_text()
    api = (tmp_path / "api" / "optimizers" / "index.html").read_text()
    assert 'id="adamx.adam"' in api
    source = (tmp_path / "examples" / "linear_regression" / "index.html").read_text()
    assert "least_squares" in source
    for page in ("examples", "zh/examples"):
        text = (tmp_path / page / "index.html").read_text()
        for name in examples.names():
            assert re.search(rf'href="[./]*(examples/)?{name}/"', text), name
