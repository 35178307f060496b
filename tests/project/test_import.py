"""What `import adamx` loads, and the names it gives."""

import ast
import builtins
import sys
from pathlib import Path
from types import ModuleType

import pytest

import adamx
from adamx import names
from adamx import optax as optax_names
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


ADVICE = {
    "multi_transform": "here it is adamx.partition, and adamx.optax has all of "
    "Optax's names",
    "GradientTransformation": "here it is adamx.Transform, and adamx.optax has all of "
    "Optax's names",
    "scale_by_schedule": "here it is adamx.scale, and adamx.optax has all of Optax's "
    "names",
    "losses": "it is adamx.optax.losses",
    "tree": "it is adamx.optax.tree",
    "lookahead_": "did you mean 'lookahead'?",
    "l2_loss": "it is adamx.optax.l2_loss, which is Optax's own",
    "named_chain": "here it is adamx.chain, and adamx.optax has all of Optax's names",
    "MuonState": "it is adamx.optax.contrib.MuonState, which is Optax's own",
    "skip_large_updats": "did you mean 'skip_large_updates'?",
    "ADAM": "did you mean 'adam'?",
    "AdamW": "here it is adamx.adamw",
    "SGD": "here it is adamx.sgd",
    "RMSprop": "here it is adamx.rmsprop",
    "Adamax": "here it is adamx.adamax",
    "StepLR": "here it is adamx.exponential_decay, with staircase=True",
    "CosineAnnealingLR": "here it is adamx.cosine_decay_schedule",
    "ReduceLROnPlateau": "here it is adamx.reduce_on_plateau",
    "GradScaler": "here it is adamx.dynamic_loss_scale",
    "clip_grad_norm_": "here it is adamx.clip_by_global_norm",
    "interop": "it is a module: from adamx import interop",
}


@pytest.mark.parametrize("name", ADVICE)
def test_an_unknown_name_is_told_what_it_is_called_here(name, monkeypatch):
    monkeypatch.delattr(adamx, name, raising=False)  # a module that is imported
    with pytest.raises(AttributeError) as caught:
        getattr(adamx, name)
    assert str(caught.value).endswith(f"attribute {name!r}; {ADVICE[name]}")
    assert caught.value.name == name


def test_a_name_that_is_like_no_other_gets_no_advice():
    with pytest.raises(AttributeError, match=r"has no attribute 'zzz'$"):
        adamx.zzz  # pyright: ignore  # noqa: B018


def test_names_elsewhere_lead_to_names_of_adamx():
    """Each name in the tables is another one there, and the one here exists."""
    ours = {**names.OPTAX, **names.KERAS_AND_TORCH}
    for name, here in ours.items():
        assert hasattr(adamx, here.partition(",")[0]), (name, here)
        assert name not in public_names(), name
    for name in names.OPTAX:
        assert hasattr(optax_names, name), name


def test_a_typing_error_in_a_namespace_gets_advice_too():
    with pytest.raises(AttributeError, match=r"'adamx.optax' .* did you mean 'adamw'"):
        optax_names.adam_w  # pyright: ignore  # noqa: B018


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
