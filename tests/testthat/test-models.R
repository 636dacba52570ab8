test_that("scale_kl() and kl_divergence() work in a pipe, and print what they say", {
  skip_without_core()
  model <- small_dense_model()
  expect_invisible(scale_kl(model, num_examples = 100))
  kl <- kl_divergence(model)
  expect_equal(kl$loss, kl$total / 100, tolerance = 1e-6)
  expect_s3_class(kl$table, "data.frame")
  expect_equal(sum(kl$table$divergence), kl$total)
  expect_output(print(kl), "KL divergence .* nats, of which .* in the loss")
})

test_that("draws are an R array, repeatable from the seed", {
  skip_without_core()
  model <- small_dense_model()
  x <- matrix(rnorm(12), 4, 3)
  draws <- predict_draws(model, x, draws = 7, seed = 1, verbose = 0)
  expect_identical(dim(draws), c(7L, 4L, 2L))
  expect_identical(predict_draws(model, x, draws = 7, seed = 1, verbose = 0), draws)
})

test_that("a summary is a data frame that counts from one", {
  skip_without_core()
  model <- small_dense_model()
  x <- matrix(rnorm(9), 3, 3)
  summary <- predictive_summary(model, x, draws = 20, probs = 0.5, verbose = 0)
  expect_identical(summary$example, rep(1:3, each = 2))
  expect_identical(summary$variable, rep(c("y[1]", "y[2]"), 3))
  expect_equal(summary$median, summary$q50)
  classes <- predictive_summary(model, x, draws = 20, outputs = "logits", verbose = 0)
  expect_true(all(classes$class %in% 1:2))
  expect_equal(classes[["p[1]"]] + classes[["p[2]"]], rep(1, 3), tolerance = 1e-6)
})

test_that("models go from plain to Bayesian and back", {
  skip_without_core()
  plain <- as_deterministic(small_dense_model())
  x <- matrix(rnorm(9), 3, 3)
  again <- as_deterministic(as_bayesian(plain, moped = TRUE))
  expect_equal(numbers(again(x)), numbers(plain(x)), tolerance = 1e-6)
})

test_that("callbacks are Keras's", {
  skip_without_core()
  model <- small_dense_model()
  model$compile("sgd", "mse")
  history <- model$fit(
    matrix(1, 8, 3), matrix(1, 8, 2),
    epochs = 2L, verbose = 0L,
    callbacks = list(callback_kl_history(1e6), callback_kl_annealing(epochs = 2))
  )$history
  expect_setequal(names(history), c("loss", "kl_divergence", "negative_log_likelihood"))
  expect_equal(history$kl_divergence[[1]], 0)
})

test_that("what is refused is an R error at the caller's line", {
  skip_without_core()
  model <- small_dense_model()
  expect_error(predict_draws(model, matrix(1, 1, 3), draws = -1), "draws",
    class = "bayeslayers_argument_error"
  )
  expect_error(scale_kl("model", num_examples = 3), "model", class = "bayeslayers_argument_error")
  expect_error(predictive_summary(model, matrix(1, 1, 3), probs = 2), "probs",
    class = "bayeslayers_argument_error"
  )
})

test_that("one of several outputs is picked by name or by place, and a list keeps its names", {
  skip_without_core()
  keras <- reticulate::import("keras")
  inputs <- keras$Input(list(3L))
  outputs <- list(
    a = layer_dense_flipout(inputs, units = 1), b = layer_dense_flipout(inputs, units = 2)
  )
  model <- keras$Model(inputs, outputs)
  x <- matrix(rnorm(12), 4, 3)
  draws <- predict_draws(model, x, draws = 7, seed = 1, verbose = 0)
  expect_named(draws, c("a", "b"))
  expect_s3_class(draws$a, "bayeslayers_draws")
  expect_identical(dim(draws$b), c(7L, 4L, 2L))
  for (output in list("b", 2, 2L)) {
    expect_identical(
      predict_draws(model, x, draws = 7, seed = 1, verbose = 0, output = output), draws$b
    )
  }
  summary <- predictive_summary(model, x, draws = 7, seed = 1, verbose = 0, output = 1)
  expect_equal(summary$mean, colMeans(unclass(draws$a)[, , 1]), tolerance = 1e-5)
  for (output in list(NULL, 0, 3, "c", TRUE)) {
    expect_error(
      predictive_summary(model, x, draws = 7, verbose = 0, output = output), "output",
      class = "bayeslayers_argument_error"
    )
  }
})
