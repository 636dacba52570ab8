skip_if_not_installed("ggplot2", "3.4.0")

# Tables as the verbs return them, made without Python.
summary_of_values <- function(examples = 1:4, variables = "y[1]", noise = 0.5) {
  table <- expand.grid(variable = variables, example = examples, stringsAsFactors = FALSE)
  table <- table[c("example", "variable")]
  table$mean <- seq_len(nrow(table))
  table$sd_epistemic <- 0.3
  table$sd_aleatoric <- noise
  table$q5 <- table$mean - 1
  table$q50 <- table$mean
  table$q95 <- table$mean + 2
  with_class(table, "bayeslayers_summary")
}

summary_of_classes <- function() {
  table <- data.frame(
    example = 1:3, class = c(1L, 2L, 2L), probability = c(0.9, 0.6, 0.7),
    entropy = c(0.3, 0.7, 0.6), mutual_information = c(0.1, 0.4, 0.2),
    "p[1]" = c(0.9, 0.4, 0.3), "p[2]" = c(0.1, 0.6, 0.7), check.names = FALSE
  )
  with_class(table, "bayeslayers_summary")
}

posterior_of_two <- function() {
  table <- data.frame(
    layer = rep(c("a", "b"), c(20, 12)), weight = rep(c("kernel", "kernel", "bias"), c(20, 10, 2)),
    variable = "", mean = c(1:20, 1:10, 1, 1), sd = rep(c(0.5, 2, 0), c(20, 10, 2))
  )
  table$snr <- abs(table$mean) / table$sd
  with_class(table, "bayeslayers_posterior")
}

drawn <- function(picture, layer) {
  ggplot2::layer_data(picture, layer)
}

geoms <- function(picture) {
  vapply(picture$layers, function(layer) class(layer$geom)[[1]], "")
}

test_that("bands are the outer quantiles, and the spread of the mean at the same level", {
  table <- summary_of_values()
  x <- c(0.4, 0.1, 0.3, 0.2)
  picture <- ggplot2::autoplot(table, x = x, y = 4:1)
  expect_identical(geoms(picture), c("GeomRibbon", "GeomRibbon", "GeomLine", "GeomPoint"))
  outer <- drawn(picture, 1)
  at <- match(outer$x, x)
  expect_equal(outer$x, sort(x))
  expect_equal(outer$ymin, table$q5[at])
  expect_equal(outer$ymax, table$q95[at])
  inner <- drawn(picture, 2)
  expect_equal(inner$ymax - table$mean[at], rep(qnorm(0.95) * 0.3, 4))
  expect_equal(drawn(picture, 3)$y, table$mean[at])
  points <- drawn(picture, 4)
  expect_equal(points$y[match(x, points$x)], 4:1)
  expect_identical(picture$labels[c("x", "y")], list(x = "x", y = "y"))
})

test_that("conformal intervals are one band, with a panel for each output", {
  table <- summary_of_values(variables = c("y[1]", "y[2]"))[c("example", "variable", "mean")]
  table$lower <- table$mean - 1
  table$upper <- table$mean + 3
  picture <- ggplot2::autoplot(with_class(table, "bayeslayers_interval"), y = matrix(0, 4, 2))
  expect_identical(geoms(picture), c("GeomRibbon", "GeomLine", "GeomPoint"))
  band <- drawn(picture, 1)
  expect_equal(sort(band$ymin), sort(table$lower))
  expect_equal(band$ymax - band$ymin, rep(4, 8))
  expect_identical(nlevels(band$PANEL), 2L)
  sets <- data.frame(example = 1L, class = 1L, size = 1L)
  expect_error(
    ggplot2::autoplot(with_class(sets, "bayeslayers_interval")),
    class = "bayeslayers_argument_error", "variable"
  )
})

test_that("without noise there is no band of the outcome, and examples have their number", {
  picture <- ggplot2::autoplot(summary_of_values(examples = 3:6, noise = NaN))
  expect_identical(geoms(picture), c("GeomRibbon", "GeomLine"))
  expect_equal(drawn(picture, 1)$x, 3:6)
  expect_identical(picture$labels$x, "example")
})

test_that("several values have a panel each, and their columns of `y`", {
  table <- summary_of_values(variables = c("y[1]", "y[2]"))
  y <- cbind(11:14, 21:24)
  points <- drawn(ggplot2::autoplot(table, x = 5:8, y = y), 4)
  expect_equal(points$x[points$PANEL == 2], 5:8)
  expect_equal(points$y[points$PANEL == 1], 11:14)
  expect_equal(points$y[points$PANEL == 2], 21:24)
  one <- table[table$variable == "y[2]", ]
  expect_equal(drawn(ggplot2::autoplot(one, y = 21:24), 3)$y, c(2, 4, 6, 8))
})

test_that("examples are drawn over dates", {
  dates <- as.Date("2020-01-01") + 0:3
  picture <- ggplot2::autoplot(summary_of_values(), x = dates)
  expect_s3_class(ggplot2::layer_scales(picture)$x, "ScaleContinuousDate")
})

test_that("classes are drawn as the parts of their entropy, the wrong ones apart", {
  table <- summary_of_classes()
  picture <- ggplot2::autoplot(table)
  points <- drawn(picture, 2)
  expect_equal(points[c("x", "y")], table[c("entropy", "mutual_information")], ignore_attr = TRUE)
  # Counted from 0, as fit() takes them: the second example is a 0 that was taken for a 1.
  points <- drawn(ggplot2::autoplot(table, y = c(0, 0, 1)), 2)
  expect_identical(points$colour[points$x == 0.7], okabe_ito[["orange"]])
  expect_identical(unique(points$colour[points$x != 0.7]), okabe_ito[["blue"]])
})

test_that("reliability is drawn against the diagonal, classes with their number", {
  values <- data.frame(level = c(0.5, 0.9), coverage = c(0.4, 0.8), n = 100)
  picture <- ggplot2::autoplot(with_class(values, "bayeslayers_reliability"))
  expect_identical(drawn(picture, 1)[c("intercept", "slope")], data.frame(intercept = 0, slope = 1))
  expect_equal(drawn(picture, 3)[c("x", "y")], values[1:2], ignore_attr = TRUE)
  classes <- data.frame(confidence = c(0.6, 0.9), accuracy = c(0.5, 0.8), n = c(10, 40))
  picture <- ggplot2::autoplot(with_class(classes, "bayeslayers_reliability"))
  points <- drawn(picture, 3)
  expect_equal(points$y, classes$accuracy)
  # Areas, not diameters, are in proportion.
  expect_equal(points$size[[2]] / points$size[[1]], 2)
  expect_identical(picture$labels$x, "mean confidence")
  expect_identical(picture$labels$y, "observed accuracy")
})

test_that("a posterior is three histograms for each weight that has a spread", {
  picture <- ggplot2::autoplot(posterior_of_two())
  bars <- picture$data
  expect_identical(levels(bars$name), c("a.kernel", "b.kernel"))
  shares <- tapply(bars$share, list(bars$name, bars$panel), sum)
  expect_identical(dim(shares), 2:3)
  expect_equal(as.vector(shares), rep(1, 6))
  # The only standard deviations are 0.5 and 2, and lie in the first and in the last bin.
  sd <- bars[bars$panel == "posterior sd", ]
  expect_equal(sd$lower[sd$name == "a.kernel"], 0.5)
  expect_equal(sd$upper[sd$name == "b.kernel"], 2)
  snr <- bars[bars$panel == "signal-to-noise ratio (log10)", ]
  expect_equal(range(snr$lower, snr$upper), log10(c(0.5, 40)))
  one <- ggplot2::autoplot(posterior_of_two(), weight = "b.kernel")$data
  expect_identical(levels(one$name), "b.kernel")
})

test_that("a training has a panel for each figure, the loss first", {
  table <- expand.grid(
    epoch = 1:3, data = c("training", "validation"),
    figure = c("accuracy", "kl_divergence", "loss"), stringsAsFactors = FALSE
  )
  table$value <- seq_len(nrow(table))
  picture <- ggplot2::autoplot(with_class(table, "bayeslayers_history"))
  expect_identical(
    levels(picture$data$figure), c("Loss", "KL divergence in the loss", "accuracy")
  )
  lines <- drawn(picture, 1)
  loss <- lines[lines$PANEL == 1, ]
  expect_equal(loss$y[loss$colour == okabe_ito[["blue"]]], 13:15)
  expect_equal(loss$y[loss$colour == okabe_ito[["orange"]]], 16:18)
})

test_that("plot() prints the picture, and returns what it was given", {
  withr::local_pdf(NULL)
  table <- summary_of_values()
  expect_invisible(expect_identical(plot(table, 5:8), table))
  expect_equal(drawn(ggplot2::last_plot(), 1)$x, 5:8)
  for (object in list(posterior_of_two(), table)) {
    plot(object)
    expect_identical(ggplot2::last_plot()$data, ggplot2::autoplot(object)$data)
  }
})

test_that("what the verbs return can be drawn", {
  skip_without_core()
  model <- noisy_model()
  x <- inputs_of_five()
  summary <- predictive_summary(model, x, draws = 20, verbose = 0)
  expect_equal(drawn(ggplot2::autoplot(summary), 3)$y, summary$mean)
  classes <- predictive_summary(classifier(), x, draws = 20, verbose = 0)
  expect_equal(drawn(ggplot2::autoplot(classes), 2)$x, classes$entropy)
  curve <- reliability_curve(model, x, cos(1:5), draws = 20, verbose = 0)
  expect_equal(drawn(ggplot2::autoplot(curve), 3)$y, curve$coverage)
  expect_identical(levels(ggplot2::autoplot(posterior_summary(model))$data$name), "out.kernel")
  history <- training_history(list(loss = c(2, 1.5)))
  expect_equal(drawn(ggplot2::autoplot(history), 1)$y, c(2, 1.5))
})

test_that("what does not fit is refused by name", {
  refused <- function(code, message) {
    expect_error(code, message, class = "bayeslayers_argument_error")
  }
  table <- summary_of_values()
  refused(ggplot2::autoplot(table, x = 1:3), "`x` must hold .* 4 examples.*3 values")
  refused(ggplot2::autoplot(table, y = 1:3), "`y` must hold .* 4 rows.*3 values")
  refused(ggplot2::autoplot(table[c("example", "mean")]), "Missing: variable, sd_epistemic")
  refused(ggplot2::autoplot(table[setdiff(names(table), c("q5", "q50"))]), "two quantiles")
  refused(ggplot2::autoplot(summary_of_classes(), y = 1:3), "whole number from 0 to 1")
  refused(ggplot2::autoplot(summary_of_classes(), x = 1:3), "`x` has no place")
  refused(ggplot2::autoplot(posterior_of_two(), weight = "b.bias"), "a.kernel.*b.kernel.*b.bias")
})
