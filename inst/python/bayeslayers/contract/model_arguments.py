"""The arguments of the functions of models."""

from __future__ import annotations

from bayeslayers.contract.arguments import Argument, Coercion

MODEL_ARGUMENTS = {
    "model": Argument("A Keras 3 model, sequential, functional or subclassed."),
    "models": Argument("Models by name."),
    "num_examples": Argument(
        "Positive number: how many examples there are in the training set.", Coercion.WHOLE
    ),
    "temperature": Argument(
        "Positive number: what the divergence is multiplied by. 1 is Bayes' theorem, below 1 the "
        "posterior is narrower."
    ),
    "validation_data": Argument(
        "Inputs and targets to validate on, a pair or batches, as `fit()` takes them, or `None`.",
        Coercion.DATA,
    ),
    "validation_split": Argument(
        "Number from 0 to 1: the last part of the examples, which is kept for validation."
    ),
    "samples": Argument(
        "Positive whole number: how often a step repeats its examples, each under other noise.",
        Coercion.WHOLE,
    ),
    "annealing": Argument(
        "Number from 0 to 1: the part of the epochs in which the divergence is let in. With 0 "
        "all of it counts from the start."
    ),
    "optimizer": Argument(
        "Name of one of Keras's optimizers, or an optimizer, which is taken with its own "
        "learning rate and clipping."
    ),
    "learning_rate": Argument("Positive number, or a schedule of Keras: the learning rate."),
    "decay": Argument(
        "`True` or `False`: whether the learning rate falls to 0 along a cosine. A schedule stays "
        "as it is."
    ),
    "clipnorm": Argument(
        "Positive number: the norm to which the gradient of each weight is clipped, or `None`."
    ),
    "patience": Argument(
        "Positive whole number: after how many epochs without a better log score on the validation "
        "data training stops, or `None`. Without validation data it does not matter.",
        Coercion.WHOLE,
    ),
    "loss": Argument(
        "Keras loss, a function of targets and outputs, or one for each output. With `None` it is "
        "the negative log-likelihood of the distributions that the model ends in, or the loss that "
        "the model was compiled with.",
        Coercion.CLOSURES,
    ),
    "metrics": Argument("Keras metrics, as `compile()` takes them, or `None`."),
    "callbacks": Argument("A Keras callback, or a list of them."),
    "**kwargs": Argument("Further arguments of Keras's `compile()` and `fit()`."),
    "warn_above": Argument(
        "Positive number: the ratio of divergence to likelihood above which there is a warning."
    ),
    "epochs": Argument("Positive whole number: how many epochs the warm-up takes.", Coercion.WHOLE),
    "schedule": Argument('"linear", "cyclical" or "sigmoid".'),
    "cycles": Argument(
        "Positive whole number: how many cycles there are, for `cyclical` alone.", Coercion.WHOLE
    ),
    "x": Argument(
        "Inputs in any form that `predict()` takes: an array, a tensor (also a sparse or a ragged "
        "one) or a data frame of numbers, where an array of n numbers stands for n examples; a "
        "list or dictionary of them for a model of several inputs; or batches of them: a "
        "`tf.data.Dataset`, a `PyDataset`, a generator that ends, a data loader. Batches may also "
        "hold targets, or targets and weights of examples; these weights are ignored.",
        Coercion.DATA,
    ),
    "draws": Argument("Positive whole number: how many draws there are.", Coercion.WHOLE),
    "kind": Argument('"mean" for means of the outcome, "sample" for draws of it.'),
    "probs": Argument(
        "Numbers from 0 to 1: the probabilities of the quantiles.", r_default="c(0.05, 0.95)"
    ),
    "outputs": Argument(
        'What the numbers in an output are, where it is a tensor: "values", or "probabilities" or '
        '"logits" of classes; "auto" means values. For a distribution, leave "auto". The argument '
        "`output` is another one: it picks one of several outputs."
    ),
    "batch_size": Argument(
        "Positive whole number: how many examples are computed at once, which limits the memory. "
        "With `None` it is at most 16384, and less where a layer has more than 256 outputs for an "
        "example, or the model more than 4. Must be `None` where `x` comes in batches.",
        Coercion.WHOLE,
    ),
    "output": Argument(
        "Which of several outputs of the model is meant: its name, or its place, counted from "
        "0. With `None`, `predict_draws()` returns all of them; the other functions need a "
        "model of one output.",
        Coercion.PLACE,
    ),
    "seed": Argument(
        "Whole number: the same seed gives the same draws. With `None` it is drawn from the "
        "generator that `keras.utils.set_random_seed()` sets.",
        Coercion.WHOLE,
    ),
    "verbose": Argument(
        'Whether to show progress: 0 (no), 1 (yes), or "auto" (if there are several steps).'
    ),
    "estimator": Argument(
        '"flipout", "reparameterization", "local_reparameterization", "rank1" for trained kernels '
        'with random factors, "laplace" for Laplace\'s approximation, or "lora" for low-rank '
        "adaptation."
    ),
    "rank": Argument(
        'Positive whole number: the rank of the updates, for "lora" alone.', Coercion.WHOLE
    ),
    "lora_alpha": Argument(
        'Positive number: an update is multiplied by it and divided by the rank, for "lora" alone. '
        "With `None` it is the rank."
    ),
    "include": Argument(
        "Which layers become Bayesian: an entry or a list of them, or `None` for all that can. An "
        'entry is a name, a place such as "block/attention", or a class, as a text or as the class '
        "itself; texts may be patterns with `*`, `?` and `[...]`. It means all layers inside, too. "
        '"last_layer" is the last layer of the model that can be Bayesian.'
    ),
    "exclude": Argument(
        "Which of them stay plain, in the same form; `None` for none. It prevails over `include`."
    ),
    "hessian_structure": Argument(
        'What is held of the matrix H, for "laplace" alone: "full", "kron" for its Kronecker '
        'factors, or "diagonal".'
    ),
    "subset_of_weights": Argument(
        'Which layers get a posterior, for "laplace" alone: the dense layer that comes last with '
        '"last_layer", or with "all" each dense or convolution layer, which takes a '
        '`hessian_structure` of "kron" or "diagonal".'
    ),
    "prior_precision": Argument(
        "Positive number: one divided by the variance that each weight has in the prior; or "
        '"auto" for the one at which the marginal likelihood is largest. For "laplace" alone.'
    ),
    "noise": Argument(
        'Positive number: the standard deviation of values around the outputs, for "laplace" and '
        "a model that ends in a tensor of values. With `None` it is the root mean square of the "
        "residuals, for each value by itself."
    ),
    "moped": Argument(
        "`True` or `False`: whether posteriors and priors are centred on the trained weights."
    ),
    "delta": Argument(
        "Positive number: the standard deviation of a posterior under MOPED, as a part of the "
        "weight's absolute value. A weight of exactly zero counts as one of the mean absolute "
        "value of its kernel, or of 0.1 where all are zero. No standard deviation is below the "
        "smallest step from 1 in the dtype of the variables, 1.2e-7 in single precision. A "
        "posterior function of your own keeps its standard deviation, unless it computes it from a "
        "variable with the default's name, `name` followed by `_untransformed_scale`."
    ),
    "snr": Argument(
        "Positive number: the ratio of mean to scale below which a weight is removed, or `None`."
    ),
    "share": Argument("Number from 0 to 1: the part of the weights to remove, or `None`."),
    "y": Argument(
        "Targets, one for each example: an array or a tensor; or a list or dictionary that holds "
        "them for each output. Classes may also be a pandas categorical: its categories, as many "
        "as the model has classes, are the classes 0, 1, ... in this order. With `None` the "
        "targets are those that come with `x`.",
        Coercion.DATA,
    ),
    "x_calibration": Argument(
        "Inputs of the calibration examples, in any form that `predict()` takes, as `x`. The model "
        "must not have been trained on them.",
        Coercion.DATA,
    ),
    "y_calibration": Argument(
        "Targets of the calibration examples, as `predictive_scores()` takes them. Classes may be "
        "a pandas categorical: its categories are the classes in this order. With `None` they are "
        "those that come with `x_calibration`.",
        Coercion.DATA,
    ),
    "x_ood": Argument(
        "Inputs of the examples that are out of distribution, in the forms that `x` has.",
        Coercion.DATA,
    ),
    "level": Argument("Number between 0 and 1: the share of outcomes to hold."),
    "dropout": Argument(
        "`True` or `False`: whether dropout acts, as it does in training. A draw then is one of "
        "its masks; see `predict_draws()`."
    ),
    "method": Argument('"auto", "quantiles" or "sd" for values, "lac" or "aps" for classes.'),
    "levels": Argument(
        "Numbers from 0 to 1: the probabilities of the central intervals.", r_default="c(0.5, 0.9)"
    ),
    "bins": Argument("Positive whole number: how many bins there are.", Coercion.WHOLE),
    "by": Argument('"model" for one row in all, "example" for a row for each example.'),
    "history": Argument(
        "What `fit()` returned, in Keras or in the R package keras3, or a dictionary of figures."
    ),
    "metric": Argument('Name of a Keras metric, such as "sparse_categorical_accuracy".'),
    "shares": Argument(
        "Numbers from 0 to 1: the parts of the weights to remove.",
        r_default="c(0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)",
    ),
    "weights": Argument(
        '"mean" for the means of the posteriors, "sample" for one draw of all weights.'
    ),
}
"""The arguments of the functions of models."""

DRAW_ARGUMENTS = {
    **MODEL_ARGUMENTS,
    "model": Argument(
        "A Keras 3 model, sequential, functional or subclassed; or a list of them, an ensemble, "
        "whose members give draws in turn: see `predict_draws()`."
    ),
}
"""The arguments of the functions that make draws of a model or of several."""
