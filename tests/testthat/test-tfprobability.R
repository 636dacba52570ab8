# Scripts as tfprobability's users wrote them for its layers. What has changed is what keras3 asks
# for: `layers = ` by name, and a distribution of a symbolic tensor as a layer's output.

local_tensorflow <- function(env = parent.frame()) {
  local_keras3(env)
  skip_unless_on("tensorflow")
}

tf_ones <- function(...) {
  op_ones(c(...))
}

negloglik <- function(y, rv_y) -(rv_y %>% tfd_log_prob(y))

divergence_per_row <- function(n) {
  function(q, p, unused) tfd_kl_divergence(q, p) / n
}

# Fits a list of layers for a step, and looks at the outputs and the divergences.
expect_trains <- function(layers, x, y, divergences) {
  model <- keras_model_sequential(layers = layers)
  model %>% compile(optimizer = "adam", loss = "mse")
  history <- model %>% fit(x, y, steps_per_epoch = 1, verbose = 0L)
  expect_true(is.finite(history$metrics$loss))
  yhat <- model(x)
  expect_identical(yhat$shape$as_list(), y$shape$as_list())
  expect_length(model$losses, divergences)
}

test_that("two dense layers of each estimator train, with a divergence function of one's own", {
  local_tensorflow()
  x <- tf_ones(150, 1)
  y <- tf_ones(150, 1)
  kl_div <- divergence_per_row(150)
  estimators <- list(
    layer_dense_reparameterization, layer_dense_flipout, layer_dense_local_reparameterization
  )
  for (layer_dense_of in estimators) {
    layers <- list(
      layer_dense_of(units = 512, activation = "relu", kernel_divergence_fn = kl_div),
      layer_dense_of(units = 1, kernel_divergence_fn = kl_div)
    )
    expect_trains(layers, x, y, divergences = 2)
  }
})

test_that("convolutions of each rank and estimator train, among layers of keras3", {
  local_tensorflow()
  estimators <- list(
    list(
      layer_conv_1d_reparameterization, layer_conv_2d_reparameterization,
      layer_conv_3d_reparameterization, layer_dense_reparameterization
    ),
    list(
      layer_conv_1d_flipout, layer_conv_2d_flipout, layer_conv_3d_flipout, layer_dense_flipout
    )
  )
  shapes <- list(c(15, 1, 1), c(7, 16, 16, 3), c(7, 8, 4, 4, 3))
  pooling <- list(NULL, layer_max_pooling_2d, layer_max_pooling_3d)
  for (functions in estimators) {
    for (rank in 1:3) {
      n <- shapes[[rank]][[1]]
      kl_div <- divergence_per_row(n)
      layers <- c(
        functions[[rank]](
          filters = 8,
          kernel_size = 5,
          padding = "same",
          activation = "relu",
          kernel_divergence_fn = kl_div
        ),
        if (!is.null(pooling[[rank]])) pooling[[rank]](),
        layer_flatten(),
        functions[[4]](units = 10, kernel_divergence_fn = kl_div)
      )
      expect_trains(layers, tf_ones(shapes[[rank]]), tf_ones(n, 10), divergences = 2)
    }
  }
})

test_that("a distribution of a variable is trained, whose parts are taken in brackets", {
  local_tensorflow()
  trainable_normal <- keras_model_sequential(layers = list(
    layer_variable(shape = 2),
    layer_distribution_lambda(
      make_distribution_fn = function(t) {
        tfd_independent(
          tfd_normal(loc = t[1], scale = op_softplus(t[2])),
          reinterpreted_batch_ndims = 0
        )
      }
    )
  ))
  trainable_normal %>% compile(optimizer = optimizer_adam(0.1), loss = negloglik)
  trainable_normal %>% fit(tf_ones(3, 4), c(1, 2, 3), epochs = 200, verbose = 0L)
  # The maximum of the likelihood: the mean, and the standard deviation over n.
  fitted <- trainable_normal(tf_ones(3, 4))
  expect_equal(as.numeric(tfd_mean(fitted)), 2, tolerance = 0.02)
  expect_equal(as.numeric(tfd_stddev(fitted)), sqrt(2 / 3), tolerance = 0.02)
})

# A flow with one network has the density of a normal whose parameters are the network's outputs.
test_that("a network's outputs are the parameters of a masked autoregressive flow", {
  local_tensorflow()
  set_random_seed(1)
  n <- 200
  x2 <- rnorm(n) * 2
  x1 <- rnorm(n) + x2^2 / 4
  data <- cbind(x1, x2)

  made <- layer_autoregressive(params = 2, hidden_units = list(10, 10))
  distribution <- tfd_transformed_distribution(
    distribution = tfd_normal(loc = 0, scale = 1),
    bijector = tfb_masked_autoregressive_flow(
      function(x) op_unstack(made(x), num = 2, axis = -1)
    ),
    event_shape = list(2)
  )
  x_ <- keras_input(shape = 2)
  normal <- function(t) {
    parts <- op_unstack(t, num = 2, axis = -1)
    tfd_independent(tfd_normal(parts[[1]], op_exp(parts[[2]])), 1)
  }
  model <- keras_model(x_, x_ %>% made() %>% layer_distribution_lambda(normal))
  model %>% compile(optimizer = "adam", loss = negloglik)
  model %>% fit(data, data, batch_size = 25, epochs = 1, verbose = 0)

  expect_identical((distribution %>% tfd_sample())$shape$as_list(), 2L)
  here <- tf_ones(3, 2)
  expect_equal(
    as.array(distribution %>% tfd_log_prob(here)),
    as.array(model(here) %>% tfd_log_prob(here)),
    tolerance = 1e-5
  )
})

test_that("images are modelled with and without dependence among their channels", {
  local_tensorflow()
  set_random_seed(1)
  images <- array(sample(0:1, 20 * 4 * 4 * 3, replace = TRUE), c(20, 16, 3))

  # All pixels and channels in one order.
  event_shape <- 48
  made <- layer_autoregressive(
    params = 2, event_shape = event_shape, hidden_units = list(20, 20), activation = "relu"
  )
  x_ <- keras_input(shape = event_shape)
  normal <- function(t) {
    parts <- op_unstack(t, num = 2, axis = -1)
    tfd_independent(tfd_normal(parts[[1]], op_exp(parts[[2]])), 1)
  }
  model <- keras_model(x_, x_ %>% made() %>% layer_distribution_lambda(normal))
  model %>% compile(optimizer = "adam", loss = negloglik)
  rows <- matrix(images, 20)
  history <- model %>% fit(rows, rows, batch_size = 10, epochs = 1, verbose = 0)
  expect_true(is.finite(history$metrics$loss))

  # Each channel by itself, with one network for all.
  made <- layer_autoregressive(
    params = 1, event_shape = 16, hidden_units = list(20, 20), activation = "relu"
  )
  bernoulli <- function(logits) {
    tfd_independent(tfd_bernoulli(logits = logits, dtype = "float32"), 2)
  }
  distribution <- tfd_autoregressive(
    function(x) bernoulli(op_squeeze(made(x), axis = -1)),
    sample0 = op_zeros(c(3, 16))
  )
  expect_identical((distribution %>% tfd_sample(7))$shape$as_list(), c(7L, 3L, 16L))
  by_channel <- aperm(images, c(1, 3, 2))
  expect_identical(dim(as.array(distribution %>% tfd_log_prob(by_channel))), 20L)
})

test_that("layer_autoregressive_transform trains its network on targets without inputs", {
  local_tensorflow()
  set_random_seed(1)
  n <- 200
  x2 <- rnorm(n) * 2
  x1 <- rnorm(n) + x2^2 / 4
  model <- keras_model_sequential() %>%
    layer_distribution_lambda(
      make_distribution_fn = function(t) {
        tfd_multivariate_normal_diag(
          loc = op_convert_to_tensor(matrix(0, nrow = 25, ncol = 2), dtype = "float32"),
          scale_diag = op_convert_to_tensor(c(1, 1), dtype = "float32")
        )
      },
      dtype = "float32"
    ) %>%
    layer_autoregressive_transform(
      made = layer_autoregressive(
        params = list(2L), hidden_units = list(10L), activation = "relu", dtype = "float32"
      ),
      dtype = "float32"
    )
  model %>% compile(optimizer = optimizer_adam(0.01), loss = function(y, rv_y) -rv_y$log_prob(y))
  history <- model %>%
    fit(x = matrix(rep(0, n)), y = cbind(x1, x2), batch_size = 25, epochs = 5, verbose = 0)
  expect_lt(history$metrics$loss[[5]], history$metrics$loss[[1]])
})

test_that("layer_distribution_lambda() is a function of tensors", {
  local_tensorflow()
  layer <- layer_distribution_lambda(
    make_distribution_fn = function(x) {
      tfd_relaxed_one_hot_categorical(temperature = 1e-5, logits = x)
    }
  )
  drawn <- op_convert_to_tensor(c(1e5, -1e5)) %>%
    layer() %>%
    tfd_sample(10)
  expect_equal(as.array(drawn), array(rep(c(1, 0), each = 10), c(10, 2)))
})
