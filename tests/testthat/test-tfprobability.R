# Scripts as tfprobability's users wrote them for its layers. What has changed is what keras3 asks
# for: `layers = ` by name, and a distribution of a symbolic tensor as a layer's output. `tf` is
# Python's module; its tensors have methods of the R package tensorflow, which comes with keras3.

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

# Models whose last layer is a distribution's. -----------------------------------------------------

# The parameters that come into the last layer, a row for each input.
parameters_of <- function(model, x) {
  count <- length(model$layers)
  for (layer in model$layers[-count]) x <- layer(x)
  as.matrix(x)
}

softplus <- function(x) log1p(exp(x))
softmax <- function(x) exp(x) / rowSums(exp(x))

expect_numbers <- function(tensor, expected, tolerance = 1e-5) {
  expect_equal(as.vector(as.array(tensor)), as.vector(expected), tolerance = tolerance)
}

# The density of a mixture with one value an event; the parameters are logits, and then the mean and
# the untransformed scale of each component.
mixture_density <- function(parameters, count, values, density) {
  weights <- softmax(parameters[, 1:count, drop = FALSE])
  of_component <- function(k) {
    at <- count + 2 * k - 1
    weights[, k] * density(values, parameters[, at], softplus(parameters[, at + 1]))
  }
  log(rowSums(sapply(1:count, of_component)))
}

test_that("layer_multivariate_normal_tri_l learns a linear map and its noise", {
  local_tensorflow()
  tf <- reticulate::import("tensorflow")
  set_random_seed(1)
  n <- as.integer(1e3)
  scale_tril <- matrix(c(1.6180, 0, -2.7183, 3.1416), ncol = 2, byrow = TRUE) %>%
    op_cast("float32")
  x <- tfd_normal(loc = 0, scale = 1) %>% tfd_sample(c(n, 2L))
  eps <- tfd_normal(loc = 0, scale = 0.01) %>% tfd_sample(c(n, 2L))
  y <- tf$matmul(x, scale_tril) + eps
  d <- y$shape[[2]]

  model <- keras_model_sequential() %>%
    layer_dense(units = params_size_multivariate_normal_tri_l(d)) %>%
    layer_multivariate_normal_tri_l(event_size = d)
  log_loss <- function(y, model) -(model %>% tfd_log_prob(y))
  model %>% compile(optimizer = "adam", loss = log_loss)
  model %>% fit(x, y, batch_size = 100, epochs = 1, steps_per_epoch = 10, verbose = 0)
  before <- mean(as.array(model(x) %>% tfd_log_prob(y)))
  model %>% compile(optimizer = optimizer_adam(0.1), loss = log_loss)
  model %>% fit(x, y, batch_size = 100, epochs = 5, verbose = 0)
  expect_gt(mean(as.array(model(x) %>% tfd_log_prob(y))), before)

  # The density in closed form, from the numbers in the order mean, L[2, 2], L[2, 1], L[1, 1].
  t <- parameters_of(model, x)[1:5, ]
  l <- list(softplus(t[, 5]) + 1e-5, t[, 4], softplus(t[, 3]) + 1e-5)
  residuals <- as.matrix(y)[1:5, ] - t[, 1:2]
  first <- residuals[, 1] / l[[1]]
  second <- (residuals[, 2] - l[[2]] * first) / l[[3]]
  expected <- dnorm(first, log = TRUE) + dnorm(second, log = TRUE) - log(l[[1]] * l[[3]])
  expect_numbers(model(x[1:5, ]) %>% tfd_log_prob(y[1:5, ]), expected, tolerance = 1e-3)
})

test_that("layer_kl_divergence_add_loss is the second half of an autoencoder's loss", {
  local_tensorflow()
  tf <- reticulate::import("tensorflow")
  set_random_seed(1)
  encoded_size <- 2
  input_shape <- c(2L, 2L, 1L)
  train_size <- 100
  x_train <- array(runif(train_size * Reduce(`*`, input_shape)), dim = c(train_size, input_shape))

  encoder_model <- keras_model_sequential(input_shape = input_shape) %>%
    layer_flatten() %>%
    layer_dense(units = 10, activation = "relu") %>%
    layer_dense(units = params_size_multivariate_normal_tri_l(encoded_size)) %>%
    layer_multivariate_normal_tri_l(event_size = encoded_size) %>%
    layer_kl_divergence_add_loss(
      distribution = tfd_independent(
        tfd_normal(loc = c(0, 0), scale = 1),
        reinterpreted_batch_ndims = 1L
      ),
      weight = train_size
    )
  decoder_model <- keras_model_sequential(input_shape = encoded_size) %>%
    layer_dense(units = 10, activation = "relu") %>%
    layer_dense(params_size_independent_bernoulli(input_shape)) %>%
    layer_independent_bernoulli(
      event_shape = input_shape,
      convert_to_tensor_fn = tfp$distributions$Bernoulli$logits
    )
  vae_model <- keras_model(
    inputs = encoder_model$inputs,
    outputs = decoder_model(encoder_model$outputs[[1]])
  )
  vae_loss <- function(x, rv_x) -(rv_x %>% tfd_log_prob(x))
  vae_model %>% compile(optimizer = tf$keras$optimizers$Adam(), loss = vae_loss)
  history <- vae_model %>% fit(x_train, x_train, batch_size = 25, epochs = 3, verbose = 0)
  expect_lt(history$metrics$loss[[3]], history$metrics$loss[[1]])

  # The estimate of the divergence is taken at the draw that the code stands for.
  code <- encoder_model(x_train)
  z <- op_convert_to_array(code)
  log_prior <- rowSums(dnorm(z, log = TRUE))
  estimate <- train_size * mean(as.vector(as.array(code %>% tfd_log_prob(z))) - log_prior)
  expect_numbers(encoder_model$losses[[1]], estimate, tolerance = 1e-4)
  # The tensor of the decoder is its logits.
  decoded <- decoder_model(z)
  expect_numbers(tfd_mean(decoded), plogis(op_convert_to_array(decoded)))
})

test_that("layer_independent_bernoulli has events of three dimensions", {
  local_tensorflow()
  tf <- reticulate::import("tensorflow")
  set_random_seed(1)
  n <- as.integer(1e3)
  scale_tril <- matrix(c(1.6180, 0., -2.7183, 3.1416), ncol = 2, byrow = TRUE) %>%
    op_cast("float32")
  x <- tfd_normal(loc = 0, scale = 1) %>% tfd_sample(c(n, 2L))
  eps <- tfd_normal(loc = 0, scale = 0.01) %>% tfd_sample(c(1000L, 2L))
  y <- tfd_bernoulli(
    logits = tf$reshape(tf$matmul(x, scale_tril) + eps, shape = shape(n, 1L, 2L, 1L))
  ) %>% tfd_sample()
  event_shape <- dim(y)[2:4]

  model <- keras_model_sequential(input_shape = dim(x)[2]) %>%
    layer_dense(units = params_size_independent_bernoulli(event_shape)) %>%
    layer_independent_bernoulli(event_shape = event_shape)
  log_loss <- function(y, model) -(model %>% tfd_log_prob(y))
  model %>% compile(optimizer = "adam", loss = log_loss)
  history <- model %>%
    fit(x, y, batch_size = 100, epochs = 1, steps_per_epoch = n / 100, verbose = 0)
  expect_true(is.finite(history$metrics$loss))

  logits <- parameters_of(model, x)
  expect_numbers(model(x) %>% tfd_mean(), plogis(logits))
  outcomes <- matrix(as.array(y), ncol = 2)
  expected <- rowSums(dbinom(outcomes, 1, plogis(logits), log = TRUE))
  expect_numbers(model(x) %>% tfd_log_prob(y), expected, tolerance = 1e-4)
})

test_that("layer_one_hot_categorical takes logits of which the first is fixed", {
  local_tensorflow()
  tf <- reticulate::import("tensorflow")
  d <- 3
  n <- 7L
  model <- keras_model_sequential(
    input_shape = n,
    layers = list(
      layer_dense(units = params_size_one_hot_categorical(d) - 1),
      layer_lambda(f = function(x) tf$pad(x, paddings = list(list(0L, 0L), list(1L, 0L)))),
      layer_one_hot_categorical(event_size = d)
    )
  )
  m <- matrix(1:14, ncol = n)
  res <- model(m)
  expect_equal(res$event_shape[[1]], d)
  logits <- parameters_of(model, m)
  expect_identical(logits[, 1], c(0, 0))
  expect_numbers(tfd_mean(res), softmax(logits))
})

test_that("layer_categorical_mixture_of_one_hot_categorical averages probabilities", {
  local_tensorflow()
  k <- 3
  d <- 5
  n <- 7
  model <- keras_model_sequential(
    input_shape = n,
    layers = list(
      layer_dense(units = params_size_categorical_mixture_of_one_hot_categorical(d, k)),
      layer_categorical_mixture_of_one_hot_categorical(event_size = d, num_components = k)
    )
  )
  expect_equal(model$layers %>% length(), 2)
  m <- matrix(sin(1:14), ncol = n)
  t <- parameters_of(model, m)
  weights <- softmax(t[, 1:k])
  of_component <- function(j) weights[, j] * softmax(t[, k + d * (j - 1) + 1:d])
  expect_numbers(tfd_mean(model(m)), Reduce(`+`, lapply(1:k, of_component)))
})

test_that("layer_independent_poisson takes logarithms of rates", {
  local_tensorflow()
  d <- 1
  n <- 2
  model <- keras_model_sequential(
    input_shape = n,
    layers = list(
      layer_dense(units = params_size_independent_poisson(d)),
      layer_independent_poisson(event_shape = d)
    )
  )
  m <- matrix(1:14, ncol = n)
  res <- model(m)
  expect_equal(res$event_shape[[1]], d)
  expect_numbers(tfd_mean(res), exp(parameters_of(model, m)))
})

test_that("layer_independent_logistic and layer_independent_normal take means and scales", {
  local_tensorflow()
  encoded_shape <- 2
  # R's integers and doubles alike, as both were written.
  logistic <- keras_model_sequential(input_shape = c(28L, 28L, 1L)) %>%
    layer_flatten() %>%
    layer_dense(units = 3) %>%
    layer_dense(units = params_size_independent_logistic(encoded_shape)) %>%
    layer_independent_logistic(event_shape = encoded_shape)
  normal <- keras_model_sequential(input_shape = c(28, 28, 1)) %>%
    layer_flatten() %>%
    layer_dense(units = 2) %>%
    layer_dense(units = params_size_independent_normal(encoded_shape)) %>%
    layer_independent_normal(event_shape = encoded_shape)
  a <- array(1 / 28, dim = c(1L, 28L, 28L, 1L))
  # The standard deviation of a logistic distribution is pi / sqrt(3) times its scale.
  deviations <- list(pi / sqrt(3), 1)
  for (i in 1:2) {
    model <- list(logistic, normal)[[i]]
    res <- model(a)
    expect_equal(res$event_shape[[1]], encoded_shape)
    t <- parameters_of(model, a)
    expect_numbers(tfd_mean(res), t[, 1:2])
    expect_numbers(tfd_stddev(res), deviations[[i]] * softplus(t[, 3:4]))
  }
})

test_that("mixtures of normals, by a layer of components or by name, and of logistics", {
  local_tensorflow()
  event_shape <- 1
  num_components <- 5
  component_params_size <- params_size_independent_normal(event_shape)
  models <- list(
    list(
      params_size_mixture_same_family(
        num_components,
        component_params_size = component_params_size
      ),
      layer_mixture_same_family(
        num_components = num_components,
        component_layer = layer_independent_normal(event_shape = event_shape)
      ),
      dnorm
    ),
    list(
      params_size_mixture_normal(num_components, event_shape),
      layer_mixture_normal(num_components = num_components, event_shape = event_shape),
      dnorm
    ),
    list(
      params_size_mixture_logistic(num_components, event_shape),
      layer_mixture_logistic(num_components = num_components, event_shape = event_shape),
      dlogis
    )
  )
  m <- matrix(1:4, ncol = 2)
  for (parts in models) {
    model <- keras_model_sequential(
      input_shape = list(2),
      layers = list(
        layer_dense(units = 12, activation = "relu"),
        layer_dense(units = parts[[1]]),
        parts[[2]]
      )
    )
    res <- model(m)
    expect_equal(res$event_shape[[1]], event_shape)
    values <- c(0.5, -0.5)
    expected <- mixture_density(parameters_of(model, m), num_components, values, parts[[3]])
    expect_numbers(tfd_log_prob(res, matrix(values)), expected)
  }
})

# Keras reads the names of the arguments of a class's `__init__`, and there are none in one that
# `reticulate::PyClass` makes: the variable is made after the layer, or the class by `Layer()`.
# Keras has `add_weight()` where there was `add_variable()`.
kernel_providers <- function() {
  bt <- reticulate::import_builtins()
  tf <- reticulate::import("tensorflow")
  of_reticulate <- function() {
    KernelFn <- reticulate::PyClass( # nolint: object_name.
      "KernelFn",
      inherit = tf$keras$layers$Layer,
      list(
        call = function(self, x, ...) x,
        kernel = bt$property(
          reticulate::py_func(function(self) {
            tfp$math$psd_kernels$ExponentiatedQuadratic(
              amplitude = tf$nn$softplus(self$`_amplitude`)
            )
          })
        )
      )
    )
    KernelFn$`__module__` <- "KernelFn" # nolint: object_name.
    provider <- KernelFn()
    provider$`_amplitude` <- provider$add_weight(
      initializer = tf$initializers$constant(.54), dtype = "float32", name = "amplitude"
    )
    provider
  }
  of_keras3 <- function() {
    KernelFn <- Layer( # nolint: object_name.
      "KernelFn",
      initialize = function(...) {
        super$initialize(...)
        self$`_amplitude` <- self$add_weight(
          initializer = tf$initializers$constant(.54), dtype = "float32", name = "amplitude"
        )
      },
      call = function(x, ...) x,
      kernel = active_property(function() {
        tfp$math$psd_kernels$ExponentiatedQuadratic(amplitude = tf$nn$softplus(self$`_amplitude`))
      })
    )
    KernelFn()
  }
  list(of_reticulate, of_keras3)
}

test_that("layer_variational_gaussian_process trains a kernel of one's own", {
  local_tensorflow()
  tf <- reticulate::import("tensorflow")
  set_random_seed(1)
  set.seed(1)
  x <- runif(200, 0, 60)
  y <- 5 + sin(2 * x) + 0.04 * x
  for (kernel_provider in kernel_providers()) {
    provider <- kernel_provider()
    model <- keras_model_sequential() %>%
      layer_dense(units = 10) %>%
      layer_variational_gaussian_process(num_inducing_points = 30, kernel_provider = provider)
    batch_size <- 64
    kl_weight <- batch_size / length(x)
    loss <- function(y, d) d$variational_loss(y, kl_weight = kl_weight)
    model %>% compile(optimizer = "adam", loss = loss)
    inputs <- tf$expand_dims(tf$constant(x, tf$float32), -1L)
    outputs <- tf$expand_dims(tf$constant(y, tf$float32), -1L)
    history <- model %>%
      fit(x = inputs, y = outputs, batch_size = batch_size, epochs = 3, verbose = 0L)
    expect_lt(history$metrics$loss[[3]], history$metrics$loss[[1]])
    # Kernel and bias of the dense layer, five of the process, and the kernel's amplitude.
    expect_length(model$trainable_variables, 8)
    expect_false(isTRUE(all.equal(as.numeric(provider$`_amplitude`), 0.54, tolerance = 1e-6)))
  }
})

# The data and the models of the vignette of `layer_dense_variational()`, and the plainer models
# that lead to it.
simulated <- function(n = 150) {
  set.seed(1)
  normalize <- function(x) (x + 40) / 100
  x <- -40 + 100 * matrix(runif(n))
  noise <- rnorm(n) * (3 * (0.25 + normalize(x)^2))
  list(x = x, y = 0.125 * x * (1 + sin(x)) + 5 + noise)
}

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

fixed_scale <- function() {
  layer_distribution_lambda(make_distribution_fn = function(t) tfd_normal(loc = t, scale = 1))
}

learned_scale <- function() {
  layer_distribution_lambda(make_distribution_fn = function(t) {
    tfd_normal(
      loc = t[, 1, drop = FALSE],
      scale = 1e-3 + op_softplus(0.01 * t[, 2, drop = FALSE])
    )
  })
}

variational <- function(units, n) {
  layer_dense_variational(
    units = units,
    make_posterior_fn = posterior_mean_field,
    make_prior_fn = prior_trainable,
    kl_weight = 1 / n
  )
}

fitted_to <- function(data, ..., loss = negloglik, epochs = 10) {
  model <- keras_model_sequential(layers = list(...))
  model %>% compile(optimizer = optimizer_adam(0.05), loss = loss)
  history <- model %>% fit(data$x, data$y, epochs = epochs, verbose = 0)
  losses <- history$metrics$loss
  expect_lt(losses[[length(losses)]], losses[[1]])
  model
}

# What a straight line is not: its second differences over equal steps.
bends <- function(values) {
  max(abs(diff(as.matrix(values), differences = 2)))
}

test_that("a line is fitted without doubt, with noise of its own, and with doubt of the weights", {
  local_tensorflow()
  set_random_seed(1)
  data <- simulated()
  x_test <- matrix(seq(-40, 60, length.out = 150))

  # The likelihood of noise of 1 is largest at the line of least squares.
  no_doubt <- fitted_to(data, layer_dense(units = 1), fixed_scale(), epochs = 150)
  least_squares <- predict(lm(y ~ x, list(x = data$x, y = data$y)), list(x = x_test))
  yhat <- no_doubt(x_test)
  expect_equal(as.vector(as.matrix(tfd_mean(yhat))), unname(least_squares), tolerance = 0.1)
  expect_equal(as.vector(as.matrix(tfd_stddev(yhat))), rep(1, 150))

  noise <- fitted_to(data, layer_dense(units = 2), learned_scale())
  expect_gt(bends(tfd_stddev(noise(x_test))), 0)

  doubt <- fitted_to(data, variational(1, 150), fixed_scale())
  lines <- replicate(3, as.vector(as.matrix(tfd_mean(doubt(x_test)))))
  expect_lt(bends(lines), 1e-4)
  expect_gt(min(apply(lines, 1, sd)), 0)
})

test_that("a hundred lines are drawn of a model of both uncertainties, as its posterior says", {
  local_tensorflow()
  tf <- reticulate::import("tensorflow")
  set_random_seed(1)
  data <- simulated()
  x_test <- matrix(seq(-40, 60, length.out = 150))
  model <- fitted_to(data, variational(2, 150), learned_scale())

  yhats <- lapply(1:100, function(run) model(tf$constant(x_test)))
  means <- do.call(cbind, lapply(yhats, function(yhat) as.matrix(tfd_mean(yhat))))
  sds <- do.call(cbind, lapply(yhats, function(yhat) as.matrix(tfd_stddev(yhat))))
  expect_identical(dim(means), c(150L, 100L))
  expect_identical(dim(sds), c(150L, 100L))
  expect_lt(bends(means), 1e-4)
  # The noise is softplus() of a line.
  expect_lt(bends(100 * log(expm1(sds - 1e-3))), 1e-2)

  # Slopes and intercepts of the lines are draws from the posterior of two of the four weights.
  drawn <- rbind((means[150, ] - means[1, ]) / 100, means[1, ] * 0.6 + means[150, ] * 0.4)
  t <- as.array(model$layers[[1]]$trainable_variables[[1]])
  loc <- t[c(1, 3)]
  scale <- 1e-5 + log1p(exp(log(expm1(1)) + t[4 + c(1, 3)]))
  errors <- (rowMeans(drawn) - loc) / (scale / sqrt(100))
  ratios <- apply(drawn, 1, var) / scale^2
  # In one of a million cases each.
  expect_lt(max(abs(errors)), qnorm(1 - 5e-7))
  expect_true(all(ratios > qchisq(5e-7, 99) / 99 & ratios < qchisq(1 - 5e-7, 99) / 99))
})

test_that("a Gaussian process fits the same data, with its doubt", {
  local_tensorflow()
  set_random_seed(1)
  data <- simulated()
  provider <- kernel_providers()[[2]]()
  loss <- function(y, d) d$variational_loss(y, kl_weight = 32 / 150)
  process <- layer_variational_gaussian_process(
    num_inducing_points = 10, kernel_provider = provider,
    inducing_index_points_initializer = initializer_random_uniform(-40, 60)
  )
  model <- fitted_to(data, process, loss = loss, epochs = 3)
  x_test <- matrix(seq(-40, 60, length.out = 20))
  yhats <- replicate(3, as.vector(as.array(model(x_test))))
  expect_identical(dim(yhats), c(20L, 3L))
  expect_true(all(is.finite(yhats)))
  expect_gt(min(apply(yhats, 1, sd)), 0)
})
