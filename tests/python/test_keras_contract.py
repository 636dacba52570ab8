"""Keras's own contract test, which every layer of Keras passes."""

import pytest
from keras_contract import run_layer_test

from bayeslayers.layers import (
    Conv1DFlipout,
    default_mean_field_normal_fn,
    default_multivariate_normal_fn,
)


@pytest.mark.parametrize(
    ("arguments", "output_shape", "weights", "losses"),
    [
        (
            {
                "padding": "causal",
                "activation": "relu",
                "bias_posterior_fn": default_mean_field_normal_fn(),
                "bias_prior_fn": default_multivariate_normal_fn,
            },
            (2, 8, 4),
            4,
            2,
        ),
        ({"groups": 2, "dilation_rate": 2, "bias_posterior_fn": None}, (2, 4, 4), 2, 1),
        ({"activity_regularizer": "l2", "seed": 1, "kernel_prior_fn": None}, (2, 6, 4), 3, 1),
    ],
    ids=["causal", "groups", "regularised"],
)
def test_keras_layer_contract(arguments, output_shape, weights, losses):
    run_layer_test(
        Conv1DFlipout,
        init_kwargs={"filters": 4, "kernel_size": 3, **arguments},
        input_shape=(2, 8, 2),
        expected_output_shape=output_shape,
        expected_num_trainable_weights=weights,
        expected_num_non_trainable_weights=0,
        expected_num_seed_generators=1,
        expected_num_losses=losses,
        supports_masking=False,
    )


def test_channels_first_passes_it_too():
    run_layer_test(
        Conv1DFlipout,
        init_kwargs={"filters": 4, "kernel_size": 3, "data_format": "channels_first"},
        input_shape=(2, 2, 8),
        expected_output_shape=(2, 4, 6),
        expected_num_seed_generators=1,
        expected_num_losses=1,
        run_training_check=False,
    )
