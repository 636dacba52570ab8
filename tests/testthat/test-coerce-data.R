# What R users have: vectors, factors, logicals, data frames, and values that are missing.

binary_model <- function() {
  plain_model() |> layer_distribution_lambda(function(t) tfd_bernoulli(logits = t))
}

# Each verb that takes inputs, on draws of the same seed.
verbs_of_inputs <- list(
  predict_draws = function(model, x) predict_draws(model, x, draws = 3, seed = 1),
  predictive_summary = function(model, x) predictive_summary(model, x, draws = 3, seed = 1),
  predictive_scores = function(model, x) {
    predictive_scores(model, x, sin(1:4), draws = 3, seed = 1)
  },
  log_likelihood = function(model, x) log_likelihood(model, x, sin(1:4), draws = 3, seed = 1),
  reliability_curve = function(model, x) {
    reliability_curve(model, x, sin(1:4), draws = 3, seed = 1)
  }
)

test_that("a vector of n numbers is n examples, as keras3's predict() has it", {
  skip_without_core()
  model <- noisy_model(input_shape = 1)
  x <- cos(1:4)
  for (verb in names(verbs_of_inputs)) {
    ask <- verbs_of_inputs[[verb]]
    expect_identical(ask(model, x), ask(model, matrix(x)), label = verb)
  }
  one <- predict_draws(model, 0.5, draws = 3, seed = 1)
  expect_identical(dim(one), c(3L, 1L, 1L))
  plain <- plain_model(input_shape = 1)
  curve <- function(x) pruning_curve(plain, x, sin(1:4), "mean_squared_error", shares = 0)
  expect_identical(curve(x), curve(matrix(x)))
  skip_if_not_installed("rstantools")
  for (generic in c("posterior_epred", "posterior_predict", "predictive_interval")) {
    ask <- getExportedValue("rstantools", generic)
    found <- ask(model, x, draws = 3, seed = 1)
    expect_identical(found, ask(model, matrix(x), draws = 3, seed = 1), label = generic)
  }
})

test_that("vectors serve as several inputs, under their names", {
  skip_without_core()
  a <- keras()$Input(list(1L), name = "a")
  b <- keras()$Input(list(1L), name = "b")
  both <- keras()$ops$concatenate(list(a, b), axis = -1L)
  model <- keras()$Model(list(a = a, b = b), layer_dense_flipout(both, units = 1))
  found <- predict_draws(model, list(b = 4:1, a = cos(1:4)), draws = 3, seed = 1)
  expected <- predict_draws(model, list(a = matrix(cos(1:4)), b = matrix(4:1)), 3, seed = 1)
  expect_identical(found, expected)
  expect_identical(dim(found), c(3L, 4L, 1L))
})

test_that("a data frame of numbers is a matrix, and TRUE is 1", {
  skip_without_core()
  frame <- data.frame(a = 1:4, b = c(TRUE, FALSE, FALSE, TRUE), c = cos(1:4))
  found <- predict_draws(plain_model(), frame, draws = 3, seed = 1)
  numbers <- cbind(1:4, c(1, 0, 0, 1), cos(1:4))
  expect_identical(found, predict_draws(plain_model(), numbers, draws = 3, seed = 1))
})

test_that("what is missing in x is no number in the outputs", {
  skip_without_core()
  for (missing in list(NA_integer_, NA_real_)) {
    x <- matrix(c(1L, 2L), 2, 3)
    x[2, 3] <- missing
    model <- plain_model()
    warnings <- reticulate::py_capture_output(
      found <- predict_draws(model, x, draws = 3, seed = 1, verbose = 0)
    )
    expect_identical(warnings, "")
    expect_false(anyNA(found[, 1, ]))
    expect_true(all(is.na(found[, 2, ])))
  }
})

# As newer versions of reticulate have it for every version of pandas.
local_factors_from_python <- function(env = parent.frame()) {
  class <- class(reticulate::import("pandas", convert = FALSE)$Categorical(list()))[[1]]
  methods <- get(".__S3MethodsTable__.", asNamespace("reticulate"))
  method <- paste0("py_to_r.", class)
  skip_if(exists(method, methods), "this reticulate has it")
  registerS3method("py_to_r", class, function(x) factor("b"), asNamespace("reticulate"))
  withr::defer(rm(list = method, envir = methods), env)
}

test_that("a factor reaches Python where reticulate makes a factor of what pandas has", {
  skip_without_core()
  local_factors_from_python()
  answers <- factor(c("no", "yes", "yes", "no"))
  found <- log_likelihood(binary_model(), matrix(cos(1:12), 4), answers, draws = 2, seed = 1)
  numbers <- c(0, 1, 1, 0)
  expected <- log_likelihood(binary_model(), matrix(cos(1:12), 4), numbers, draws = 2, seed = 1)
  expect_identical(found, expected)
})

test_that("a factor is refused as an input, alone and in a data frame", {
  skip_without_core()
  refused <- "bayeslayers_argument_error"
  message <- "`x` must hold numbers, and no categories"
  vectors <- noisy_model(input_shape = 1)
  expect_error(predict_draws(vectors, factor(1:4), draws = 3), message, class = refused)
  frame <- data.frame(a = 1:4, b = factor(1:4), c = 1)
  expect_error(predict_draws(plain_model(), frame, draws = 3), message, class = refused)
})

# The logarithms of the probabilities that the model gives to classes counted from 1.
expected_log_likelihood <- function(p, classes) {
  log(vapply(seq_along(classes), function(i) p[, i, classes[[i]]], numeric(dim(p)[[1]])))
}

test_that("the levels of a factor, in their order, are the classes 0, 1, ...", {
  skip_without_core()
  skip_if_not_installed("rstantools")
  x <- inputs_of_five()
  model <- classifier()
  p <- rstantools::posterior_epred(model, x, draws = 3, seed = 1)
  # "b" comes before "a", and none of the five is a "c".
  for (is_ordered in c(FALSE, TRUE)) {
    y <- factor(c("a", "b", "a", "a", "b"), levels = c("b", "a", "c"), ordered = is_ordered)
    expected <- expected_log_likelihood(p, c(2, 1, 2, 2, 1))
    found <- log_likelihood(model, x, y, draws = 3, seed = 1)
    expect_equal(found, expected, tolerance = 1e-5)
    expect_identical(rstantools::log_lik(model, x, y, draws = 3, seed = 1), found)
    expect_identical(log_likelihood(model, x, data.frame(y), draws = 3, seed = 1), found)
  }
  scores <- predictive_scores(model, x, y, draws = 3, seed = 1)
  mean_p <- apply(p, 2:3, mean)
  expect_equal(scores$log_score, mean(log(mean_p[cbind(1:5, c(2, 1, 2, 2, 1))])), tolerance = 1e-5)
  expect_identical(
    reliability_curve(model, x, y, draws = 3, seed = 1),
    reliability_curve(model, x, c(1, 0, 1, 1, 0), draws = 3, seed = 1)
  )
})

test_that("a factor or a logical serves two classes, whatever the model ends in", {
  skip_without_core()
  x <- inputs_of_five()
  y <- c(TRUE, FALSE, TRUE, TRUE, FALSE)
  as_factor <- factor(ifelse(y, "yes", "no"))
  answers <- list(
    distribution = list(binary_model(), "auto"),
    logits = list(plain_model(), "logits")
  )
  for (answer in answers) {
    ask <- function(y) {
      log_likelihood(answer[[1]], x, y, draws = 3, outputs = answer[[2]], seed = 1)
    }
    expect_identical(ask(as_factor), ask(as.numeric(y)))
    expect_identical(ask(y), ask(as.numeric(y)))
  }
})

test_that("a factor serves a distribution with a column for each class, and a pruning curve", {
  skip_without_core()
  x <- inputs_of_five()
  y <- factor(c("a", "b", "c", "a", "b"))
  one_hot <- plain_model(3) |>
    layer_distribution_lambda(function(t) tfp$distributions$OneHotCategorical(logits = t))
  found <- log_likelihood(one_hot, x, y, draws = 3, seed = 1)
  columns <- diag(3)[as.integer(y), ]
  expect_identical(found, log_likelihood(one_hot, x, columns, draws = 3, seed = 1))
  curve <- function(y) {
    pruning_curve(plain_model(3), x, y, "sparse_categorical_accuracy", shares = c(0, 0.5))
  }
  expect_identical(curve(y), curve(as.integer(y) - 1))
})

test_that("a factor that does not fit the model's classes says so", {
  skip_without_core()
  x <- inputs_of_five()
  refused <- "bayeslayers_argument_error"
  y <- factor(c("a", "b", "a", "b", "a"))
  verbs <- list(
    predictive_scores, reliability_curve, log_likelihood,
    function(model, x, y) {
      pruning_curve(plain_model(3), x, y, "sparse_categorical_accuracy", shares = 0)
    }
  )
  for (verb in verbs) {
    expect_error(
      verb(classifier(), x, y), "as many categories \\(levels\\).*classes, 3.*2: \"a\", \"b\"",
      class = refused
    )
  }
  unused <- factor(c("a", "b", "a", "b", "a"), levels = c("a", "b", "c"))
  expect_error(log_likelihood(binary_model(), x, unused), "classes, 2", class = refused)
  expect_error(
    log_likelihood(noisy_model(), x, y), "`y` must hold numbers for a model of values",
    class = refused
  )
})

test_that("targets that are missing are named, of whatever type", {
  skip_without_core()
  x <- inputs_of_five()
  gaps <- list(
    integer = c(0L, NA, 1L, 2L, 1L),
    double = c(0, NA, 1, 2, 1),
    logical = c(TRUE, NA, TRUE, TRUE, NA),
    factor = factor(c("a", NA, "b", "c", "b")),
    level = addNA(factor(c("a", NA, "b", "c", "b")))
  )
  for (kind in names(gaps)) {
    for (verb in list(predictive_scores, reliability_curve, log_likelihood)) {
      expect_error(
        verb(classifier(), x, gaps[[kind]], draws = 3), "`y` must hold no missing values",
        class = "bayeslayers_argument_error", label = kind
      )
    }
  }
  expect_error(
    predictive_scores(noisy_model(), x, c(1, NA, 1, 1, 1), draws = 3), "no missing values",
    class = "bayeslayers_argument_error"
  )
})

test_that("a picture of classes takes a factor as well, or a logical", {
  skip_without_core()
  skip_if_not_installed("ggplot2")
  x <- inputs_of_five()
  summary <- predictive_summary(classifier(), x, draws = 3, seed = 1)
  y <- factor(c("a", "b", "c", "a", "b"))
  data_of <- function(summary, y) ggplot2::layer_data(ggplot2::autoplot(summary, y = y), 2)
  expect_identical(data_of(summary, y), data_of(summary, as.integer(y) - 1))
  expect_error(
    ggplot2::autoplot(summary, y = droplevels(y[c(1, 2, 1, 2, 1)])), "as many levels",
    class = "bayeslayers_argument_error"
  )
  of_two <- predictive_summary(binary_model(), x, draws = 3, seed = 1)
  truth <- c(TRUE, FALSE, TRUE, TRUE, FALSE)
  expect_identical(data_of(of_two, truth), data_of(of_two, as.numeric(truth)))
})

test_that("an object of R that is no data is named by its class", {
  skip_without_core()
  for (x in list(~a, methods::getClass("numeric"))) {
    error <- expect_error(predict_draws(plain_model(), x), class = "bayeslayers_argument_error")
    expect_match(conditionMessage(error), class(x)[[1]], fixed = TRUE)
    expect_no_match(conditionMessage(error), "PyCapsule", fixed = TRUE)
  }
})

test_that("an argument that was left at its default is shown as R writes it", {
  skip_without_core()
  error <- expect_error(prune(plain_model()), class = "bayeslayers_argument_error")
  expect_identical(error$received, c(snr = "NULL", share = "NULL"))
})
