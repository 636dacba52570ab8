"""What a conversion made of each layer of a model."""

from __future__ import annotations

import keras
import pandas as pd

from bayeslayers.architecture.records import Row, rows_of
from bayeslayers.architecture.walk import check_model
from bayeslayers.contract.functions import public_function


@public_function(r_result="as_data_frame")
def conversion_report(model: keras.Model) -> pd.DataFrame:
    """Report of a conversion to a Bayesian model.

        status = bayesian | plain | container

    Take it to see which layers of a model have a posterior, and why the others have none.

    The table has a row for each layer of a model that `as_bayesian()` returned, however deep it is,
    but none for the layers that a Bayesian one is made of. Its columns are `layer`, the names of
    the layers around it and its own, as in "block/attention"; `before` and `after`, its class in
    the plain model and in this one; `status`; and `reason`. The status is `bayesian` for a layer
    with a posterior, `container` for a model, a wrapper or a block of other layers, which have rows
    of their own, and `plain` for all others.

    The reason says why a layer is plain: it is excluded or not included; it is a normalization
    layer, which stays deterministic, as its few weights belong to the statistics of the data; it
    has no weights; there is no Bayesian layer for it; or the layer around it takes no other, with
    what went wrong in the trial.

    The report is saved with the model in a file with the suffix `.keras`, in the first layer that
    was put in. Weights alone, and a plain model by `as_deterministic()`, have none. A layer that is
    added later has a row that says so, and one that is removed has none.

    Args:
        model: A Keras 3 model that `as_bayesian()` returned, or its copy from a file.

    Returns:
        A data frame.

    Raises:
        ArgumentError: If `model` is no such model.

    Example:
        >>> import keras
        >>> from bayeslayers import as_bayesian, conversion_report
        >>> layers = [keras.layers.Dense(2), keras.layers.LayerNormalization()]
        >>> model = as_bayesian(keras.Sequential([keras.Input((3,)), *layers]))
        >>> list(conversion_report(model)["status"])
        ['bayesian', 'plain']

    R example:
        library(keras3)
        plain <- keras_model_sequential(input_shape = 3) |>
          layer_dense(2) |>
          layer_layer_normalization()
        conversion_report(as_bayesian(plain))

    Reference:
        Krishnan et al. (2020).
    """
    return pd.DataFrame(rows_of(check_model(model)), columns=list(Row._fields))
