"""Libraries that take optimizers take those of adamx, and train as with Optax's."""

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx
from adamx.testing import Subject, examples, public_builders
from adamx.tree.paths import simple_paths
from tests.tiers import full

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
)

STEPS = 30
INPUTS = jax.random.normal(jax.random.key(0), (32, 3))
TARGETS = INPUTS @ jnp.array([[1.0], [-2.0], [0.5]]) + 0.3


def client(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


def mean_square(outputs: jax.Array) -> jax.Array:
    return jnp.mean((outputs - TARGETS) ** 2)


def train_linen(tx: Any) -> Any:
    nn, training = client("flax.linen"), client("flax.training.train_state")
    model = nn.Dense(1)
    params = model.init(jax.random.key(1), INPUTS)
    state = training.TrainState.create(apply_fn=model.apply, params=params, tx=tx)

    @jax.jit
    def step(state: Any) -> Any:
        loss = lambda params: mean_square(state.apply_fn(params, INPUTS))  # noqa: E731
        return state.apply_gradients(grads=jax.grad(loss)(state.params))

    for _ in range(STEPS):
        state = step(state)
    # The first step is a Python integer, which is another type than what is added up.
    assert step._cache_size() == 2  # pyright: ignore
    return state.params


def train_nnx(tx: Any) -> Any:
    nnx = client("flax.nnx")
    model = nnx.Linear(3, 1, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)

    @nnx.jit
    def step(model: Any, optimizer: Any) -> None:
        grads = nnx.grad(lambda model: mean_square(model(INPUTS)))(model)
        optimizer.update(model, grads)

    for _ in range(STEPS):
        step(model, optimizer)
    return jax.tree.leaves(nnx.state(model))


def train_equinox(tx: Any) -> Any:
    eqx = client("equinox")
    model = eqx.nn.MLP(3, 1, 8, 1, key=jax.random.key(1))
    state = tx.init(eqx.filter(model, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(model: Any, state: Any, tx: Any) -> Any:
        loss = lambda model: mean_square(jax.vmap(model)(INPUTS))  # noqa: E731
        grads = eqx.filter_grad(loss)(model)
        updates, state = tx.update(grads, state, eqx.filter(model, eqx.is_array))
        return eqx.apply_updates(model, updates), state

    for _ in range(STEPS):
        model, state = step(model, state, tx)
    return eqx.filter(model, eqx.is_array)


def train_haiku(tx: Any) -> Any:
    hk = client("haiku")
    model = hk.without_apply_rng(hk.transform(lambda x: hk.nets.MLP([8, 1])(x)))
    params = model.init(jax.random.key(1), INPUTS)
    state = tx.init(params)

    @jax.jit
    def step(params: Any, state: Any) -> Any:
        grads = jax.grad(lambda p: mean_square(model.apply(p, INPUTS)))(params)
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    for _ in range(STEPS):
        params, state = step(params, state)
    return params


def train_numpyro(tx: Any, *, wrapped: bool = True) -> Any:
    numpyro, dist = client("numpyro"), client("numpyro.distributions")
    infer, optim = client("numpyro.infer"), client("numpyro.optim")
    autoguide = client("numpyro.infer.autoguide")

    def model(x: Any, y: Any) -> None:
        w = numpyro.sample("w", dist.Normal(0, 1).expand([3, 1]).to_event(2))
        numpyro.sample("y", dist.Normal(x @ w, 1.0).to_event(1), obs=y)

    guide = autoguide.AutoNormal(model)
    loss = infer.Trace_ELBO()
    tx = optim.optax_to_numpyro(tx) if wrapped else tx
    svi = infer.SVI(model, guide, tx, loss)
    key = jax.random.key(1)
    return svi.run(key, STEPS, INPUTS, TARGETS, progress_bar=False).params


def train_optimistix(tx: Any) -> Any:
    optx = client("optimistix")
    solver = optx.OptaxMinimiser(tx, rtol=1e-12, atol=1e-12)

    def fn(w: jax.Array, args: Any) -> jax.Array:
        return mean_square(INPUTS @ w)

    start, stop = jnp.zeros((3, 1)), {"max_steps": STEPS, "throw": False}
    return optx.minimise(fn, solver, start, **stop).value


def train_numpyro_as_it_is(tx: Any) -> Any:
    """Without `optax_to_numpyro`, which SVI calls itself for a pair of Optax's."""
    return train_numpyro(tx, wrapped=False)


def train_optimistix_best_so_far(tx: Any) -> Any:
    optx = client("optimistix")
    solver = optx.BestSoFarMinimiser(optx.OptaxMinimiser(tx, rtol=1e-12, atol=1e-12))

    def fn(w: jax.Array, args: Any) -> jax.Array:
        return mean_square(INPUTS @ w)

    start, stop = jnp.zeros((3, 1)), {"max_steps": STEPS, "throw": False}
    return optx.minimise(fn, solver, start, **stop).value


def train_optimistix_least_squares(tx: Any) -> Any:
    optx = client("optimistix")
    solver = optx.OptaxMinimiser(tx, rtol=1e-12, atol=1e-12)

    def fn(w: jax.Array, args: Any) -> jax.Array:
        return (INPUTS @ w - TARGETS) / INPUTS.shape[0] ** 0.5

    start, stop = jnp.zeros((3, 1)), {"max_steps": STEPS, "throw": False}
    return optx.least_squares(fn, solver, start, **stop).value


def train_gpjax(tx: Any) -> Any:
    gpx, eqx = client("gpjax"), client("equinox")
    with jax.enable_x64(True):
        data = gpx.Dataset(
            X=jnp.asarray(INPUTS[:, :1], "float64"), y=jnp.asarray(TARGETS, "float64")
        )
        prior = gpx.gps.Prior(
            mean_function=gpx.mean_functions.Constant(), kernel=gpx.kernels.RBF()
        )
        model, _ = gpx.fit(
            model=prior * gpx.likelihoods.Gaussian(),
            objective=lambda p, d: -gpx.objectives.conjugate_mll(p, d),
            train_data=data,
            optim=tx,
            num_iters=STEPS,
            verbose=False,
        )
        arrays = jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))
        return [np.asarray(x) for x in arrays]


def train_flowjax(tx: Any) -> Any:
    """With the checks at run time that FlowJAX is annotated for."""
    hook, eqx = client("jaxtyping").install_import_hook, client("equinox")
    client("beartype")
    with hook("flowjax", "beartype.beartype"):
        train = client("flowjax.train")
        flowjax = client("flowjax.distributions")
    start = flowjax.Normal(jnp.zeros(3), 2 * jnp.ones(3))
    found, _ = train.fit_to_data(
        jax.random.key(0),
        start,
        INPUTS,
        optimizer=tx,
        max_epochs=STEPS,
        batch_size=28,
        return_best=False,
        show_progress=False,
    )
    return eqx.filter(found, eqx.is_inexact_array)


def train_jaxopt(tx: Any) -> Any:
    jaxopt = client("jaxopt")
    solver = jaxopt.OptaxSolver(
        fun=lambda w: mean_square(INPUTS @ w), opt=tx, maxiter=STEPS, tol=0.0
    )
    return solver.run(jnp.zeros((3, 1))).params


def train_dynamax(tx: Any) -> Any:
    optimize = client("dynamax.utils.optimize")

    def loss(w: jax.Array, batch: Any) -> jax.Array:
        inputs, targets = batch
        return jnp.mean((inputs @ w - targets) ** 2)

    # It hands no parameters to update, so nothing can decay in it.
    data = INPUTS, TARGETS
    params, _ = optimize.run_sgd(
        loss, jnp.zeros((3, 1)), data, tx, batch_size=8, num_epochs=STEPS // 4
    )
    return params


def train_netket(tx: Any) -> Any:
    """On the whole sum over states: samples would part over a rounding error."""
    nk = client("netket")
    space = nk.hilbert.Spin(s=0.5, N=4)
    energy = nk.operator.Ising(space, nk.graph.Chain(4), h=1.0)
    model = nk.models.RBM(alpha=1, param_dtype=float)
    state = nk.vqs.FullSumState(space, model, seed=0)
    driver = nk.driver.VMC(energy, tx, variational_state=state)
    driver.run(STEPS, out=None, show_progress=False)
    return state.parameters


def train_evosax(tx: Any) -> Any:
    evosax = client("evosax.algorithms")
    es = evosax.Open_ES(16, jnp.zeros(3), optimizer=tx)
    params, key = es.default_params, jax.random.key(0)
    state = es.init(key, jnp.zeros(3), params)
    loss = jax.vmap(lambda w: mean_square(INPUTS @ w[:, None]))
    for one in jax.random.split(key, STEPS):
        population, state = es.ask(one, state, params)
        state, _ = es.tell(one, population, loss(population), state, params)
    return state.mean


def train_blackjax(tx: Any) -> Any:
    blackjax = client("blackjax")
    vi = blackjax.meanfield_vi(
        lambda w: -mean_square(INPUTS @ w[:, None]) * INPUTS.shape[0] / 2, tx, 4
    )
    state = vi.init(jnp.zeros(3))
    step = jax.jit(vi.step)
    for key in jax.random.split(jax.random.key(0), STEPS):
        state, _ = step(key, state)
    return state.mu, state.rho


THOROUGH = (
    "numpyro",
    "numpyro_as_it_is",
    "optimistix_best_so_far",
    "optimistix_least_squares",
    "gpjax",
    "flowjax",
    "jaxopt",
    "dynamax",
    "netket",
    "evosax",
    "blackjax",
)
"""The clients that are tried in the full tests only."""

CLIENTS = {
    name.removeprefix("train_"): function
    for name, function in list(globals().items())
    if name.startswith("train_")
}

TRANSFORMS = {
    "adamw": lambda lib: lib.adamw(1e-2, weight_decay=0.1),
    "a chain": lambda lib: lib.chain(lib.clip_by_global_norm(0.5), lib.adam(1e-2)),
    "injected": lambda lib: lib.inject_hyperparams(lib.sgd)(
        lib.cosine_decay_schedule(1e-2, STEPS), momentum=0.9
    ),
}


NAMES = [full(name) if name in THOROUGH else name for name in CLIENTS]


@pytest.mark.parametrize("kind", TRANSFORMS)
@pytest.mark.parametrize("name", NAMES)
def test_a_client_trains_as_with_optax(name, kind):
    make = TRANSFORMS[kind]
    if (name, kind) == ("dynamax", "adamw"):
        pytest.skip("it hands no parameters to update, which a decay needs")
    ours, theirs = CLIENTS[name](make(adamx)), CLIENTS[name](make(optax))
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    # In float32, of paths some 0.3 long, Optax's bias correction being 1e-5 off.
    for a, b in pairs:
        np.testing.assert_allclose(a, b, atol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_client_gets_somewhere(name):
    still, moved = CLIENTS[name](adamx.sgd(0.0)), CLIENTS[name](adamx.sgd(1e-2))
    pairs = zip(jax.tree.leaves(still), jax.tree.leaves(moved), strict=True)
    assert all(float(jnp.max(jnp.abs(a - b))) > 1e-3 for a, b in pairs)


def test_leaves_of_a_model_that_are_no_arrays_are_left_alone_without_a_jit():
    eqx = client("equinox")
    model = eqx.nn.MLP(3, 1, 8, 1, key=jax.random.key(1))
    tx = adamx.adamw(1e-2)
    params = eqx.filter(model, eqx.is_inexact_array)
    grads = jax.tree.map(jnp.ones_like, params)
    state = tx.init(params)
    updates, _ = tx.update(grads, state, model)
    expected, _ = tx.update(grads, state, params)
    for a, b in zip(jax.tree.leaves(updates), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    with pytest.raises(adamx.TransformError, match=r"not an array(.|\n)*\.activation"):
        tx.init(model)


def test_extra_arguments_reach_a_transform_through_optimistix():
    optx = client("optimistix")
    solver = optx.OptaxMinimiser(adamx.polyak_sgd(), rtol=1e-6, atol=1e-6)
    found = optx.minimise(
        lambda w, args: mean_square(INPUTS @ w) * 0 + jnp.sum((w - 1) ** 2),
        solver,
        jnp.zeros(3),
        max_steps=1000,
    )
    np.testing.assert_allclose(found.value, 1.0, atol=1e-3)


@pytest.mark.parametrize("wrapped", [True, False])
def test_extra_arguments_reach_a_transform_through_numpyro(wrapped):
    # Without `value` it would raise.
    params = train_numpyro(adamx.polyak_sgd(), wrapped=wrapped)
    assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(params))
    assert any(bool(jnp.any(x != 0)) for x in jax.tree.leaves(params))


@pytest.mark.full
def test_what_is_no_transform_fails_the_checks_of_flowjax():
    with pytest.raises(Exception, match="typechecking parameter 'optimizer'"):
        train_flowjax(3.0)


AROUND = {
    "chain": lambda tx: optax.chain(optax.clip(1.0), tx),
    "named_chain": lambda tx: optax.named_chain(("adam", tx)),
    "MultiSteps": lambda tx: optax.MultiSteps(tx, 1),
    "inject_hyperparams": lambda tx: optax.inject_hyperparams(
        lambda rate: optax.chain(tx, optax.scale(rate))
    )(1.0),
    "masked": lambda tx: optax.masked(tx, True),
    "partition": lambda tx: optax.partition({"a": tx}, "a"),
    "apply_if_finite": lambda tx: optax.apply_if_finite(tx, 3),
    "with_extra_args_support": optax.with_extra_args_support,
}


@pytest.mark.parametrize("name", AROUND)
def test_what_optax_has_around_transforms_takes_ours(name):
    params = {"w": jnp.array([0.5, -0.25])}
    tx = AROUND[name](adamx.adam(1e-2))
    updates, _ = jax.jit(tx.update)(params, tx.init(params), params)
    np.testing.assert_allclose(updates["w"], [-1e-2, 1e-2], rtol=1e-5)


def test_optax_finds_its_way_in_our_states():
    params = {"w": jnp.ones(2)}
    tx = adamx.adam(1e-2)
    state = tx.init(params)
    assert optax.tree.get(state, "mu")["w"].shape == (2,)
    doubled = optax.tree.map_params(tx, lambda x: x + 1, state)
    assert optax.tree.get(doubled, "nu")["w"].tolist() == [1.0, 1.0]


def nnx_model() -> Any:
    nnx = client("flax.nnx")
    return nnx.Linear(16, 8, rngs=nnx.Rngs(0))


def nnx_params() -> Any:
    nnx = client("flax.nnx")
    return nnx.as_pure(nnx.state(nnx_model(), nnx.Param))


def nnx_steps(subject: Subject, gradients: list[Any]) -> Any:
    nnx = client("flax.nnx")
    model = nnx_model()
    optimizer = nnx.Optimizer(model, subject.tx, wrt=nnx.Param)
    for g in gradients:
        params = nnx.state(model, nnx.Param)
        extra = subject.extra(g, nnx.as_pure(params)) if subject.extra else {}
        boxed = jax.tree.unflatten(jax.tree.structure(params), jax.tree.leaves(g))
        optimizer.update(model, boxed, **extra)
    return nnx.state(model, nnx.Param)


def equinox_params() -> Any:
    eqx = client("equinox")
    return eqx.nn.Linear(16, 8, key=jax.random.key(0))


def haiku_params() -> Any:
    hk = client("haiku")
    model = hk.without_apply_rng(hk.transform(lambda x: hk.Linear(8)(x)))
    return model.init(jax.random.key(0), jnp.ones((1, 16)))


def linen_params() -> Any:
    """With the boxes that say how a kernel is to be split over devices."""
    nn = client("flax.linen")
    init = nn.with_partitioning(nn.initializers.lecun_normal(), (None, None))
    return nn.Dense(8, kernel_init=init).init(jax.random.key(0), jnp.ones((1, 16)))


def own_steps(params: Any, subject: Subject, gradients: list[Any]) -> Any:
    state = subject.init(params)
    for g in gradients:
        updates, state = subject.update(g, state, params)
        params = adamx.apply_updates(params, updates)
    return params


MODELS: dict[str, tuple[Callable[[], Any], Callable[..., Any]]] = {
    "nnx": (nnx_params, nnx_steps),
    "equinox": (equinox_params, lambda *a: own_steps(equinox_params(), *a)),
    "haiku": (haiku_params, lambda *a: own_steps(haiku_params(), *a)),
    "linen": (linen_params, lambda *a: own_steps(linen_params(), *a)),
}


SMALL = {
    "stored": lambda: adamx.stored(adamx.adam(0.1), adamx.int8(), min_size=64),
    "adafactor": lambda: adamx.adafactor(0.1, min_dim_size_to_factor=2),
}
"""What keeps several arrays for a leaf only if it is large, as those here are not."""

QUICK = (*SMALL, "muon", "sm3")


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else full(name) for name in public_builders()],
)
@pytest.mark.parametrize("model", MODELS)
def test_two_steps_in_a_client_are_those_on_a_plain_dict(model, name):
    make = SMALL.get(name, lambda: next(examples(public_builders()[name])))
    subject = Subject.of(make())
    make, steps = MODELS[model]
    params = make()
    leaves, treedef = jax.tree.flatten(params)
    rng = np.random.default_rng(0)
    rows = [[rng.normal(size=x.shape).astype(x.dtype) for x in leaves] for _ in "ab"]
    paths = simple_paths(params)
    assert not any(path.endswith("value") for path in paths)

    def plain(row: list[Any]) -> Any:
        # In the client's order, because the noise of a leaf goes by its number.
        return OrderedDict(zip(paths, map(jnp.asarray, row), strict=True))

    expected = own_steps(plain(leaves), subject, [plain(row) for row in rows])
    gradients = [treedef.unflatten(map(jnp.asarray, row)) for row in rows]
    found = jax.tree.leaves(steps(subject, gradients))
    for a, b in zip(found, expected.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "make",
    [
        lambda mask: adamx.masked(adamx.adam(0.1), mask),
        lambda mask: adamx.chain(adamx.adam(0.1), adamx.freeze(mask)),
        lambda mask: adamx.partition({True: adamx.sgd(0.1), False: adamx.sgd(1)}, mask),
    ],
    ids=["masked", "freeze", "partition"],
)
@pytest.mark.parametrize("kind", ["a tree of bools", "a path", "a function of a tree"])
def test_masks_made_from_a_model_of_nnx(kind, make):
    nnx = client("flax.nnx")
    bools = jax.tree.map(lambda x: x.ndim > 1, nnx.state(nnx_model(), nnx.Param))
    mask = {
        "a tree of bools": bools,
        "a path": lambda path, leaf: path == "kernel",
        "a function of a tree": lambda tree: jax.tree.map(lambda x: x.ndim > 1, tree),
    }[kind]
    ones = jax.tree.map(jnp.ones_like, nnx_params())
    found = nnx_steps(Subject.of(make(mask)), [ones, ones])
    bare = {"kernel": nnx_model().kernel[...], "bias": jnp.zeros(8)}
    ones = jax.tree.map(jnp.ones_like, bare)
    by_path = make(lambda path, leaf: path == "kernel")
    expected = own_steps(bare, Subject.of(by_path), [ones, ones])
    for name, x in expected.items():
        np.testing.assert_allclose(found[name][...], x, rtol=1e-6)
