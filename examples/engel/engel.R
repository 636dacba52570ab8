# Regress food expenditure on income, and tell what is unknown from what is noisy.
#
# Every weight of the network has a posterior distribution, and the network returns a normal
# distribution: draws of the weights differ where households are few, the normals are wide where
# households differ. It learns from three households out of four, and is scored on the others.
#
# Data: 235 Belgian households, Engel (1857), as shipped with statsmodels. Licence: public domain.
# See README.md beside this file.
#
# Run, from the root of the repository: Rscript examples/engel/engel.R

library(keras3)
library(bayeslayers)
library(ggplot2)

here <- file.path("examples", "engel")
passes <- 500 # an epoch, so one progress bar, is 500 passes over the data
epochs <- 5
draws <- 200 # of the network's weights, from their posterior
bands <- list("50" = c(0.25, 0.75), "90" = c(0.05, 0.95))
# Incomes of the picture: the richest household has 4958.
grid <- exp(seq(log(300), log(6000), length.out = 200))
progress <- if (isatty(stdout())) 1 else 2 # a bar, or in a log file one line for each
title <- "Food expenditure of 235 Belgian households, 1857"

# A trainable normal with a full covariance over all weights of a layer.
make_posterior <- function(kernel_size, bias_size, dtype) {
  n <- kernel_size + bias_size
  to_triangle <- tfp$bijectors$FillScaleTriL()

  make_normal <- function(t) {
    parts <- op_split(t, array(n + 1)) # before the first of the triangle
    # Narrow at the start: as wide as the prior, the draws would drown the data.
    tfd_multivariate_normal_tri_l(parts[[1]], 0.1 * to_triangle(parts[[2]]))
  }

  keras_model_sequential() |>
    layer_variable(n + n * (n + 1) / 2) |>
    layer_distribution_lambda(make_normal)
}

make_prior <- function(kernel_size, bias_size, dtype) {
  n <- kernel_size + bias_size
  standard <- tfd_multivariate_normal_diag(op_zeros(n), op_ones(n))
  function(inputs) standard
}

# Read the network's two outputs as a normal distribution.
make_noise <- function(t) {
  parts <- op_split(t, 2, axis = -1)
  tfd_normal(parts[[1]], op_softplus(parts[[2]]) + 0.001)
}

# Stack two Bayesian layers, and a distribution on top.
build_model <- function(n) {
  # Keras averages the loss over examples, so the divergence counts once per `n` of them.
  keras_model_sequential(input_shape = 1) |>
    layer_dense_variational(
      units = 8,
      make_posterior_fn = make_posterior,
      make_prior_fn = make_prior,
      kl_weight = 1 / n,
      kl_use_exact = TRUE,
      activation = "softplus"
    ) |>
    layer_dense_variational(
      units = 2,
      make_posterior_fn = make_posterior,
      make_prior_fn = make_prior,
      kl_weight = 1 / n,
      kl_use_exact = TRUE
    ) |>
    layer_distribution_lambda(make_noise)
}

negative_log_likelihood <- function(y, rv) -tfd_log_prob(rv, y)

train <- function(model, x, y) {
  rate <- learning_rate_schedule_cosine_decay(0.02, epochs * passes)
  model |> compile(optimizer_adam(rate), loss = negative_log_likelihood)
  n <- length(x)
  x <- matrix(rep(x, times = passes))
  y <- matrix(rep(y, times = passes))
  # Unshuffled, each batch is the whole of the data.
  model |> fit(x, y, batch_size = n, epochs = epochs, shuffle = FALSE, verbose = progress)
}

# The mean and sd of each household (row) under each network drawn (column).
draw_predictions <- function(model, x) {
  # With the distribution on top, `predict()` would return draws of expenditure.
  network <- keras_model_sequential(layers = head(model$layers, -1))
  # Weights are drawn once for a batch: with all households in every batch, a batch is a draw.
  n <- length(x)
  x <- matrix(rep(x, times = draws))
  noise <- make_noise(predict(network, x, batch_size = n, verbose = progress))
  list(mean = tfd_mean(noise), sd = tfd_stddev(noise)) |>
    lapply(op_convert_to_array) |>
    lapply(matrix, nrow = n)
}

# The yardstick: a straight line, and noise that is the same for all.
regress_linearly <- function(learnt, new) {
  line <- lm(foodexp ~ income, learnt)
  list(mean = matrix(predict(line, new)), sd = matrix(sigma(line), nrow(new)))
}

# The normals of each row, mixed in equal parts.
mixture <- function(mean, sd) {
  equal <- matrix(1 / ncol(mean), nrow(mean), ncol(mean))
  tfd_mixture_same_family(tfd_categorical(probs = equal), tfd_normal(mean, sd))
}

# Quantiles of the equal mixture of normals, each laid out as 50 equally likely points.
mixture_quantiles <- function(mean, sd, levels) {
  points <- qnorm((seq_len(50) - 0.5) / 50)
  quantiles_of <- function(i) {
    quantile(mean[i, ] + outer(sd[i, ], points), levels, names = FALSE)
  }
  vapply(seq_len(nrow(mean)), quantiles_of, levels)
}

# Describe the predictions: var(total) = var(means) + mean(variances).
summarise <- function(mean, sd) {
  center <- rowMeans(mean)
  list(
    mean = center,
    bands = lapply(bands, \(levels) mixture_quantiles(mean, sd, levels)),
    epistemic = sqrt(rowMeans((mean - center)^2)), # how much the networks disagree
    aleatoric = sqrt(rowMeans(sd^2)) # the noise that they expect
  )
}

# Hold the predictions against what was observed.
score <- function(mean, sd, observed) {
  rmse <- sqrt(mean((rowMeans(mean) - observed)^2))
  predicted <- mixture(mean, sd)
  log_score <- mean(op_convert_to_array(tfd_log_prob(predicted, observed)))
  level <- op_convert_to_array(tfd_cdf(predicted, observed))
  coverage <- lapply(bands, \(band) 100 * mean(band[1] <= level & level <= band[2]))
  sprintf(
    paste0(
      "RMSE %.1f francs, log score %.3f, ",
      "coverage of the 50 %% band %.1f %%, of the 90 %% band %.1f %%"
    ),
    rmse, log_score, coverage[["50"]], coverage[["90"]]
  )
}

colours <- c(
  "90 % band" = "#CCE3F0",
  "50 % band" = "#7FB8D8",
  "predictive mean" = "#0072B2",
  "aleatoric: households differ" = "#0072B2",
  "epistemic: networks differ" = "#E69F00"
)
look <- list(
  theme_minimal(base_size = 13),
  theme(
    legend.position = "top",
    legend.justification = "left",
    legend.margin = margin(),
    legend.title = element_blank(),
    legend.text = element_text(margin = margin(r = 32)),
    panel.grid.minor = element_blank()
  ),
  scale_x_log10(breaks = c(300, 500, 1000, 2000, 3000, 5000), expand = expansion(0.01))
)

draw_bands <- function(data, held_out, prediction) {
  ribbon <- function(name) {
    band <- prediction$bands[[name]]
    geom_ribbon(aes(grid, ymin = band[1, ], ymax = band[2, ], fill = paste(name, "% band")))
  }
  part <- ifelse(held_out, "held out", "learnt from")
  ggplot() +
    ribbon("90") +
    ribbon("50") +
    geom_line(aes(grid, prediction$mean, colour = "predictive mean")) +
    geom_point(aes(data$income, data$foodexp, shape = part), size = 1.4) +
    scale_fill_manual(values = colours[1:2], breaks = names(colours)) +
    scale_colour_manual(values = colours) +
    scale_shape_manual(values = c("held out" = 19, "learnt from" = 1)) +
    scale_y_log10(breaks = c(200, 500, 1000, 2000, 5000)) +
    labs(title = title, x = NULL, y = "expenditure on food (francs)") +
    look +
    theme(axis.text.x = element_blank())
}

draw_parts <- function(income, prediction) {
  ggplot(mapping = aes(grid)) +
    geom_line(aes(y = prediction$aleatoric, colour = "aleatoric: households differ")) +
    geom_line(aes(y = prediction$epistemic, colour = "epistemic: networks differ")) +
    geom_rug(aes(income), alpha = 0.5) +
    scale_colour_manual(values = colours[4:5]) +
    scale_y_log10(breaks = c(10, 30, 100, 300, 1000)) +
    labs(x = "household income (francs)", y = "predictive sd (francs)") +
    look
}

draw_picture <- function(data, held_out, prediction, file) {
  pdf(NULL) # text is measured on a device, and the default one would leave a file
  on.exit(dev.off())
  top <- draw_bands(data, held_out, prediction)
  bottom <- draw_parts(data$income[!held_out], prediction)
  panels <- rbind(ggplotGrob(top), ggplotGrob(bottom), size = "max")
  panels$heights[grid::unitType(panels$heights) == "null"] <- grid::unit(c(1.7, 1), "null")
  dir.create(dirname(file), showWarnings = FALSE)
  ggsave(file, panels, width = 10, height = 7, dpi = 100, bg = "white")
}

main <- function() {
  set_random_seed(1)
  data <- read.csv(file.path(here, "engel.csv")) # from poor to rich
  held_out <- seq_len(nrow(data)) %% 4 == 0
  learnt <- data[!held_out, ]
  test <- data[held_out, ]
  center <- round(colMeans(learnt), 1)
  spread <- round(vapply(learnt, sd, 0), 1)
  scaled <- scale(learnt, center, spread)

  model <- build_model(n = nrow(learnt))
  train(model, scaled[, "income"], scaled[, "foodexp"])
  x <- (c(test$income, grid) - center[["income"]]) / spread[["income"]]
  draw <- draw_predictions(model, x)
  mean <- center[["foodexp"]] + spread[["foodexp"]] * draw$mean
  sd <- spread[["foodexp"]] * draw$sd

  tested <- seq_len(nrow(test))
  prediction <- summarise(mean[-tested, ], sd[-tested, ])
  draw_picture(data, held_out, prediction, file.path(here, "output", "engel-r.png"))
  yardstick <- regress_linearly(learnt, test)
  cat(sprintf(
    "test %s; linear regression: %s\n",
    score(mean[tested, ], sd[tested, ], test$foodexp),
    score(yardstick$mean, yardstick$sd, test$foodexp)
  ))
}

main()
