"""bitsandbytes and torchao on the CPU: what they keep of the same numbers."""

import warnings
from typing import Any

import numpy as np

LIBRARIES = {"bitsandbytes": "bitsandbytes", "torchao": "torchao"}
STEPS, SHAPE = 20, (40, 110)
ADAMW = {"lr": 1e-2, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.1}


def numbers() -> np.ndarray:
    """40 blocks of 256, each of its own size, some with zeros, and middles of codes."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(40, 256)) * np.exp(2 * rng.normal(size=(40, 256)))
    x *= 10.0 ** rng.integers(-10, 10, (40, 1))
    x[3], x[4], x[5, ::3] = 0, x[4, 0], 0
    # Multiples of 1/32, of which every second is in the middle between sixteenths.
    x[6] = np.arange(256) % 33 / 32
    return x.astype(np.float32)


def gradients() -> np.ndarray:
    """Those of `STEPS` steps."""
    rng = np.random.default_rng(9)
    spread = np.exp(rng.normal(size=SHAPE))
    return (rng.normal(size=(STEPS, *SHAPE)) * spread).astype(np.float32)


def start() -> np.ndarray:
    return np.random.default_rng(10).normal(size=SHAPE).astype(np.float32)


def bitsandbytes() -> dict[str, Any]:
    """Maps, codes, scales and what they stand for; and a path of AdamW8bit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import bitsandbytes as bnb  # pyright: ignore[reportMissingImports]
        import bitsandbytes.functional as F  # pyright: ignore[reportMissingImports]
        import torch  # pyright: ignore[reportMissingImports]
        from bitsandbytes.backends.cpu import (  # pyright: ignore[reportMissingImports]
            ops,
        )
    found: dict[str, Any] = {}
    # The reference of all backends. What the CPU runs by default looks codes up in a
    # coarse table, and is up to four codes off.
    quantize = torch.ops.bitsandbytes.quantize_blockwise.default
    composite = torch._C.DispatchKey.CompositeExplicitAutograd

    def exact(x: Any, code: Any, block: int) -> Any:
        return quantize._op_dk(composite, x, code, block)

    def kept(x: Any, code: Any, scales: Any, out: Any, block: int) -> None:
        codes, largest = exact(x, code, block)
        out.copy_(codes)
        scales.copy_(largest)

    for name, signed in (("int8_dynamic", True), ("uint8_dynamic", False)):
        book = F.create_dynamic_map(signed)
        x = torch.tensor(numbers() if signed else np.abs(numbers()))
        codes, scales = exact(x, book, 256)
        state = F.QuantState(absmax=scales, code=book, blocksize=256, dtype=x.dtype)
        found[f"{name}/book"] = book.numpy()
        found[f"{name}/codes"], found[f"{name}/scales"] = codes.numpy(), scales.numpy()
        found[f"{name}/decoded"] = F.dequantize_blockwise(codes, state).numpy()
    before, ops._quant_blockwise_fp32_direct = ops._quant_blockwise_fp32_direct, kept
    try:
        param = torch.nn.Parameter(torch.tensor(start()))
        optimizer = bnb.optim.AdamW8bit([param], **ADAMW)  # pyright: ignore
        path: dict[str, list[Any]] = {"mu": [], "nu": [], "params": []}
        for g in gradients():
            param.grad = torch.tensor(g)
            optimizer.step()
            state = optimizer.state[param]
            path["mu"].append(state["state1"].numpy().copy())
            path["nu"].append(state["state2"].numpy().copy())
            path["params"].append(param.detach().numpy().copy())
    finally:
        ops._quant_blockwise_fp32_direct = before
    return found | {f"adamw/{k}": np.stack(v) for k, v in path.items()}


def torchao() -> dict[str, Any]:
    """Maps, codes, scales and what they stand for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch  # pyright: ignore[reportMissingImports]
        from torchao.optim import (  # pyright: ignore[reportMissingImports]
            subclass_4bit,
            subclass_fp8,
        )
    found: dict[str, Any] = {}

    def keep(name: str, made: Any, x: np.ndarray) -> None:
        made.copy_(torch.tensor(x))
        codes = made.codes
        found[f"{name}/codes"] = codes.view(torch.uint8).numpy()
        found[f"{name}/scales"] = made.scale.numpy()
        found[f"{name}/decoded"] = made.dequantize().numpy()

    x = numbers()
    for name, signed in (("int4", True), ("uint4", False)):
        made = subclass_4bit.OptimState4bit.zeros(x.shape, signed)
        found[f"{name}/book"] = made.qmap.numpy()
        keep(name, made, x if signed else np.abs(x))
    keep("float8", subclass_fp8.OptimStateFp8.zeros(x.shape), x)
    return found
