test_that("an R divergence is added to the losses", {
  skip_without_core()
  exact <- layer_conv_1d_flipout(filters = 4, kernel_size = 3, seed = 1)
  scaled <- layer_conv_1d_flipout(
    filters = 4, kernel_size = 3, seed = 1,
    kernel_divergence_fn = function(q, p, ignore) tfd_kl_divergence(q, p) / 100
  )
  exact(example_inputs())
  scaled(example_inputs())
  expect_equal(
    numbers(scaled$losses[[1]]), numbers(exact$losses[[1]]) / 100,
    tolerance = 1e-6
  )
})

test_that("the default divergence is the closed form", {
  skip_without_core()
  layer <- layer_conv_1d_flipout(filters = 4, kernel_size = 3)
  layer(example_inputs())
  loc <- numbers(layer$kernel_posterior$mean())
  scale <- numbers(layer$kernel_posterior$stddev())
  closed_form <- sum(0.5 * (scale^2 + loc^2 - 1) - log(scale))
  expect_equal(as.numeric(numbers(layer$losses[[1]])), closed_form, tolerance = 1e-5)
})

test_that("a number that an R function returns is taken for a tensor", {
  skip_without_core()
  layer <- layer_conv_1d_flipout(
    filters = 4, kernel_size = 3,
    kernel_divergence_fn = function(a, b, c) 2
  )
  layer(example_inputs())
  expect_equal(as.numeric(numbers(layer$losses[[1]])), 2)
})

test_that("R posteriors and priors are made with the variables they asked for", {
  skip_without_core()
  posterior <- function(dtype, shape, name, trainable, add_variable_fn) {
    loc <- add_variable_fn(name = "my_loc", shape = shape, initializer = "zeros")
    scale <- add_variable_fn(name = "my_scale", shape = shape, initializer = "zeros")
    tfd <- tfp$distributions
    tfd$Independent(tfd$Normal(loc, keras()$ops$softplus(scale)), length(shape))
  }
  layer <- layer_conv_1d_flipout(filters = 4, kernel_size = 3, kernel_posterior_fn = posterior)
  layer(example_inputs())
  names <- vapply(layer$trainable_variables, function(variable) variable$name, "")
  expect_identical(names, c("my_loc", "my_scale", "bias_posterior_loc"))
  layer$trainable_variables[[2]]$assign(keras()$ops$ones(c(3L, 6L, 4L)))
  expect_equal(
    as.vector(numbers(layer$kernel_posterior$stddev())),
    rep(log1p(exp(1)), 72),
    tolerance = 1e-6
  )
})

test_that("a posterior that is not Independent(Normal) is refused", {
  skip_without_core()
  laplace <- function(dtype, shape, name, trainable, add_variable_fn) {
    tfd <- tfp$distributions
    tfd$Independent(tfd$Laplace(keras()$ops$zeros(shape), 1), length(shape))
  }
  expect_error(
    layer_conv_1d_flipout(example_inputs(), 4, 3, kernel_posterior_fn = laplace),
    "Independent\\(Normal\\)",
    class = "bayeslayers_argument_error"
  )
})

test_that("NULL is nothing where the documentation allows it", {
  skip_without_core()
  layer <- layer_conv_1d_flipout(
    filters = 4, kernel_size = 3,
    kernel_prior_fn = NULL, bias_posterior_fn = NULL, bias_posterior_tensor_fn = NULL
  )
  layer(example_inputs())
  expect_length(layer$losses, 0)
  expect_null(layer$kernel_prior)
  expect_null(layer$bias_posterior)
})

test_that("a model with R functions trains, and is saved by its weights alone", {
  skip_without_core()
  build <- function() {
    sequential() |>
      layer_conv_1d_flipout(
        4, 3,
        activation = function(x) keras()$ops$relu(x),
        kernel_divergence_fn = function(q, p, ignore) tfd_kl_divergence(q, p) / 2
      )
  }
  model <- build()
  model$compile("adam", "mse")
  history <- model$fit(example_inputs(), array(1, c(2, 4, 4)), epochs = 2L, verbose = 0L)
  expect_true(all(is.finite(unlist(history$history$loss))))
  file <- withr::local_tempfile(fileext = ".keras")
  expect_error(model$save(file), "save_weights")
  weights <- withr::local_tempfile(fileext = ".weights.h5")
  model$save_weights(weights)
  again <- build()
  again$load_weights(weights)
  expect_equal(again$get_weights(), model$get_weights())
})

test_that("an error of an R function that Python called is that R error", {
  skip_without_core()
  refuse <- function(...) rlang::abort("of my own", class = "my_condition")
  model <- function(...) sequential(3L) |> layer_dense_flipout(units = 1, ...)
  condition <- expect_error(model(kernel_posterior_fn = refuse), class = "my_condition")
  expect_s3_class(condition, "bayeslayers_function_error")
  expect_identical(condition$argument, "kernel_posterior_fn")
  expect_s3_class(condition$parent, "my_condition")
  expect_identical(conditionMessage(condition$parent), "of my own")
  expect_identical(conditionCall(condition)[[1]], quote(layer_dense_flipout))

  # Inside of what Keras calls, whose own error says more than the text.
  broken <- FALSE
  trained <- model(activation = function(t) if (broken) stop("of an activation") else t)
  broken <- TRUE
  condition <- expect_error(
    predict_draws(trained, inputs_of_five(), draws = 2),
    "of an activation",
    class = "bayeslayers_function_error"
  )
  expect_identical(condition$argument, "activation")
})

test_that("a function with other arguments than it is called with is refused by its name", {
  skip_without_core()
  arguments <- c("kernel_posterior_fn", "kernel_prior_fn")
  for (argument in arguments) {
    given <- stats::setNames(list(function(a) a), argument)
    condition <- expect_error(
      rlang::exec(layer_dense_flipout, sequential(3L), units = 1, !!!given),
      "unused argument",
      class = "bayeslayers_function_error"
    )
    expect_identical(condition$argument, argument)
  }
})

test_that("an error that Python has handled is not taken for a later one", {
  skip_without_core()
  model <- sequential(3L)
  failing <- function(...) stop("handled")
  try(layer_dense_flipout(model, units = 1, kernel_posterior_fn = failing), silent = TRUE)
  expect_error(layer_dense_flipout(units = 0), class = "bayeslayers_argument_error")
})
