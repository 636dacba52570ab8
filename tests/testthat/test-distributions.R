test_that("a sample has the shape that was asked for", {
  skip_without_core()
  normal <- tfp$distributions$Normal(loc = 0, scale = 1)
  expect_length(keras()$ops$shape(normal %>% tfd_sample()), 0)
  expect_identical(dim(numbers(normal %>% tfd_sample(c(2, 3)))), c(2L, 3L))
  expect_identical(dim(numbers(normal %>% tfd_sample(5))), 5L)
  expect_equal(
    numbers(tfd_sample(normal, 3, seed = c(1L, 2L))),
    numbers(tfd_sample(normal, 3, seed = c(1L, 2L)))
  )
})

test_that("log_prob and the divergence are those of R's own distributions", {
  skip_without_core()
  q <- tfp$distributions$Normal(loc = 1, scale = 2)
  p <- tfp$distributions$Normal(loc = 0, scale = 3)
  values <- c(-1, 0, 2.5)
  expect_equal(
    as.vector(numbers(tfd_log_prob(q, values))), dnorm(values, 1, 2, log = TRUE),
    tolerance = 1e-6
  )
  log_ratio <- function(x) dnorm(x, 1, 2, log = TRUE) - dnorm(x, 0, 3, log = TRUE)
  integrand <- function(x) dnorm(x, 1, 2) * log_ratio(x)
  by_integration <- integrate(integrand, -40, 40, rel.tol = 1e-8)$value
  expect_equal(as.numeric(numbers(tfd_kl_divergence(q, p))), by_integration, tolerance = 1e-5)
})

test_that("what TensorFlow Probability refuses is an R error at the caller's line", {
  skip_without_core()
  normal <- tfp$distributions$Normal(loc = 0, scale = 1)
  condition <- expect_error(tfd_sample(normal, foo = 1), "foo", class = "bayeslayers_python_error")
  expect_identical(as.character(condition$call[[1]]), "tfd_sample")
  expect_no_match(conditionMessage(condition), "py_last_error")
})

test_that("the verbs agree with R's own distributions", {
  skip_without_core()
  normal <- tfp$distributions$Normal(loc = 1, scale = 2)
  value_of <- function(tensor) as.numeric(numbers(tensor))
  expect_equal(value_of(tfd_prob(normal, 2.5)), dnorm(2.5, 1, 2), tolerance = 1e-6)
  expect_equal(value_of(tfd_cdf(normal, 2.5)), pnorm(2.5, 1, 2), tolerance = 1e-6)
  expect_equal(value_of(tfd_quantile(normal, 0.9)), qnorm(0.9, 1, 2), tolerance = 1e-6)
  expect_equal(value_of(tfd_mean(normal)), 1)
  expect_equal(value_of(tfd_variance(normal)), 4)
  expect_equal(value_of(tfd_stddev(normal)), 2)
  expect_equal(value_of(tfd_mode(normal)), 1)
  expect_equal(value_of(tfd_entropy(normal)), 0.5 * log(2 * pi * exp(1) * 4), tolerance = 1e-6)
})

test_that("the constructors agree with R's own distributions", {
  skip_without_core()
  log_prob <- function(distribution, value) as.vector(numbers(tfd_log_prob(distribution, value)))
  expect_equal(
    log_prob(tfd_normal(c(0, 1), 2), 0.3), dnorm(0.3, c(0, 1), 2, log = TRUE),
    tolerance = 1e-6
  )
  expect_equal(log_prob(tfd_poisson(rate = 2.5), 3), dpois(3, 2.5, log = TRUE), tolerance = 1e-6)
  expect_equal(log_prob(tfd_student_t(4, 0, 1), 0.3), dt(0.3, 4, log = TRUE), tolerance = 1e-6)
  expect_equal(log_prob(tfd_bernoulli(probs = 0.3), 1), log(0.3), tolerance = 1e-6)
  independent <- tfd_independent(tfd_normal(c(0, 1), 2), reinterpreted_batch_ndims = 1)
  expect_equal(
    log_prob(independent, c(0.3, 0.3)), sum(dnorm(0.3, c(0, 1), 2, log = TRUE)),
    tolerance = 1e-6
  )
  lognormal <- tfd_transformed_distribution(tfd_normal(0, 1), tfp$bijectors$Exp())
  expect_equal(log_prob(lognormal, 1.7), dlnorm(1.7, log = TRUE), tolerance = 1e-6)
  condition <- expect_error(
    tfd_normal(lok = 0, scale = 1), "lok"
  )
  mixture <- tfd_mixture_same_family(tfd_categorical(probs = c(0.4, 0.6)), tfd_normal(c(0, 2), 1))
  expect_equal(
    log_prob(mixture, 0.5), log(0.4 * dnorm(0.5) + 0.6 * dnorm(0.5, 2)),
    tolerance = 1e-6
  )
})

test_that("R's numbers are of Keras's floatx, in whatever shape", {
  skip_without_core()
  floatx <- keras()$config$floatx()
  withr::defer(keras()$config$set_floatx(floatx))
  values <- list(0.1, 1L, c(0.1, 1), 1:2, array(0.1, 1), matrix(0.1, 3, 2), array(0.1, c(1, 2, 2)))
  for (type in setdiff(float_types(), "float16")) {
    keras()$config$set_floatx(type)
    for (value in values) {
      expect_identical(dtype_of(tfd_normal(value, 1)), type)
      expect_identical(dtype_of(tfd_normal(0, value)), type)
      expect_identical(dtype_of(tfd_log_prob(tfd_normal(0, 1), value)), type)
    }
    expect_identical(dtype_of(tfd_poisson(rate = matrix(2, 1, 2))), type)
    expect_identical(dtype_of(tfd_normal(1L, 2L)), type)
    expect_identical(dtype_of(tfd_categorical(probs = matrix(0.5, 3, 2))$probs), type)
  }
  # Nothing is rounded on the way.
  skip_if_not("float64" %in% float_types(), "double precision")
  expect_identical(numbers(tfd_normal(matrix(0.1, 1, 1), 1)$loc)[[1]], 0.1)
})

test_that("R's numbers take the dtype of the tensors and distributions beside them", {
  skip_without_core()
  for (type in float_types()) {
    tensor <- keras()$ops$ones(c(3L, 2L), dtype = type)
    for (value in list(0.1, 1L, c(0.1, 1), 1:2, matrix(0.1, 3, 2), matrix(1:6, 3, 2))) {
      expect_identical(dtype_of(tfd_normal(value, tensor)), type)
      normal <- tfd_normal(tensor, value)
      expect_identical(dtype_of(normal), type)
      expect_identical(dtype_of(tfd_log_prob(normal, value)), type)
    }
  }
  # A distribution in double precision is not made from rounded numbers.
  skip_if_not("float64" %in% float_types(), "double precision")
  exact <- tfd_normal(c(0.1, 0.2), keras()$ops$ones(2L, dtype = "float64"))
  expect_identical(as.vector(numbers(exact$loc)), c(0.1, 0.2))
})

test_that("R's numbers meet the posterior of a layer of any dtype", {
  skip_without_core()
  for (type in c(setdiff(float_types(), "float16"), "mixed_bfloat16")) {
    layer <- layer_dense_flipout(
      units = 2, dtype = type, seed = 1L,
      kernel_divergence_fn = function(q, p, ignore) {
        tfd_kl_divergence(q, tfd_independent(tfd_normal(matrix(0, 3, 2), 1), 2L))
      }
    )
    layer(inputs_of_five())
    loc <- numbers(layer$kernel_posterior$mean())
    scale <- numbers(layer$kernel_posterior$stddev())
    closed_form <- sum(0.5 * (scale^2 + loc^2 - 1) - log(scale))
    expect_equal(as.numeric(numbers(layer$losses[[1]])), closed_form, tolerance = 1e-5)
  }
})

test_that("counts and classes may be whole numbers of either type", {
  skip_without_core()
  counts <- 0:3
  log_prob <- function(distribution, value) as.vector(numbers(tfd_log_prob(distribution, value)))
  for (value in list(counts, as.numeric(counts), matrix(counts, 2, 2), matrix(counts + 0, 2, 2))) {
    expected <- dpois(counts, 2.5, log = TRUE)
    expect_equal(log_prob(tfd_poisson(rate = 2.5), value), expected, tolerance = 1e-6)
    probs <- c(0.1, 0.2, 0.3, 0.4)
    expect_equal(log_prob(tfd_categorical(probs = probs), value), log(probs), tolerance = 1e-6)
  }
})

test_that("an NA among a distribution's parameters is refused", {
  skip_without_core()
  for (value in list(NA, NA_real_, NA_integer_)) {
    expect_error(tfd_normal(value, 1), "NA", class = "bayeslayers_python_error")
  }
})

test_that("arguments of tfprobability that TensorFlow Probability has dropped keep their meaning", {
  skip_without_core()
  log_prob <- function(distribution, value) as.vector(numbers(tfd_log_prob(distribution, value)))
  made <- layer_autoregressive(params = list(2L), event_shape = list(2L), hidden_units = c(4, 4))
  flow <- tfd_transformed_distribution(
    tfd_normal(0, 1), tfb_masked_autoregressive_flow(made),
    event_shape = list(2L)
  )
  expect_identical(dim(numbers(flow %>% tfd_sample(3))), c(3L, 2L))
  lognormal <- tfd_transformed_distribution(
    tfd_normal(0, 1), tfp$bijectors$Exp(),
    batch_shape = 2, event_shape = c(3)
  )
  values <- matrix(c(0.5, 1, 2, 3, 0.1, 1), 2)
  expect_equal(
    log_prob(lognormal, values), rowSums(dlnorm(values, log = TRUE)),
    tolerance = 1e-6
  )
  wide <- tfd_multivariate_normal_diag(c(0, 1), c(1, 2), scale_identity_multiplier = 0.5)
  expected <- sum(dnorm(c(0.3, 0.7), c(0, 1), c(1.5, 2.5), log = TRUE))
  expect_equal(log_prob(wide, c(0.3, 0.7)), expected, tolerance = 1e-6)
  expect_identical(log_prob(tfd_poisson(2.5, interpolate_nondiscrete = FALSE), 2.5), -Inf)
})

test_that("a distribution is asked while a model is put together, and regularizes the codes", {
  skip_without_core()
  make_normal <- function(t) {
    t <- keras()$ops$split(t, 2L, axis = -1L)
    tfd_independent(tfd_normal(t[[1]], keras()$ops$exp(t[[2]])), 1)
  }
  prior <- tfd_independent(tfd_normal(c(0, 0), 1), 1)
  inputs <- keras()$Input(list(4L))
  code <- layer_distribution_lambda(
    inputs, make_normal,
    activity_regularizer = function(q) tfd_kl_divergence(q, prior)
  )
  model <- keras()$Model(inputs, list(code$mean(), code |> tfd_stddev()))
  values <- matrix(c(0.5, -1, 0.3, 0, 0.2, 1, -0.4, 0.1), 2)
  outputs <- model(values)
  expect_equal(numbers(outputs[[1]]), values[, 1:2], tolerance = 1e-6)
  expect_equal(numbers(outputs[[2]]), exp(values[, 3:4]), tolerance = 1e-6)
  by_hand <- rowSums((exp(2 * values[, 3:4]) + values[, 1:2]^2 - 1) / 2 - values[, 3:4])
  expect_equal(sum(numbers(model$losses[[1]])), mean(by_hand), tolerance = 1e-6)
})

test_that("constructors take R's numbers where whole numbers and vectors are meant", {
  skip_without_core()
  log_prob <- function(distribution, value) as.vector(numbers(tfd_log_prob(distribution, value)))
  expect_equal(
    log_prob(tfd_binomial(total_count = 10, probs = 0.3), 2), dbinom(2, 10, 0.3, log = TRUE),
    tolerance = 1e-5
  )
  expect_equal(log_prob(tfd_gamma(2, 1.5), 0.3), dgamma(0.3, 2, 1.5, log = TRUE), tolerance = 1e-5)
  expect_equal(
    log_prob(tfd_weibull(1.5, 2), 0.3), dweibull(0.3, 1.5, 2, log = TRUE),
    tolerance = 1e-5
  )
  # Bates's distribution of three uniform numbers: their sum is below 1 with probability 1 / 6.
  expect_equal(log_prob(tfd_bates(total_count = 3), 0.2), log(0.5 * 3 * 0.6^2), tolerance = 1e-5)
  normal <- tfd_multivariate_normal_tri_l(loc = c(1, 2), scale_tril = rbind(c(1, 0), c(0.5, 2)))
  expect_identical(dtype_of(normal), keras()$config$floatx())
  expect_equal(
    numbers(tfd_covariance(normal)), rbind(c(1, 0.5), c(0.5, 4.25)),
    tolerance = 1e-5
  )
  expect_identical(dim(numbers(tfd_sample(tfd_lkj(dimension = 3, concentration = 1.5)))), c(3L, 3L))
  draws <- tfd_sample(tfd_sample_distribution(tfd_normal(0, 1), sample_shape = c(2, 3)))
  expect_identical(dim(numbers(draws)), c(2L, 3L))
  model <- tfd_hidden_markov_model(
    initial_distribution = tfd_categorical(probs = c(0.8, 0.2)),
    transition_distribution = tfd_categorical(probs = rbind(c(0.7, 0.3), c(0.2, 0.8))),
    observation_distribution = tfd_normal(loc = c(0, 15), scale = c(5, 10)),
    num_steps = 7
  )
  expect_length(as.vector(numbers(tfd_mean(model))), 7)
})

test_that("bijectors take R's numbers, places and functions", {
  skip_without_core()
  forward <- function(bijector, x) as.vector(numbers(tfb_forward(bijector, x)))
  expect_equal(forward(tfb_exp(), c(0, 1)), exp(c(0, 1)), tolerance = 1e-6)
  expect_equal(forward(tfb_shift(1)(tfb_scale(2)), c(1, 2)), c(3, 5))
  expect_equal(forward(tfb_affine_scalar(shift = 1, scale = 2), c(1, 2)), c(3, 5))
  expect_equal(forward(tfb_permute(permutation = c(2, 0, 1)), c(1, 2, 3)), c(3, 1, 2))
  expect_identical(
    dim(numbers(tfb_forward(tfb_reshape(event_shape_out = c(2, 3)), 1:6))), c(2L, 3L)
  )
  expect_equal(forward(tfb_pad(paddings = list(c(1, 2))), c(1, 2)), c(0, 1, 2, 0, 0))
  expect_equal(forward(tfb_pad(paddings = rbind(c(1, 2))), c(1, 2)), c(0, 1, 2, 0, 0))
  halves <- tfb_forward(tfb_split(num_or_size_splits = 2), c(1, 2, 3, 4))
  expect_equal(as.vector(numbers(halves[[2]])), c(3, 4))
  chain <- tfb_chain(bijectors = list(tfb_exp(), tfb_scale(2)))
  expect_equal(as.vector(numbers(tfb_inverse(chain, exp(c(2, 4))))), c(1, 2), tolerance = 1e-6)
  twice <- tfb_inline(
    forward_fn = function(x) 2 * x, inverse_fn = function(y) y / 2,
    forward_log_det_jacobian_fn = function(x) 0 * x + log(2), forward_min_event_ndims = 0
  )
  expect_equal(forward(twice, c(1, 2)), c(2, 4))
  derivative <- tfb_forward_log_det_jacobian(twice, c(1, 2), event_ndims = 1)
  expect_equal(as.numeric(numbers(derivative)), 2 * log(2), tolerance = 1e-6)
})

test_that("joint distributions are made of R's functions", {
  skip_without_core()
  expected <- dnorm(0.1, log = TRUE) + dnorm(0.6, 0.1, 2, log = TRUE)
  named <- tfd_joint_distribution_named(
    list(m = tfd_normal(0, 1), x = function(m) tfd_normal(m, 2))
  )
  found <- tfd_log_prob(named, list(m = 0.1, x = 0.6))
  expect_equal(as.numeric(numbers(found)), expected, tolerance = 1e-5)
  expect_setequal(names(tfd_sample(named)), c("m", "x"))
  in_order <- tfd_joint_distribution_sequential(
    list(tfd_normal(0, 1), function(m) tfd_normal(m, 2))
  )
  found <- tfd_log_prob(in_order, list(0.1, 0.6))
  expect_equal(as.numeric(numbers(found)), expected, tolerance = 1e-5)
})

test_that("mistakes name the argument, and what was dropped says what to use, at the line", {
  skip_without_core()
  condition <- expect_error(
    tfb_permute(permutation = c(1.5, 0)), "permutation",
    class = "bayeslayers_argument_error"
  )
  expect_identical(as.character(condition$call[[1]]), "tfb_permute")
  expect_error(tfd_normal(0), "scale", class = "bayeslayers_argument_error")
  expect_error(
    tfd_normal("a", 1), "must be a number, an array or a tensor",
    class = "bayeslayers_argument_error"
  )
  expect_error(
    tfd_normal(0, 1, validate_args = 1), "validate_args",
    class = "bayeslayers_argument_error"
  )
  condition <- expect_error(tfb_ordered(), "`tfb_invert(tfb_ascending())`", fixed = TRUE)
  expect_identical(as.character(condition$call[[1]]), "tfb_ordered")
  expect_match(conditionMessage(condition), "^TensorFlow Probability has dropped")
  expect_error(tfd_vector_laplace_diag(c(0, 1), c(1, 2)), "tfd_independent")
})
