# A model of one dense layer, which ends in a tensor.
plain_model <- function(units = 1, input_shape = 3) {
  set_seed(1)
  keras()$Sequential() |>
    layer_dense_flipout(units = units, name = "out", input_shape = input_shape)
}

# The same model with an outcome that has a standard deviation of 0.5.
noisy_model <- function(units = 1, input_shape = 3) {
  plain_model(units, input_shape) |>
    layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
}

classifier <- function() {
  plain_model(units = 3) |>
    layer_distribution_lambda(function(t) tfd_categorical(logits = t))
}

inputs_of_five <- function() {
  matrix(sin(1:15), 5, 3)
}

# A model of a tensor and of two distributions: one of two values, and one of three classes. `build`
# makes of the outputs what the model returns: a list of them, with or without names.
model_of_three <- function(build = identity) {
  set_seed(1)
  input <- keras()$Input(list(3L))
  head <- function(units, name) layer_dense_flipout(input, units = units, name = name)
  outputs <- list(
    tensor = head(1, "first"),
    values = head(2, "second") |> layer_distribution_lambda(function(t) tfd_normal(t, 0.5)),
    classes = head(3, "third") |> layer_distribution_lambda(function(t) tfd_categorical(logits = t))
  )
  keras()$Model(input, build(outputs))
}
