"""Optimizers raced on a task: `adamx race`, and `adamx.race(...)`."""

from adamx.racing.entrants import Entrant as Entrant
from adamx.racing.results import Outcome as Outcome
from adamx.racing.results import Race as Race
from adamx.racing.task import Plane as Plane
from adamx.racing.task import Task as Task
from adamx.racing.task import drawn as drawn
