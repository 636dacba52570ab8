skip_if_not_installed("posterior")

test_that("a model's draws are those of its weights, under R's names", {
  skip_without_core()
  model <- plain_model(units = 2)
  found <- posterior::as_draws(model, draws = 7, seed = 1)
  weights <- posterior_draws(model, draws = 7, seed = 1)
  expect_s3_class(found, "draws_matrix")
  expect_setequal(
    posterior::variables(found),
    c(sprintf("out.kernel[%d,%d]", 1:3, rep(1:2, each = 3)), sprintf("out.bias[%d]", 1:2))
  )
  expect_equal(as.vector(found[, "out.kernel[3,2]"]), weights$out.kernel[, 3, 2])
  expect_equal(as.vector(found[, "out.bias[2]"]), weights$out.bias[, 2])
})

test_that("every format takes the number of draws and the seed", {
  skip_without_core()
  model <- plain_model(units = 2)
  weights <- posterior_draws(model, draws = 7, seed = 1)
  kernel <- posterior::as_draws_rvars(model, draws = 7, seed = 1)$out.kernel
  expect_equal(posterior::draws_of(kernel), weights$out.kernel, ignore_attr = TRUE)
  for (format in c("as_draws_matrix", "as_draws_array", "as_draws_df")) {
    draws <- getExportedValue("posterior", format)(model, draws = 7, seed = 1)
    expect_s3_class(draws, sub("as_", "", format))
    found <- posterior::extract_variable(draws, "out.kernel[2,1]")
    expect_equal(found, weights$out.kernel[, 2, 1])
  }
})

test_that("a summary of a model has a row for each number", {
  skip_without_core()
  found <- posterior::summarise_draws(plain_model(), "mean", "sd")
  expect_identical(found$variable, c(sprintf("out.kernel[%d,1]", 1:3), "out.bias[1]"))
  expect_true(all(found$sd[1:3] > 0))
  expect_equal(as.numeric(found$sd[[4]]), 0)
})

test_that("predictions are draws, and an array still", {
  skip_without_core()
  x <- inputs_of_five()
  of_one <- predict_draws(plain_model(), x, draws = 7, seed = 1)
  found <- posterior::as_draws(of_one)
  expect_identical(posterior::variables(found), sprintf("y[%d]", 1:5))
  expect_equal(as.vector(found[, "y[4]"]), of_one[, 4, 1])
  of_two <- predict_draws(plain_model(units = 2), x, draws = 7, seed = 1)
  expect_identical(class(of_two), c("bayeslayers_draws", "array"))
  y <- posterior::as_draws_rvars(of_two)$y
  expect_equal(posterior::draws_of(y), unclass(of_two), ignore_attr = TRUE)
  named <- posterior::as_draws(of_two, variable = "temperature")
  expect_equal(as.vector(named[, "temperature[4,2]"]), of_two[, 4, 2])
  expect_identical(dim(of_two[, 1, ]), c(7L, 2L))
  expect_output(print(of_two), "^, , 1")
})

test_that("bayesplot draws a model's weights, and its predictions beside the data", {
  skip_without_core()
  skip_if_not_installed("bayesplot")
  model <- noisy_model()
  areas <- bayesplot::mcmc_areas(posterior::as_draws_array(model), regex_pars = "kernel")
  expect_setequal(unique(areas$data$parameter), sprintf("out.kernel[%d,1]", 1:3))
  skip_if_not_installed("rstantools")
  outcomes <- rstantools::posterior_predict(model, inputs_of_five(), draws = 20, verbose = 0)
  overlay <- bayesplot::ppc_dens_overlay(y = cos(1:5), yrep = outcomes)
  expect_setequal(overlay$data$value, c(cos(1:5), outcomes))
})

test_that("what is refused names the argument", {
  skip_without_core()
  refused <- "bayeslayers_argument_error"
  expect_error(posterior::as_draws(plain_model(), draws = 0), "`draws`", class = refused)
  expect_error(posterior::as_draws(plain_model(), chains = 2), class = "rlib_error_dots_nonempty")
  dense <- keras()$Sequential(list(keras()$Input(list(3L)), keras()$layers$Dense(1L)))
  expect_error(posterior::as_draws(dense), "`x` must", class = refused)
})

test_that("draws of several outputs are variables under the names of the outputs", {
  skip_without_core()
  skip_if_not_installed("posterior")
  input <- keras()$Input(list(3L))
  heads <- list(layer_dense_flipout(input, units = 1), layer_dense_flipout(input, units = 2))
  x <- inputs_of_five()
  named <- keras()$Model(input, stats::setNames(heads, c("b", "a")))
  draws <- predict_draws(named, x, draws = 3, seed = 1, verbose = 0)
  found <- posterior::as_draws(draws)
  of_a <- sprintf("a[%d,%d]", 1:5, rep(1:2, each = 5))
  expect_identical(posterior::variables(found), c(sprintf("b[%d]", 1:5), of_a))
  expect_equal(as.vector(found[, "b[4]"]), draws$b[, 4, 1])
  expect_equal(as.vector(found[, "a[4,2]"]), draws$a[, 4, 2])
  listed <- predict_draws(keras()$Model(input, heads), x, draws = 3, seed = 1, verbose = 0)
  found <- posterior::as_draws(listed, variable = "t")
  expect_identical(posterior::variables(found)[c(1, 6)], c("t1[1]", "t2[1,1]"))
})
