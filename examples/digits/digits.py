"""Classify handwritten digits with a Bayesian convolutional network that notices what is no digit.

Every kernel of the network has a posterior distribution, so that an image gets a distribution of
answers. The network learns the digits 0 to 7. Shown an 8, a 9 or a piece of a photograph, it should
be less sure than it is of the digits that it knows: the entropy of its answer flags such images.

Data: 1797 digits of 8 x 8 pixels, E. Alpaydin and C. Kaynak, UCI, 1998, and two photographs, all as
shipped with scikit-learn. Licences: CC BY. See README.md beside this file.

Run: python examples/digits/digits.py
"""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure
from scipy.special import entr, softmax
from sklearn.datasets import load_digits, load_sample_image

from bayeslayers import layer_conv_2d_flipout, layer_dense_flipout, tfd_kl_divergence

HERE = Path(__file__).parent
CLASSES = 8  # digits that the network learns: 0 to 7, not 8 and 9
FIRST_CHECKED, FIRST_HELD_OUT = 898, 1198  # in the order of the file, by which the writers differ
PATCH_DISTANCE = 32  # pixels between two patches of a photograph
PASSES, EPOCHS, BATCH = 20, 5, 64  # an epoch, so one progress bar, is 20 passes over the data
DRAWS = 100  # of the network's kernels, from their posterior
BINS = 15  # of the expected calibration error
FLAGGED = 0.05  # share of the checked digits with an entropy above the threshold
KINDS = {"digits 0 to 7": "#0072B2", "digits 8 and 9": "#E69F00", "photographs": "#009E73"}
TITLE = "What a network that learnt the digits 0 to 7 makes of digits and of other images"
PROGRESS = 1 if sys.stdout.isatty() else 2  # a bar, or in a log file one line for each


def cut_patches(name: str) -> np.ndarray:
    """Cut patches of the size of a digit out of a photograph, in grey, on a regular grid."""
    grey = load_sample_image(name).mean(axis=2) / 255
    rows, columns = (range(0, size - 7, PATCH_DISTANCE) for size in grey.shape)
    patches = [grey[i : i + 8, j : j + 8] for i in rows for j in columns]
    return np.reshape(patches, (-1, 64))


def build_model(n: int) -> keras.Sequential:
    """Stack two Bayesian convolutions and a Bayesian dense layer: 64 pixels to 8 logits."""

    def scaled_divergence(q: Any, p: Any, ignore: Any) -> Any:
        # Keras averages the loss over examples, so the divergence counts once per `n` of them.
        return tfd_kl_divergence(q, p) / n

    scaled = {"kernel_divergence_fn": scaled_divergence}
    model = keras.Sequential([keras.Input((64,)), keras.layers.Reshape((8, 8, 1))])
    for filters in (16, 32):
        layer_conv_2d_flipout(model, filters, 3, padding="same", activation="relu", **scaled)
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    return layer_dense_flipout(model, CLASSES, **scaled)


def train(model: keras.Sequential, x: np.ndarray, y: np.ndarray) -> None:
    steps = EPOCHS * PASSES * len(x) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(0.01, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss=loss)
    x, y = np.tile(x, (PASSES, 1)), np.tile(y, (PASSES, 1))
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=PROGRESS)


def entropy(probability: np.ndarray) -> np.ndarray:
    return entr(probability).sum(axis=-1)


def classify(model: keras.Sequential, x: np.ndarray) -> dict[str, np.ndarray]:
    """Average the class probabilities over the networks drawn, and take their entropy apart."""
    # Kernels are drawn once for a batch: with all images in every batch, a batch is a draw.
    logits = model.predict(np.tile(x, (DRAWS, 1)), batch_size=len(x), verbose=PROGRESS)
    drawn = softmax(logits.astype("float64"), axis=1).reshape(DRAWS, len(x), CLASSES)
    probability = drawn.mean(axis=0)
    total, aleatoric = entropy(probability), entropy(drawn).mean(axis=0)
    return {
        "probability": probability,
        "entropy": total,
        "aleatoric": aleatoric,  # how unsure each network is
        "epistemic": total - aleatoric,  # how much the networks disagree: the mutual information
    }


def calibration_error(probability: np.ndarray, label: np.ndarray) -> float:
    """Average the gap between confidence and accuracy over bins of equal width."""
    confidence = probability.max(axis=1)
    gap = confidence - (probability.argmax(axis=1) == label)
    which = np.minimum((BINS * confidence).astype(int), BINS - 1)
    return np.abs(np.bincount(which, gap, minlength=BINS)).sum() / len(label)


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """Tell how often an unknown image has a higher entropy than a known one."""
    return (unknown[:, None] > known).mean()


def score(answers: dict[str, dict[str, np.ndarray]], label: np.ndarray) -> dict[str, Any]:
    """Score the answers to the digits that the network knows, and how well entropy tells them."""
    probability = answers["digits 0 to 7"]["probability"]
    known = answers["digits 0 to 7"]["entropy"]
    threshold = np.quantile(answers["checked digits"]["entropy"], 1 - FLAGGED)
    return {
        "accuracy": 100 * (probability.argmax(axis=1) == label).mean(),
        "log_score": np.log(probability[np.arange(len(label)), label]).mean(),
        "calibration_error": 100 * calibration_error(probability, label),
        "auroc": [auroc(known, answers[kind]["entropy"]) for kind in list(KINDS)[1:]],
        "threshold": threshold,
        "flagged": [100 * (answers[kind]["entropy"] > threshold).mean() for kind in KINDS],
    }


def typical_and_hardest(value: np.ndarray, is_known: bool) -> tuple[int, int]:
    """Find the median image of a kind, and the one that its entropy puts most in the wrong."""
    order = np.argsort(value, kind="stable")
    return order[len(order) // 2], order[-1 if is_known else 0]


def draw_examples(figure: Any, images: dict, answers: dict) -> None:
    axes = figure.subplots(2, 2 * len(KINDS), sharey="row", height_ratios=(1.25, 1))
    columns = iter(axes.T)
    for kind, colour in KINDS.items():
        answer = answers[kind]
        pair = typical_and_hardest(answer["entropy"], is_known=kind == "digits 0 to 7")
        for adjective, i in zip(("typical", "hardest"), pair, strict=True):
            top, bottom = next(columns)
            top.imshow(images[kind][i].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            top.set_title(f"{kind}\n{adjective}: entropy {answer['entropy'][i]:.2f}", fontsize=8.5)
            top.set(xticks=[], yticks=[])
            bottom.bar(range(CLASSES), answer["probability"][i], color=colour)
            bottom.set(ylim=(0, 1), xticks=range(CLASSES), yticks=(0, 0.5, 1))
            bottom.tick_params(labelsize=8)
            bottom.spines[["top", "right"]].set_visible(False)
    axes[1, 0].set_ylabel("probability")
    figure.supxlabel("answer of the network", fontsize=10)


def draw_histograms(figure: Any, answers: dict, threshold: float) -> None:
    axes = figure.subplots(3, sharex=True)
    edges = np.linspace(0, np.log(CLASSES), 41)
    for panel, (kind, colour) in zip(axes, KINDS.items(), strict=True):
        value = answers[kind]["entropy"]
        panel.hist(value, edges, weights=np.full(len(value), 100 / len(value)), color=colour)
        panel.axvline(threshold, color="black", lw=1, ls="--")
        panel.set_title(kind, loc="right", fontsize=10)
        panel.grid(alpha=0.25)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
    axes[1].set_ylabel("share of images (%)")
    axes[2].set_xlabel("entropy (nats)")


def draw_parts(figure: Any, answers: dict, threshold: float) -> None:
    panel = figure.subplots()
    for k, (kind, colour) in enumerate(KINDS.items()):
        part = answers[kind]
        # The known digits lie on top.
        points = {"color": colour, "alpha": 0.5, "lw": 0, "label": kind, "zorder": 2 - k / 10}
        panel.scatter(part["aleatoric"], part["epistemic"], 12, **points)
    panel.plot([0, threshold], [threshold, 0], color="black", lw=1, ls="--", label="threshold")
    panel.set(xlabel="aleatoric: each network is unsure (nats)")
    panel.set(ylabel="epistemic: networks differ (nats)")
    panel.set(xlim=(-0.03, 2.1), ylim=(-0.03, 1.3))
    panel.legend(loc="upper right", frameon=False)
    panel.grid(alpha=0.25)
    panel.spines[["top", "right"]].set_visible(False)


def draw_picture(images: dict, answers: dict, threshold: float, file: Path) -> None:
    figure = Figure(figsize=(10, 7.4), layout="constrained")
    figure.suptitle(TITLE, fontsize=12)
    top, bottom = figure.subfigures(2, height_ratios=(1, 1.15))
    left, right = bottom.subfigures(1, 2)
    draw_examples(top, images, answers)
    draw_histograms(left, answers, threshold)
    draw_parts(right, answers, threshold)
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, dpi=100)


def main() -> None:
    keras.utils.set_random_seed(1)
    digits = load_digits()
    x, y = digits.data / 16, digits.target
    position, known = np.arange(len(x)), y < CLASSES
    learnt = known & (position < FIRST_CHECKED)
    held_out = position >= FIRST_HELD_OUT
    checked = known & ~learnt & ~held_out

    model = build_model(n=int(learnt.sum()))
    train(model, x[learnt], y[learnt, None])

    images = {
        "checked digits": x[checked],
        "digits 0 to 7": x[held_out & known],
        "digits 8 and 9": x[held_out & ~known],
        "photographs": np.vstack([cut_patches("china.jpg"), cut_patches("flower.jpg")]),
    }
    answer = classify(model, np.vstack(list(images.values())))
    kind = np.repeat(list(images), [len(each) for each in images.values()])
    answers = {name: {k: v[kind == name] for k, v in answer.items()} for name in images}
    scores = score(answers, y[held_out & known])
    draw_picture(images, answers, scores["threshold"], HERE / "output" / "digits-python.png")
    print(
        "test accuracy {accuracy:.1f} %, log score {log_score:.3f}, "
        "calibration error {calibration_error:.1f} %; "
        "AUROC of the entropy {auroc[0]:.3f} for 8 and 9, {auroc[1]:.3f} for photographs; "
        "flagged {flagged[0]:.1f} % of 0 to 7, {flagged[1]:.1f} % of 8 and 9, "
        "{flagged[2]:.1f} % of photographs".format(**scores)
    )


if __name__ == "__main__":
    main()
