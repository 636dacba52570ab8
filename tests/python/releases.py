"""The models whose files each version keeps: each layer, and what can hold it."""

import keras


def models(row):
    """Return models of a layer, by what their files are called."""
    model_of = row.geometry.model_of
    found = {row.name: row.model()}
    if row.geometry.recurrent:
        found[f"{row.name}-bidirectional"] = model_of(keras.layers.Bidirectional(row.layer()))
        found[f"{row.name}-nested"] = model_of(row.model())
    if "unit_forget_bias" in row.geometry.named:
        found[f"{row.name}-zero-bias"] = row.model(unit_forget_bias=False)
    return found
