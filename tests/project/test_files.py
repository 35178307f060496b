"""The files of the repository that people and services read."""

import re

import yaml

import adamx
from tests.places import ROOT
from tests.project import versions


def read_yaml(name):
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def test_the_citation_is_that_of_this_version():
    found = read_yaml("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= {*found}  # all required
    assert found["cff-version"] == "1.2.0"
    assert str(found["version"]) == adamx.__version__
    project = versions.project()
    assert found["license"] == project["license"]
    assert found["authors"] == project["authors"]
    assert found["title"] == f"adamx: {_lower(project['description'])}"
    # An address is in one place; see [project.urls].
    assert found.get("repository-code") == project.get("urls", {}).get("Repository")


def _lower(text):
    return text[0].lower() + text[1:]


def test_no_address_is_made_up():
    """Until pyproject.toml has one, no file of the repository has one."""
    host = re.compile(r"github\.com/[\w-]+/adamx|adamx\.(readthedocs|github)\.io")
    known = str(versions.project().get("urls", {}))
    for folder in ("adamx", "docs", "examples", ".github"):
        for file in (ROOT / folder).rglob("*.*"):
            if file.suffix in (".py", ".md", ".yml", ".cff", ".html"):
                found = host.search(file.read_text("utf-8"))
                assert found is None or found[0] in known, file
    for file in ROOT.glob("*.*"):
        if file.suffix in (".md", ".yml", ".toml", ".cff"):
            found = host.search(file.read_text("utf-8"))
            assert found is None or found[0] in known, file


def test_a_report_of_a_bug_asks_for_what_is_needed():
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    forms = {file.stem: read_yaml(file) for file in folder.glob("*.yml")}
    assert forms.pop("config") == {"blank_issues_enabled": True}
    for form in forms.values():
        assert {"name", "description", "body"} <= {*form}
        ids = [part["id"] for part in form["body"]]
        assert len(ids) == len({*ids})
        for part in form["body"]:
            assert part["type"] == "textarea"
            assert part["attributes"]["label"]
    asked = str(forms["bug_report"])
    for words in ("adamx --version", "jax.print_environment_info()", "adamx.describe("):
        assert words in asked


def test_the_security_note_is_found_where_it_is_looked_for():
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (ROOT / link).exists(), link
