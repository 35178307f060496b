"""Tests of Optax 0.2.8 that fail with `adamx.optax` in Optax's place, and the cause."""

STATE = "it reads the state of one optimizer, which is a dict in adamx"
WIDER = "it wants state in the dtype of parameters, or in one less exact than float32"
ERROR = "it wants another exception, or none where a state is 0"
INTEGERS = "it takes integers for parameters or updates"
WARNING = "it wants a warning that Optax's function is deprecated"
MAPPED = "it maps over a masked state with `tree.map_params`"
PRIVACY = "it updates without parameters, which adamx's privacy wants"
BUILT = "it builds a schedule that adamx refuses, such as one of no steps"
ZERO = "after a warm-up to a peak of 0, adamx's schedule goes on to its end"
ROUNDING = "it compares results of two calls to 1e-6, where 1.1e-6 is rounding"
OWN = "it fails with Optax itself, too"
SEARCH = "its value function takes arguments of `update`"

KNOWN: list[tuple[str, str]] = [
    (STATE, r"_src\.alias\.AliasTest\.test_explicit_dtype\d+ .*'sgd_mom'\)"),
    (
        STATE,
        r"_src\.alias\.AliasTest\.test_\w+_inject_\w+ .*'(fromage|sign_sgd|sgd)'.*",
    ),
    (STATE, r"_src\.base\.BaseTest\.test_set_to_zero_is_stateless"),
    (STATE, r"_src\.linesearch\.BacktrackingLinesearchTest\.test_linesearch\d+ .*"),
    (STATE, r"_src\.transform\.TransformTest\.test_lion_modes_variants"),
    (STATE, r"contrib\._galore\.GaLoreTest\.test_.*"),
    (STATE, r"contrib\._mechanic\.MechanicTest\.test_mechanized"),
    (STATE, r"contrib\._muon\.MuonTest\.test_dim_nums_combinations_\w+"),
    (STATE, r"contrib\._schedule_free\.ScheduleFreeTest\.test_explicit_dtype\d+ .*"),
    (STATE, r"transforms\._accumulation\.AccumulationTest\.test_ema_debias"),
    (STATE, r"transforms\._conditionality\.Conditionally\w+\.test_statefull_inner"),
    (STATE, r"transforms\._freezing\.FreezeTest\.test_freeze_updates_\w+"),
    (STATE, r"transforms\._masking\.MaskedTest\.test_masked_state_structure"),
    (ERROR, r"transforms\._adding\.AddingTest\.test_none_argument"),
    (STATE, r"transforms\._constraining\.ConstraintsTest\.test_zero_nans"),
    (STATE, r"tree_utils\._state_utils\.StateUtilsTest\.test_.*"),
    (WIDER, r"_src\.alias\.AliasTest\.test_explicit_dtype\d+ .*'complex64'.*"),
    (
        WIDER,
        r"_src\.alias\.AliasTest\.test_explicit_dtype\d+ .*'bfloat16', .*=None, .*",
    ),
    (WIDER, r"schedules\._inject\.InjectHyperparamsTest\.test_hyperparam_.*dtype.*"),
    (ERROR, r"_src\.transform\.TransformTest\.test_scale_by_polyak_l1_norm"),
    (ERROR, r"(_src\.combine|transforms\._combining)\.PartitionTest\.test_extra_args"),
    (ERROR, r"transforms\._freezing\.\w+\.test_\w*bad_structure\w*"),
    (
        INTEGERS,
        r"(_src\.combine|transforms\._combining)\.ExtraArgsTest\.test_extra_args.*",
    ),
    (INTEGERS, r"schedules\._inject\.\w+\.test_inject_hyperparams_starts_with_.*"),
    (WARNING, r"_src\.alias\.AliasTest\..* \(opt_name='optimistic_adam', .*"),
    (
        MAPPED,
        r"transforms\._masking\.MaskedTest\.test_(masked_\w*sgd.*|tree_map_params)",
    ),
    (BUILT, r"schedules\._schedule\.ExponentialTest\.test_nonvalid_.*"),
    (BUILT, r"schedules\._schedule\.CosineDecayTest\.test_with_giant_int_steps"),
    (BUILT, r"schedules\._schedule\.PolynomialTest\.test_zero_steps_schedule"),
    (ZERO, r"schedules\._schedule\.WarmupCosineDecayTest\.test_zero_peak_value"),
    (ROUNDING, r"transforms\._clipping\.ClippingTest\.test_adaptive_grad_clip"),
    (ROUNDING, r"transforms\._clipping\.ClippingTest\.test_clip_by_block_rms"),
    (SEARCH, r"_src\.linesearch\.BacktrackingLinesearchTest\.test_armijo_sgd"),
    (PRIVACY, r"contrib\._privacy\.DifferentiallyPrivateAggregateTest\..*"),
]
"""A cause, and a regular expression for the names of tests that fail by it."""
