"""States in fewer bits: codecs equal bitsandbytes and torchao, and lose no more."""

import importlib.metadata
import itertools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import adamx
from adamx.errors import TransformError
from adamx.storage.blocks import join, split
from adamx.storage.dynamic8 import book as book8
from adamx.storage.int4 import book as book4
from adamx.storage.rounding import stochastic_round
from adamx.testing import LAWS, NotTried, Subject
from tests import codec_oracles
from tests.codec_oracles import ADAMW, STEPS, gradients, numbers, start
from tests.spec import GOLDEN
from tests.tiers import full

CODECS = {
    "int8": adamx.int8(),
    "uint8_root": adamx.uint8_root(),
    "int8_dynamic": adamx.int8_dynamic(),
    "uint8_dynamic": adamx.uint8_dynamic(),
    "float8": adamx.float8(),
    "int4": adamx.int4(),
    "uint4": adamx.uint4(),
    "bfloat16": adamx.bfloat16(),
    "stochastic": adamx.bfloat16(stochastic=True),
}
BOOKS = {
    "int8_dynamic": book8(True).entries,
    "uint8_dynamic": book8(False).entries,
    "int4": book4(True).entries,
    "uint4": book4(False).entries,
}


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "codecs.npz") as data:
        return dict(data)


@pytest.fixture(params=["golden", *codec_oracles.LIBRARIES])
def known(request, golden):
    """What the libraries keep: as stored, and as they do it today."""
    library = request.param
    if library == "golden":
        return golden
    try:
        importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{library} is not installed; its golden data was compared")
    return live(library)


_LIVE = {}


def live(library):
    if library not in _LIVE:
        _LIVE[library] = getattr(codec_oracles, library)()
    return _LIVE[library]


# Truth


def test_codebooks_are_those_of_the_libraries(known):
    names = [name for name in BOOKS if f"{name}/book" in known]
    assert names
    for name in names:
        assert np.array_equal(BOOKS[name], known[f"{name}/book"]), name


def test_codecs_are_those_of_the_libraries_to_the_last_bit(known):
    names = [name for name in CODECS if f"{name}/codes" in known]
    assert len(names) >= 2
    for name in names:
        codec = CODECS[name]
        x = numbers() if codec.signed else np.abs(numbers())
        kept = jax.jit(codec.encode)(x)
        got = np.asarray(kept.codes).view(np.uint8)
        # torchao gives a block of zeros the scale 1e-12 instead of 0.
        there = np.abs(x).max(-1) > 0
        per_block = known[f"{name}/scales"].size // len(x)
        seen = np.repeat(there, per_block)
        assert np.array_equal(got.ravel(), known[f"{name}/codes"].ravel()), name
        scales = np.asarray(kept.scales).ravel()
        assert np.array_equal(scales[seen], known[f"{name}/scales"].ravel()[seen])
        back = np.asarray(codec.decode(kept, x.shape))
        right = known[f"{name}/decoded"].reshape(x.shape)
        assert np.array_equal(back[there], right[there]), name
        assert not back[~there].any()


def test_8_bit_adamw_takes_the_path_of_bitsandbytes(golden):
    rate, decay = ADAMW["lr"], ADAMW["weight_decay"]
    tx = adamx.stored(adamx.adamw(rate, weight_decay=decay), adamx.int8_dynamic())
    params = jnp.asarray(start())
    state = tx.init(params)
    for t, g in enumerate(gradients()):
        updates, state = tx.update(jnp.asarray(g), state, params)
        params = adamx.apply_updates(params, updates)
        for slot in ("mu", "nu"):
            codes = np.asarray(adamx.find(state, f"{slot}/codes")).astype(int)
            assert np.abs(codes - golden[f"adamw/{slot}"][t]).max() <= 1, (slot, t)
        # 17 roundings of parameters of size 4, a step, and no code that differs.
        assert np.abs(params - golden["adamw/params"][t]).max() <= (t + 1) * 2**-22
    assert len(gradients()) == STEPS


@pytest.mark.parametrize("name", BOOKS)
def test_finds_the_nearest_of_a_book(name):
    """In the middle between two, beside it, at entries, and anywhere."""
    book = (book8 if "dynamic" in name else book4)(not name.startswith("u"))
    middles = book.middles[:-1]
    rng = np.random.default_rng(2)
    spread = rng.normal(size=20_000) * 10.0 ** rng.integers(-9, 1, 20_000)
    x = np.concatenate(
        [
            middles,
            np.nextafter(middles, np.float32(2)),
            np.nextafter(middles, np.float32(-2)),
            book.entries,
            np.clip(spread, -1, 1).astype(np.float32),
            np.array([0, -0.0, 1, -1, 1e-38, -1e-38], np.float32),
        ]
    )
    if "dynamic" in name:
        got, side = book.nearest(jnp.asarray(x)), "left"
        assert book.rounds <= 3
    else:
        got, side = book.nearest_of_few(jnp.asarray(x)), "right"
    assert np.array_equal(got, np.searchsorted(middles, x, side=side))


# What is lost


def half_steps(name, x, codec):
    """How far from each x what it is decoded to may be: half a step of the code."""
    block = 1 if codec.span is None else codec.span
    wide = split(jnp.asarray(x, jnp.float32), block)
    scale = np.abs(np.asarray(wide, np.float64)).max(-1, keepdims=True)
    share = np.abs(np.asarray(wide, np.float64)) / np.where(scale == 0, 1, scale)
    if name in BOOKS:
        entries = np.unique(np.abs(BOOKS[name].astype(np.float64)))
        if not codec.signed or name == "int4":
            entries = np.unique(np.append(entries, 0 if codec.signed else entries))
        upper = np.clip(np.searchsorted(entries, share), 0, len(entries) - 1)
        gap = entries[upper] - np.where(upper > 0, entries[upper - 1], 0)
        # The negative end of a map is inside ±1; below its first entry there is none.
        ends = 1 - np.abs(BOOKS[name].min()) if codec.signed else entries[0]
        half = np.maximum(gap / 2, ends)
        if name == "uint8_dynamic":
            half = gap / 2
    elif name == "int8":
        # z = 2y/(1+y) is rounded to 1/127; dy/dz = (1+y)²/2, seen from the far side.
        far = np.minimum(share + 0.02, 1.02)
        half = (1 + far) ** 2 / 2 / 254
    elif name == "uint8_root":
        half = np.sqrt(share) / 255 + 2 / 510**2
    elif name == "float8":
        half = np.maximum(share * 2**-4, 2**-10 / 448)
    else:
        half = share * (2**-7 if name == "stochastic" else 2**-8)
    # 2⁻²² for the arithmetic, and what is smaller than normal numbers is nothing.
    bound = (half * (1 + 2**-8) + 2**-22) * scale + 2.0**-120
    return np.asarray(join(jnp.asarray(bound), np.shape(x)))


def decoded(codec, x, key=None):
    x = jnp.asarray(x, jnp.float32)
    return np.asarray(codec.decode(codec.encode(x, key), x.shape), np.float64)


HARD = {
    "zeros": np.zeros(300),
    "equal": np.full(300, 0.3),
    "one among zeros": np.eye(1, 300, 7)[0],
    "huge": 1e30 * np.linspace(-1, 1, 300),
    "tiny": 1e-30 * np.linspace(-1, 1, 300),
    "denormal": 1e-40 * np.linspace(-1, 1, 300),
    "huge beside tiny": np.where(np.arange(300) % 2, 1e30, 1e-30),
    "one number": np.array([2.0]),
    "none": np.zeros(0),
    "matrix": np.random.default_rng(0).normal(size=(3, 256)),
    "odd matrix": np.random.default_rng(1).normal(size=(5, 7, 11)),
}


@pytest.mark.parametrize(
    ("case", "name"),
    [  # Other shapes are other programs: the quick tier has them for one codec.
        row if row[1] == "int8" or HARD[row[0]].shape == (300,) else full(*row)
        for row in itertools.product(HARD, CODECS)
    ],
)
def test_loses_no_more_than_half_a_step(case, name):
    codec, x = CODECS[name], HARD[case]
    if not codec.signed:
        x = np.abs(x)
    got = decoded(codec, x, jax.random.key(0))
    assert np.isfinite(got).all()
    assert (np.abs(got - x) <= half_steps(name, x, codec)).all()


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31), size=st.integers(-30, 30), spread=st.floats(0, 4))
def test_loses_no_more_than_half_a_step_of_any(name, seed, size, spread):
    codec, rng = CODECS[name], np.random.default_rng(seed)
    x = rng.normal(size=600) * np.exp(spread * rng.normal(size=600)) * 10.0**size
    x = np.clip(x, -1e37, 1e37).astype(np.float32).astype(np.float64)
    if not codec.signed:
        x = np.abs(x)
    got = decoded(codec, x, jax.random.key(seed))
    assert (np.abs(got - x) <= half_steps(name, x, codec)).all()


@pytest.mark.parametrize("name", CODECS)
def test_infinity_counts_as_the_largest_and_nan_is_not_hidden(name):
    codec = CODECS[name]
    got = decoded(codec, np.r_[np.inf, np.ones(99)])
    if codec.span == 1:
        assert got[0] == np.inf
        assert (got[1:] == 1).all()
    else:
        assert np.isfinite(got).all()
        assert got[0] >= 8e37
    assert np.isnan(decoded(codec, np.r_[1.0, np.nan, np.ones(98)])[1])


@pytest.mark.parametrize("name", CODECS)
def test_what_was_decoded_is_encoded_to_the_same(name):
    """So that a state does not drift while it is only read and written."""
    codec = CODECS[name]
    x = numbers() if codec.signed else np.abs(numbers())
    # The dynamic maps end at 1, and on the other side before -1: there they do.
    x[:, ::32] = np.abs(x).max(-1, keepdims=True)
    once = codec.encode(jnp.asarray(x))
    twice = codec.encode(codec.decode(once, x.shape))
    for a, b in zip(jax.tree.leaves(once), jax.tree.leaves(twice), strict=True):
        assert np.array_equal(np.asarray(a), np.asarray(b))


def test_a_second_moment_of_four_bits_is_never_zero():
    x = np.r_[1.0, np.zeros(31)]
    assert (decoded(CODECS["uint4"], x) > 0).all()
    assert (decoded(CODECS["uint8_root"], x) > 0).all()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("x", [0.3, -1.001, 1e-5, 0.0, 6e-8])
def test_stochastic_rounding_is_right_on_the_average(dtype, x):
    """The mean of n is within 5σ, σ ≤ gap/2/√n; the fixed key makes it no gamble."""
    n = 100_000
    got = stochastic_round(jnp.full(n, x, jnp.float32), dtype, jax.random.key(3))
    wide = np.asarray(got.astype(jnp.float32), np.float64)
    values = np.unique(wide)
    assert len(values) <= 2
    gap = values.max() - values.min()
    assert abs(wide.mean() - np.float32(x)) <= 2.5 * gap / n**0.5 + 1e-12 * abs(x)
    near = stochastic_round(jnp.full(1, x, jnp.float32), dtype, None)
    assert near[0] == jnp.float32(x).astype(dtype)


def test_stochastic_rounding_keeps_to_the_range():
    x = jnp.array([1e30, -1e30, jnp.inf, jnp.nan, 65504.0], jnp.float32)
    got = stochastic_round(x, jnp.float16, jax.random.key(0))
    assert got[:2].tolist() == [65504.0, -65504.0]
    assert got[2] == jnp.inf
    assert jnp.isnan(got[3])
    assert got[4] == 65504.0


# Layout


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (7,), (64,), (2, 64), (5, 3, 7)])
def test_blocks_are_in_the_order_of_memory(shape):
    x = jnp.arange(float(np.prod(shape, dtype=int))).reshape(shape) + 1
    blocks = split(x, 32)
    flat = blocks.reshape(-1)
    assert blocks.shape[-1] == 32
    assert np.array_equal(flat[: x.size], x.reshape(-1))
    assert not flat[x.size :].any()
    assert np.array_equal(join(blocks, shape), x)


BYTES = {
    "int8": (2.13, 2 + 2 * 2 / 32),
    "int8_dynamic": (2.1, 2 + 2 * 4 / 256),
    "float8": (2.1, 2 + 2 * 4 / 256),
    "int4": (1.1, 1 + 2 * 4 / 128),
    "bfloat16": (4.01, 4),
}


@pytest.mark.parametrize(
    "name",
    [n if n.startswith("int") else full(n) for n in BYTES],
)
def test_bytes_of_the_live_arrays(name):
    params = {"w": jnp.ones((512, 1024)), "b": jnp.ones(1024)}
    tx = adamx.stored(adamx.adam(1e-3), CODECS[name])
    _, state = tx.update(params, tx.init(params), params)
    held = sum(x.nbytes for x in jax.tree.leaves(state))
    most, of_weights = BYTES[name]
    count = 513 * 1024
    assert held / count <= most + 8 * 1024 / count
    assert held == of_weights * 512 * 1024 + 8 * 1024 + 16
    assert held == adamx.describe(tx, params).total.bytes


# stored


PARAMS = {"w": jnp.ones((64, 80)), "embed": jnp.ones((80, 64)), "b": jnp.ones(80)}
GRADS = jax.tree.map(lambda p: jnp.sin(jnp.arange(p.size).reshape(p.shape)), PARAMS)


def one_step(tx, params=PARAMS):
    return tx.update(GRADS, tx.init(params), params)


def test_a_codec_for_all_becomes_that_of_squares():
    whole = adamx.stored(adamx.adam(0.1), adamx.int8())
    named = adamx.stored(adamx.adam(0.1), mu=adamx.int8(), nu=adamx.uint8_root())
    a, b = one_step(whole), one_step(named)
    assert jax.tree.all(jax.tree.map(lambda x, y: bool((x == y).all()), a, b))
    assert adamx.find(a[1], "nu/codes")["w"].dtype == jnp.uint8
    assert adamx.find(a[1], "mu/codes")["w"].dtype == jnp.int8


def test_small_leaves_and_exceptions_stay_float32():
    def is_embedding(path, leaf):
        return "embed" in path

    tx = adamx.stored(
        adamx.chain(adamx.clip_by_global_norm(0.1), adamx.adam(0.1)),
        adamx.int4(),
        exclude=is_embedding,
    )
    updates, state = one_step(tx)
    groups = state["stored"]
    kept, rest = (adamx.find(groups[name], "mu") for name in ("False", "True"))
    assert sorted(kept) == ["array", "codes", "scales"]
    assert kept["codes"]["w"].dtype == jnp.uint8
    assert kept["array"]["b"].dtype == rest["embed"].dtype == jnp.float32
    assert all(tree["embed"] is None for tree in kept.values())
    # The clip sees all leaves; the first update is made before anything is rounded.
    plain = adamx.chain(adamx.clip_by_global_norm(0.1), adamx.adam(0.1))
    right, _ = one_step(plain)
    for name, u in updates.items():
        np.testing.assert_allclose(u, right[name], rtol=1e-6)


def test_a_leaf_of_as_many_numbers_as_min_size_is_encoded():
    params = {"small": jnp.ones(63), "large": jnp.ones(64)}
    tx = adamx.stored(adamx.scale_by_momentum(0.9), adamx.int8(), min_size=64)
    mu = adamx.find(jax.eval_shape(tx.init, params), "mu")
    assert mu["codes"]["large"].dtype == jnp.int8
    assert mu["array"]["small"].dtype == jnp.float32


def test_only_named_slots_are_encoded():
    _, state = one_step(adamx.stored(adamx.adam(0.1), nu=adamx.uint4()))
    assert adamx.find(state, "nu/codes")["w"].dtype == jnp.uint8
    assert adamx.find(state, "mu")["w"].dtype == jnp.float32


OPTIMIZERS = {
    "lion": adamx.lion,
    "lamb": adamx.lamb,
    "adan": adamx.adan,
    "adamax": adamx.adamax,
    "adabelief": adamx.adabelief,
    "momentum": lambda rate: adamx.sgd(rate, momentum=0.9),
    "masked": lambda rate: adamx.adamw(rate, mask=adamx.is_weight),
    "partition": lambda rate: adamx.partition(
        {True: adamx.adam(rate), False: adamx.lion(rate)}, adamx.is_weight
    ),
    "adafactor": lambda rate: adamx.adafactor(rate, min_dim_size_to_factor=8),
}
FEW = ("lamb", "masked", "partition", "adafactor")


@pytest.mark.parametrize(
    "name",
    [name if name in FEW else full(name) for name in OPTIMIZERS],
)
def test_every_optimizer_of_one_leaf_can_be_stored(name):
    tx = adamx.stored(OPTIMIZERS[name](0.1), adamx.int8(), min_size=16)
    _, state = tx.update(GRADS, tx.init(PARAMS), PARAMS)
    updates, new = tx.update(GRADS, state, PARAMS)
    assert jax.tree.structure(new) == jax.tree.structure(state)
    assert all(jnp.isfinite(u).all() for u in jax.tree.leaves(updates))
    dtypes = {x.dtype for x in jax.tree.leaves(state)}
    assert dtypes & {jnp.dtype("int8"), jnp.dtype("uint8")}


def test_complex_and_double_leaves(x64):
    params = {"c": jnp.ones((8, 8), jnp.complex64) * 1j, "d": jnp.ones((8, 8))}
    tx = adamx.stored(adamx.adam(0.1), adamx.int8_dynamic(), min_size=0)
    state = tx.init(params)
    updates, state = tx.update(params, state, params)
    updates, state = tx.update(params, state, params)
    assert updates["c"].dtype == jnp.complex64
    assert updates["d"].dtype == jnp.float64
    np.testing.assert_allclose(updates["c"], -0.1j, rtol=1e-5)
    np.testing.assert_allclose(updates["d"], -0.1, rtol=1e-5)
    assert adamx.find(state, "mu/codes")["c"].shape == (2, 8, 8)


def test_noise_is_from_the_key_and_differs_by_slot_and_step():
    codec = adamx.bfloat16(stochastic=True)
    runs = [adamx.stored(adamx.adam(0.1), codec, key=key) for key in (1, 1, 2)]
    states = [one_step(tx)[1] for tx in runs]
    mus = [np.asarray(adamx.find(s, "mu")["w"], np.float32) for s in states]
    assert np.array_equal(mus[0], mus[1])
    assert not np.array_equal(mus[0], mus[2])
    assert runs[0] == runs[1] != runs[2]

    class Twice(adamx.Rule):
        def slots(self, param):
            return {"a": param, "b": param}

        def step(self, g, slots, shared, param):
            return g, {"a": g, "b": g}

    tx = adamx.stored(adamx.lift(Twice()), codec)
    _, state = one_step(tx)
    kept = adamx.find(state, "Twice")
    assert not np.array_equal(kept["a"]["w"], kept["b"]["w"])
    _, later = tx.update(GRADS, state, PARAMS)
    assert not np.array_equal(kept["a"]["w"], adamx.find(later, "Twice/a")["w"])


class Half(adamx.Codec):
    """One of a user's own."""

    def encode(self, x, key=None):
        return x.astype(jnp.float16)

    def decode(self, encoded, shape):
        return encoded.astype(jnp.float32)


def test_a_codec_of_ones_own():
    tx = adamx.stored(adamx.trace(0.5), Half())
    updates, state = one_step(tx)
    assert state["stored"]["trace"]["trace"]["w"].dtype == jnp.float16
    assert tx == adamx.stored(adamx.trace(0.5), Half())
    assert repr(tx) == "stored(trace(0.5), codec=Half())"
    np.testing.assert_allclose(updates["w"], GRADS["w"], rtol=1e-6)


def test_is_the_call_that_made_it():
    tx = adamx.stored(adamx.adam(0.1), mu=adamx.int8(block=64), min_size=0)
    assert repr(tx) == "stored(adam(0.1), min_size=0, mu=int8(block=64))"
    assert pickle.loads(pickle.dumps(tx)) == tx
    assert repr(adamx.bfloat16(stochastic=True)) == "bfloat16(stochastic=True)"
    shown = str(adamx.describe(adamx.stored(adamx.adam(0.1), adamx.int4()), PARAMS))
    assert "codec=int4()" in shown


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: adamx.stored(adamx.prodigy(1.0), adamx.int8()), "prodigy"),
        (
            lambda: adamx.stored(adamx.MultiSteps(adamx.adam(0.1), 2), adamx.int8()),
            "MultiSteps",
        ),
        (lambda: adamx.stored(adamx.adam(0.1), mv=adamx.int8()), "'mv'"),
        (lambda: adamx.stored(adamx.adam(0.1), adamx.uint4()), "no signs"),
        (lambda: adamx.stored(adamx.adam(0.1), "int8"), "must be a codec"),  # pyright: ignore
        (lambda: adamx.stored(adamx.adam(0.1), adamx.int8(), min_size=-1), "min_size"),
        (lambda: adamx.int4(block=3), "multiple of 2"),
        (lambda: adamx.int8(block=0), "an integer from 1"),
    ],
)
def test_what_cannot_be_stored_is_refused(make, words):
    with pytest.raises(TransformError, match=words):
        make()


def test_a_state_of_another_codec_is_refused():
    tx = adamx.stored(adamx.adam(0.1), adamx.int8())
    other = adamx.stored(adamx.adam(0.1), adamx.int4())
    with pytest.raises(TransformError, match=r"'(mu|nu)' does not fit"):
        tx.update(GRADS, other.init(PARAMS), PARAMS)
    with pytest.raises(TransformError, match=r"'(mu|nu)' does not fit"):
        tx.update(GRADS, {"stored": adamx.adam(0.1).init(PARAMS)}, PARAMS)


# Laws


ROUNDED = {
    "precision": "the state is bfloat16",
    "long_runs": "the state is bfloat16: an average stops at half of what it should be",
}
COARSE = {
    "long_runs": "a state of a few bits is as far off as half a step of its code",
}
SUBJECTS = [
    Subject.of(
        adamx.stored(adamx.adam(0.1), CODECS[name], min_size=0), exceptions=exceptions
    )
    for name, exceptions in {
        "int8": {},
        "int8_dynamic": {},
        "int4": {},
        "float8": {},
        "bfloat16": ROUNDED,
        "stochastic": ROUNDED,
    }.items()
]
PLAIN_LAWS = ("fixed_point", "donation", "sharding")


@pytest.mark.parametrize(
    ("subject", "law"),
    [
        pytest.param(
            subject,
            law,
            id=f"{subject.name}-{law.name}",
            marks=[pytest.mark.xdist_group(subject.name)]
            + ([] if i == 0 and law.name in PLAIN_LAWS else [pytest.mark.full]),
        )
        for i, subject in enumerate(SUBJECTS)
        for law in LAWS
        if law.name != "truth"
    ],
)
def test_laws_with_everything_encoded(subject, law):
    try:
        law.check(subject)
    except NotTried as reason:
        pytest.skip(str(reason))


# Saving, and going on


@pytest.mark.parametrize(
    "codec", ["int8", "int8_dynamic", "int4", "float8", "bfloat16"]
)
def test_migrates_from_float32_and_back(codec):
    plain = adamx.adamw(0.1)
    tx = adamx.chain(adamx.clip_by_global_norm(1e3), adamx.stored(plain, CODECS[codec]))
    _, old = one_step(plain)
    state, report = adamx.migrate(old, tx, PARAMS, plain)
    assert report.complete()
    direct = one_step(tx)[1]
    assert jax.tree.structure(state) == jax.tree.structure(direct)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(direct), strict=True):
        assert a.dtype == b.dtype
        # One code at the most: two programs may round a product differently.
        most = 1 if jnp.issubdtype(a.dtype, jnp.integer) else 0
        x, y = np.asarray(a, float), np.asarray(b, float)
        np.testing.assert_allclose(x, y, 2**-8 if codec == "bfloat16" else 1e-6, most)
    tx.update(GRADS, state, PARAMS)
    back, report = adamx.migrate(state, plain, PARAMS, tx)
    assert report.complete()
    for slot in ("mu", "nu"):
        x, y = adamx.find(old, slot), adamx.find(back, slot)
        name = slot if slot == "mu" else "nu"
        found = CODECS[codec].nonnegative() if name == "nu" else CODECS[codec]
        key = next(k for k, c in CODECS.items() if c == found)
        for leaf in PARAMS:
            assert y[leaf].dtype == jnp.float32
            most = half_steps(key, x[leaf], found) if x[leaf].size >= 4096 else 0
            assert (np.abs(x[leaf] - y[leaf]) <= most).all(), (slot, leaf)


def test_migrates_between_codecs_and_with_exceptions():
    old_tx = adamx.stored(adamx.adam(0.1), adamx.int8())
    new_tx = adamx.stored(
        adamx.adam(0.1), adamx.int4(), exclude=lambda path, leaf: path == "embed"
    )
    _, old = one_step(old_tx)
    state, report = adamx.migrate(old, new_tx, PARAMS, old_tx)
    assert not report.dropped
    assert not report.new
    right = adamx.find(one_step(adamx.adam(0.1))[1], "mu")["embed"]
    kept = adamx.find(state["stored"]["True"], "mu")["embed"]
    np.testing.assert_allclose(kept, right, atol=0.01 * np.abs(right).max())
    updates, _ = new_tx.update(GRADS, state, PARAMS)
    assert all(jnp.isfinite(u).all() for u in jax.tree.leaves(updates))
    same, report = adamx.migrate(old, adamx.chain(adamx.clip(9.0), old_tx), PARAMS)
    assert report.complete()
    for a, b in zip(jax.tree.leaves(same), jax.tree.leaves(old), strict=True):
        assert (a == b).all()
    with pytest.raises(TransformError, match="does not fit this transform"):
        adamx.migrate(adamx.adam(0.1).init(PARAMS), new_tx, PARAMS, old_tx)


WAYS = ("orbax", "flax", "pickle")


@pytest.mark.parametrize("way", WAYS)
def test_goes_on_from_what_was_saved(way, tmp_path):
    tx = adamx.stored(adamx.adamw(0.1), mu=adamx.float8(), nu=adamx.uint4())
    _, state = one_step(tx)
    if way == "orbax":
        ocp = pytest.importorskip("orbax.checkpoint")
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(tmp_path / "state", state)
            checkpointer.wait_until_finished()
            like = jax.eval_shape(tx.init, PARAMS)
            loaded = checkpointer.restore(tmp_path / "state", like)
    elif way == "flax":
        serialization = pytest.importorskip("flax.serialization")
        saved = serialization.to_bytes(state)
        loaded = serialization.from_bytes(tx.init(PARAMS), saved)
    else:
        loaded = pickle.loads(pickle.dumps(state))
    assert jax.tree.structure(loaded) == jax.tree.structure(state)
    after, right = (tx.update(GRADS, s, PARAMS) for s in (loaded, state))
    for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(right), strict=True):
        assert np.array_equal(np.asarray(a), np.asarray(b))
