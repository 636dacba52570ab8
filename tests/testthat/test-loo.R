skip_if_not_installed("loo")

# Linear regression through the origin with known noise, y ~ N(w x, 0.5^2) and w ~ N(0, 1), whose
# posterior and whose predictive distributions without an example have closed forms.
noise <- 0.5
x_of_twenty <- sin(3 * 1:20)
y_of_twenty <- 0.8 * x_of_twenty + noise * cos(7 * (1:20)^2)

exact_posterior <- function(x, y) {
  precision <- 1 + sum(x^2) / noise^2
  list(mean = sum(x * y) / noise^2 / precision, sd = sqrt(1 / precision))
}

exact_log_predictive <- function(i) {
  without <- exact_posterior(x_of_twenty[-i], y_of_twenty[-i])
  sd <- sqrt(noise^2 + x_of_twenty[[i]]^2 * without$sd^2)
  dnorm(y_of_twenty[[i]], without$mean * x_of_twenty[[i]], sd, log = TRUE)
}

conjugate_model <- function() {
  model <- keras()$Sequential() |>
    layer_dense_flipout(units = 1, input_shape = 1, name = "out", bias_posterior_fn = NULL) |>
    layer_distribution_lambda(function(t) tfd_normal(t, noise))
  posterior <- exact_posterior(x_of_twenty, y_of_twenty)
  variables <- model$layers[[1]]$trainable_variables
  variables[[1]]$assign(matrix(posterior$mean))
  variables[[2]]$assign(matrix(log(expm1(posterior$sd))))
  model
}

test_that("loo() and waic() are those of the model's log-likelihoods", {
  skip_without_core()
  x <- inputs_of_five()
  y <- cos(1:5)
  model <- noisy_model()
  likelihoods <- log_likelihood(model, x, y, draws = 200, seed = 1, verbose = 0)
  found <- suppressWarnings(loo::loo(model, x, y, draws = 200, seed = 1, verbose = 0))
  expected <- suppressWarnings(loo::loo(likelihoods, r_eff = rep(1, 5)))
  expect_s3_class(found, "psis_loo")
  expect_equal(found$estimates, expected$estimates)
  expect_equal(found$diagnostics, expected$diagnostics)
  waic <- suppressWarnings(loo::waic(model, x, y, draws = 200, seed = 1, verbose = 0))
  expect_equal(waic$estimates, suppressWarnings(loo::waic(likelihoods))$estimates)
})

test_that("loo() finds what a model predicts that was trained without an example", {
  skip_without_core()
  model <- conjugate_model()
  found <- loo::loo(model, x_of_twenty, y_of_twenty, draws = 4000, seed = 1, verbose = 0)
  exact <- vapply(seq_along(x_of_twenty), exact_log_predictive, numeric(1))
  # Of 20 estimates one is further away than 5 of its own standard errors once in 90,000 times.
  errors <- found$pointwise[, "elpd_loo"] - exact
  expect_lt(max(abs(errors) / found$pointwise[, "mcse_elpd_loo"]), 5)
  # Which are small against the difference that leaving out makes.
  within <- dnorm(
    y_of_twenty, exact_posterior(x_of_twenty, y_of_twenty)$mean * x_of_twenty, noise,
    log = TRUE
  )
  expect_lt(sqrt(sum(found$pointwise[, "mcse_elpd_loo"]^2)), 0.05 * sum(within - exact))
})

test_that("models are compared, and psis weights kept", {
  skip_without_core()
  x <- inputs_of_five()
  ask <- function(model) {
    suppressWarnings(
      loo::loo(model, x, cos(1:5), draws = 50, seed = 1, save_psis = TRUE, verbose = 0)
    )
  }
  good <- ask(noisy_model())
  expect_identical(dim(good$psis_object), c(50L, 5L))
  poor <- plain_model() |> layer_distribution_lambda(function(t) tfd_normal(t + 5, 0.5))
  compared <- loo::loo_compare(good, ask(poor))
  expect_identical(rownames(compared), c("model1", "model2"))
})

test_that("classes and factors have a cross-validation as well", {
  skip_without_core()
  x <- inputs_of_five()
  ask <- function(y) {
    model <- plain_model(3)
    found <- loo::loo(model, x, y, draws = 50, outputs = "logits", seed = 1, verbose = 0)
    found$estimates
  }
  numbers <- suppressWarnings(ask(c(0, 1, 2, 0, 1)))
  expect_identical(suppressWarnings(ask(factor(c("a", "b", "c", "a", "b")))), numbers)
})

test_that("what loo() lacks is named, at the caller's line", {
  skip_without_core()
  x <- inputs_of_five()
  model <- noisy_model()
  refused <- "bayeslayers_argument_error"
  for (generic in c("loo", "waic")) {
    ask <- getExportedValue("loo", generic)
    condition <- expect_error(ask(model), "`newdata` must be given", class = refused)
    expect_match(deparse(condition$call)[[1]], "model")
    expect_error(ask(model, x), "`y` must be given", class = refused)
    expect_error(ask(plain_model(), x, 1:5), "`x` must end in a distribution", class = refused)
    expect_error(ask(model, "a", 1:5), "`newdata` must be", class = refused)
    expect_error(ask(model, x, 1:5, ndraws = 3), class = "rlib_error_dots_nonempty")
  }
  expect_error(loo::loo(model, x, 1:5, save_psis = 1), "`save_psis` must", class = refused)
})

test_that("a single draw has no cross-validation", {
  skip_without_core()
  for (verb in list(loo::loo, loo::waic)) {
    expect_error(
      verb(noisy_model(), inputs_of_five(), cos(1:5), draws = 1, verbose = 0),
      "`draws` must be 2 or more",
      class = "bayeslayers_argument_error"
    )
  }
})

test_that("loo() and waic() are of the output that is meant", {
  skip_without_core()
  x <- inputs_of_five()
  y <- matrix(cos(1:10), 5, 2)
  refused <- "bayeslayers_argument_error"
  model <- model_of_three()
  estimates <- function(ask, ...) {
    suppressWarnings(ask(model, x, draws = 50, seed = 1, verbose = 0, ...)$estimates)
  }
  # The outputs as two draws of a normal distribution each, by R's own density.
  means <- rstantools::posterior_epred(model, x, draws = 50, seed = 1, output = "values")
  densities <- dnorm(rep(y, each = 50), as.vector(means), 0.5, log = TRUE)
  likelihoods <- apply(array(densities, dim(means)), 1:2, sum)
  expected <- list(
    loo = suppressWarnings(loo::loo(likelihoods, r_eff = rep(1, 5))$estimates),
    waic = suppressWarnings(loo::waic(likelihoods)$estimates)
  )
  classes <- factor(c("a", "b", "c", "a", "b"))
  for (generic in names(expected)) {
    ask <- getExportedValue("loo", generic)
    expect_equal(estimates(ask, y = y, output = "values"), expected[[generic]], tolerance = 1e-4)
    expect_equal(estimates(ask, y = y, output = 2), expected[[generic]], tolerance = 1e-4)
    all_of_them <- list(tensor = matrix(0, 5, 1), values = y, classes = classes)
    found <- estimates(ask, y = all_of_them, output = "values")
    expect_equal(found, expected[[generic]], tolerance = 1e-4)
    of_classes <- estimates(ask, y = classes, output = "classes")
    expect_identical(estimates(ask, y = c(0, 1, 2, 0, 1), output = 3), of_classes)
    condition <- expect_error(ask(model, x, y), "`output` must be", class = refused)
    expect_match(condition$rule, '"tensor", "values", "classes"')
    expect_error(ask(model, x, y, output = 1), "must end in a distribution", class = refused)
  }
})
