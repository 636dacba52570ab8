regression_model <- function() {
  keras()$utils$set_random_seed(5L)
  keras()$Sequential(list(keras()$Input(list(3L)))) |>
    layer_dense_flipout(units = 1, seed = 3) |>
    layer_homoscedastic_normal(event_shape = 1)
}

regression_data <- function() {
  set.seed(1)
  x <- matrix(rnorm(60), 20)
  list(x = x, y = rowSums(x))
}

test_that("fit_bayesian() returns a history as fit() of keras3 does", {
  skip_without_core()
  data <- regression_data()
  model <- regression_model()
  history <- model |> fit_bayesian(
    data$x, data$y,
    epochs = 4, batch_size = 10, validation_data = list(data$x, data$y), verbose = 0
  )
  expect_s3_class(history, "keras_training_history")
  expect_length(history$metrics$loss, 4)
  expect_true("val_log_score" %in% names(history$metrics))
  expect_identical(history$temperature, 1)
  expect_equal(kl_divergence(model)$table$scale, 1 / 20)
  expect_s3_class(training_history(history), "bayeslayers_history")
})

test_that("the best of several temperatures is kept", {
  skip_without_core()
  data <- regression_data()
  model <- regression_model()
  history <- model |> fit_bayesian(
    data$x, data$y,
    epochs = 3, validation_split = 0.25, temperature = c(1, 0.5), verbose = 0
  )
  expect_identical(history$temperatures$temperature, c(1, 0.5))
  best <- which.max(history$temperatures$val_log_score)
  expect_identical(history$temperature, c(1, 0.5)[[best]])
  expect_identical(unique(kl_divergence(model)$table$temperature), history$temperature)
})

test_that("classes may be a factor, and the loss a function of R", {
  skip_without_core()
  data <- regression_data()
  classifier <- function() {
    keras()$utils$set_random_seed(5L)
    layer_dense_flipout(keras()$Sequential(list(keras()$Input(list(3L)))), units = 2, seed = 3)
  }
  loss <- keras()$losses$SparseCategoricalCrossentropy(from_logits = TRUE)
  classes <- as.integer(data$y > 0)
  of_numbers <- fit_bayesian(classifier(), data$x, classes, epochs = 2, loss = loss, verbose = 0)
  names <- factor(ifelse(classes == 1, "up", "down"), levels = c("down", "up"))
  of_levels <- fit_bayesian(classifier(), data$x, names, epochs = 2, loss = loss, verbose = 0)
  expect_equal(of_levels$metrics$loss, of_numbers$metrics$loss)
  by_hand <- function(y, t) keras()$losses$sparse_categorical_crossentropy(y, t, from_logits = TRUE)
  of_r <- fit_bayesian(classifier(), data$x, classes, epochs = 2, loss = by_hand, verbose = 0)
  expect_equal(of_r$metrics$loss, of_numbers$metrics$loss, tolerance = 1e-5)
})

test_that("what is wrong is said in R's words", {
  skip_without_core()
  data <- regression_data()
  expect_error(
    fit_bayesian(regression_model(), data$x, data$y, epochs = 0),
    "`epochs` must be a positive whole number",
    class = "bayeslayers_argument_error"
  )
  expect_error(
    fit_bayesian(regression_model(), data$x, data$y, learningrate = 1),
    "Did you mean `learning_rate`",
    class = "bayeslayers_argument_error"
  )
})
