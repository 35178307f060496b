"""Draw where sgd, momentum, rmsprop and adam go: python -m benchmarks.trajectories.

On Rosenbrock's and Beale's functions and an ill-conditioned quadratic, each at the best
of 13 rates, as a picture and as an animation, into docs/pictures/trajectories.
"""

import argparse
from pathlib import Path

import adamx
from adamx.racing.pictures import trajectories
from adamx.racing.tasks import find_task

FOLDER = Path(__file__).parents[1] / "docs" / "pictures" / "trajectories"
OPTIMIZERS = "sgd, momentum, rmsprop, adam"
STEPS = {"rosenbrock": 1000, "beale": 1000, "valley": 150}


def draw(name: str, steps: int, folder: Path, kinds: tuple[str, ...]) -> None:
    """The pictures of one problem."""
    task = find_task(name)
    assert task.plane is not None
    race = adamx.race(
        task, OPTIMIZERS, steps=steps, rates=13, decades=4.5, seeds=1, progress=False
    )
    paths = {o.label: o.path for o in race.outcomes if o.path is not None}
    for kind in kinds:
        file = folder / f"{name}.{kind}"
        trajectories(task.validate, task.plane, paths, file, task.title)
        print(file)


def main() -> None:
    """Write all pictures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path, default=FOLDER)
    folder = options.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, steps in STEPS.items():
        draw(name, steps, folder, ("png", "gif"))


if __name__ == "__main__":
    main()
