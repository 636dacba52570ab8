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

  # In a model of which another one is made.
  plain <- keras()$Sequential(list(keras()$Input(list(3L)), keras()$layers$Dense(2L)))
  condition <- expect_error(as_bayesian(plain, kernel_prior_fn = refuse), class = "my_condition")
  expect_s3_class(condition, "bayeslayers_function_error")
  expect_identical(condition$argument, "kernel_prior_fn")

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

# What Python sees of what an R function returns.
seen_by_python <- function(fun, ...) {
  python <- reticulate::py_run_string("
import keras
def seen(value):
    if isinstance(value, dict):
        return {name: seen(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [seen(item) for item in value]
    if hasattr(value, 'shape'):
        return f'{keras.backend.standardize_dtype(value.dtype)} {list(value.shape)}'
    return value if value is None else repr(value)
def see(closure, *args):
    import json
    return json.dumps(seen(closure(*args)))
")
  jsonlite::fromJSON(python$see(coerce_argument("activation", fun), ...), simplifyVector = FALSE)
}

test_that("what an R function returns reaches Python as what it is", {
  skip_without_core()
  x <- keras()$ops$ones(c(4L, 2L))
  normal <- tfd_normal(0, 1)
  matrix_of_two <- matrix(1, 4, 2)
  expect_identical(seen_by_python(function(t) t, x), "float32 [4, 2]")
  two <- list("float32 [4, 2]", "float32 [4, 2]")
  expect_identical(seen_by_python(function(t) list(t, t), x), two)
  expect_match(seen_by_python(function(t) list(t, normal), x)[[2]], "tfp.distributions.Normal")
  expect_null(seen_by_python(function(t) NULL, x))
  expect_identical(seen_by_python(function(t) list(t, NULL), x), list("float32 [4, 2]", NULL))
  expect_identical(
    seen_by_python(function(t) list(loc = t, scale = list(1, "a")), x),
    list(loc = "float32 [4, 2]", scale = list("float32 []", "'a'"))
  )
  expect_identical(seen_by_python(function(t) "a", x), "'a'")
  expect_identical(seen_by_python(function(t) TRUE, x), "True")
  for (number in list(2, 2L)) {
    expect_identical(seen_by_python(function(t) number, x), "float32 []")
    expect_identical(seen_by_python(function(t) rep(number, 3), x), "float32 [3]")
    expect_identical(seen_by_python(function(t) array(number, 1), x), "float32 [1]")
    expect_identical(seen_by_python(function(t) number * matrix_of_two, x), "float32 [4, 2]")
    expect_identical(
      seen_by_python(function(t) list(number, number * matrix_of_two), x),
      list("float32 []", "float32 [4, 2]")
    )
  }
})

test_that("numbers of an R function are of the dtype that it was called with", {
  skip_without_core()
  for (type in c("bfloat16", float_types())) {
    x <- keras()$ops$ones(2L, dtype = type)
    expect_identical(seen_by_python(function(t) c(1, 2), x), paste(type, "[2]"))
  }
  skip_if_not("float64" %in% float_types(), "double precision")
  # Not rounded on the way into a layer of double precision.
  layer <- layer_variable(shape = 2, initializer = function(a, b) c(0.1, 0.2), dtype = "float64")
  layer(matrix(1))
  expect_identical(as.vector(numbers(layer$weights[[1]])), c(0.1, 0.2))
})

test_that("an R function may return shift and log scale as a list", {
  skip_without_core()
  set_seed(1)
  made <- layer_autoregressive(params = 2, event_shape = 2, hidden_units = 8, activation = "tanh")
  flow <- function(fun) {
    tfd_transformed_distribution(
      tfd_independent(tfd_normal(c(0, 0), 1), 1), tfb_masked_autoregressive_flow(fun)
    )
  }
  made(matrix(0, 1, 2))
  made$set_weights(lapply(made$get_weights(), function(weights) weights + 0.3))
  parts <- function(x) keras()$ops$unstack(made(x), num = 2L, axis = -1L)
  in_python <- reticulate::py_eval(
    "lambda made, ops: lambda x: ops.unstack(made(x), num=2, axis=-1)"
  )(made, keras()$ops)
  shift_in_python <- reticulate::py_eval(
    "lambda made, ops: lambda x: [ops.unstack(made(x), num=2, axis=-1)[0], None]"
  )(made, keras()$ops)
  # Two variables, and also other numbers of examples than two.
  for (examples in c(2, 3, 5)) {
    x <- matrix(sin(seq_len(2 * examples)), examples, 2)
    log_prob <- function(fun) as.vector(numbers(tfd_log_prob(flow(fun), x)))
    expected <- log_prob(in_python)
    expect_equal(log_prob(made), expected, tolerance = 1e-6)
    expect_equal(log_prob(parts), expected, tolerance = 1e-6)
    expect_equal(log_prob(function(x) made(x)), expected, tolerance = 1e-6)
    shifted <- log_prob(shift_in_python)
    expect_false(isTRUE(all.equal(shifted, expected)))
    expect_equal(log_prob(function(x) list(parts(x)[[1]], NULL)), shifted, tolerance = 1e-6)
    expect_equal(log_prob(function(x) list(parts(x)[[1]], 0L)), shifted, tolerance = 1e-6)
    zeros <- matrix(0, examples, 2)
    expect_equal(log_prob(function(x) list(parts(x)[[1]], zeros)), shifted, tolerance = 1e-6)
  }
})

test_that("an R function's error names the argument, whoever calls the function", {
  skip_without_core()
  refuse <- function(...) if (broken) stop("of my own") else keras()$ops$abs(..1)
  rule <- "The function `activation` failed: of my own"
  broken <- FALSE
  model <- sequential(3L) |> layer_dense_flipout(units = 2, activation = refuse)
  model$compile("sgd", "mse")
  broken <- TRUE
  x <- inputs_of_five()
  expect_error(model(x), rule, fixed = TRUE)
  expect_error(model$fit(x, matrix(1, 5, 2), verbose = 0L), rule, fixed = TRUE)
  condition <- expect_error(
    predict_draws(model, x, draws = 2),
    "of my own",
    class = "bayeslayers_function_error"
  )
  said <- gregexpr("The function", conditionMessage(condition), fixed = TRUE)[[1]]
  expect_length(said, 1)
  # The last, as Keras on JAX leaves a model without its weights whose predict() has failed.
  expect_error(model$predict(x, verbose = 0L), rule, fixed = TRUE)

  arguments <- c("kernel_posterior_fn", "kernel_prior_fn", "kernel_divergence_fn")
  for (argument in c(arguments, "activity_regularizer")) {
    given <- stats::setNames(list(function(...) stop("of my own")), argument)
    layer <- rlang::exec(layer_dense_flipout, units = 2, !!!given)
    expect_error(layer(x), sprintf("The function `%s` failed: of my own", argument), fixed = TRUE)
  }
})

test_that("an error of Python in an R function names the argument, too", {
  skip_without_core()
  divide <- function(t) reticulate::py_eval("1 / 0")
  layer <- layer_dense_flipout(units = 2, activation = divide)
  rule <- "The function `activation` failed: ZeroDivisionError"
  expect_error(layer(inputs_of_five()), rule, fixed = TRUE)
  condition <- expect_error(
    layer_dense_flipout(inputs_of_five(), units = 2, activation = divide),
    "division by zero",
    class = "bayeslayers_function_error"
  )
  expect_identical(condition$argument, "activation")
  expect_no_match(conditionMessage(condition), "py_last_error")
})

test_that("what the pages say of the columns of a tensor holds, whatever is loaded", {
  skip_without_core()
  ops <- keras()$ops
  columns <- matrix(c(1, 2, 3, 4, 5, 6), 2)
  t <- ops$convert_to_tensor(columns)
  parts <- ops$split(t, 3L, axis = -1L)
  for (i in 1:3) expect_equal(numbers(parts[[i]]), columns[, i, drop = FALSE])
  expect_equal(numbers(ops$take(t, c(0L, 2L), axis = -1L)), columns[, c(1, 3)])
  uneven <- ops$split(t, list(2L), axis = -1L)
  expect_equal(lapply(uneven, numbers), list(columns[, 1:2], columns[, 3, drop = FALSE]))
  # R packages that have brackets of their own for tensors are asked for by nobody here.
  skip_if(isNamespaceLoaded("tensorflow"))
  expect_equal(as.vector(numbers(t[, 1])), columns[, 2])
  expect_equal(as.vector(numbers(t[, 1:2])), columns[, 2])
  # An error, or an empty tensor.
  first <- tryCatch(numbers(t[, 1, drop = FALSE]), error = function(condition) NULL)
  expect_length(first, 0)
})

test_that("an error in TensorFlow's graph comes without the lines of Python that made it", {
  skip_without_core()
  skip_unless_on("tensorflow")
  model <- keras()$Sequential() |>
    layer_embedding_reparameterization(input_dim = 4, output_dim = 2, input_shape = 2)
  error <- expect_error(
    predict_draws(model, matrix(1:4, 2), draws = 3),
    class = "bayeslayers_python_error"
  )
  expect_match(conditionMessage(error), "= 4 is not in [0, 4)", fixed = TRUE)
  expect_no_match(conditionMessage(error), "File \"|truncated|node")
})
