"""Law 13: how transforms are put together does not matter."""

from adamx.testing.compare import same
from adamx.testing.law import law
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, params


@law(13, grid=True)
def composition(subject: Subject) -> None:
    """Chains can be split and nested anywhere, to the last bit.

    chain(a, chain(b, c)) = chain(chain(a, b), c), chain(a) = a, a fork with one branch
    is that branch, and the order of dict keys does not matter.
    """
    kit, tx = subject.kit, subject.tx
    clip, trace = kit.clip(1.0), kit.trace(0.5)
    for dtype in ("float32", "bfloat16") if subject.full else ("float32",):
        start = params(dtype)
        inputs = [grads(start, seed) for seed in range(2)]

        def run(tx, start=start, inputs=inputs):
            return subject.run(tx, start, inputs)[0]

        right = run(kit.chain(clip, kit.chain(tx, trace)))
        left = run(kit.chain(kit.chain(clip, tx), trace))
        same(left, right, f"{dtype}: chain(chain(a, b), c) and chain(a, chain(b, c))")
        alone = run(tx)
        same(run(kit.chain(tx)), alone, f"{dtype}: chain(a) and a")
        if kit.fork is not None:
            forked = run(kit.fork(lambda only: only, only=tx))
            same(forked, alone, f"{dtype}: a fork with one branch and that branch")
        turned = [dict(reversed(tree.items())) for tree in (start, *inputs)]
        reordered = run(tx, turned[0], turned[1:])
        same(reordered, alone, f"{dtype}: another order of dict keys")
