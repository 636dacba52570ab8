"""TensorFlow Probability's own layers, on the Keras 2 that they need."""

from __future__ import annotations

from typing import Any

import numpy as np

from reproduce.data import Problem
from reproduce.scores import Mixture


def train(problem: Problem, seed: int, steps: int, draws: int) -> Mixture | np.ndarray:
    """Train a network of TensorFlow Probability's Flipout layers, and return its answer.

    The divergence is divided by the number of examples, the noise of values is one number that is
    learnt, the rate of Adam decays and the gradient is clipped, as in the recipe. The divergence
    counts from the first step on, as there is nothing in the library that lets it in slowly.
    """
    import tensorflow as tf
    import tf_keras

    tf_keras.utils.set_random_seed(seed)
    epochs = problem.epochs(steps)
    rate = tf_keras.optimizers.schedules.CosineDecay(
        0.01, epochs * -(-len(problem.x) // problem.batch_size)
    )
    model = _network(problem)
    model.compile(tf_keras.optimizers.Adam(rate, clipnorm=1.0), loss=_loss(problem))
    model.fit(problem.x, problem.y, batch_size=problem.batch_size, epochs=epochs, verbose=0)
    answer = tf.function(model)
    x = tf.constant(problem.x_test)
    outputs = np.stack([answer(x).numpy() for _ in range(draws)])
    return outputs if problem.classes else Mixture(outputs[..., 0], outputs[..., 1])


def _network(problem: Problem) -> Any:
    """Return the layers; values have two outputs, of which the second is the learnt noise."""
    import tensorflow as tf
    import tensorflow_probability as tfp
    import tf_keras

    class Noise(tf_keras.layers.Layer):
        """Puts a standard deviation that is learnt beside each value."""

        def build(self, input_shape: Any) -> None:
            self.untransformed = self.add_weight(name="untransformed", initializer="zeros")

        def call(self, inputs: Any) -> Any:
            scale = tf.nn.softplus(self.untransformed)
            return tf.concat([inputs, tf.fill(tf.shape(inputs), scale)], axis=-1)

    def divergence(q: Any, p: Any, ignore: Any) -> Any:
        return tfp.distributions.kl_divergence(q, p) / len(problem.x)

    layer = tfp.layers.DenseFlipout
    layers = [
        tf_keras.Input(problem.x.shape[1:]),
        layer(problem.hidden, activation="relu", kernel_divergence_fn=divergence),
        layer(problem.classes or 1, kernel_divergence_fn=divergence),
    ]
    return tf_keras.Sequential(layers if problem.classes else [*layers, Noise()])


def _loss(problem: Problem) -> Any:
    import tensorflow_probability as tfp
    import tf_keras

    if problem.classes:
        return tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def negative_log_likelihood(y: Any, outputs: Any) -> Any:
        return -tfp.distributions.Normal(outputs[..., :1], outputs[..., 1:]).log_prob(y)

    return negative_log_likelihood
