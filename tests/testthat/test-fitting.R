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

test_that("weights are vectors, and classes are named by texts", {
  skip_without_core()
  data <- regression_data()
  weights <- seq(0.5, 2, length.out = 20)
  losses <- function(weights) {
    history <- regression_model() |> fit_bayesian(
      data$x, data$y,
      epochs = 2, sample_weight = weights, validation_data = list(data$x, data$y, weights),
      verbose = 0
    )
    history$metrics
  }
  expect_equal(losses(weights)$loss, losses(reticulate::np_array(weights))$loss, tolerance = 1e-6)
  # With weights of 2, the loss without divergence is twice as large.
  twice <- losses(rep(2, 20))$negative_log_likelihood[[1]]
  expect_equal(twice, 2 * losses(rep(1, 20))$negative_log_likelihood[[1]], tolerance = 1e-5)

  model <- keras()$Sequential(list(keras()$Input(list(3L)))) |>
    layer_dense_flipout(units = 2, seed = 3)
  loss <- keras()$losses$SparseCategoricalCrossentropy(from_logits = TRUE)
  history <- model |> fit_bayesian(
    data$x, as.integer(data$y > 0),
    epochs = 1, loss = loss, class_weight = list("0" = 1, "1" = 3), verbose = 0
  )
  expect_true(is.finite(history$metrics$loss))
})

test_that("a file keeps the temperature that a model was trained at", {
  skip_without_core()
  data <- regression_data()
  model <- regression_model()
  model |> fit_bayesian(
    data$x, data$y,
    epochs = 2, temperature = 0.25,
    callbacks = list(callback_kl_annealing(epochs = 1)), verbose = 0
  )
  file <- tempfile(fileext = ".keras")
  model$save(file)
  found <- kl_divergence(keras()$models$load_model(file))
  expect_identical(found$table$temperature, 0.25)
  expect_equal(found$table$scale, 0.25 / 20)
  expect_equal(found$loss, kl_divergence(model)$loss)
})

test_that("a callback that sets the learning rate needs `decay = FALSE`", {
  skip_without_core()
  data <- regression_data()
  plateau <- keras()$callbacks$ReduceLROnPlateau("loss")
  expect_error(
    regression_model() |> fit_bayesian(data$x, data$y, callbacks = plateau, verbose = 0),
    "`callbacks` must not set a learning rate"
  )
})

test_that("data that cannot be learnt from are refused at the caller's line", {
  skip_without_core()
  data <- regression_data()
  fit <- function(x = data$x, y = data$y, ...) {
    fit_bayesian(regression_model(), x, y, epochs = 1, verbose = 0, ...)
  }
  refuses <- function(expr, message) {
    condition <- expect_error(expr, message, class = "bayeslayers_argument_error")
    expect_identical(as.character(conditionCall(condition)[[1]]), "fit_bayesian")
  }
  refuses(fit(y = replace(data$y, 3, NA)), "`y` must hold no missing values")
  refuses(fit(y = replace(data$y, 3, NA)), "first in the 3rd example")
  refuses(fit(x = replace(data$x, 2, Inf)), "`x` must hold finite numbers")
  refuses(fit(y = rep("a", 20)), "`y` must be an array or a tensor that holds a target")
  refuses(fit(y = data$y[1:5]), "`y` must be an array or a tensor that holds a target")
  refuses(fit(y = cbind(data$y, data$y)), "a target of shape \\(1,\\), as the outputs do")
  refuses(fit(validation_data = data$x), "`validation_data` must be a pair")
  refuses(fit(validation_data = list(data$x, -Inf * data$y)), "must hold targets as `y` does")
  refuses(fit(loss = "nolikelihood"), "`loss` must be the name of a Keras loss")
  refuses(fit(sample_weight = -seq_along(data$y)), "`sample_weight` must hold a number from 0")
})

test_that("a factor serves a loss that takes a column for each class", {
  skip_without_core()
  data <- regression_data()
  classifier <- function() {
    keras()$utils$set_random_seed(5L)
    layer_dense_flipout(keras()$Sequential(list(keras()$Input(list(3L)))), units = 2, seed = 3)
  }
  loss <- keras()$losses$CategoricalCrossentropy(from_logits = TRUE)
  up <- as.integer(data$y > 0)
  columns <- cbind(1 - up, up)
  of_columns <- fit_bayesian(
    classifier(), data$x, columns,
    epochs = 2, loss = loss, validation_data = list(data$x, columns), verbose = 0
  )
  of_levels <- fit_bayesian(
    classifier(), data$x, factor(up),
    epochs = 2, loss = loss, validation_data = list(data$x, factor(up)), verbose = 0
  )
  expect_equal(of_levels$metrics$loss, of_columns$metrics$loss)
  expect_equal(of_levels$metrics$val_log_score, of_columns$metrics$val_log_score)
  expect_error(
    fit_bayesian(classifier(), data$x, up, epochs = 2, loss = loss),
    "`sparse_categorical_crossentropy` takes the numbers of classes",
    class = "bayeslayers_argument_error"
  )
})
