layer_of <- function(picture, geom) {
  kinds <- vapply(picture$layers, function(layer) class(layer$geom)[[1]], "")
  lapply(which(kinds == geom), function(i) ggplot2::layer_data(picture, i))
}

summary_of <- function(noise = TRUE, units = 1, ...) {
  set_seed(1)
  model <- keras()$Sequential() |>
    layer_dense_flipout(units = units, input_shape = 1)
  if (noise) {
    model |> layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
  }
  predictive_summary(model, matrix(1:6 / 6), draws = 50, seed = 1, verbose = 0, ...)
}

test_that("bands are those of the summary", {
  skip_without_core()
  skip_if_not_installed("ggplot2")
  summary <- summary_of()
  picture <- ggplot2::autoplot(summary, x = 1:6 / 6, y = 6:1)
  bands <- layer_of(picture, "GeomRibbon")
  expect_equal(bands[[1]]$ymin, summary$q5)
  expect_equal(bands[[1]]$ymax, summary$q95)
  spread <- stats::qnorm(0.95) * summary$sd_epistemic
  expect_equal(bands[[2]]$ymin, summary$mean - spread)
  expect_equal(bands[[2]]$ymax, summary$mean + spread)
  expect_equal(layer_of(picture, "GeomLine")[[1]]$y, summary$mean)
  points <- layer_of(picture, "GeomPoint")[[1]]
  expect_equal(points$x, 1:6 / 6)
  expect_equal(points$y, 6:1)
})

test_that("without noise there is one band, and outputs have panels of their own", {
  skip_without_core()
  skip_if_not_installed("ggplot2")
  summary <- summary_of(noise = FALSE, units = 2)
  observed <- matrix(1:12, 6, 2)
  picture <- ggplot2::autoplot(summary, x = 1:6, y = observed)
  bands <- layer_of(picture, "GeomRibbon")
  expect_length(bands, 1)
  expect_identical(nlevels(bands[[1]]$PANEL), 2L)
  points <- layer_of(picture, "GeomPoint")[[1]]
  expect_equal(points$y[points$PANEL == 2], observed[, 2])
  expect_equal(points$x[points$PANEL == 2], 1:6)
})

test_that("classes are shown by what is open", {
  skip_without_core()
  skip_if_not_installed("ggplot2")
  summary <- summary_of(noise = FALSE, units = 3, outputs = "logits")
  points <- layer_of(ggplot2::autoplot(summary), "GeomPoint")[[1]]
  expect_equal(points$x, summary$entropy)
  expect_equal(points$y, summary$mutual_information)
})

test_that("reliability is drawn against the diagonal", {
  skip_if_not_installed("ggplot2")
  values <- data.frame(level = c(0.5, 0.9), coverage = c(0.4, 0.8), n = 10)
  classes <- data.frame(confidence = c(0.5, 0.9), accuracy = c(0.4, 0.8), n = c(10, 30))
  for (curve in list(values, classes)) {
    picture <- ggplot2::autoplot(with_class(curve, "bayeslayers_reliability"))
    points <- layer_of(picture, "GeomPoint")[[1]]
    expect_equal(points$x, c(0.5, 0.9))
    expect_equal(points$y, c(0.4, 0.8))
    expect_equal(layer_of(picture, "GeomAbline")[[1]]$slope, 1)
  }
})

test_that("a posterior has three panels that hold all weights with a spread", {
  skip_without_core()
  skip_if_not_installed("ggplot2")
  picture <- ggplot2::autoplot(posterior_summary(small_dense_model()))
  bars <- layer_of(picture, "GeomBar")[[1]]
  expect_equal(as.numeric(tapply(bars$count, bars$PANEL, sum)), rep(6, 3))
  known <- posterior_summary(small_dense_model())[7:8, ]
  expect_error(ggplot2::autoplot(known), "a weight with a spread")
})

test_that("a training has a panel for each figure", {
  skip_without_core()
  skip_if_not_installed("ggplot2")
  history <- training_history(list(
    kl_divergence = c(3, 2),
    loss = c(5, 3),
    val_loss = c(6, 4)
  ))
  lines <- layer_of(ggplot2::autoplot(history), "GeomLine")[[1]]
  expect_equal(lines$y[lines$PANEL == 1], c(5, 3, 6, 4))
  expect_equal(lines$y[lines$PANEL == 2], c(3, 2))
})

test_that("plot() draws the same picture, and returns what it was given", {
  skip_without_core()
  skip_if_not_installed("ggplot2")
  summary <- summary_of()
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  expect_invisible(expect_identical(plot(summary), summary))
  expect_equal(
    ggplot2::layer_data(ggplot2::last_plot(), 1),
    ggplot2::layer_data(ggplot2::autoplot(summary), 1)
  )
})

test_that("errors name the argument and the rule", {
  skip_without_core()
  skip_if_not_installed("ggplot2")
  expect_error(ggplot2::autoplot(summary_of(), x = 1:2), "`x` must hold a number for each of")
  expect_error(ggplot2::autoplot(summary_of(), y = 1:2), "`y` must hold a number for each of")
  expect_error(ggplot2::autoplot(summary_of(probs = 0.5)), "`object` must hold two quantiles")
})
