# The core of the R half where Keras runs on PyTorch, whose own distributions take the place of
# TensorFlow Probability's.

skip_without_torch <- function() {
  skip_without_core()
  skip_unless_on("torch")
}

torch_distributions <- function() {
  reticulate::import("torch")$distributions
}

value_of <- function(tensor) {
  as.vector(numbers(tensor))
}

test_that("the functions of PyTorch's distributions agree with R's own distributions", {
  skip_without_torch()
  tfd <- torch_distributions()
  double <- keras()$ops$convert_to_tensor(c(1, 2), dtype = "float64")
  normal <- tfd$Normal(double, 2)
  # R's numbers are of the precision of the distribution.
  expected <- dnorm(0.1, 1:2, 2)
  expect_equal(value_of(tfd_log_prob(normal, 0.1)), log(expected), tolerance = 1e-14)
  expect_equal(value_of(tfd_prob(normal, 0.1)), expected, tolerance = 1e-14)
  expect_equal(value_of(tfd_cdf(normal, 0.1)), pnorm(0.1, 1:2, 2), tolerance = 1e-12)
  expect_equal(value_of(tfd_quantile(normal, 0.9)), qnorm(0.9, 1:2, 2), tolerance = 1e-12)
  expect_equal(value_of(tfd_mean(normal)), c(1, 2))
  expect_equal(value_of(tfd_stddev(normal)), c(2, 2))
  expect_identical(dim(numbers(tfd_sample(normal, 3))), 3:2)
  prior <- tfd$Normal(0, 1)
  expected <- (4 + (1:2)^2 - 1) / 2 - log(2)
  expect_equal(value_of(tfd_kl_divergence(normal, prior)), expected, tolerance = 1e-6)
})

test_that("constructors of TensorFlow Probability's distributions say what there is instead", {
  skip_without_torch()
  for (call in list(function() tfd_normal(0, 1), function() tfp$distributions)) {
    expect_error(call(), 'reticulate::import("torch")$distributions', fixed = TRUE)
  }
  expect_identical(names(tfp), "layers")
})

test_that("posteriors and divergences of R are computed with, and trained", {
  skip_without_torch()
  tfd <- torch_distributions()
  posterior <- function(dtype, shape, name, trainable, add_variable_fn) {
    loc <- add_variable_fn(name = "my_loc", shape = shape, initializer = "ones")
    scale <- add_variable_fn(name = "my_scale", shape = shape, initializer = "zeros")
    tfd$Independent(tfd$Normal(loc, keras()$ops$softplus(scale)), length(shape))
  }
  model <- keras()$Sequential() |>
    layer_dense_flipout(
      units = 2, input_shape = 3, kernel_posterior_fn = posterior,
      kernel_divergence_fn = function(q, p, ignore) 0.5 * tfd_kl_divergence(q, p),
      activation = function(t) keras()$ops$tanh(t)
    )
  model(inputs_of_five())
  closed_form <- 6 * ((log(2)^2 + 1 - 1) / 2 - log(log(2)))
  expect_equal(value_of(model$losses[[1]]), 0.5 * closed_form, tolerance = 1e-6)
  model$compile("adam", "mse")
  before <- model$get_weights()
  model$fit(inputs_of_five(), matrix(1, 5, 2), verbose = 0L)
  changed <- mapply(function(a, b) any(a != b), before[1:3], model$get_weights()[1:3])
  expect_true(all(changed))
})

test_that("a loss of R trains as Keras's does", {
  skip_without_torch()
  history_of <- function(loss) {
    model <- plain_model(units = 2)
    model$compile("sgd", loss)
    model$fit(inputs_of_five(), matrix(1, 5, 2), epochs = 3L, verbose = 0L)$history$loss
  }
  of_r <- history_of(function(y, p) keras()$ops$mean((y - p)^2, axis = -1L))
  expect_equal(of_r, history_of("mse"), tolerance = 1e-6)
})

test_that("a model that ends in a distribution is trained, and its draws are R's", {
  skip_without_torch()
  tfd <- torch_distributions()
  x <- inputs_of_five()
  y <- matrix(cos(1:5))
  model <- plain_model() |> layer_distribution_lambda(function(t) tfd$Normal(t, 0.5))
  model$compile("sgd", loss = function(y, rv) -tfd_log_prob(rv, y))
  history <- model$fit(x, y, epochs = 2L, verbose = 0L)
  expect_true(all(is.finite(unlist(history$history$loss))))
  means <- predict_draws(model, x, draws = 7, seed = 1)
  expect_identical(dim(means), c(7L, 5L, 1L))
  expected <- dnorm(rep(y, each = 7), as.vector(means), 0.5, log = TRUE)
  found <- log_likelihood(model, x, y, draws = 7, seed = 1)
  expect_equal(as.vector(found), expected, tolerance = 1e-5)
  summary <- predictive_summary(model, x, draws = 7, seed = 1)
  expect_equal(summary$mean, colMeans(means[, , 1]), tolerance = 1e-5)
  skip_if_not_installed("rstantools")
  outcomes <- rstantools::posterior_predict(model, x, draws = 2000, seed = 1, verbose = 0)
  expected <- rstantools::posterior_epred(model, x, draws = 2000, seed = 1, verbose = 0)
  # The standard error of this estimate is 0.5 / sqrt(2 * 10000) = 0.0035.
  expect_equal(sd(outcomes - expected), 0.5, tolerance = 0.04)
})

test_that("weights are draws of the package posterior, in the order of the layers", {
  skip_without_torch()
  skip_if_not_installed("posterior")
  model <- plain_model()
  found <- posterior::as_draws(model, draws = 7, seed = 1)
  expect_identical(posterior::variables(found), c(sprintf("out.kernel[%d,1]", 1:3), "out.bias[1]"))
  weights <- posterior_draws(model, draws = 7, seed = 1)
  expect_equal(as.vector(found[, 2]), weights$out.kernel[, 2, 1])
})

test_that("an error of an R function that PyTorch called is that R error", {
  skip_without_torch()
  broken <- FALSE
  model <- sequential(3L) |>
    layer_dense_flipout(units = 1, activation = function(t) if (broken) stop("of my own") else t)
  broken <- TRUE
  condition <- expect_error(
    predict_draws(model, inputs_of_five(), draws = 2), "of my own",
    class = "bayeslayers_function_error"
  )
  expect_identical(condition$argument, "activation")
  model$compile("sgd", "mse")
  rule <- "The function `activation` failed: of my own"
  expect_error(model$fit(inputs_of_five(), matrix(1, 5), verbose = 0L), rule, fixed = TRUE)
})
