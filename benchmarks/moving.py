"""The tables of docs/moving, in English and in Chinese, from one list.

    python -m benchmarks.moving

`tests/project/test_site.py` builds both sides of each row of the optimizers and lets
them take the same steps, where the library is installed.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import adamx
from adamx import names
from benchmarks.document import replace

DOCS = Path(__file__).parents[1] / "docs"


class Row(NamedTuple):
    """What they write, what is written here, and a remark in both languages."""

    theirs: str
    ours: str
    english: str = ""
    chinese: str = ""


TORCH = [
    Row("SGD(params, 0.1)", "sgd(0.1)"),
    Row(
        "SGD(params, 0.1, momentum=0.9, nesterov=True)",
        "sgd(0.1, 0.9, nesterov=True)",
    ),
    Row("SGD(params, 0.1, 0.9, dampening=0.1)", "sgd(0.1, 0.9, dampening=0.1)"),
    Row(
        "SGD(params, 0.1, 0.9, weight_decay=1e-4)",
        "chain(add_decayed_weights(1e-4), sgd(0.1, 0.9))",
        "L2",
        "L2 正则",
    ),
    Row("Adam(params)", "adam(1e-3)"),
    Row(
        "Adam(params, weight_decay=1e-4)",
        "chain(add_decayed_weights(1e-4), adam(1e-3))",
        "L2",
        "L2 正则",
    ),
    Row("Adam(params, amsgrad=True)", "amsgrad(1e-3)"),
    Row(
        "AdamW(params)",
        "adamw(1e-3, weight_decay=1e-2)",
        "ours is 1e-4 by default",
        "本库默认 1e-4",
    ),
    Row("Adamax(params)", "adamax(2e-3)"),
    Row("NAdam(params)", "nadam(2e-3, momentum_decay=4e-3)"),
    Row("RAdam(params)", "radam(1e-3, eps_hat=True)"),
    Row("RMSprop(params)", "rmsprop(1e-2, 0.99, eps_in_sqrt=False)"),
    Row("Adagrad(params)", "adagrad(1e-2, 0.0, 1e-10, eps_in_sqrt=False)"),
    Row("Adadelta(params)", "adadelta()"),
    Row(
        "Adafactor(params, eps=(1e-30, 1e-3))",
        "adafactor(1e-2, 1, relative_step=True, last_axes=True)",
        "its ε is that of the dtype otherwise",
        "不指定时它的 ε 取决于 dtype",
    ),
    Row("Rprop(params)", "rprop(1e-2)"),
    Row("ASGD(params)", "asgd()"),
]
"""Classes of torch.optim, with its defaults."""

TORCH_AROUND = [
    Row("torch.optim.Adam(groups)", "param_groups", "patterns of paths", "按路径模式"),
    Row(
        "torch.nn.utils.clip_grad_norm_",
        "clip_by_global_norm",
        "a piece, first in the chain",
        "链里的第一个部件",
    ),
    Row("torch.nn.utils.clip_grad_value_", "clip"),
    Row(
        "torch.amp.GradScaler",
        "dynamic_loss_scale",
        "and `loss_scale`",
        "和 `loss_scale`",
    ),
    Row("torch.optim.swa_utils.AveragedModel", "average_params"),
    Row(
        "torch.optim.lr_scheduler.LRScheduler",
        "schedule",
        "[a function of the count]({up}schedules.md#all-of-them)",
        "[步数的函数]({up}schedules.md#all-of-them)",
    ),
    Row("torch.optim.lr_scheduler.ReduceLROnPlateau", "reduce_on_plateau"),
    Row(
        "torch.optim.Optimizer.param_groups",
        "inject_hyperparams",
        "and `set_hyperparams`",
        "和 `set_hyperparams`",
    ),
    Row(
        "torch.optim.Optimizer.state_dict",
        "from_torch",
        "[the state is a tree of arrays]({up}saving.md#from-pytorch)",
        "[状态就是数组树]({up}saving.md#from-pytorch)",
    ),
    Row(
        "torch.Tensor.requires_grad_",
        "freeze",
        "`requires_grad_(False)`",
        "即 `requires_grad_(False)`",
    ),
    Row(
        "torch.optim.LBFGS",
        "lbfgs",
        "[with another line search]({up}techniques/line_search.md)",
        "[线搜索不同]({up}techniques/line_search.md)",
    ),
]

KERAS = [
    Row("SGD()", "sgd(1e-2)"),
    Row(
        "SGD(momentum=0.9)",
        "sgd(1e-2, 0.9, rate_in_trace=True)",
        "matters under a schedule",
        "学习率变化时才有区别",
    ),
    Row("SGD(clipvalue=0.5)", "chain(clip(0.5), sgd(1e-2))"),
    Row(
        "SGD(clipnorm=1.0)",
        "chain(clip_by_norm(1.0), sgd(1e-2))",
        "each array",
        "逐个数组",
    ),
    Row(
        "SGD(global_clipnorm=1.0)",
        "chain(clip_by_global_norm(1.0), sgd(1e-2))",
        "all arrays together",
        "所有数组一起",
    ),
    Row("Adam()", "adam(1e-3, eps=1e-7, eps_hat=True)"),
    Row("Adam(amsgrad=True)", "amsgrad(1e-3, eps=1e-7, eps_hat=True)"),
    Row(
        "Adam(weight_decay=0.01)",
        "adamw(1e-3, eps=1e-7, weight_decay=0.01, eps_hat=True)",
        "decoupled, in every optimizer",
        "每个优化器都是解耦的",
    ),
    Row(
        "AdamW()",
        "adamw(1e-3, eps=1e-7, weight_decay=4e-3, eps_hat=True)",
        "ours is 1e-4 by default",
        "本库默认 1e-4",
    ),
    Row("Adamax()", "adamax(1e-3, eps=1e-7, eps_in_max=False)"),
    Row("Nadam()", "nadam(1e-3, eps=1e-7, momentum_decay=1.0)"),
    Row("RMSprop()", "rmsprop(1e-3, eps=1e-7)"),
    Row("Adagrad()", "adagrad(1e-3)"),
    Row("Adadelta()", "adadelta(1e-3, 0.95, 1e-7)"),
    Row("Ftrl()", "ftrl(1e-3, from_zero=True)"),
    Row("Lamb()", "lamb(1e-3, eps=1e-7)"),
    Row("Lion()", "lion(1e-3, weight_decay=0.0)"),
]
"""Classes of keras.optimizers, with its defaults."""

KERAS_AROUND = [
    Row(
        "keras.optimizers.schedules.LearningRateSchedule",
        "schedule",
        "[a function of the count]({up}schedules.md#all-of-them)",
        "[步数的函数]({up}schedules.md#all-of-them)",
    ),
    Row("keras.callbacks.ReduceLROnPlateau", "reduce_on_plateau"),
    Row(
        "keras.callbacks.LearningRateScheduler",
        "inject_hyperparams",
        "and `set_hyperparams`",
        "和 `set_hyperparams`",
    ),
    Row(
        "keras.optimizers.LossScaleOptimizer",
        "dynamic_loss_scale",
        "and `loss_scale`",
        "和 `loss_scale`",
    ),
    Row(
        "keras.optimizers.Adam(use_ema=True)",
        "average_params",
        "`ema_momentum` is its decay",
        "`ema_momentum` 是它的衰减",
    ),
    Row("keras.optimizers.Adam(gradient_accumulation_steps=4)", "MultiSteps"),
    Row("keras.optimizers.MultiOptimizer", "param_groups"),
    Row(
        "keras.optimizers.Optimizer.exclude_from_weight_decay",
        "is_weight",
        "a `mask`",
        "作为 `mask`",
    ),
    Row("keras.layers.Layer.trainable", "freeze"),
]

TABLES = {
    "from_pytorch": ("torch.optim", "PyTorch", TORCH, TORCH_AROUND),
    "from_keras": ("keras.optimizers", "Keras", KERAS, KERAS_AROUND),
}


def table(rows: list[Row], theirs: str, chinese: bool, up: str) -> str:
    """The rows as Markdown, with links that begin where the page is."""
    lines = [f"| {theirs} | adamx | |", "|---|---|---|"]
    for row in rows:
        remark = row.chinese if chinese else row.english
        lines.append(f"| `{row.theirs}` | `{row.ours}` | {remark} |")
    return "\n".join(lines).replace("{up}", up)


def parts(name: str, chinese: bool) -> dict[str, str]:
    """The parts of a page that are made here, by the name of their marks."""
    module, library, rows, around = TABLES[name]
    up = "../../" if chinese else "../"
    return {
        "optimizers": table(rows, f"`{module}`", chinese, up),
        "around": table(around, library, chinese, up),
    }


NAMESPACES = "optax", "optax.contrib", "optax.schedules", "optax.transforms"
"""Those in which adamx has names of its own; in the others all is Optax's."""


def whose(name: str, origin: str) -> str:
    """Return which row of the table of Optax's names has this one."""
    if origin == "adamx.optax":
        return "modules"
    if name in names.OPTAX:
        return "adamx, by another name"
    if origin.startswith("optax"):
        return "Optax's own"
    if name in vars(adamx)["__all__"]:
        return "adamx, by the same name"
    return "`adamx.optax` alone"


def names_of(namespace: str) -> list[str]:
    """Return the public names of a module of Optax, without what it imports."""
    found = vars(import_module(namespace))
    return sorted(
        name
        for name, thing in found.items()
        if not name.startswith("_") and not _is_foreign(thing)
    )


def _is_foreign(thing: object) -> bool:
    return isinstance(thing, ModuleType) and not thing.__name__.startswith("optax")


def names_of_optax() -> str:
    """Return the table of all public names of Optax, as Markdown."""
    lines = ["| namespace | from | names |", "|---|---|---|"]
    lent = vars(import_module("adamx.optax"))["__deferred__"]
    lent = [f"optax.{n}" for n, (origin, _) in lent.items() if origin == "adamx.optax"]
    for namespace in (*NAMESPACES, *sorted({*lent} - {*NAMESPACES})):
        public = names_of(namespace)
        origins = vars(import_module(f"adamx.{namespace}")).get("__deferred__")
        rows: dict[str, list[str]] = {}
        for name in public:
            origin = origins[name][0] if origins else "optax"
            here = f" (`adamx.{names.OPTAX[name]}`)" if name in names.OPTAX else ""
            rows.setdefault(whose(name, origin), []).append(f"`{name}`{here}")
        first = f"`{namespace}`"
        for row in sorted(rows):
            lines.append(f"| {first} | {row} | {', '.join(rows[row])} |")
            first = ""
    return "\n".join(lines)


def main() -> None:
    """Write all tables."""
    replace(DOCS / "moving" / "from_optax.md", "names", names_of_optax())
    for name in TABLES:
        for folder in (DOCS, DOCS / "zh"):
            for mark, text in parts(name, folder.name == "zh").items():
                replace(folder / "moving" / f"{name}.md", mark, text)


if __name__ == "__main__":
    main()
