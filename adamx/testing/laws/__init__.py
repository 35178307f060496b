"""The laws, one a file; importing this enters them all."""

from adamx.testing.laws import absent_gradients as absent_gradients
from adamx.testing.laws import accumulation as accumulation
from adamx.testing.laws import composition as composition
from adamx.testing.laws import declarations as declarations
from adamx.testing.laws import determinism as determinism
from adamx.testing.laws import differentiable as differentiable
from adamx.testing.laws import donation as donation
from adamx.testing.laws import errors as errors
from adamx.testing.laws import finite as finite
from adamx.testing.laws import fixed_point as fixed_point
from adamx.testing.laws import freezing as freezing
from adamx.testing.laws import hyperparameters as hyperparameters
from adamx.testing.laws import identity as identity
from adamx.testing.laws import innermost_trees as innermost_trees
from adamx.testing.laws import long_runs as long_runs
from adamx.testing.laws import memory as memory
from adamx.testing.laws import norms as norms
from adamx.testing.laws import odd_leaves as odd_leaves
from adamx.testing.laws import precision as precision
from adamx.testing.laws import promotion as promotion
from adamx.testing.laws import scale as scale
from adamx.testing.laws import sharding as sharding
from adamx.testing.laws import transformations as transformations
from adamx.testing.laws import truth as truth
