"""Published rows, and the means of the result files of MC dropout.

Run: python -m reproduce.published FOLDER     writes data/dropout.json anew from a copy of
                                              yaringal/DropoutUncertaintyExps
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from reproduce.data import HERE, PUBLISHED_FOLDER, SETS

DROPOUT = HERE / "data" / "dropout.json"
PAPERS = HERE / "data" / "published.json"
FILES = {
    "log_score": "test_ll_100_xepochs_1_hidden_layers.txt",
    "rmse": "test_MC_rmse_100_xepochs_1_hidden_layers.txt",
}


@dataclass(frozen=True)
class Row:
    """A published row.

    Args:
        title: What tables call it.
        source: Where its numbers are from.
        scores: By score and set, the mean and its standard error; not a number: none is stated.
    """

    title: str
    source: str
    scores: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)


def standard_error(value: float, spread: float | None, kind: str, splits: int) -> float:
    """Return the standard error of a published mean.

    Args:
        value: The mean.
        spread: What the source states after ±. None: nothing.
        kind: What that is: "standard error" or "standard deviation".
        splits: Over how many splits.
    """
    if spread is None:
        return math.nan
    return spread / math.sqrt(splits) if kind == "standard deviation" else spread


def read_rows() -> dict[str, Row]:
    """Return the published rows by name."""
    rows = {}
    for name, row in json.loads(PAPERS.read_text(encoding="utf-8")).items():
        scores = {
            score: {
                key: (value, standard_error(value, spread, row["spread"], SETS[key].splits))
                for key, (value, spread) in found.items()
            }
            for score, found in row["scores"].items()
        }
        rows[name] = Row(row["title"], row["source"], scores)
    dropout = json.loads(DROPOUT.read_text(encoding="utf-8"))
    scores = {
        score: {key: (each["mean"], each["standard error"]) for key, each in found.items()}
        for score, found in dropout["scores"].items()
    }
    rows["dropout"] = Row(dropout["title"], dropout["source"], scores)
    return rows


def summarise_dropout(folder: Path) -> dict[str, object]:
    """Return means and standard errors of the repository's results, a number for each split."""
    scores: dict[str, dict[str, object]] = {}
    for score, file in FILES.items():
        for key, chosen in SETS.items():
            path = folder / PUBLISHED_FOLDER / chosen.folder / "results" / file
            values = np.loadtxt(path)
            scores.setdefault(score, {})[key] = {
                "mean": round(float(values.mean()), 6),
                "standard error": round(float(values.std(ddof=1) / math.sqrt(len(values))), 6),
                "splits": len(values),
            }
    return {
        "title": "published: MC dropout, tuned, 4000 epochs",
        "source": (
            "yaringal/DropoutUncertaintyExps, UCI_Datasets/*/results/"
            "test_{ll,MC_rmse}_100_xepochs_1_hidden_layers.txt, means over the splits, taken by "
            "benchmarks/reproduce/published.py. Dropout rate and precision were chosen by grid "
            "search for each split."
        ),
        "scores": scores,
    }


ROWS = read_rows() if DROPOUT.exists() else {}

if __name__ == "__main__":
    text = json.dumps(summarise_dropout(Path(sys.argv[1])), indent=1)
    DROPOUT.write_text(text + "\n", encoding="utf-8")
