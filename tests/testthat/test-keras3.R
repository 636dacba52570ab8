# What users of keras3 type. These tests are skipped where it is not installed.

few_rows <- function() {
  x <- matrix(sin(1:80), 20)
  list(x = x, y = x[, 1, drop = FALSE] - x[, 2, drop = FALSE])
}

small_network <- function(input_shape = 4) {
  set_random_seed(1)
  keras_model_sequential(input_shape = input_shape) |>
    layer_dense_flipout(10, activation = "relu") |>
    layer_dense_flipout(1)
}

drawn <- function(model, x = few_rows()$x) {
  unclass(predict_draws(model, x, draws = 3, seed = 1, verbose = 0))
}

test_that("no function of one package hides another function of the other", {
  local_keras3()
  shared <- intersect(getNamespaceExports("bayeslayers"), getNamespaceExports("keras3"))
  expect_identical(shared, "%>%")
  expect_identical(bayeslayers::`%>%`, keras3::`%>%`)
})

test_that("a sequential model takes input_shape as a whole number of either type, or several", {
  local_keras3()
  expect_identical(small_network(4L)$output_shape, list(NULL, 1L))
  expect_equal(drawn(small_network(4L)), drawn(small_network(4)))
  model <- keras_model_sequential(input_shape = c(24, 3)) %>%
    layer_conv_1d_flipout(8, 5) %>%
    layer_flatten() %>%
    layer_dense_flipout(units = 2)
  expect_identical(model$output_shape, list(NULL, 2L))
})

test_that("compile, fit, evaluate and predict are those of keras3", {
  local_keras3()
  data <- few_rows()
  model <- small_network() |> scale_kl(num_examples = 20)
  model |> compile(optimizer_adam(0.01), loss = "mse", metrics = list("mse"))
  history <- model |>
    fit(data$x, data$y, epochs = 3, batch_size = 10, verbose = 0, callbacks = callback_kl_history())
  expect_s3_class(history, "keras_training_history")
  expect_length(history$metrics$loss, 3)
  expect_s3_class(training_history(history), "bayeslayers_history")
  expect_setequal(
    names(as.data.frame(history) |> split(~metric)),
    names(history$metrics)
  )

  # The divergence of a standard normal from the posterior, in closed form.
  layer_divergence <- function(layer) {
    loc <- op_convert_to_array(tfd_mean(layer$kernel_posterior))
    scale <- op_convert_to_array(tfd_stddev(layer$kernel_posterior))
    sum((scale^2 + loc^2 - 1) / 2 - log(scale))
  }
  divergence <- sum(vapply(model$layers, layer_divergence, 0)) / 20
  scored <- evaluate(model, data$x, data$y, verbose = 0)
  expect_equal(scored$loss - scored$mse, divergence, tolerance = 1e-4)

  expect_identical(dim(predict(model, data$x, verbose = 0)), c(20L, 1L))
  shown <- paste(capture.output(summary(model)), collapse = "\n")
  expect_match(shown, "DenseFlipout")
  # 4 x 10 and 10 x 1 weights with two parameters each, and the biases.
  expect_match(shown, "Trainable params: 111")
})

test_that("a loss of R's, with keras3's operations, and callbacks of R's run in fit()", {
  local_keras3()
  data <- few_rows()
  model <- small_network() |> scale_kl(num_examples = 20)
  model |> compile(optimizer = "adam", loss = function(y, p) op_mean(op_square(y - p)))
  epochs <- 0
  count <- callback_lambda(on_epoch_end = function(epoch, logs) epochs <<- epochs + 1)
  history <- model |> fit(
    data$x, data$y,
    epochs = 4, verbose = 0, validation_split = 0.2,
    callbacks = list(callback_kl_annealing(epochs = 2), count)
  )
  expect_identical(epochs, 4)
  expect_true(all(is.finite(history$metrics$val_loss)))
})

test_that("functional models take layers on tensors, and layers made before as functions", {
  local_keras3()
  shared <- layer_dense_flipout(units = 2)
  left <- keras_input(4)
  right <- keras_input(shape = 4L)
  outputs <- layer_concatenate(shared(left), right |> shared()) |> layer_dense_flipout(1)
  model <- keras_model(list(left, right), outputs)
  x <- few_rows()$x
  expect_identical(dim(op_convert_to_array(model(list(x, x)))), c(20L, 1L))
  # Two layers, of which one is called twice: its divergence counts once.
  expect_length(model$losses, 2)
})

test_that("a model is saved and loaded by keras3, and stays the same function", {
  local_keras3()
  model <- small_network()
  file <- withr::local_tempfile(fileext = ".keras")
  expect_identical(save_model(model, file), model)
  expect_equal(drawn(load_model(file)), drawn(model))

  weights <- withr::local_tempfile(fileext = ".weights.h5")
  save_model_weights(model, weights)
  other <- small_network()
  other$layers[[1]]$trainable_variables[[1]]$assign(matrix(1, 4, 10))
  expect_false(isTRUE(all.equal(drawn(other), drawn(model))))
  load_model_weights(other, weights)
  expect_equal(drawn(other), drawn(model))
  expect_equal(drawn(clone_model(model) |> set_weights(get_weights(model))), drawn(model))
})

test_that("a list of layers without an object is a model, with keras3's layers among them", {
  local_keras3()
  listed <- keras_model_sequential(
    input_shape = 4,
    layers = list(
      layer_dense_flipout(units = 10, activation = "relu", seed = 1),
      layer_dense_flipout(units = 1, seed = 2)
    )
  )
  piped <- keras_model_sequential(input_shape = 4) |>
    layer_dense_flipout(10, activation = "relu", seed = 1) |>
    layer_dense_flipout(1, seed = 2)
  expect_true(identical(drawn(listed), drawn(piped)))
  mixed <- keras_model_sequential(
    layers = list(layer_conv_1d_flipout(filters = 4, kernel_size = 2), layer_flatten())
  )
  expect_identical(dim(predict(mixed, array(1, c(2, 3, 1)), verbose = 0)), c(2L, 8L))
})

test_that("what keras3 makes is an argument of our layers", {
  local_keras3()
  model <- keras_model_sequential() |>
    layer_dense_flipout(3, activation = activation_relu, input_shape = shape(4)) |>
    layer_dense_flipout(2, activity_regularizer = regularizer_l2(0.1))
  expect_identical(model$layers[[1]]$activation, keras3::keras$activations$relu)
  # Means of 0.1 times the squares: of the outputs that this call had.
  outputs <- model(few_rows()$x)
  expect_length(model$losses, 3)
  expect_equal(
    as.vector(op_convert_to_array(model$losses[[3]])),
    0.1 * sum(op_convert_to_array(outputs)^2) / 20,
    tolerance = 1e-5
  )

  variable <- layer_variable(
    shape = c(2, 3), initializer = initializer_constant(-1.5), constraint = constraint_nonneg()
  )
  expect_equal(op_convert_to_array(variable(op_ones(1))), matrix(-1.5, 2, 3))
  expect_true(grepl("NonNeg", class(variable$variables[[1]]$constraint)[[1]]))
})

test_that("our layers stand inside keras3's wrappers and classes", {
  local_keras3()
  steps <- keras_model_sequential(input_shape = c(5, 4)) |>
    layer_time_distributed(layer_dense_flipout(units = 3)) |>
    layer_bidirectional(layer_lstm_flipout(units = 2))
  expect_identical(steps$output_shape, list(NULL, 4L))
  # One kernel of the first, and a kernel and a recurrent one in each direction.
  expect_identical(nrow(kl_divergence(steps)$table), 5L)

  layer_twice <- Layer(
    "Twice",
    initialize = function(units, ...) {
      super$initialize(...)
      self$inner <- layer_dense_flipout(units = units, seed = 1)
    },
    call = function(x) 2 * self$inner(x)
  )
  model <- keras_model_sequential(input_shape = 4) |> layer_twice(units = 3L)
  outputs <- model(few_rows()$x)
  expect_length(model$losses, 1)
  alone <- keras_model_sequential(input_shape = 4) |> layer_dense_flipout(units = 3, seed = 1)
  divergence <- as.vector(op_convert_to_array(model$losses[[1]]))
  expect_equal(divergence, kl_divergence(alone)$total, tolerance = 1e-6)
})

test_that("posterior, prior and distribution are models, with brackets that count from 1", {
  local_keras3()
  # Those of JAX and PyTorch have Python's brackets.
  skip_unless_on("tensorflow")
  # As they are written for tfprobability.
  posterior_mean_field <- function(kernel_size, bias_size = 0, dtype = NULL) {
    n <- kernel_size + bias_size
    c <- log(expm1(1))
    keras_model_sequential(layers = list(
      layer_variable(shape = 2 * n, dtype = dtype),
      layer_distribution_lambda(make_distribution_fn = function(t) {
        tfd_independent(
          tfd_normal(loc = t[1:n], scale = 1e-5 + op_softplus(c + t[(n + 1):(2 * n)])),
          reinterpreted_batch_ndims = 1
        )
      })
    ))
  }
  prior_trainable <- function(kernel_size, bias_size = 0, dtype = NULL) {
    n <- kernel_size + bias_size
    keras_model_sequential() %>%
      layer_variable(n, dtype = dtype, trainable = TRUE) %>%
      layer_distribution_lambda(function(t) {
        tfd_independent(tfd_normal(loc = t, scale = 1), reinterpreted_batch_ndims = 1)
      })
  }
  model <- keras_model_sequential() %>%
    layer_dense_variational(
      units = 2,
      make_posterior_fn = posterior_mean_field,
      make_prior_fn = prior_trainable,
      kl_weight = 1 / 20
    ) %>%
    layer_distribution_lambda(function(x) {
      tfd_normal(
        loc = x[, 1, drop = FALSE],
        scale = 1e-3 + op_softplus(0.01 * x[, 2, drop = FALSE])
      )
    })
  data <- few_rows()
  model %>% compile(optimizer_adam(0.01), loss = function(y, model) -(model %>% tfd_log_prob(y)))
  history <- model %>% fit(data$x, data$y, epochs = 2, verbose = 0)
  expect_true(all(is.finite(history$metrics$loss)))
  yhat <- model(op_convert_to_tensor(data$x))
  expect_identical(dim(as.matrix(tfd_mean(yhat))), c(20L, 1L))
  # As good as constant, as softplus(0.01 t) is near softplus(0).
  expect_equal(as.vector(as.matrix(tfd_stddev(yhat))), rep(log(2), 20), tolerance = 0.05)
})

test_that("params, event_shape and hidden_units are lists, vectors or numbers, by name or place", {
  local_keras3()
  x <- few_rows()$x[, 1:2]
  spelled <- list(
    list(params = list(2L), event_shape = list(2L), hidden_units = list(10L)),
    list(params = 2, event_shape = 2, hidden_units = 10),
    list(params = 2L, hidden_units = list(10), event_shape = c(2)),
    list(NULL, 2, 2, list(10)),
    list(NULL, list(2), list(2), c(10))
  )
  for (arguments in spelled) {
    layer <- do.call(layer_autoregressive, c(arguments, seed = 1))
    values <- op_convert_to_array(layer(x))
    expect_identical(dim(values), c(20L, 2L, 2L))
    # The parameters of the first variable depend on no variable.
    expect_equal(values[, 1, ], matrix(values[1, 1, ], 20, 2, byrow = TRUE), tolerance = 1e-6)
  }
})

test_that("the stand-in, with which pages are run without keras3, has its names and arguments", {
  local_keras3()
  path <- test_path("..", "..", "tools", "keras3")
  skip_if_not(dir.exists(path), "The repository")
  stand_in <- new.env()
  sys.source(file.path(path, "R", "keras3.R"), stand_in)
  exported <- parseNamespaceFile(basename(path), dirname(path))
  names <- Filter(
    function(name) grepl(exported$exportPatterns, name) || name %in% exported$exports,
    ls(stand_in)
  )
  names <- c(names, paste(exported$S3methods[, 1], exported$S3methods[, 2], sep = "."))
  expect_gt(length(names), 30)
  for (name in setdiff(names, c("compile", "evaluate", "fit"))) {
    real <- names(formals(get(name, asNamespace("keras3"))))
    ours <- setdiff(names(formals(stand_in[[name]])), "...")
    # In the same order, too.
    expect_identical(intersect(real, ours), ours, label = name)
  }
})
