test_that("the weights of a model are draws of the posterior", {
  skip_without_core()
  skip_if_not_installed("posterior")
  model <- small_dense_model()
  found <- posterior::as_draws(model, draws = 400, seed = 1)
  kernel <- sprintf("out.kernel[%d,%d]", rep(1:3, 2), rep(1:2, each = 3))
  expect_identical(posterior::variables(found), c(kernel, "out.bias[1]", "out.bias[2]"))
  weights <- posterior_draws(model, draws = 400, seed = 1)
  expect_equal(as.numeric(found[, "out.kernel[3,2]"]), weights$out.kernel[, 3, 2])
  means <- posterior::summarise_draws(found, "mean")$mean[1:6]
  sds <- posterior_summary(model)$sd[1:6]
  # Python goes along rows, R along columns. Five standard errors: once in a million.
  loc <- t(matrix(posterior_summary(model)$mean[1:6], 2))
  expect_lt(max(abs(means - c(loc))), 5 * max(sds) / sqrt(400))
})

test_that("every format of posterior can be had from a model", {
  skip_without_core()
  skip_if_not_installed("posterior")
  model <- small_dense_model()
  expect_s3_class(posterior::as_draws_df(model, draws = 5), "draws_df")
  expect_s3_class(posterior::as_draws_array(model), "draws_array")
  rvars <- posterior::as_draws_rvars(model)
  expect_identical(dim(rvars$out.kernel), c(3L, 2L))
  expect_identical(nrow(posterior::summarise_draws(model, "mean")), 8L)
})

test_that("draws of predictions are draws of posterior's, and an array of R's", {
  skip_without_core()
  skip_if_not_installed("posterior")
  draws <- predict_draws(small_dense_model(), matrix(1, 3, 3), draws = 6, verbose = 0)
  found <- posterior::as_draws(draws)
  expect_identical(posterior::ndraws(found), 6L)
  names <- sprintf("y[%d,%d]", rep(1:3, 2), rep(1:2, each = 3))
  expect_identical(posterior::variables(found), names)
  expect_identical(as.numeric(found[, "y[2,1]"]), draws[, 2, 1])
  expect_identical(dim(draws[, 1, ]), c(6L, 2L))
  expect_output(print(draws), "^, , 1")
  expect_false(any(grepl("class", capture.output(print(draws)))))
})

test_that("bayesplot takes what comes out", {
  skip_without_core()
  skip_if_not_installed("bayesplot")
  skip_if_not_installed("posterior")
  draws <- posterior::as_draws(small_dense_model(), draws = 50, seed = 1)
  picture <- bayesplot::mcmc_intervals(draws, regex_pars = "kernel")
  expect_identical(nlevels(picture$data$parameter), 6L)
})

test_that("a model without a posterior is refused", {
  skip_without_core()
  skip_if_not_installed("posterior")
  k <- keras()
  plain <- k$Sequential(list(k$Input(list(3L)), k$layers$Dense(1L)))
  expect_error(posterior::as_draws(plain), "must contain a layer with a posterior")
})
