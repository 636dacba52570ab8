"""The sets, their splits, and what a method is given of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
DIGITS = HERE.parents[1] / "vignettes" / "digits.csv"
KNOWN_DIGITS = 8  # 0 to 7 are learnt; 8 and 9 are what the network has never seen
LEARNT_DIGITS, HELD_OUT_DIGITS = 898, 1198  # in the order of the file, as examples/digits has it
PUBLISHED_FOLDER = "UCI_Datasets"


@dataclass(frozen=True)
class Set:
    """A set of the protocol.

    Args:
        title: What tables call it.
        folder: The name of its folder in the repository that holds the sets with their splits.
        examples: How many examples there are.
        features: How many features there are. The target is the column after them.
        batch_size: The batch of all methods.
        hidden: The units of the hidden layer.
        splits: How many splits the protocol has.
        longer: How many times as many steps a training has as on a small set.
        enclosed: Whether the set lies beside this module.
    """

    title: str
    folder: str
    examples: int
    features: int
    batch_size: int = 32
    hidden: int = 50
    splits: int = 20
    longer: int = 1
    enclosed: bool = False


SETS = {
    "boston": Set("Boston", "bostonHousing", 506, 13),
    "concrete": Set("concrete", "concrete", 1030, 8, enclosed=True),
    "energy": Set("energy", "energy", 768, 8, enclosed=True),
    "wine": Set("wine", "wine-quality-red", 1599, 11, enclosed=True),
    "yacht": Set("yacht", "yacht", 308, 6, enclosed=True),
    "kin8nm": Set("kin8nm", "kin8nm", 8192, 8, batch_size=128),
    # At a third of these steps, no method has found yet how small its noise is.
    "naval": Set("naval", "naval-propulsion-plant", 11934, 16, batch_size=128, longer=3),
    "power": Set("power", "power-plant", 9568, 4, batch_size=128),
    "protein": Set(
        "protein", "protein-tertiary-structure", 45730, 9, batch_size=128, hidden=100, splits=5
    ),
}
SMALL = ("boston", "concrete", "energy", "wine", "yacht")


@dataclass(frozen=True)
class Problem:
    """What a method learns from, and the inputs that it answers for.

    Args:
        x: Inputs to learn from, of shape (n, features), standardised.
        y: Targets of shape (n, 1): standardised values, or classes counted from 0.
        x_test: Inputs of shape (m, features) to answer for.
        batch_size: The batch.
        hidden: The units of the hidden layer.
        classes: How many classes there are. None: the targets are values.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    batch_size: int
    hidden: int
    classes: int | None = None

    def epochs(self, steps: int) -> int:
        """Return how many epochs have at least so many steps."""
        return -(-steps // -(-len(self.x) // self.batch_size))

    def without_a_part(self, share: float, seed: int) -> tuple[Problem, np.ndarray]:
        """Return the problem without a part of its examples, whose inputs it then answers for.

        Args:
            share: How large the part is.
            seed: The seed that it is drawn with.

        Returns:
            The problem, and the targets of the part.
        """
        order = np.random.default_rng(seed).permutation(len(self.x))
        part, learnt = np.split(order, [round(share * len(order))])
        left = replace(self, x=self.x[learnt], y=self.y[learnt], x_test=self.x[part])
        return left, self.y[part, 0]


@dataclass(frozen=True)
class Values:
    """A split of a set, and what turns standardised values into those of the set.

    Args:
        problem: What a method is given.
        y_test: Targets of shape (m,), in their own unit.
        loc: The mean of the targets that are learnt from.
        scale: Their standard deviation.
    """

    problem: Problem
    y_test: np.ndarray
    loc: float
    scale: float


@dataclass(frozen=True)
class Classes:
    """Digits: labels of the images that the network knows; those after them are of no class."""

    problem: Problem
    labels: np.ndarray


class MissingError(Exception):
    """A set is not there."""


def read_set(name: str, folder: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs of shape (n, features), and targets of shape (n,).

    Args:
        name: The name of the set.
        folder: Where sets lie that this repository does not hold: each in a folder of its own, as
            `data/data.txt`, or all of these folders in one named UCI_Datasets.
    """
    chosen = SETS[name]
    if chosen.enclosed:
        table = np.loadtxt(HERE / "data" / f"{name}.csv", delimiter=",", skiprows=1)
    else:
        table = np.loadtxt(_file_of(chosen, folder))
    x, y = table[:, : chosen.features], table[:, chosen.features]
    if x.shape != (chosen.examples, chosen.features):
        raise MissingError(
            f"{chosen.title} has {chosen.examples} examples of {chosen.features} features; "
            f"the file has {x.shape[0]} of {x.shape[1]}."
        )
    return x, y


def _file_of(chosen: Set, folder: Path | None) -> Path:
    if folder is None:
        raise MissingError(f"{chosen.title} is not in this repository: name the folder (DATA=...).")
    for above in (folder, folder / PUBLISHED_FOLDER):
        file = above / chosen.folder / "data" / "data.txt"
        if file.exists():
            return file
    raise MissingError(f"{chosen.title}: there is no {chosen.folder}/data/data.txt in {folder}.")


def is_there(name: str, folder: Path | None = None) -> bool:
    """Return whether a set can be read."""
    try:
        return SETS[name].enclosed or _file_of(SETS[name], folder).exists()
    except MissingError:
        return False


def split_indices(examples: int, split: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what is learnt from and what is held out in a split of the protocol.

    The protocol's own script drew the splits one after the other from NumPy's generator with the
    seed 1, which gives them again; a test compares them with the published files.
    """
    generator = np.random.RandomState(1)
    for _ in range(split + 1):
        order = generator.choice(range(examples), examples, replace=False)
    learnt = round(0.9 * examples)
    return order[:learnt], order[learnt:]


def values_of(name: str, split: int, folder: Path | None = None) -> Values:
    """Return a split of a set, standardised by what is learnt from."""
    x, y = read_set(name, folder)
    learnt, held_out = split_indices(len(x), split)
    mean, spread = x[learnt].mean(axis=0), x[learnt].std(axis=0)
    # Two features of one set are constant.
    inputs = (x - mean) / np.where(spread > 0, spread, 1.0)
    loc, scale = float(y[learnt].mean()), float(y[learnt].std())
    targets = (y - loc) / scale
    problem = Problem(
        inputs[learnt].astype("float32"),
        targets[learnt, None].astype("float32"),
        inputs[held_out].astype("float32"),
        SETS[name].batch_size,
        SETS[name].hidden,
    )
    return Values(problem, y[held_out], loc, scale)


def digits() -> Classes:
    """Return the digits 0 to 7 of half of the images, and as a test those of others, 8 and 9 last.

    The network answers first for the test images of digits that it knows, then for 8 and 9.
    """
    table = np.loadtxt(DIGITS, delimiter=",", skiprows=1)
    x, y = table[:, 1:].astype("float32") / 16, table[:, 0].astype(int)
    position, known = np.arange(len(x)), y < KNOWN_DIGITS
    learnt = known & (position < LEARNT_DIGITS)
    held_out = position >= HELD_OUT_DIGITS
    x_test = np.vstack([x[held_out & known], x[held_out & ~known]])
    problem = Problem(x[learnt], y[learnt, None], x_test, 32, 100, KNOWN_DIGITS)
    return Classes(problem, y[held_out & known])
