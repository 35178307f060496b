"""What `import adamx` loads, and the names it gives."""

import ast
import builtins
import sys
from pathlib import Path
from types import ModuleType

import pytest

import adamx
from adamx.lazy import on_first_use
from adamx.testing.public import public_names
from tests.process import python


def loaded(code: str) -> set[str]:
    """Return the modules that `code` loads in a new process, beside those of jax."""
    code = (
        "import sys, jax, jax.numpy\n"
        "before = {*sys.modules}\n"
        f"{code}\n"
        "print(*({*sys.modules} - before))"
    )
    return set(python("-c", code).stdout.split())


def test_import_loads_no_room():
    assert loaded("import adamx") == {"adamx", "adamx.lazy"}


def test_an_optimizer_loads_what_it_is_made_of():
    modules = loaded("import adamx; adamx.chain(adamx.adam(0.1))")
    rooms = {m.split(".")[1] for m in modules if m.startswith("adamx.")}
    assert "optimizers" in rooms
    assert not rooms & {"inspect", "interop", "kernels", "racing", "storage", "testing"}


def test_all_names_load_no_module_that_a_single_feature_needs():
    """Such as jax.scipy.linalg, Pallas, Matplotlib and Optax."""
    others = {m for m in loaded("from adamx import *") if not m.startswith("adamx")}
    assert {m.split(".")[0] for m in others} <= sys.stdlib_module_names


def test_a_name_is_looked_up_once():
    adamx.sm3  # noqa: B018
    assert vars(adamx)["sm3"] is adamx.sm3


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'adamx' has no attribute 'adm'"):
        adamx.adm  # pyright: ignore  # noqa: B018


def test_dir_has_all_names():
    assert {*public_names()} <= {*dir(adamx)}


def test_python_imports_as_before_after_an_error():
    def fail() -> None:
        with on_first_use({}):
            assert builtins.__import__ is not import_now
            raise ZeroDivisionError

    import_now = builtins.__import__
    with pytest.raises(ZeroDivisionError):
        fail()
    assert builtins.__import__ is import_now


# What `from adamx import *` gives.


def test_all_is_what_the_package_file_imports():
    tree = ast.parse(Path(adamx.__file__).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.With))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(block.body)
    names = [alias.asname for node in imports for alias in node.names]
    assert names == [alias.name for node in imports for alias in node.names]
    assert [*public_names()] == names
    assert len(names) == len({*names})


def test_all_names_hide_nothing_of_python():
    """Optax's `trace` has the name of a module that hardly anyone imports."""
    names = {*public_names()}
    assert not names & {*dir(builtins)}
    assert names & sys.stdlib_module_names == {"trace"}


def test_of_modules_only_schedules_are_among_all_names():
    """Others, such as `inspect` and `types`, would hide those of Python."""
    modules = {k for k, x in public_names().items() if isinstance(x, ModuleType)}
    assert modules == {"schedules"}


def test_everything_defined_here_that_the_package_has_is_among_all_names():
    named = {name for name in vars(adamx) if not name.startswith("_")}
    rooms = {name for name in named if isinstance(vars(adamx)[name], ModuleType)}
    assert named - rooms <= {*public_names()}
