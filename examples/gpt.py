"""GPT: a small character model in Flax nnx, trained by Muon and by AdamW.

Learns the next character of Python's help texts (465 kB of the standard library).
`adamx.muon` trains the hidden matrices, and `rest=adamw(…)` embeddings, norms and the
output layer. Beside it, AdamW trains all parameters. The rates of both warm up and
decay, and `adamx.MultiSteps` accumulates the gradients of four batches for each step.

Halfway, in the middle of an accumulation, Orbax saves the training by Muon. A new model
and optimizer load it and go on, and must end with equal bits.

Prints the validation losses, and whether the bits are equal: Muon ends near 2.2, AdamW
near 2.3. Draws the losses over the steps. Ends with status 1 if the bits differ.

    python examples/gpt.py
    python examples/gpt.py --steps 400 --seed 1
"""

import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from common import at_least, cross_entropy, extra, parser, picture, seed, some

import adamx
from adamx.racing.tasks.text import characters

with extra("models"):
    from flax import nnx
    from orbax.checkpoint import StandardCheckpointer

WIDTH, HEADS, LAYERS, CONTEXT = 64, 4, 2, 64
BATCH, ACCUMULATED = 4, 4


class Block(nnx.Module):
    """Causal attention and a network of two layers, each added to its input."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        linear = partial(nnx.Linear, use_bias=False, rngs=rngs)
        self.norm_1, self.norm_2 = (nnx.RMSNorm(WIDTH, rngs=rngs) for _ in range(2))
        self.qkv, self.out = linear(WIDTH, 3 * WIDTH), linear(WIDTH, WIDTH)
        self.up, self.down = linear(WIDTH, 4 * WIDTH), linear(4 * WIDTH, WIDTH)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Return `x`, (batch, length, WIDTH), after attention and network."""
        qkv = self.qkv(self.norm_1(x)).reshape(*x.shape[:2], 3, HEADS, -1)
        q, k, v = jnp.moveaxis(qkv, 2, 0)
        attended = jax.nn.dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.reshape(x.shape))
        return x + self.down(jax.nn.gelu(self.up(self.norm_2(x))))


class GPT(nnx.Module):
    """Embeddings, blocks, and an output layer."""

    def __init__(self, alphabet: int, rngs: nnx.Rngs) -> None:
        self.character_embedding = nnx.Embed(alphabet, WIDTH, rngs=rngs)
        self.place_embedding = nnx.Embed(CONTEXT, WIDTH, rngs=rngs)
        self.blocks = nnx.List([Block(rngs) for _ in range(LAYERS)])
        self.norm = nnx.RMSNorm(WIDTH, rngs=rngs)
        self.output = nnx.Linear(WIDTH, alphabet, use_bias=False, rngs=rngs)

    def __call__(self, text: jax.Array) -> jax.Array:
        """Return the logits of the next characters."""
        places = self.place_embedding(jnp.arange(text.shape[1]))
        x = self.character_embedding(text) + places
        for block in self.blocks:
            x = block(x)
        return self.output(self.norm(x))


def transform(name: str, steps: int) -> Any:
    """Return the optimizer. Each rate is the best of three, for 100 steps."""

    def rate(peak: float) -> Callable[..., jax.Array]:
        warmup = max(1, steps // 10)
        return adamx.warmup_cosine_decay_schedule(0.0, peak, warmup, steps)

    adamw = adamx.adamw(rate(0.01), weight_decay=0.1)
    tx = adamx.muon(rate(0.03), rest=adamw) if name == "muon" else adamw
    tx = adamx.chain(adamx.clip_by_global_norm(1.0), tx)
    return adamx.MultiSteps(tx, ACCUMULATED)


Training: TypeAlias = tuple[GPT, nnx.Optimizer]


def begin(tx: Any, alphabet: int, seed: int) -> Training:
    """Return a new model and its optimizer."""
    model = GPT(alphabet, nnx.Rngs(seed))
    return model, nnx.Optimizer(model, tx, wrt=nnx.Param)


@nnx.jit
def loss_fn(model: GPT, text: jax.Array) -> jax.Array:
    """Return the mean cross-entropy of each next character."""
    return cross_entropy(model(text[:, :-1]), text[:, 1:])


@nnx.jit
def train_step(model: GPT, optimizer: nnx.Optimizer, text: jax.Array) -> None:
    """Take one batch; each fourth one changes the model."""
    optimizer.update(model, nnx.grad(loss_fn)(model, text))


def train(
    training: Training, text: np.ndarray, batches: Iterable[int], held_out: jax.Array
) -> dict[int, float]:
    """Train on batches by their numbers; return validation losses, by steps taken."""
    model, optimizer = training
    losses = {}
    for number in batches:
        # By the number alone, so that a training that goes on gets the same batches.
        random = np.random.default_rng(number)
        starts = random.integers(0, len(text) - CONTEXT, (BATCH, 1))
        batch = jnp.asarray(text[starts + np.arange(CONTEXT + 1)])
        train_step(model, optimizer, batch)
        steps, rest = divmod(number + 1, ACCUMULATED)
        if not rest and steps % 10 == 0:
            losses[steps] = float(loss_fn(model, held_out))
    return losses


def plot(losses: dict[str, dict[int, float]], halfway: float, path: Path) -> None:
    """Draw the validation losses over the steps."""
    with picture(path) as (axes,):
        for name, curve in losses.items():
            axes.plot([*curve], [*curve.values()], "o-", markersize=4, label=name)
        axes.axvline(halfway, color="gray", linestyle=":", label="saved and loaded")
        axes.set_title("A small GPT: the next character of Python's help")
        axes.set_xlabel(f"step, each of {ACCUMULATED} batches")
        axes.set_ylabel("validation loss")
        axes.legend()


def main(argv: Sequence[str] | None = None) -> int:
    """Train twice, go on from the checkpoint, compare, save the picture."""
    options = parser(__doc__)
    options.add_argument(
        "--steps", type=at_least(10), default=150, help="of the optimizers (150)"
    )
    options.add_argument("--seed", type=seed, default=0, help="of the weights (0)")
    args = options.parse_args(argv)
    numbers, alphabet = characters()
    text, rest = np.split(numbers.astype(np.int32), [len(numbers) * 9 // 10])
    passages = rest[: len(rest) // (CONTEXT + 1) * (CONTEXT + 1)]
    held_out = jnp.asarray(passages.reshape(-1, CONTEXT + 1)[::8])
    batches = range(args.steps * ACCUMULATED)
    first, second = np.split(batches, [len(batches) // 2 + 1])

    adamw, muon, loaded = (
        begin(transform(name, args.steps), alphabet, seed)
        for name, seed in (
            ("adamw", args.seed),
            ("muon", args.seed),
            ("muon", args.seed + 1),  # other weights, which loading replaces
        )
    )
    losses = {"AdamW": train(adamw, text, batches, held_out)}
    losses["Muon"] = train(muon, text, first, held_out)
    with (
        tempfile.TemporaryDirectory() as folder,
        StandardCheckpointer() as checkpointer,
    ):
        file = Path(folder) / "halfway"
        checkpointer.save(file, nnx.state(muon))
        checkpointer.wait_until_finished()
        nnx.update(loaded, checkpointer.restore(file, nnx.state(loaded)))
    losses["Muon"] |= train(muon, text, second, held_out)
    train(loaded, text, second, held_out)

    steps = [*losses["Muon"]]
    for step in (steps[i] for i in some(len(steps))):
        shown = "  ".join(f"{name} {curve[step]:.3f}" for name, curve in losses.items())
        print(f"step {step:4}  validation loss: {shown}")
    pairs = zip(*(jax.tree.leaves(nnx.state(x)) for x in (muon, loaded)), strict=True)
    equal = all(bool((a == b).all()) for a, b in pairs)
    where = f"batch {len(first)} of {len(batches)}"
    print(f"saved after {where}, loaded: {'equal bits' if equal else 'OTHER BITS'}")
    plot(losses, len(first) / ACCUMULATED, args.output / "gpt.png")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
