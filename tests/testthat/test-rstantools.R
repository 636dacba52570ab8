noisy_model <- function(units = 1) {
  set_seed(1)
  keras()$Sequential() |>
    layer_dense_flipout(units = units, input_shape = 3) |>
    layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
}

inputs <- matrix(sin(1:12), 4, 3)

test_that("epred is a matrix of the draws of the mean, the same as predict_draws()", {
  skip_without_core()
  skip_if_not_installed("rstantools")
  model <- noisy_model()
  found <- rstantools::posterior_epred(model, inputs, draws = 7, seed = 1, verbose = 0)
  draws <- predict_draws(model, inputs, draws = 7, seed = 1, verbose = 0)
  expect_identical(dim(found), c(7L, 4L))
  expect_identical(found, matrix(as.numeric(draws), 7))
  two <- rstantools::posterior_epred(noisy_model(2), inputs, draws = 7)
  expect_identical(dim(two), c(7L, 4L, 2L))
})

test_that("outcomes hold the noise, and intervals are their quantiles", {
  skip_without_core()
  skip_if_not_installed("rstantools")
  model <- noisy_model()
  of_mean <- rstantools::posterior_epred(model, inputs, draws = 500, seed = 1)
  outcomes <- rstantools::posterior_predict(model, inputs, draws = 500, seed = 1)
  # The ratio of a standard deviation of 2000 normal draws to the true one is within
  # 1 +- 5 / sqrt(4000), once in a million.
  expect_equal(stats::sd(outcomes - of_mean), 0.5, tolerance = 0.08)
  interval <- rstantools::predictive_interval(model, inputs, prob = 0.8, draws = 500, seed = 1)
  expected <- t(apply(outcomes, 2, stats::quantile, c(0.1, 0.9)))
  expect_identical(colnames(interval), c("10%", "90%"))
  expect_equal(unname(interval), unname(expected))
})

test_that("the likelihood is that of the draws", {
  skip_without_core()
  skip_if_not_installed("rstantools")
  model <- noisy_model()
  y <- c(0.1, -0.2, 0.3, 0)
  of_mean <- rstantools::posterior_epred(model, inputs, draws = 9, seed = 1)
  found <- rstantools::log_lik(model, inputs, y, draws = 9, seed = 1)
  expected <- stats::dnorm(matrix(y, 9, 4, byrow = TRUE), of_mean, 0.5, log = TRUE)
  expect_equal(found, expected, tolerance = 1e-5)
})

test_that("classes have probabilities and are counted from 0", {
  skip_without_core()
  skip_if_not_installed("rstantools")
  set_seed(1)
  model <- keras()$Sequential() |>
    layer_dense_flipout(units = 3, input_shape = 3) |>
    layer_distribution_lambda(function(t) tfd_categorical(logits = t))
  p <- rstantools::posterior_epred(model, inputs, draws = 5)
  expect_identical(dim(p), c(5L, 4L, 3L))
  expect_equal(apply(p, 1:2, sum), matrix(1, 5, 4), tolerance = 1e-6)
  outcomes <- rstantools::posterior_predict(model, inputs, draws = 50)
  expect_true(all(outcomes %in% 0:2))
})

test_that("functional and subclassed models have the verbs, too", {
  skip_without_core()
  skip_if_not_installed("rstantools")
  k <- keras()
  input <- k$Input(list(3L))
  model <- k$Model(input, layer_dense_flipout(input, units = 1))
  expect_identical(dim(rstantools::posterior_epred(model, inputs, draws = 5)), c(5L, 4L))
})

test_that("errors are at the caller's line, in the generic's words", {
  skip_without_core()
  skip_if_not_installed("rstantools")
  model <- noisy_model()
  expect_error(rstantools::posterior_epred(model), "`newdata` is absent")
  expect_error(rstantools::log_lik(model, inputs), "`y` is absent")
  expect_error(
    rstantools::posterior_epred(model, list(inputs, inputs[1:2, ])),
    "`newdata` must be an array",
    class = "bayeslayers_argument_error"
  )
  condition <- expect_error(
    rstantools::posterior_predict(model, inputs, draws = 0),
    "`draws` must be a positive whole number",
    class = "bayeslayers_argument_error"
  )
  expect_match(deparse(conditionCall(condition))[[1]], "posterior_predict")
  plain <- small_dense_model()
  expect_error(rstantools::posterior_predict(plain, inputs), "`object` must end in a distribution")
  expect_error(rstantools::log_lik(plain, inputs, 1:4), "`object` must end in a distribution")
  expect_error(
    rstantools::predictive_interval(noisy_model(2), inputs, draws = 5),
    "one output for each example"
  )
})
