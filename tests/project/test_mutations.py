"""Mutations fit the files that they change, and what tries them tells the truth."""

import shlex

import pytest

from tests.mutants import MUTATIONS, Mutation
from tests.mutations import Found, chosen, failing, mutated, report, tried
from tests.places import ROOT
from tests.tiers import full

NAMES = [mutation.name for mutation in MUTATIONS]


def test_there_are_many_and_each_has_a_name_of_its_own():
    assert len(MUTATIONS) >= 34
    assert len({*NAMES}) == len(NAMES)
    rooms = {mutation.file.partition("/")[0] for mutation in MUTATIONS}
    inside = {path.parent.name for path in (ROOT / "adamx").glob("*/__init__.py")}
    # An optimizer is wiring, and every one is held against an oracle.
    assert rooms >= inside - {"optimizers"}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=NAMES)
def test_a_mutation_fits_its_file(mutation):
    compile(mutated(mutation), mutation.file, "exec")
    files = [x for x in shlex.split(mutation.tests) if x.startswith("tests/")]
    assert files
    for file, _, test in (x.partition("::") for x in files):
        text = (ROOT / file).read_text()
        assert f"def {test}" in text


def test_a_mutation_that_no_longer_fits_is_an_error():
    gone = Mutation("gone", "execution/plan.py", "what nobody wrote", "", "tests")
    with pytest.raises(ValueError, match="gone: the old text stands 0 times"):
        mutated(gone)


@pytest.fixture
def tree(tmp_path):
    """A library of one function, with a quick test and a thorough one."""
    library, tests = tmp_path / "adamx", tmp_path / "tests"
    library.mkdir()
    tests.mkdir()
    (library / "__init__.py").write_text("")  # or an installed adamx comes first
    (library / "one.py").write_text("def double(x):\n    return x + x\n")
    (tests / "test_one.py").write_text(
        "import pytest\nfrom adamx.one import double\n"
        "def test_one():\n    assert double(0) == 0\n"
        "@pytest.mark.full\ndef test_two():\n    assert double(3) == 6\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    full: thorough\n")
    return tmp_path


@pytest.mark.parametrize(
    ("new", "tier", "test"),
    [
        ("return x + 1", "quick", "tests/test_one.py::test_one"),
        full("return x * x", "thorough", "tests/test_one.py::test_two"),
        full("return 2 * x", None, ""),
        full("return (", "quick", "tests/test_one.py"),
    ],
)
def test_each_tier_is_asked_and_the_file_is_put_back(tree, new, tier, test):
    whole = (tree / "adamx" / "one.py").read_text()
    mutation = Mutation("one", "one.py", "return x + x", new, "tests/test_one.py")
    found = tried(mutation, tree)
    assert (found.tier, found.test) == (tier, test)
    assert (tree / "adamx" / "one.py").read_text() == whole
    assert failing(tree, ["tests"], "") is None


@pytest.mark.full
def test_tests_that_are_not_there_are_an_error(tree):
    mutation = Mutation("one", "one.py", "x + x", "x", "tests/test_one.py -k three")
    with pytest.raises(LookupError, match="no test is selected"):
        tried(mutation, tree)
    with pytest.raises(RuntimeError, match="test_gone"):
        failing(tree, ["tests/test_gone.py"], "")


def test_the_table_says_who_found_what():
    a, b, c = NAMES[:3]
    found = {
        a: Found("quick", "tests/test_a.py::test_a", 1.2),
        b: Found("thorough", "tests/test_b.py::test_b", 3.0),
        c: Found(None, "", 4.0),
    }
    text = report(found)
    assert text.startswith("The quick tests find 1 of 3, both tiers together 2.")
    assert "`test_a.py::test_a`" in text
    assert "**not found**" in text
    assert [m.name for m in chosen(["Kahan"])] == [n for n in NAMES if "Kahan" in n]


def test_the_table_of_contributing_has_every_mutation():
    page = (ROOT / "CONTRIBUTING.md").read_text()
    table = page.partition("<!-- begin: tests.mutations -->")[2]
    assert [name for name in NAMES if f"| {name} " not in table] == []
    assert "not found" not in table
