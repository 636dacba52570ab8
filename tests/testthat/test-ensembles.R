# Ensembles, dropout and comparisons, as R's lists say which models are meant.

noisy_network <- function(rate = 0) {
  keras()$Sequential(list(
    keras()$Input(list(3L)),
    keras()$layers$Dropout(rate),
    keras()$layers$Dense(1L)
  )) |>
    layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
}

test_that("a list of models is an ensemble, with or without names", {
  skip_without_core()
  set_seed(2)
  members <- list(noisy_network(), noisy_network(), noisy_network())
  x <- inputs_of_five()
  found <- predict_draws(members, x, seed = 1, verbose = 0)
  expect_identical(dim(found), c(3L, 5L, 1L))
  alone <- predict_draws(members[[2]], x, draws = 1, verbose = 0)
  expect_equal(c(found[2, , ]), c(alone), tolerance = 1e-6)
  named <- stats::setNames(members, c("a", "b", "c"))
  expect_equal(predict_draws(named, x, seed = 1, verbose = 0), found)
  scores <- predictive_scores(members, x, matrix(1:5), seed = 1, verbose = 0)
  density <- rowMeans(sapply(1:3, function(i) dnorm(1:5, c(found[i, , ]), 0.5)))
  expect_equal(scores$log_score, mean(log(density)), tolerance = 1e-5)
})

test_that("errors say which member of a list is meant", {
  skip_without_core()
  error <- expect_error(
    predict_draws(list(noisy_network(), "a"), inputs_of_five()),
    class = "bayeslayers_argument_error"
  )
  expect_match(conditionMessage(error), "member = 2 of 2", fixed = TRUE)
  expect_error(
    predict_draws(noisy_network(), inputs_of_five(), dropout = TRUE),
    "rate of dropout above 0",
    class = "bayeslayers_argument_error"
  )
})

test_that("models are compared by their names in a list", {
  skip_without_core()
  set_seed(2)
  models <- list(
    flipout = noisy_model(),
    ensemble = list(noisy_network(), noisy_network()),
    dropout = noisy_network(0.5)
  )
  x <- inputs_of_five()
  y <- matrix(sin(1:5))
  table <- compare_predictive(
    models, x, y,
    dropout = list(dropout = TRUE), seed = 1, verbose = 0
  )
  expect_s3_class(table, c("bayeslayers_comparison", "data.frame"))
  expect_identical(table$model, names(models))
  expect_equal(table$parameters, c(7, 8, 4))
  expect_equal(table$draws, c(200, 2, 200))
  expect_true(all(table$seconds > 0))
  alone <- predictive_scores(models$dropout, x, y, seed = 1, verbose = 0, dropout = TRUE)
  expect_equal(table$log_score[[3]], alone$log_score)
  expect_error(compare_predictive(unname(models), x, y), class = "bayeslayers_argument_error")
})

test_that("a comparison is drawn with the scores beside the cost", {
  skip_if_not_installed("ggplot2")
  table <- data.frame(
    model = c("flipout", "ensemble"), n = 5, rmse = c(1, 2), coverage_90 = c(0.8, 0.9),
    parameters = c(7, 8), draws = c(200, 2), seconds = c(0.1, 0.2)
  )
  picture <- ggplot2::autoplot(with_class(table, "bayeslayers_comparison"))
  drawn <- ggplot2::layer_data(picture, 2)
  expect_equal(drawn$x, c(1, 2, 0.8, 0.9, 7, 8, 0.1, 0.2))
  # From the top, as in the table.
  expect_equal(as.numeric(drawn$y), rep(c(2, 1), 4))
  expect_equal(ggplot2::layer_data(picture, 1)$xintercept, 0.9)
  expect_error(
    ggplot2::autoplot(with_class(table["rmse"], "bayeslayers_comparison")),
    class = "bayeslayers_argument_error"
  )
})
