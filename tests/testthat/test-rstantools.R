skip_if_not_installed("rstantools")

test_that("draws of one value are a matrix, draws x examples, of several an array", {
  skip_without_core()
  x <- inputs_of_five()
  model <- noisy_model()
  expected <- rstantools::posterior_epred(model, x, draws = 7, seed = 1)
  draws <- predict_draws(model, x, draws = 7, seed = 1)
  expect_identical(expected, matrix(as.vector(draws), 7, 5))
  outcomes <- rstantools::posterior_predict(model, x, draws = 7, seed = 1)
  expect_identical(dim(outcomes), c(7L, 5L))
  of_two <- rstantools::posterior_epred(noisy_model(units = 2), x, draws = 7, seed = 1)
  expect_identical(dim(of_two), c(7L, 5L, 2L))
})

test_that("draws of the outcome hold the noise of the data as well", {
  skip_without_core()
  model <- noisy_model()
  x <- inputs_of_five()
  expected <- rstantools::posterior_epred(model, x, draws = 2000, seed = 1, verbose = 0)
  outcomes <- rstantools::posterior_predict(model, x, draws = 2000, seed = 1, verbose = 0)
  # The standard error of this estimate is 0.5 / sqrt(2 * 10000) = 0.0035.
  expect_equal(sd(outcomes - expected), 0.5, tolerance = 0.04)
})

test_that("intervals are the central quantiles of the outcome, named as rstantools names them", {
  skip_without_core()
  x <- inputs_of_five()
  model <- noisy_model()
  found <- rstantools::predictive_interval(model, x, prob = 0.8, draws = 50, seed = 1)
  outcomes <- rstantools::posterior_predict(model, x, draws = 50, seed = 1)
  expect_identical(dimnames(found), list(NULL, c("10%", "90%")))
  expect_equal(unname(found), unname(t(apply(outcomes, 2, quantile, probs = c(0.1, 0.9)))))
})

test_that("intervals of several values have a matrix for each end", {
  skip_without_core()
  x <- inputs_of_five()
  model <- noisy_model(units = 2)
  found <- rstantools::predictive_interval(model, x, draws = 50, seed = 1)
  outcomes <- rstantools::posterior_predict(model, x, draws = 50, seed = 1)
  expect_identical(dim(found), c(5L, 2L, 2L))
  expect_equal(found[4, 2, "95%"], quantile(outcomes[, 4, 2], 0.95), ignore_attr = TRUE)
})

test_that("log-likelihoods are those of the distribution", {
  skip_without_core()
  x <- inputs_of_five()
  model <- noisy_model()
  y <- cos(1:5)
  found <- rstantools::log_lik(model, x, y, draws = 7, seed = 1)
  means <- rstantools::posterior_epred(model, x, draws = 7, seed = 1)
  expect_identical(dim(found), c(7L, 5L))
  expected <- dnorm(rep(y, each = 7), as.vector(means), 0.5, log = TRUE)
  expect_equal(as.vector(found), expected, tolerance = 1e-5)
})

test_that("classes are counted from 0, as fit() has them, and expected with their probabilities", {
  skip_without_core()
  x <- inputs_of_five()
  model <- classifier()
  outcomes <- rstantools::posterior_predict(model, x, draws = 200, seed = 1, verbose = 0)
  expect_identical(dim(outcomes), c(200L, 5L))
  expect_identical(sort(unique(as.vector(outcomes))), 0:2)
  p <- rstantools::posterior_epred(model, x, draws = 7, seed = 1)
  expect_identical(dim(p), c(7L, 5L, 3L))
  expect_equal(apply(p, 1:2, sum), matrix(1, 7, 5), tolerance = 1e-6)
  found <- rstantools::log_lik(model, x, rep(2, 5), draws = 7, seed = 1)
  expect_equal(found, log(p[, , 3]), tolerance = 1e-5)
})

test_that("outcomes of 0 and 1 stay so, and counts have a mean, not classes", {
  skip_without_core()
  x <- inputs_of_five()
  model <- plain_model() |> layer_distribution_lambda(function(t) tfd_bernoulli(logits = t))
  outcomes <- rstantools::posterior_predict(model, x, draws = 50, seed = 1, verbose = 0)
  expect_identical(sort(unique(as.vector(outcomes))), 0:1)
  counts <- plain_model() |>
    layer_distribution_lambda(function(t) tfd_negative_binomial(3, logits = t))
  odds <- exp(rstantools::posterior_epred(plain_model(), x, draws = 7, seed = 1))
  found <- rstantools::posterior_epred(counts, x, draws = 7, seed = 1)
  expect_equal(found, 3 * odds, tolerance = 1e-5)
})

test_that("an outcome is covered where it is in the interval, ends included", {
  skip_without_core()
  x <- inputs_of_five()
  model <- plain_model() |> layer_distribution_lambda(function(t) tfd_poisson(log_rate = t + 1))
  for (y in 0:9) {
    found <- predictive_scores(
      model, x, rep(y, 5),
      draws = 101, by = "example", seed = 1, verbose = 0
    )
    ends <- rstantools::predictive_interval(model, x, prob = 0.9, draws = 101, seed = 1)
    expect_identical(as.logical(found$covered_90), ends[, "5%"] <= y & y <= ends[, "95%"])
  }
})

test_that("an outcome that a classifier takes for unlikely keeps its log-likelihood", {
  skip_without_core()
  plain <- function() keras()$Sequential(list(keras()$Input(list(1L)), keras()$layers$Identity()))
  model <- plain() |> layer_distribution_lambda(function(t) tfd_bernoulli(logits = t))
  margin <- c(10, 18, 40, 800)
  # R's logistic distribution: log(1 / (1 + exp(margin))).
  expected <- plogis(margin, lower.tail = FALSE, log.p = TRUE)
  found <- rstantools::log_lik(model, matrix(margin), rep(0, 4), draws = 2, seed = 1)
  expect_equal(found, rbind(expected, expected), tolerance = 1e-6, ignore_attr = TRUE)
  table <- predictive_scores(
    plain(), matrix(margin), rep(0, 4),
    draws = 2, outputs = "logits", by = "example", verbose = 0
  )
  expect_equal(table$log_score, expected, tolerance = 1e-6)
})

test_that("of a model of several outputs each has its own", {
  skip_without_core()
  x <- inputs_of_five()
  input <- keras()$Input(list(3L))
  heads <- list(layer_dense_flipout(input, units = 1), layer_dense_flipout(input, units = 2))
  model <- keras()$Model(input, heads)
  found <- rstantools::posterior_epred(model, x, draws = 7)
  expect_identical(lapply(found, dim), list(c(7L, 5L), c(7L, 5L, 2L)))
})

test_that("functional and subclassed models are asked in the same way", {
  skip_without_core()
  x <- inputs_of_five()
  sequential <- plain_model()
  expected <- rstantools::posterior_epred(sequential, x, draws = 3, seed = 1)
  functional <- keras()$Model(sequential$inputs, sequential$outputs)
  expect_equal(rstantools::posterior_epred(functional, x, draws = 3, seed = 1), expected)
  subclassed <- reticulate::py_run_string("
import keras

class Wrapped(keras.Model):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def call(self, x):
        return self.model(x)
", local = TRUE)$Wrapped(sequential)
  expect_equal(rstantools::posterior_epred(subclassed, x, draws = 3, seed = 1), expected)
})

test_that("what is missing is named, at the caller's line", {
  skip_without_core()
  x <- inputs_of_five()
  model <- noisy_model()
  refused <- "bayeslayers_argument_error"
  for (generic in c("posterior_epred", "posterior_predict", "predictive_interval", "log_lik")) {
    ask <- getExportedValue("rstantools", generic)
    condition <- expect_error(ask(model), "`newdata` must be given", class = refused)
    expect_match(deparse(condition$call)[[1]], "model")
  }
  expect_error(rstantools::log_lik(model, x), "`y` must be given", class = refused)
  expect_error(
    rstantools::posterior_epred(model, x, ndraws = 3),
    class = "rlib_error_dots_nonempty"
  )
  expect_error(rstantools::predictive_interval(model, x, prob = 1), "`prob`", class = refused)
})

test_that("Python's errors name the arguments of the generics", {
  skip_without_core()
  x <- inputs_of_five()
  refused <- "bayeslayers_argument_error"
  expect_error(
    rstantools::posterior_epred(noisy_model(), "a"), "`newdata` must be .*newdata = \"a\"",
    class = refused
  )
  tensor <- plain_model()
  message <- "`object` must end in a distribution.*posterior_epred"
  expect_error(rstantools::posterior_predict(tensor, x), message, class = refused)
  expect_error(rstantools::predictive_interval(tensor, x), message, class = refused)
  expect_error(rstantools::log_lik(tensor, x, 1:5), "`object` must end in", class = refused)
  expect_error(
    rstantools::predictive_interval(classifier(), x), "classes have no intervals",
    class = refused
  )
})
