"""The tables of docs/moving, in English and in Chinese, from one list.

    python -m benchmarks.moving

`tests/project/test_site.py` builds both sides of each row of the optimizers, and both
calls of each argument, and lets them take the same steps, where the library is
installed.
"""

from collections.abc import Sequence
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


class Argument(NamedTuple):
    """An argument of theirs, what it is here, and a call of each that has it."""

    theirs: str
    ours: str
    english: str = ""
    chinese: str = ""
    their_call: str = ""
    our_call: str = ""


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

TORCH_ARGUMENTS = [
    Argument(
        "params",
        "init(params)",
        "the state that it returns is yours",
        "返回的状态由你保存",
    ),
    Argument(
        "lr",
        "learning_rate",
        "the first argument, mostly without a default",
        "第一个参数，多数没有默认值",
        "Adam(params, lr=0.02)",
        "adam(learning_rate=0.02)",
    ),
    Argument(
        "betas",
        "b1, b2",
        "two numbers; a schedule is possible",
        "两个数，也可以是调度",
        "Adam(params, betas=(0.8, 0.99))",
        "adam(1e-3, b1=0.8, b2=0.99)",
    ),
    Argument(
        "eps",
        "eps",
        "`eps_in_sqrt=False` in `rmsprop` and `adagrad`",
        "`rmsprop` 和 `adagrad` 里要加 `eps_in_sqrt=False`",
        "RMSprop(params, eps=1e-3)",
        "rmsprop(1e-2, 0.99, eps=1e-3, eps_in_sqrt=False)",
    ),
    Argument(
        "weight_decay",
        "add_decayed_weights(weight_decay)",
        "first in the chain: L2. `adamw` has `weight_decay`",
        "放在链的最前面，即 L2 正则；`adamw` 有 `weight_decay` 参数",
        "RMSprop(params, weight_decay=0.1)",
        "chain(add_decayed_weights(0.1), rmsprop(1e-2, 0.99, eps_in_sqrt=False))",
    ),
    Argument(
        "decoupled_weight_decay=True",
        "adamw, nadamw, radam",
        "with `weight_decay`",
        "用它们的 `weight_decay` 参数",
        "NAdam(params, weight_decay=0.1, decoupled_weight_decay=True)",
        "nadamw(2e-3, weight_decay=0.1, momentum_decay=4e-3)",
    ),
    Argument(
        "amsgrad=True",
        "amsgrad",
        "an optimizer of its own",
        "单独的优化器",
        "Adam(params, amsgrad=True, eps=1e-3)",
        "amsgrad(1e-3, eps=1e-3)",
    ),
    Argument(
        "maximize=True",
        "scale(-1.0)",
        "first in the chain",
        "放在链的最前面",
        "SGD(params, 0.1, maximize=True)",
        "chain(scale(-1.0), sgd(0.1))",
    ),
    Argument(
        "foreach, fused",
        "",
        "`update` is one compiled program, which XLA fuses",
        "`update` 编译成一个程序，由 XLA 融合",
    ),
    Argument(
        "capturable",
        "",
        "the count of steps is an array of the state",
        "步数就是状态里的一个数组",
    ),
    Argument(
        "differentiable",
        "",
        "`update` changes nothing in place; `jax.grad` goes through it",
        "`update` 不做就地修改，可以直接用 `jax.grad` 求导",
    ),
    Argument(
        "momentum",
        "momentum",
        "`beta` in `muon`, where it is an average",
        "在 `muon` 里叫 `beta`，是平均",
        "RMSprop(params, momentum=0.5)",
        "rmsprop(1e-2, 0.99, momentum=0.5, eps_in_sqrt=False)",
    ),
    Argument(
        "nesterov",
        "nesterov",
        "",
        "",
        "SGD(params, 0.1, 0.5, nesterov=True)",
        "sgd(0.1, momentum=0.5, nesterov=True)",
    ),
    Argument(
        "dampening",
        "dampening",
        "",
        "",
        "SGD(params, 0.1, 0.5, dampening=0.3)",
        "sgd(0.1, 0.5, dampening=0.3)",
    ),
    Argument(
        "alpha",
        "decay",
        "in `rmsprop`; `alpha` in `asgd`",
        "在 `rmsprop` 里；在 `asgd` 里仍是 `alpha`",
        "RMSprop(params, alpha=0.8)",
        "rmsprop(1e-2, decay=0.8, eps_in_sqrt=False)",
    ),
    Argument(
        "centered",
        "centered",
        "",
        "",
        "RMSprop(params, centered=True)",
        "rmsprop(1e-2, 0.99, centered=True, eps_in_sqrt=False)",
    ),
    Argument(
        "lr_decay",
        "inverse_time_decay_schedule(lr, lr_decay)",
        "as `learning_rate`",
        "作为 `learning_rate`",
        "Adagrad(params, lr_decay=0.1)",
        "adagrad(inverse_time_decay_schedule(1e-2, 0.1), 0.0, 1e-10,"
        " eps_in_sqrt=False)",
    ),
    Argument(
        "initial_accumulator_value",
        "initial_accumulator_value",
        "0 in PyTorch, 0.1 here",
        "PyTorch 默认 0，这里默认 0.1",
        "Adagrad(params, initial_accumulator_value=0.5)",
        "adagrad(1e-2, initial_accumulator_value=0.5, eps=1e-10, eps_in_sqrt=False)",
    ),
    Argument(
        "rho",
        "rho",
        "",
        "",
        "Adadelta(params, rho=0.8)",
        "adadelta(rho=0.8)",
    ),
    Argument(
        "momentum_decay",
        "momentum_decay",
        "4e-3 in PyTorch; None, a constant momentum, here",
        "PyTorch 默认 4e-3，这里默认 None，即动量不变",
        "NAdam(params, momentum_decay=0.1)",
        "nadam(2e-3, momentum_decay=0.1)",
    ),
    Argument(
        "lambd, t0",
        "lambd, t0",
        "",
        "",
        "ASGD(params, lambd=0.1, alpha=0.5, t0=5)",
        "asgd(lambd=0.1, alpha=0.5, t0=5)",
    ),
    Argument(
        "etas",
        "eta_minus, eta_plus",
        "",
        "",
        "Rprop(params, etas=(0.7, 1.5))",
        "rprop(1e-2, eta_minus=0.7, eta_plus=1.5)",
    ),
    Argument(
        "step_sizes",
        "min_step_size, max_step_size",
        "",
        "",
        "Rprop(params, step_sizes=(5e-3, 2e-2))",
        "rprop(1e-2, min_step_size=5e-3, max_step_size=2e-2)",
    ),
    Argument(
        "beta2_decay",
        "decay_rate",
        "with the other sign",
        "符号相反",
        "Adafactor(params, beta2_decay=-0.6, eps=(1e-30, 1e-3))",
        "adafactor(1e-2, 1, decay_rate=0.6, relative_step=True, last_axes=True)",
    ),
    Argument(
        "d",
        "clipping_threshold",
        "",
        "",
        "Adafactor(params, d=1.5, eps=(1e-30, 1e-3))",
        "adafactor(1e-2, 1, clipping_threshold=1.5, relative_step=True,"
        " last_axes=True)",
    ),
    Argument(
        "ns_coefficients, ns_steps",
        "orthogonalize(ns_coeffs, ns_steps)",
        "an argument of `muon`",
        "`muon` 的一个参数",
    ),
    Argument(
        'adjust_lr_fn="match_rms_adamw"',
        "consistent_rms=0.2",
        "in `muon`",
        "在 `muon` 里",
    ),
    Argument("history_size", "memory_size", "in `lbfgs`", "在 `lbfgs` 里"),
    Argument(
        "line_search_fn, max_eval",
        "linesearch",
        "in `lbfgs`: a transform, such as `scale_by_zoom_linesearch(20)`",
        "在 `lbfgs` 里，是一个变换，例如 `scale_by_zoom_linesearch(20)`",
    ),
    Argument(
        "max_iter, tolerance_grad, tolerance_change",
        "",
        "`update` is one step; your loop decides when to stop",
        "`update` 只走一步，何时停止由你的循环决定",
    ),
    Argument(
        "max_norm",
        "clip_by_global_norm(max_norm)",
        "of `clip_grad_norm_`; the norm is always `norm_type=2`",
        "`clip_grad_norm_` 的参数；范数总是 `norm_type=2`",
    ),
    Argument(
        "clip_value",
        "clip(max_delta)",
        "of `clip_grad_value_`",
        "`clip_grad_value_` 的参数",
    ),
    Argument(
        "error_if_nonfinite",
        "apply_if_finite",
        "leaves such a step out; nothing can raise under jit",
        "跳过这样的一步；jit 之下不能抛出异常",
    ),
]
"""Arguments of the classes of torch.optim, and of the functions that clip."""

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

# No calls of Adafactor: Keras takes its means in float32; tests/specs/lean.py has them.
KERAS_ARGUMENTS = [
    Argument(
        "learning_rate, lr",
        "learning_rate",
        "the first argument, mostly without a default",
        "第一个参数，多数没有默认值",
        "Adam(learning_rate=0.02)",
        "adam(learning_rate=0.02, eps=1e-7, eps_hat=True)",
    ),
    Argument(
        "decay",
        "inverse_time_decay_schedule(lr, decay)",
        "as `learning_rate`; Keras 3 ignores `decay`",
        "作为 `learning_rate`；Keras 3 会忽略 `decay`",
        "Adam(schedules.InverseTimeDecay(1e-3, 1, 0.1))",
        "adam(inverse_time_decay_schedule(1e-3, 0.1), eps=1e-7, eps_hat=True)",
    ),
    Argument(
        "beta_1",
        "b1",
        "",
        "",
        "Adam(beta_1=0.8)",
        "adam(1e-3, b1=0.8, eps=1e-7, eps_hat=True)",
    ),
    Argument(
        "beta_2",
        "b2",
        "",
        "",
        "Adam(beta_2=0.99)",
        "adam(1e-3, b2=0.99, eps=1e-7, eps_hat=True)",
    ),
    Argument(
        "epsilon",
        "eps",
        "1e-7 in Keras; with `eps_hat=True` in `adam`, `adamw`, `amsgrad`",
        "Keras 默认 1e-7；`adam`、`adamw`、`amsgrad` 里要加 `eps_hat=True`",
        "Adam(epsilon=1e-3)",
        "adam(1e-3, eps=1e-3, eps_hat=True)",
    ),
    Argument(
        "amsgrad=True",
        "amsgrad",
        "an optimizer of its own",
        "单独的优化器",
        "Adam(amsgrad=True, epsilon=1e-3)",
        "amsgrad(1e-3, eps=1e-3, eps_hat=True)",
    ),
    Argument(
        "rho",
        "decay",
        "in `rmsprop`; `rho` in `adadelta`",
        "在 `rmsprop` 里；在 `adadelta` 里仍是 `rho`",
        "RMSprop(rho=0.8)",
        "rmsprop(1e-3, decay=0.8, eps=1e-7)",
    ),
    Argument(
        "momentum",
        "momentum",
        "`rate_in_trace=True` in `sgd`; `beta` in `muon`",
        "`sgd` 里要加 `rate_in_trace=True`；在 `muon` 里叫 `beta`",
        "RMSprop(momentum=0.5)",
        "rmsprop(1e-3, momentum=0.5, eps=1e-7)",
    ),
    Argument(
        "nesterov",
        "nesterov",
        "",
        "",
        "SGD(momentum=0.5, nesterov=True)",
        "sgd(1e-2, 0.5, nesterov=True, rate_in_trace=True)",
    ),
    Argument(
        "centered",
        "centered",
        "",
        "",
        "RMSprop(centered=True)",
        "rmsprop(1e-3, eps=1e-7, centered=True)",
    ),
    Argument(
        "weight_decay",
        "add_decayed_weights(weight_decay)",
        "before `scale_by_learning_rate`; `adamw` and `lion` have `weight_decay`",
        "放在 `scale_by_learning_rate` 之前；`adamw` 和 `lion` 有 `weight_decay` 参数",
        "RMSprop(weight_decay=0.1)",
        "chain(scale_by_rms(0.9, 1e-7), add_decayed_weights(0.1),"
        " scale_by_learning_rate(1e-3))",
    ),
    Argument(
        "clipnorm",
        "clip_by_norm(max_norm)",
        "first in the chain, as the next two",
        "放在链的最前面，下面两个也是",
        "Adam(clipnorm=0.5)",
        "chain(clip_by_norm(0.5), adam(1e-3, eps=1e-7, eps_hat=True))",
    ),
    Argument(
        "global_clipnorm",
        "clip_by_global_norm(max_norm)",
        "",
        "",
        "Adam(global_clipnorm=0.5)",
        "chain(clip_by_global_norm(0.5), adam(1e-3, eps=1e-7, eps_hat=True))",
    ),
    Argument(
        "clipvalue",
        "clip(max_delta)",
        "",
        "",
        "Adam(clipvalue=0.1)",
        "chain(clip(0.1), adam(1e-3, eps=1e-7, eps_hat=True))",
    ),
    Argument(
        "use_ema, ema_momentum",
        "average_params(ema_momentum)",
        "last in the chain; `averaged_params` reads it",
        "放在链的最后；用 `averaged_params` 读取",
    ),
    Argument(
        "ema_overwrite_frequency",
        "averaged_params(state, params)",
        "as the new parameters, from time to time in your loop",
        "在循环里每隔若干步作为新的参数",
    ),
    Argument(
        "loss_scale_factor",
        "scale(1 / loss_scale_factor)",
        "first in the chain; you multiply the loss. Or `dynamic_loss_scale`",
        "放在链的最前面，损失由你来乘；或者用 `dynamic_loss_scale`",
    ),
    Argument("gradient_accumulation_steps", "MultiSteps(tx, steps)"),
    Argument(
        "initial_accumulator_value",
        "initial_accumulator_value",
        "",
        "",
        "Adagrad(initial_accumulator_value=0.5)",
        "adagrad(1e-3, initial_accumulator_value=0.5)",
    ),
    Argument(
        "learning_rate_power",
        "learning_rate_power",
        "with the other sign",
        "符号相反",
        "Ftrl(learning_rate_power=-0.7)",
        "ftrl(1e-3, learning_rate_power=0.7, from_zero=True)",
    ),
    Argument(
        "l1_regularization_strength",
        "l1",
        "in `ftrl`, as the next three",
        "在 `ftrl` 里，下面三个也是",
        "Ftrl(l1_regularization_strength=0.1)",
        "ftrl(1e-3, l1=0.1, from_zero=True)",
    ),
    Argument(
        "l2_regularization_strength",
        "l2",
        "",
        "",
        "Ftrl(l2_regularization_strength=0.1)",
        "ftrl(1e-3, l2=0.1, from_zero=True)",
    ),
    Argument(
        "l2_shrinkage_regularization_strength",
        "l2_shrinkage",
        "",
        "",
        "Ftrl(l2_shrinkage_regularization_strength=0.1)",
        "ftrl(1e-3, l2_shrinkage=0.1, from_zero=True)",
    ),
    Argument(
        "beta",
        "beta",
        "",
        "",
        "Ftrl(beta=0.4)",
        "ftrl(1e-3, beta=0.4, from_zero=True)",
    ),
    Argument(
        "beta_2_decay",
        "decay_rate",
        "in `adafactor`, with the other sign",
        "在 `adafactor` 里，符号相反",
    ),
    Argument(
        "clip_threshold",
        "clipping_threshold",
        "in `adafactor`",
        "在 `adafactor` 里",
    ),
    Argument(
        "relative_step",
        "relative_step",
        "True in Keras, False here",
        "Keras 默认 True，这里默认 False",
    ),
    Argument(
        "epsilon_1, epsilon_2",
        "eps, scale_by_param_block_rms(min_scale)",
        "the second one in a chain of the pieces of `adafactor`",
        "后一个要用 `adafactor` 的部件自己组成链",
    ),
    Argument(
        "adam_beta_1, adam_beta_2, adam_weight_decay, adam_lr_ratio",
        "rest=adamw(learning_rate, b1, b2)",
        "in `muon`: an optimizer with its own `weight_decay`",
        "在 `muon` 里，是一个有自己的 `weight_decay` 的优化器",
    ),
    Argument(
        "exclude_layers, exclude_embeddings",
        "matrices",
        "in `muon`: a mask by path and leaf",
        "在 `muon` 里，是以路径和叶子为参数的掩码",
    ),
    Argument(
        "muon_a, muon_b, muon_c, ns_steps",
        "orthogonalize((a, b, c), ns_steps)",
        "an argument of `muon`",
        "`muon` 的一个参数",
    ),
    Argument(
        "rms_rate",
        "consistent_rms",
        "in `muon`; 0.2 in Keras, None here",
        "在 `muon` 里；Keras 默认 0.2，这里默认 None",
    ),
    Argument(
        "warmup_steps",
        "warmup_steps",
        "in `schedule_free_adamw`",
        "在 `schedule_free_adamw` 里",
    ),
    Argument("name", "", "a transform prints as its call", "变换打印出来就是它的调用"),
]
"""Arguments of the classes of keras.optimizers, and two of Keras 2."""

TABLES = {
    "from_pytorch": ("torch.optim", "PyTorch", TORCH, TORCH_ARGUMENTS, TORCH_AROUND),
    "from_keras": ("keras.optimizers", "Keras", KERAS, KERAS_ARGUMENTS, KERAS_AROUND),
}


def code(text: str) -> str:
    """Return the text as code; a dash where there is none."""
    return f"`{text}`" if text else "—"


def table(rows: Sequence[Row | Argument], theirs: str, chinese: bool, up: str) -> str:
    """The rows as Markdown, with links that begin where the page is."""
    lines = [f"| {theirs} | adamx | |", "|---|---|---|"]
    for row in rows:
        remark = row.chinese if chinese else row.english
        lines.append(f"| {code(row.theirs)} | {code(row.ours)} | {remark} |")
    return "\n".join(lines).replace("{up}", up)


def parts(name: str, chinese: bool) -> dict[str, str]:
    """The parts of a page that are made here, by the name of their marks."""
    module, library, rows, arguments, around = TABLES[name]
    up = "../../" if chinese else "../"
    return {
        "optimizers": table(rows, f"`{module}`", chinese, up),
        "arguments": table(arguments, library, chinese, up),
        "around": table(around, library, chinese, up),
    }


PREDICATES = "skip_large_updates", "skip_not_finite"
"""Functions for `MultiSteps` in `adamx.optax`; adamx's of these names are wrappers."""

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
    if name in vars(adamx)["__all__"] and name not in PREDICATES:
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
