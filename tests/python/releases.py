"""The models whose files each version keeps: each layer, and what can hold it."""

import keras


def models(row):
    """Return models of a layer, by what their files are called."""
    example = row.geometry.example
    dtype = "float32" if row.geometry.vocabulary is None else "int32"

    def model_of(layer):
        return keras.Sequential([keras.Input(example, dtype=dtype), layer])

    found = {row.name: model_of(row.layer())}
    if row.geometry.recurrent:
        found[f"{row.name}-bidirectional"] = model_of(keras.layers.Bidirectional(row.layer()))
        found[f"{row.name}-nested"] = model_of(model_of(row.layer()))
    if "unit_forget_bias" in row.geometry.named:
        found[f"{row.name}-zero-bias"] = model_of(row.layer(unit_forget_bias=False))
    return found
