skip_if_not_installed("rstantools")

# A subclassed model, of which Keras knows no last layer.
wrapped <- function(model) {
  reticulate::py_run_string("
import keras

class Wrapped(keras.Model):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def call(self, x):
        return self.model(x)
", local = TRUE)$Wrapped(model)
}

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

test_that("an outcome is covered where it is between the quantiles, ends included", {
  skip_without_core()
  x <- inputs_of_five()
  model <- plain_model() |> layer_distribution_lambda(function(t) tfd_poisson(log_rate = t + 1))
  for (y in 0:9) {
    found <- predictive_scores(
      model, x, rep(y, 5),
      draws = 101, by = "example", seed = 1, verbose = 0
    )
    ends <- predictive_summary(model, x, draws = 101, seed = 1, verbose = 0)
    expect_identical(as.logical(found$covered_90), ends$q5 <= y & y <= ends$q95)
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
  subclassed <- wrapped(sequential)
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

test_that("errors are what was observed minus draws of the outcome", {
  skip_without_core()
  x <- inputs_of_five()
  y <- cos(1:5)
  model <- noisy_model()
  found <- rstantools::predictive_error(model, x, y, draws = 7, seed = 1)
  outcomes <- rstantools::posterior_predict(model, x, draws = 7, seed = 1)
  expect_equal(found, matrix(y, 7, 5, byrow = TRUE) - outcomes)
  of_two <- noisy_model(units = 2)
  y <- matrix(cos(1:10), 5, 2)
  found <- rstantools::predictive_error(of_two, x, y, draws = 7, seed = 1)
  outcomes <- rstantools::posterior_predict(of_two, x, draws = 7, seed = 1)
  expect_identical(dim(found), c(7L, 5L, 2L))
  expect_equal(found[3, , ], y - outcomes[3, , ])
})

test_that("intervals of the weights are the central quantiles of their draws", {
  skip_without_core()
  model <- plain_model(units = 2)
  found <- rstantools::posterior_interval(model, prob = 0.8, draws = 50, seed = 1)
  weights <- posterior_draws(model, draws = 50, seed = 1)
  kernel <- sprintf("out.kernel[%d,%d]", 1:3, rep(1:2, each = 3))
  expect_identical(dimnames(found), list(c(kernel, "out.bias[1]", "out.bias[2]"), c("10%", "90%")))
  expected <- quantile(weights$out.kernel[, 3, 2], c(0.1, 0.9))
  expect_equal(found["out.kernel[3,2]", ], expected)
  skip_if_not_installed("posterior")
  names <- posterior::variables(posterior::as_draws(model, draws = 2))
  expect_identical(rownames(found), names)
})

test_that("intervals of normal weights are those of their distribution", {
  skip_without_core()
  model <- plain_model(units = 2)
  found <- rstantools::posterior_interval(model, prob = 0.9, draws = 4000, seed = 1)[1:6, ]
  table <- posterior_summary(model)
  table <- table[match(rownames(found), paste0("out.", table$variable)), ]
  exact <- table$mean + outer(table$sd, qnorm(c(0.05, 0.95)))
  # The standard error of a quantile is sqrt(0.05 * 0.95 / 4000) / dnorm(1.645) = 0.033 sd, of which
  # one of twelve is further than 5 away once in 140,000 times.
  expect_lt(max(abs(found - exact) / table$sd), 5 * 0.0335)
})

# What a dense layer returns under each draw of its weights.
by_hand <- function(x, weights, layer = "out") {
  kernel <- weights[[paste0(layer, ".kernel")]]
  bias <- weights[[paste0(layer, ".bias")]]
  of_draw <- function(d) {
    kernel <- matrix(kernel[d, , ], dim(kernel)[[2]])
    sweep(x %*% kernel, 2, bias[d, ], "+")
  }
  drawn <- vapply(seq_len(nrow(kernel)), of_draw, matrix(0, nrow(x), dim(kernel)[[3]]))
  aperm(array(drawn, c(nrow(x), dim(kernel)[[3]], nrow(kernel))), c(3, 1, 2))
}

test_that("the linear predictor is what the last linear map returns", {
  skip_without_core()
  x <- inputs_of_five()
  dense <- function(...) {
    set_seed(1)
    keras()$Sequential() |> layer_dense_flipout(name = "out", input_shape = 3, ...)
  }
  softmax <- dense(units = 3)
  softmax$add(keras()$layers$Softmax())
  log_rate <- dense(units = 1) |> layer_distribution_lambda(function(t) tfd_poisson(log_rate = t))
  rate <- dense(units = 1, activation = "softplus") |>
    layer_distribution_lambda(function(t) tfd_poisson(rate = t))
  functional <- keras()$Model(rate$inputs, rate$outputs)
  models <- list(
    none = dense(units = 2), inside = dense(units = 3, activation = "softmax"), behind = softmax,
    distribution = log_rate, both = rate, functional = functional
  )
  for (kind in names(models)) {
    model <- models[[kind]]
    found <- rstantools::posterior_linpred(model, newdata = x, draws = 7, seed = 1)
    expected <- by_hand(x, posterior_draws(model, draws = 7, seed = 1))
    if (dim(expected)[[3]] == 1) expected <- expected[, , 1]
    expect_equal(found, expected, tolerance = 1e-5, label = kind)
  }
  expected <- rstantools::posterior_epred(rate, x, draws = 7, seed = 1)
  found <- rstantools::posterior_linpred(rate, newdata = x, draws = 7, seed = 1)
  expect_equal(log1p(exp(found)), expected, tolerance = 1e-5)
  same <- rstantools::posterior_linpred(rate, transform = TRUE, newdata = x, draws = 7, seed = 1)
  expect_identical(same, expected)
})

test_that("the linear predictor of a plain layer follows the weights before it", {
  skip_without_core()
  x <- inputs_of_five()
  model <- plain_model(units = 2)
  last <- keras()$layers$Dense(1L, activation = "exponential")
  model$add(last)
  before <- by_hand(x, posterior_draws(model, draws = 7, seed = 1))
  found <- rstantools::posterior_linpred(model, newdata = x, draws = 7, seed = 1)
  kernel <- as.vector(numbers(last$kernel))
  expect_equal(found, before[, , 1] * kernel[[1]] + before[, , 2] * kernel[[2]], tolerance = 1e-5)
  expected <- rstantools::posterior_epred(model, x, draws = 7, seed = 1)
  expect_equal(exp(found), expected, tolerance = 1e-5)
  expect_identical(last$activation, keras()$activations$exponential)
})

test_that("a model without a linear predictor says what to use", {
  skip_without_core()
  x <- inputs_of_five()
  refused <- "bayeslayers_argument_error"
  steps <- array(sin(1:30), c(2, 5, 3))
  recurrent <- keras()$Sequential() |> layer_lstm_flipout(units = 2, input_shape = c(5, 3))
  expect_error(
    rstantools::posterior_linpred(recurrent, newdata = steps, draws = 3),
    "`object` must end in a dense layer.*LSTMFlipout.*posterior_epred", class = refused
  )
  expect_error(
    rstantools::posterior_linpred(wrapped(plain_model()), newdata = x, draws = 3),
    "`object` must be a sequential or functional model", class = refused
  )
})

test_that("what the further generics lack is named, at the caller's line", {
  skip_without_core()
  x <- inputs_of_five()
  model <- noisy_model()
  refused <- "bayeslayers_argument_error"
  for (generic in c("posterior_linpred", "predictive_error")) {
    ask <- getExportedValue("rstantools", generic)
    condition <- expect_error(ask(model), "`newdata` must be given", class = refused)
    expect_match(deparse(condition$call)[[1]], "model")
  }
  expect_error(
    rstantools::posterior_linpred(model, transform = 1, newdata = x), "`transform` must be",
    class = refused
  )
  expect_error(
    rstantools::posterior_linpred(model, x), "`transform` must be", class = refused
  )
  expect_error(rstantools::predictive_error(model, x), "`y` must be given", class = refused)
  expect_error(rstantools::predictive_error(model, x, 1:10), "`y` must be", class = refused)
  expect_error(
    rstantools::predictive_error(model, x, matrix(1, 5, 2)), "`y` must hold", class = refused
  )
  expect_error(rstantools::predictive_error(model, x, c(NA, 1:4)), "no missing", class = refused)
  expect_error(
    rstantools::predictive_error(plain_model(), x, 1:5), "must end in a distribution",
    class = refused
  )
  expect_error(
    rstantools::predictive_error(classifier(), x, 1:5), "no intervals", class = refused
  )
  expect_error(rstantools::posterior_interval(model, prob = 2), "`prob` must", class = refused)
  expect_error(rstantools::posterior_interval(model, draws = 0), "`draws` must", class = refused)
  dense <- keras()$Sequential(list(keras()$Input(list(3L)), keras()$layers$Dense(1L)))
  expect_error(
    rstantools::posterior_interval(dense), "`object` must contain a layer with a posterior",
    class = refused
  )
})

# The outputs by name in an order that is not that of the alphabet, by place with and without names.
ways_to_ask <- function() {
  named <- model_of_three()
  list(
    list(model = named, tensor = "tensor", values = "values", classes = "classes"),
    list(model = named, tensor = 1, values = 2, classes = 3),
    list(model = model_of_three(unname), tensor = 1L, values = 2L, classes = 3L)
  )
}

test_that("an output of several is meant by its name or its place", {
  skip_without_core()
  x <- inputs_of_five()
  y <- matrix(cos(1:10), 5, 2)
  for (ask in ways_to_ask()) {
    model <- ask$model
    weights <- posterior_draws(model, draws = 7, seed = 1)
    means <- by_hand(x, weights, "second")
    outputs <- ask[c("tensor", "values")]
    layers <- c(tensor = "first", values = "second")
    for (which in names(outputs)) {
      expected <- by_hand(x, weights, layers[[which]])
      if (which == "tensor") expected <- expected[, , 1]
      found <- rstantools::posterior_epred(
        model, x, draws = 7, seed = 1, output = outputs[[which]]
      )
      expect_equal(found, expected, tolerance = 1e-5, label = which)
      found <- rstantools::posterior_linpred(
        model, newdata = x, draws = 7, seed = 1, output = outputs[[which]]
      )
      expect_equal(found, expected, tolerance = 1e-5, label = which)
    }
    logits <- by_hand(x, weights, "third")
    found <- rstantools::posterior_linpred(
      model, newdata = x, draws = 7, seed = 1, output = ask$classes
    )
    expect_equal(found, logits, tolerance = 1e-5)
    p <- exp(logits) / as.vector(apply(exp(logits), 1:2, sum))
    found <- rstantools::posterior_linpred(
      model, transform = TRUE, newdata = x, draws = 7, seed = 1, output = ask$classes
    )
    expect_equal(found, p, tolerance = 1e-5)

    drawn <- rstantools::posterior_predict(model, x, draws = 7, seed = 1, output = ask$values)
    expect_identical(dim(drawn), c(7L, 5L, 2L))
    errors <- rstantools::predictive_error(model, x, y, draws = 7, seed = 1, output = ask$values)
    expect_equal(errors[3, , ], y - drawn[3, , ])
    ends <- rstantools::predictive_interval(model, x, draws = 7, seed = 1, output = ask$values)
    expect_equal(ends[4, 2, "95%"], quantile(drawn[, 4, 2], 0.95), ignore_attr = TRUE)

    found <- rstantools::log_lik(model, x, y, draws = 7, seed = 1, output = ask$values)
    expected <- dnorm(rep(y, each = 7), as.vector(means), 0.5, log = TRUE)
    expect_equal(found, apply(array(expected, dim(means)), 1:2, sum), tolerance = 1e-5)
    found <- rstantools::log_lik(model, x, rep(2, 5), draws = 7, seed = 1, output = ask$classes)
    expect_equal(found, log(p[, , 3]), tolerance = 1e-5)
    classes <- rstantools::posterior_predict(model, x, draws = 7, seed = 1, output = ask$classes)
    expect_true(all(classes %in% 0:2))
  }
})

test_that("without `output` all that can be drawn are returned, or the outputs are named", {
  skip_without_core()
  x <- inputs_of_five()
  refused <- "bayeslayers_argument_error"
  model <- model_of_three()
  expected <- rstantools::posterior_epred(model, x, draws = 3, seed = 1)
  expect_named(expected, c("tensor", "values", "classes"))
  noisy <- model_of_three(function(outputs) outputs[c("values", "classes")])
  drawn <- rstantools::posterior_predict(noisy, x, draws = 3, seed = 1)
  expect_identical(lapply(drawn, dim), list(values = c(3L, 5L, 2L), classes = c(3L, 5L)))
  all_of_them <- '3 outputs: "tensor", "values", "classes"'
  for (ask in list(
    function(...) rstantools::posterior_linpred(model, newdata = x, draws = 3, ...),
    function(...) rstantools::predictive_error(model, x, 1:5, draws = 3, ...),
    function(...) rstantools::log_lik(model, x, 1:5, draws = 3, ...)
  )) {
    condition <- expect_error(ask(), "`output` must be", class = refused)
    expect_match(condition$rule, all_of_them)
    expect_error(ask(output = "other"), 'output = "other"', class = refused)
    expect_error(ask(output = 4), "output = 4", class = refused)
    expect_error(ask(output = 0), "output = 0", class = refused)
  }
  condition <- expect_error(rstantools::posterior_predict(model, x), "`output`", class = refused)
  expect_match(condition$rule, 'of a distribution: "values", "classes"')
  for (output in list(NULL, "tensor", "classes", 3)) {
    condition <- expect_error(
      rstantools::predictive_interval(model, x, output = output), "`output`",
      class = refused
    )
    expect_match(condition$rule, 'in an order, as classes have no intervals: "values"')
  }
  expect_error(
    rstantools::predictive_error(model, x, 1:5, output = 1), "`output` must be",
    class = refused
  )
})

test_that("inputs and targets come in batches, also such as come only once", {
  skip_without_core()
  x <- inputs_of_five()
  y <- cos(1:5)
  model <- noisy_model()
  pairs <- function(with_y) {
    made <- reticulate::py_run_string("
def batches(x, y, with_y):
    for rows in (slice(0, 3), slice(3, 5)):
        yield (x[rows], y[rows]) if with_y else (x[rows],)
", local = TRUE)
    made$batches(x, array(y), with_y)
  }
  found <- rstantools::log_lik(model, pairs(TRUE), draws = 7, seed = 1, verbose = 0)
  expected <- rstantools::log_lik(model, x, y, draws = 7, seed = 1, verbose = 0)
  expect_equal(found, expected, tolerance = 1e-6)
  found <- rstantools::posterior_linpred(
    model,
    newdata = pairs(FALSE), draws = 7, seed = 1, verbose = 0
  )
  expected <- rstantools::posterior_linpred(model, newdata = x, draws = 7, seed = 1, verbose = 0)
  expect_equal(found, expected, tolerance = 1e-6)
  drawn <- rstantools::posterior_predict(model, pairs(FALSE), draws = 7, seed = 1, verbose = 0)
  ends <- rstantools::predictive_interval(model, pairs(FALSE), draws = 7, seed = 1, verbose = 0)
  expect_equal(unname(ends[, 2]), unname(apply(drawn, 2, quantile, 0.95)))
  errors <- rstantools::predictive_error(model, pairs(TRUE), draws = 7, seed = 1, verbose = 0)
  expect_equal(errors, matrix(y, 7, 5, byrow = TRUE) - drawn)
  expect_error(
    rstantools::log_lik(model, pairs(FALSE), draws = 7), "`y` must .* where `newdata`",
    class = "bayeslayers_argument_error"
  )
})
