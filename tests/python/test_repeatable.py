"""One seed, one result: to the bit, in one process and in two, through files and threads."""

import threading

import keras
import numpy as np
import pytest
from family import every, is_representative
from frameworks import JIT, JIT_COMPILE, assert_array_equal, compiled, numpy_of, on
from posteriors import fixed_normal
from processes import output_of
from statistical import assert_normal_moments

from bayeslayers import layer_dense_flipout, layer_dense_reparameterization

TRAINING = """
import hashlib

import keras
import numpy as np

import bayeslayers as bl


def trained():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((12, 3))])
    model = bl.layer_conv_1d_flipout(model, 4, 3, activation="relu")
    model = bl.layer_conv_1d_reparameterization(model, 4, 3)
    model = bl.layer_conv_1d_local_reparameterization(model, 4, 3)
    model = bl.layer_lstm_flipout(model, 4, dropout=0.2)
    model = bl.layer_dense_local_reparameterization(model, 1)
    model.compile("adam", "mse", jit_compile={jit_compile})
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(32, 12, 3)), rng.normal(size=(32, 1))
    history = model.fit(x, y, batch_size=8, epochs=3, verbose=0).history["loss"]
    figures = [*model.get_weights(), np.array(history), model.predict(x, verbose=0)]
    parts = [np.ascontiguousarray(figure).tobytes() for figure in figures]
    return hashlib.sha256(b"".join(parts)).hexdigest()


print(trained(), trained())
"""


@pytest.mark.parametrize("jit_compile", JIT_COMPILE)
def test_training_is_the_same_to_the_bit_in_one_process_and_in_two(jit_compile):
    code = TRAINING.format(jit_compile=jit_compile)
    hashes = [*output_of(code).split(), *output_of(code).split()]
    assert len(hashes) == 4
    assert len(set(hashes)) == 1


@every(soon=is_representative)
def test_a_model_that_was_saved_in_the_middle_of_training_goes_on_as_it_would_have(
    row, rng, tmp_path
):
    inputs = row.geometry.inputs(rng)
    targets = np.zeros((len(inputs), *row.geometry.outputs), "float32")

    def train(model):
        history = model.fit(inputs, targets, epochs=2, shuffle=False, verbose=0).history["loss"]
        return [*model.get_weights(), np.array(history)]

    model = row.model()
    model.compile("adam", "mse", jit_compile=JIT)
    train(model)
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    again = keras.models.load_model(tmp_path / "m.keras")
    for there, back in zip(train(model), train(again), strict=True):
        assert_array_equal(there, back)
    assert_array_equal(*[m.predict(inputs, verbose=0) for m in (model, again)])


# On JAX `predict()` takes the values out of a model's variables while it runs: of four threads that
# predict with a model of Keras's own `Dense` alone, all fail too.
@on("tensorflow", "torch")
@pytest.mark.parametrize("jit_compile", JIT_COMPILE)
def test_four_threads_that_predict_at_once_have_draws_of_their_own(jit_compile):
    """Keras's own generator hands one seed to several threads: it reads, and later writes."""
    layer = layer_dense_reparameterization(
        units=1,
        kernel_posterior_fn=fixed_normal(1.0, 2.0),
        kernel_prior_fn=None,
        bias_posterior_fn=None,
    )
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(jit_compile=jit_compile)
    draws, failures = [], []

    def predict():
        try:
            draws.extend(model.predict(np.ones((1, 1)), verbose=0)[0] for _ in range(75))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=predict) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(np.unique(draws)) == len(draws) == 300
    assert_normal_moments(np.array(draws), 1.0, 4.0)


@on("tensorflow")
def test_no_seed_is_handed_out_twice_to_threads_that_call_a_graph():
    layer = layer_dense_flipout(units=1)
    layer.build((None, 1))
    following = compiled(layer.seed_generator.next)
    seeds = []

    def ask():
        seeds.extend(tuple(numpy_of(following())) for _ in range(1000))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seeds)) == len(seeds) == 4000


@on("tensorflow")
def test_twenty_thousand_steps_grow_nothing_and_trace_nothing_anew():
    """Measured after 4,000 steps, when all buffers are there, and at the end."""
    printed = output_of(
        """
        import gc
        import os

        import keras
        import numpy as np
        import tensorflow as tf

        import bayeslayers as bl


        class Counted(bl.layers.DenseFlipout):
            calls = 0

            def call(self, inputs):
                Counted.calls += 1
                return super().call(inputs)


        def resident():
            gc.collect()
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


        class Watch(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                if self.params["steps"] and batch == 1 and not hasattr(self, "traced"):
                    self.traced = Counted.calls

            def on_epoch_end(self, epoch, logs=None):
                sizes.append((resident(), len(gc.get_objects()), Counted.calls))


        sizes = []
        model = keras.Sequential([keras.Input((4,)), Counted(8), Counted(1)])
        model.compile("adam", "mse", jit_compile=False)
        data = (np.ones((8, 4), "float32"), np.ones((8, 1), "float32"))
        steps = tf.data.Dataset.from_tensors(data).cache().repeat()
        watch = Watch()
        model.fit(steps, steps_per_epoch=2000, epochs=10, verbose=0, callbacks=[watch])
        (early, objects, calls), (late, objects_late, calls_late) = sizes[1], sizes[-1]
        print(late - early, objects_late - objects, watch.traced, calls_late, len(model.losses))
        """
    )
    growth, objects, after_two_steps, at_the_end, losses = map(float, printed.split())
    assert after_two_steps == at_the_end
    assert growth < 10
    assert objects < 500
    assert losses == 2
