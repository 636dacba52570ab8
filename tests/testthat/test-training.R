build_model <- function() {
  model <- sequential() |>
    layer_conv_1d_flipout(filters = 4, kernel_size = 3, activation = "relu") |>
    layer_conv_1d_flipout(filters = 1, kernel_size = 4)
  model$add(keras()$layers$Flatten())
  model$compile("adam", "mse")
  model
}

test_that("a seed makes training repeatable to the bit", {
  skip_without_core()
  train <- function(seed) {
    set_seed(seed)
    model <- build_model()
    model$fit(example_inputs(), matrix(1, 2, 1), epochs = 2L, verbose = 0L)
    model$get_weights()
  }
  first <- train(1)
  expect_identical(train(1), first)
  expect_false(identical(train(2), first))
})

test_that("a model with untouched defaults is saved whole, and loaded without further words", {
  skip_without_core()
  model <- build_model()
  model$fit(example_inputs(), matrix(1, 2, 1), epochs = 1L, verbose = 0L)
  file <- withr::local_tempfile(fileext = ".keras")
  model$save(file)
  loaded <- keras()$models$load_model(file)
  expect_identical(loaded$get_weights(), model$get_weights())
  # The stream of random numbers goes on where it stood.
  expect_identical(numbers(loaded(example_inputs())), numbers(model(example_inputs())))
})

test_that("a layer that is not trainable has nothing to train", {
  skip_without_core()
  layer <- layer_conv_1d_flipout(filters = 4, kernel_size = 3, trainable = FALSE)
  layer(example_inputs())
  expect_length(layer$trainable_variables, 0)
  expect_length(layer$losses, 1)
})
