test_that("without an object the layer comes back", {
  skip_without_core()
  layer <- layer_conv_1d_flipout(filters = 8, kernel_size = 5)
  expect_s3_class(layer, "keras.src.layers.layer.Layer")
  expect_s3_class(layer_conv_1d_flipout(NULL, 8, 5), class(layer)[[1]])
})

test_that("both pipes add the layer to a Sequential model, and return it invisibly", {
  skip_without_core()
  model <- sequential()
  piped <- withVisible(model |> layer_conv_1d_flipout(filters = 8, kernel_size = 3))
  expect_false(piped$visible)
  expect_identical(reticulate::py_id(piped$value), reticulate::py_id(model))
  model %>% layer_conv_1d_flipout(4, 3)
  expect_length(model$layers, 2)
  expect_identical(model$output_shape, list(NULL, 2L, 4L))
})

test_that("an empty Sequential model takes an input shape in any spelling", {
  skip_without_core()
  for (input_shape in list(c(10, 2), c(10L, 2L), list(10, 2))) {
    model <- keras()$Sequential() |>
      layer_conv_1d_flipout(filters = 8, kernel_size = 5, input_shape = input_shape) |>
      layer_conv_1d_flipout(filters = 4, kernel_size = 3)
    expect_identical(model$output_shape, list(NULL, 4L, 4L))
  }
  model <- keras()$Sequential() |>
    layer_conv_1d_flipout(filters = 8, kernel_size = 5, input_shape = c(NA, 2)) |>
    layer_conv_1d_flipout(filters = 4, kernel_size = 3)
  expect_identical(model$output_shape, list(NULL, NULL, 4L))
})

test_that("on a tensor or an array the layer is called", {
  skip_without_core()
  from_array <- layer_conv_1d_flipout(example_inputs(), 4, 3)
  expect_identical(dim(numbers(from_array)), c(2L, 4L, 4L))
  tensor <- keras()$ops$convert_to_tensor(example_inputs())
  expect_identical(dim(numbers(tensor |> layer_conv_1d_flipout(4, 3))), c(2L, 4L, 4L))
  symbolic <- keras()$Input(reticulate::tuple(6L, 6L)) |> layer_conv_1d_flipout(4, 3)
  expect_s3_class(symbolic, "keras.src.backend.common.keras_tensor.KerasTensor")
})

test_that("a list of tensors is query, value and key of attention", {
  skip_without_core()
  attend <- function(object, ...) {
    layer_multi_head_attention_flipout(object, num_heads = 2, key_dim = 3, ...)
  }
  input <- function(...) keras()$Input(reticulate::tuple(...))
  expect_identical(attend(list(input(5L, 4L), input(7L, 6L)))$shape, list(NULL, 5L, 4L))
  three <- list(input(5L, 4L), input(7L, 6L), input(7L, 2L))
  expect_identical(attend(three, output_shape = c(2, 3))$shape, list(NULL, 5L, 2L, 3L))
  model <- keras()$Sequential(list(input(5L, 4L))) |> attend()
  expect_identical(model$output_shape, list(NULL, 5L, 4L))
  layer <- layer_multi_head_attention_reparameterization(num_heads = 2, key_dim = 3)
  ones <- array(1, c(2, 5, 4))
  both <- layer(ones, ones, return_attention_scores = TRUE, use_causal_mask = TRUE)
  scores <- numbers(both[[2]])
  expect_identical(dim(scores), c(2L, 2L, 5L, 5L))
  expect_equal(apply(scores, 1:3, sum), array(1, c(2, 2, 5)), tolerance = 1e-5)
  expect_true(all(scores[1, 1, , ][upper.tri(diag(5))] == 0))
  condition <- expect_error(attend(c(three, three)), class = "bayeslayers_argument_error")
  expect_identical(condition$argument, "object")
})

test_that("any other object is refused at the caller's line", {
  skip_without_core()
  inputs <- keras()$Input(reticulate::tuple(6L, 6L))
  functional <- keras()$Model(inputs, layer_conv_1d_flipout(inputs, 4, 3))
  build <- function(object) layer_conv_1d_flipout(object, filters = 4, kernel_size = 3)
  for (object in list(functional, "model", 8, c(1, 2), function(t) t)) {
    condition <- expect_error(build(object), class = "bayeslayers_argument_error")
    expect_identical(condition$argument, "object")
  }
  expect_error(build(functional), "pass its")
  for (object in list(8, "model", function(t) t)) {
    expect_error(build(object), "comes first")
  }
  expect_error(build(function(t) t), "object = a function")
})

test_that("a model of Keras 2 is refused", {
  skip_without_core()
  skip_unless_on("tensorflow")
  model <- reticulate::import("tf_keras")$Sequential()
  expect_error(
    model |> layer_conv_1d_flipout(4, 3),
    "Keras 2",
    class = "bayeslayers_argument_error"
  )
})

test_that("object is made before the layer that is put on top of it", {
  skip_without_core()
  made <- character()
  note <- function(what, value) {
    made <<- c(made, what)
    value
  }
  layer_conv_1d_flipout(note("object", sequential()), note("filters", 4), 3)
  expect_identical(made, c("object", "filters"))
})

test_that("arguments arrive through do.call, lapply and partial calls", {
  skip_without_core()
  expect_identical(do.call(layer_conv_1d_flipout, list(filters = 4, kernel_size = 3))$filters, 4L)
  layers <- lapply(c(2, 4), function(n) layer_conv_1d_flipout(filters = n, kernel_size = 3))
  expect_identical(layers[[2]]$filters, 4L)
  no_bias <- function(...) layer_conv_1d_flipout(..., bias_posterior_fn = NULL)
  layer <- no_bias(filters = 4, kernel_size = 3)
  layer(example_inputs())
  expect_null(layer$bias_posterior)
})

test_that("unnamed arguments in dots are refused", {
  skip_without_core()
  positional <- c(list(NULL, 4, 3), rep(list(NULL), 15), list(5))
  expect_error(
    do.call(layer_conv_1d_flipout, positional),
    "must be named",
    class = "bayeslayers_argument_error"
  )
})
