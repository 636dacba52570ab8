test_that("scale_kl() and kl_divergence() work in a pipe, and print what they say", {
  skip_without_core()
  model <- plain_model(units = 2)
  expect_invisible(scale_kl(model, num_examples = 100))
  kl <- kl_divergence(model)
  expect_equal(kl$loss, kl$total / 100, tolerance = 1e-6)
  expect_s3_class(kl$table, "data.frame")
  expect_equal(sum(kl$table$divergence), kl$total)
  expect_output(print(kl), "KL divergence .* nats, of which .* in the loss")
})

test_that("draws are an R array, repeatable from the seed", {
  skip_without_core()
  model <- plain_model(units = 2)
  x <- matrix(rnorm(12), 4, 3)
  draws <- predict_draws(model, x, draws = 7, seed = 1, verbose = 0)
  expect_identical(dim(draws), c(7L, 4L, 2L))
  expect_identical(predict_draws(model, x, draws = 7, seed = 1, verbose = 0), draws)
})

test_that("a summary is a data frame that counts from one", {
  skip_without_core()
  model <- plain_model(units = 2)
  x <- matrix(rnorm(9), 3, 3)
  summary <- predictive_summary(model, x, draws = 20, probs = 0.5, verbose = 0)
  expect_identical(summary$example, rep(1:3, each = 2))
  expect_identical(summary$variable, rep(c("y[1]", "y[2]"), 3))
  expect_equal(summary$median, summary$q50)
  classes <- predictive_summary(model, x, draws = 20, outputs = "logits", verbose = 0)
  expect_true(all(classes$class %in% 1:2))
  expect_equal(classes[["p[1]"]] + classes[["p[2]"]], rep(1, 3), tolerance = 1e-6)
})

test_that("conformal intervals hold what they say of the calibration examples", {
  skip_without_core()
  model <- plain_model(units = 2)
  x <- matrix(rnorm(60), 20, 3)
  y <- matrix(rnorm(40), 20, 2)
  found <- conformal_interval(model, x, x, y, draws = 20, seed = 1, verbose = 0)
  expect_s3_class(found, c("bayeslayers_interval", "data.frame"))
  expect_identical(found$example, rep(1:20, each = 2))
  expect_identical(found$variable, rep(c("y[1]", "y[2]"), 20))
  # ceiling(21 * 0.9) = 19 of 20, of each output.
  inside <- matrix(found$lower <= c(t(y)) & c(t(y)) <= found$upper, nrow = 2)
  expect_identical(rowSums(inside), c(19, 19))
  expect_error(
    conformal_interval(model, x, x, y, level = 0.99, verbose = 0),
    class = "bayeslayers_argument_error", "at least 99 examples"
  )
})

test_that("a recalibrated model is a model, whose scores are no worse", {
  skip_without_core()
  model <- plain_model(units = 3)
  x <- matrix(rnorm(90), 30, 3)
  y <- rep(c("a", "b", "c"), 10)
  scores <- function(model) {
    predictive_scores(
      model, x, factor(y),
      draws = 20, outputs = "logits", seed = 1, verbose = 0
    )
  }
  # Labels that say nothing take the search to its end.
  again <- suppressWarnings(
    recalibrate(model, x, factor(y), draws = 20, outputs = "logits", seed = 1, verbose = 0)
  )
  expect_gt(scores(again)$log_score, scores(model)$log_score)
})

test_that("what is far away is told apart by what the weights leave open", {
  skip_without_core()
  model <- plain_model(units = 2)
  x <- matrix(rnorm(60), 20, 3)
  scores <- ood_scores(model, x, draws = 20, seed = 1, verbose = 0)
  expect_identical(scores$example, 1:20)
  table <- ood_detection(model, x, 100 * x, draws = 20, seed = 1, verbose = 0)
  expect_identical(table$score, c("sd", "sd_epistemic"))
  expect_true(all(table$auroc > 0.9))
})

test_that("models go from plain to Bayesian and back", {
  skip_without_core()
  plain <- as_deterministic(plain_model(units = 2))
  x <- matrix(rnorm(9), 3, 3)
  again <- as_deterministic(as_bayesian(plain, moped = TRUE))
  expect_equal(numbers(again(x)), numbers(plain(x)), tolerance = 1e-6)
})

test_that("a model with R functions is converted and pruned: no file is written", {
  skip_without_core()
  k <- keras()
  model <- k$Sequential(list(
    k$Input(list(3L)),
    k$layers$Lambda(function(t) k$ops$square(t)),
    k$layers$Dense(2L, activation = function(t) 2 * t)
  )) |>
    layer_dense_flipout(units = 2, activation = function(t) 3 * t) |>
    layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
  x <- matrix(rnorm(9), 3, 3)
  plain <- as_deterministic(model)
  loc <- numbers(plain(x)$mean())
  weights <- lapply(plain$layers, function(layer) layer$get_weights())
  first <- 2 * sweep(x^2 %*% weights[[2]][[1]], 2, weights[[2]][[2]], `+`)
  expected <- 3 * sweep(first %*% weights[[3]][[1]], 2, weights[[3]][[2]], `+`)
  expect_equal(loc, expected, tolerance = 1e-5, ignore_attr = TRUE)
  expect_equal(numbers(as_deterministic(prune(model, share = 0))(x)$mean()), loc)
})

test_that("a pruning curve is of the output that is meant, and takes targets from batches", {
  skip_without_core()
  x <- inputs_of_five()
  y <- cos(1:5)
  model <- model_of_three()
  values <- cbind(y, -y)
  ask <- function(x, y, ...) {
    pruning_curve(model, x, y, "mean_squared_error", shares = c(0, 1), ...)
  }
  means <- as_deterministic(model)(x)$values$mean()
  bias <- numbers(as_deterministic(model)(0 * x)$values$mean())[c(1, 1, 1, 1, 1), ]
  expected <- c(mean((numbers(means) - values)^2), mean((bias - values)^2))
  for (output in list("values", 2)) {
    found <- ask(x, values, output = output)$mean_squared_error
    expect_equal(found, expected, tolerance = 1e-5)
  }
  condition <- expect_error(ask(x, values), "`output`", class = "bayeslayers_argument_error")
  expect_match(condition$rule, '"tensor", "values", "classes"')
  pairs <- reticulate::py_run_string("
def pairs(x, y):
    for rows in (slice(0, 3), slice(3, 5)):
        yield x[rows], y[rows]
", local = TRUE)$pairs
  found <- ask(pairs(x, values), NULL, output = "values")$mean_squared_error
  expect_equal(found, expected, tolerance = 1e-5)
  missing <- replace(values, 3, NA)
  expect_error(
    ask(x, missing, output = 2), "`y` must hold no missing",
    class = "bayeslayers_argument_error"
  )
})

test_that("callbacks are Keras's", {
  skip_without_core()
  model <- plain_model(units = 2)
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
  model <- plain_model(units = 2)
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

test_that("a history is what Keras, keras3 or a list of the figures has", {
  skip_without_core()
  figures <- list(loss = c(2, 1.5), val_loss = c(2.5, 2))
  # What fit() of the R package keras3 returns.
  of_keras3 <- structure(
    list(params = list(verbose = 0L, epochs = 2L, steps = 1L), metrics = figures),
    class = "keras_training_history"
  )
  expected <- data.frame(
    epoch = c(1, 2, 1, 2), data = rep(c("training", "validation"), each = 2),
    figure = "loss", value = c(2, 1.5, 2.5, 2)
  )
  for (history in list(figures, of_keras3, reticulate::r_to_py(figures))) {
    expect_equal(as.data.frame(training_history(history)), expected, ignore_attr = TRUE)
  }
  one_epoch <- training_history(list(params = list(epochs = 1L), metrics = list(loss = 3)))
  expect_equal(one_epoch$value, 3)
  expect_identical(nrow(training_history(list(loss = 3))), 1L)

  model <- plain_model(units = 2)
  model$compile("sgd", "mse")
  history <- model$fit(matrix(1, 8, 3), matrix(1, 8, 2), epochs = 2L, verbose = 0L)
  as_keras3_does <- list(params = history$params, metrics = history$history)
  expect_equal(training_history(as_keras3_does), training_history(history))
})

test_that("what is no history is refused by its name", {
  skip_without_core()
  not_numbers <- list("a", list(loss = "a"), list(loss = list(1:2, 1:2)), 1:3)
  for (history in not_numbers) {
    expect_error(training_history(history), "history", class = "bayeslayers_argument_error")
  }
})

test_that("a missing argument is said in R's words, at the caller's line", {
  skip_without_core()
  model <- plain_model(units = 2)
  scale <- function() scale_kl(model)
  condition <- expect_error(scale(), class = "bayeslayers_argument_error")
  expect_match(conditionMessage(condition), "`num_examples` must be given", fixed = TRUE)
  expect_identical(conditionCall(condition), quote(scale_kl(model)))
  verbs <- list(
    model = function() kl_divergence(),
    x = function() predict_draws(model),
    epochs = function() callback_kl_annealing(),
    y = function() log_likelihood(noisy_model(), matrix(1, 1, 3))
  )
  for (argument in names(verbs)) {
    expect_error(verbs[[argument]](), sprintf("`%s` must be given", argument), fixed = TRUE)
  }
})

test_that("a divergence without a closed form is a mean over draws, with its error", {
  skip_without_core()
  layer <- layer_dense_flipout(
    units = 2,
    kernel_divergence_fn = function(q, p, sample) tfd_log_prob(q, sample) - tfd_log_prob(p, sample)
  )
  layer$build(list(NULL, 3L))
  table <- kl_divergence(layer, draws = 5, seed = 1)$table
  expect_gt(table$mcse, 0)
  expect_identical(kl_divergence(layer, draws = 5, seed = 1)$table, table)
  expect_true(is.na(kl_divergence(layer, draws = 1)$table$mcse))
  expect_identical(kl_divergence(plain_model(units = 2))$table$mcse, 0)
})

test_that("reseed() starts the noise anew, and pipes", {
  skip_without_core()
  model <- plain_model(units = 2)
  x <- matrix(1, 2, 3)
  expect_invisible(reseed(model, seed = 1))
  first <- numbers((model |> reseed(seed = 1))(x))
  expect_identical(numbers(reseed(model, seed = 1)(x)), first)
  expect_false(any(numbers(reseed(model, seed = 2)(x)) == first))
  expect_error(reseed(model, seed = -1), "seed", class = "bayeslayers_argument_error")
})

test_that("a training that an R callback interrupts leaves the model as it was", {
  skip_without_core()
  keras <- reticulate::import("keras")
  model <- scale_kl(plain_model(units = 2), 10)
  model$compile(keras$optimizers$SGD(0), "mse")
  before <- kl_divergence(model)$loss
  fails <- keras$callbacks$LambdaCallback(
    on_train_batch_begin = function(batch, logs) stop("enough")
  )
  expect_error(
    model$fit(
      matrix(1, 8, 3), matrix(1, 8, 2),
      epochs = 2L, verbose = 0L,
      callbacks = list(callback_kl_annealing(epochs = 9), callback_kl_history(1e9), fails)
    ),
    "enough"
  )
  expect_identical(kl_divergence(model)$loss, before)
  model(matrix(1, 8, 3))
  expect_equal(numbers(model$losses[[1]]), before, tolerance = 1e-6, ignore_attr = TRUE)
  history <- model$fit(matrix(1, 8, 3), matrix(1, 8, 2), verbose = 0L)$history
  expect_identical(names(history), "loss")
})

test_that("the distribution that a model ends in becomes an array, a matrix and numbers", {
  skip_without_core()
  values <- matrix(c(0.5, -1, 0.3, 0, 0.2, 1), 3)
  # The tensor that it stands for is the mean, or a draw, which stays the same.
  to_mean <- layer_homoscedastic_normal(event_shape = 2, convert_to_tensor_fn = "mean")
  output <- to_mean(values)
  expect_equal(as.array(output), values, tolerance = 1e-6)
  expect_equal(as.matrix(output), values, tolerance = 1e-6)
  expect_equal(as.numeric(output), as.vector(values), tolerance = 1e-6)

  drawn <- layer_homoscedastic_normal(event_shape = 2)(values)
  expect_identical(as.array(drawn), numbers(drawn))
  expect_false(isTRUE(all.equal(as.matrix(drawn), values)))

  images <- layer_independent_bernoulli(event_shape = c(2, 3))(array(0, c(4, 6)))
  expect_identical(dim(as.array(images)), c(4L, 2L, 3L))
  expect_true(all(as.numeric(images) %in% 0:1))
  columns <- as.matrix(layer_homoscedastic_normal(event_shape = list())(array(c(1, 2, 3), c(3, 1))))
  expect_identical(dim(columns), c(3L, 1L))
})

test_that("the posterior of a last layer is that of Bayesian linear regression", {
  skip_without_core()
  k <- keras()
  plain <- k$Sequential(list(k$Input(list(3L)), k$layers$Dense(1L)))
  x <- matrix(rnorm(60), 20, 3)
  y <- matrix(rnorm(20), 20, 1)
  model <- as_bayesian(
    plain,
    estimator = "laplace", x = x, y = y, prior_precision = 2, noise = 0.5
  )
  inputs <- cbind(x, 1)
  covariance <- solve(crossprod(inputs) / 0.5^2 + 2 * diag(4))
  expect_equal(posterior_summary(model)$sd, sqrt(diag(covariance)), tolerance = 1e-4)
  summary <- predictive_summary(model, x, draws = 10, seed = 1, verbose = 0)
  expect_equal(summary$sd_aleatoric, rep(0.5, 20), tolerance = 1e-4)
  auto <- as_bayesian(
    plain,
    estimator = "laplace", x = x, y = y, prior_precision = "auto", hessian_structure = "kron"
  )
  expect_gt(kl_divergence(auto)$total, 0)
  expect_error(as_bayesian(plain, estimator = "laplace"), "`x` must be given")
  expect_error(as_bayesian(plain, noise = 1), "`noise` must be left out")
})

test_that("layers are chosen by names, patterns and classes, and reported", {
  skip_without_core()
  keras <- reticulate::import("keras")
  inputs <- keras$Input(list(3L))
  outputs <- keras$layers$Dense(4L, name = "body")(inputs)
  outputs <- keras$layers$LayerNormalization(name = "norm")(outputs)
  plain <- keras$Model(inputs, keras$layers$Dense(2L, name = "head")(outputs))
  status <- function(...) {
    report <- conversion_report(as_bayesian(plain, ...))
    expect_identical(names(report), c("layer", "before", "after", "status", "reason"))
    stats::setNames(report$status, report$layer)[c("body", "norm", "head")]
  }
  of <- function(body, head) c(body = body, norm = "plain", head = head)
  expect_identical(status(), of("bayesian", "bayesian"))
  expect_identical(status(include = "h*"), of("plain", "bayesian"))
  expect_identical(status(include = c("head", "body")), of("bayesian", "bayesian"))
  expect_identical(status(include = "last_layer"), of("plain", "bayesian"))
  chosen <- list(keras$layers$Dense)
  expect_identical(status(include = chosen, exclude = "head"), of("bayesian", "plain"))
  refused <- function(call, argument) {
    expect_error(call, argument, class = "bayeslayers_argument_error")
  }
  refused(as_bayesian(plain, include = "tail"), "include")
  refused(conversion_report(plain), "model")
})

test_that("a trained network is adapted by updates of low rank", {
  skip_without_core()
  x <- inputs_of_five()
  plain <- keras()$Sequential(list(keras()$Input(list(3L)), keras()$layers$Dense(2L)))
  model <- as_bayesian(plain, estimator = "lora", rank = 4L, lora_alpha = 8)
  outputs <- function(model) model$predict(x, verbose = 0L)
  expect_equal(outputs(model), outputs(plain), tolerance = 1e-5)
  expect_equal(unique(posterior_summary(model)$weight), c("lora_kernel_a", "bias"))
  # Three inputs, four ranks.
  expect_equal(sum(posterior_summary(model)$weight == "lora_kernel_a"), 12)
  expect_equal(outputs(as_deterministic(model)), outputs(plain), tolerance = 1e-5)
  expect_error(as_bayesian(plain, rank = 4), "`rank` must be left out")
  expect_error(as_bayesian(plain, estimator = "lora", rank = 1.5), "`rank`")
})
