# A model of one value, whose outcome has a standard deviation of 0.5.
noisy_model <- function(units = 1) {
  set_seed(1)
  keras()$Sequential() |>
    layer_dense_flipout(units = units, name = "out", input_shape = 3) |>
    layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
}

plain_model <- function(units = 1) {
  set_seed(1)
  keras()$Sequential() |>
    layer_dense_flipout(units = units, name = "out", input_shape = 3)
}

classifier <- function() {
  plain_model(units = 3) |>
    layer_distribution_lambda(function(t) tfd_categorical(logits = t))
}

inputs_of_five <- function() {
  matrix(sin(1:15), 5, 3)
}
