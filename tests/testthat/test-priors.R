# Posteriors and priors by name, and their makers.

inputs_of_three <- function() array(seq(-1, 1, length.out = 12), c(4, 3))

test_that("a prior may be given by its name, and is saved", {
  skip_without_core()
  model <- keras()$Sequential(list(keras()$Input(list(3L))))
  model <- layer_dense_flipout(
    model,
    units = 2, kernel_prior_fn = "horseshoe", bias_prior_fn = "scale_mixture"
  )
  layer <- model$layers[[1]]
  expect_output(print(layer$kernel_prior_fn), "horseshoe_prior_fn()", fixed = TRUE)
  file <- withr::local_tempfile(fileext = ".keras")
  model$save(file)
  loaded <- keras()$models$load_model(file)
  expect_output(print(loaded$layers[[1]]$bias_prior_fn), "scale_mixture_prior_fn()", fixed = TRUE)
  condition <- expect_error(
    layer_dense_flipout(units = 2, kernel_prior_fn = "horsehoe"),
    '"scale_mixture", "horseshoe"',
    class = "bayeslayers_argument_error"
  )
  expect_identical(condition$argument, "kernel_prior_fn")
})

test_that("the divergence from a normal prior of any scale is exact", {
  skip_without_core()
  layer <- layer_dense_reparameterization(
    units = 2, kernel_prior_fn = normal_prior_fn(scale = 0.5, loc = 1), bias_posterior_fn = NULL
  )
  model <- keras()$Sequential(list(keras()$Input(list(3L)), layer))
  m <- numbers(tfd_mean(layer$kernel_posterior))
  s <- numbers(tfd_stddev(layer$kernel_posterior))
  expected <- sum(log(0.5 / s) + (s^2 + (m - 1)^2) / (2 * 0.5^2) - 1 / 2)
  kl <- kl_divergence(model)
  expect_equal(kl$total, expected, tolerance = 1e-5)
  expect_identical(kl$table$mcse, 0)
})

test_that("the divergence from a scale mixture is estimated", {
  skip_without_core()
  prior_fn <- scale_mixture_prior_fn(weight = 0.25, scales = c(2, 0.1))
  layer <- layer_dense_reparameterization(
    units = 1, kernel_prior_fn = prior_fn, bias_posterior_fn = NULL
  )
  model <- keras()$Sequential(list(keras()$Input(list(1L)), layer))
  layer$trainable_variables[[1]]$assign(matrix(0.3))
  layer$trainable_variables[[2]]$assign(matrix(log(expm1(0.2))))
  integrand <- function(w) {
    log_prior <- log(0.25 * stats::dnorm(w, sd = 2) + 0.75 * stats::dnorm(w, sd = 0.1))
    stats::dnorm(w, 0.3, 0.2) * (stats::dnorm(w, 0.3, 0.2, log = TRUE) - log_prior)
  }
  expected <- stats::integrate(integrand, 0.3 - 9 * 0.2, 0.3 + 9 * 0.2, rel.tol = 1e-8)$value
  kl <- kl_divergence(model, draws = 500, seed = 1)
  expect_gt(kl$table$mcse, 0)
  # Further away once in 15,000 runs with new seeds.
  expect_lt(abs(kl$total - expected), 4 * kl$table$mcse)
  expect_error(scale_mixture_prior_fn(scales = 1), "2 positive numbers")
})

test_that("correlated posteriors are trained and summarized", {
  skip_without_core()
  makers <- list(
    low_rank_normal_fn(rank = 2), full_covariance_normal_fn(), "full_covariance_normal"
  )
  for (posterior_fn in makers) {
    model <- keras()$Sequential(list(keras()$Input(list(3L))))
    model <- layer_dense_reparameterization(model, units = 1, kernel_posterior_fn = posterior_fn)
    model$compile("sgd", "mse")
    model$fit(inputs_of_three(), array(1, c(4, 1)), verbose = 0L)
    covariance <- numbers(tfd_covariance(model$layers[[1]]$kernel_posterior))
    expect_identical(dim(covariance), c(3L, 3L))
    expect_true(all(eigen(covariance)$values > 0))
    expect_equal(posterior_summary(model)$sd[1:3], sqrt(diag(covariance)), tolerance = 1e-5)
  }
  expect_error(
    layer_dense_flipout(array(1, c(2, 3)), units = 2, kernel_posterior_fn = low_rank_normal_fn(1)),
    "reparameterization estimator takes",
    class = "bayeslayers_argument_error"
  )
})
