# Forecast next month's sea-surface temperature with a Bayesian convolutional network.
#
# Every weight of the network has a posterior distribution, so that its forecast does too. It learns
# from 1950 to 1999, and forecasts each month of 2000 to 2010 from the 24 months before.
#
# Data: monthly means, Pacific region Nino 1+2, 1950 to 2010. Source: NOAA, ERSST V3b, as shipped
# with statsmodels. Licence: public domain. See README.md beside this file.
#
# Run, from the root of the repository: Rscript examples/el_nino/el_nino.R

library(keras3)
library(bayeslayers)
library(ggplot2)

here <- file.path("examples", "el_nino")
first_held_out_year <- 2000
window <- 24 # months that the network sees
passes <- 60 # an epoch, so one progress bar, is 60 passes over the data
epochs <- 5
batch <- 64
draws <- 200 # of the network's weights, from their posterior
bands <- list("50" = c(0.25, 0.75), "90" = c(0.05, 0.95))
progress <- if (isatty(stdout())) 1 else 2 # a bar, or in a log file one line for each
title <- "Sea-surface temperature off Peru, each month forecast from the 24 before it"

# Pair each month's value with the 24 months before it: their values and their season.
make_windows <- function(month, value) {
  season <- 2 * pi * month / 12
  channels <- cbind(value, sin(season), cos(season))
  starts <- seq_len(length(value) - window)
  window_from <- function(start) channels[seq(start, length.out = window), ]
  windows <- vapply(starts, window_from, matrix(0, window, 3))
  list(x = aperm(windows, c(3, 1, 2)), y = matrix(value[-seq_len(window)]))
}

# Stack Bayesian convolutions: months to quarters, quarters to a state, state to a normal.
build_model <- function(n) {
  # Keras averages the loss over examples, so the divergence counts once per `n` of them.
  scaled_divergence <- function(q, p, ignore) tfd_kl_divergence(q, p) / n

  keras_model_sequential(input_shape = c(window, 3)) |>
    layer_conv_1d_flipout(
      filters = 16,
      kernel_size = 3,
      strides = 3,
      activation = "relu",
      kernel_divergence_fn = scaled_divergence
    ) |>
    layer_conv_1d_flipout(
      filters = 16,
      kernel_size = window / 3,
      activation = "relu",
      kernel_divergence_fn = scaled_divergence
    ) |>
    layer_conv_1d_flipout(
      filters = 2,
      kernel_size = 1,
      kernel_divergence_fn = scaled_divergence
    ) |>
    layer_flatten()
}

# Read the network's two outputs as a normal distribution.
mean_and_sd <- function(output) {
  parts <- op_split(output, 2, axis = -1)
  list(mean = parts[[1]], sd = op_softplus(parts[[2]]) + 0.05)
}

negative_log_likelihood <- function(observed, output) {
  # Written out, as backends differ in their libraries of distributions.
  normal <- mean_and_sd(output)
  ((observed - normal$mean) / normal$sd)^2 / 2 + op_log(normal$sd) + log(2 * pi) / 2
}

train <- function(model, x, y) {
  again <- rep(seq_len(nrow(y)), times = passes)
  steps <- (epochs * length(again)) %/% batch
  rate <- learning_rate_schedule_cosine_decay(0.01, steps)
  model |> compile(optimizer_adam(rate), loss = negative_log_likelihood)
  x <- x[again, , ]
  y <- y[again, , drop = FALSE]
  model |> fit(x, y, batch_size = batch, epochs = epochs, verbose = progress)
}

# The mean and sd of each month (row) under each network drawn (column).
draw_forecasts <- function(model, x) {
  # Weights are drawn once for a batch: with all months in every batch, a batch is a draw.
  n <- nrow(x)
  again <- rep(seq_len(n), times = draws)
  output <- predict(model, x[again, , ], batch_size = n, verbose = progress)
  mean_and_sd(output) |> lapply(op_convert_to_array) |> lapply(matrix, nrow = n)
}

# Quantiles of the equal mixture of normals, each laid out as 50 equally likely points.
mixture_quantiles <- function(mean, sd, levels) {
  points <- qnorm((seq_len(50) - 0.5) / 50)
  quantiles_of <- function(i) {
    quantile(mean[i, ] + outer(sd[i, ], points), levels, names = FALSE)
  }
  vapply(seq_len(nrow(mean)), quantiles_of, levels)
}

# Describe the forecasts, and score them against what was observed.
summarise <- function(mean, sd, observed) {
  center <- rowMeans(mean)
  epistemic <- sqrt(rowMeans((mean - center)^2)) # how much the networks disagree
  quantiles <- lapply(bands, \(levels) mixture_quantiles(mean, sd, levels))
  list(
    mean = center,
    bands = quantiles,
    epistemic = epistemic,
    total = sqrt(epistemic^2 + rowMeans(sd^2)),
    rmse = sqrt(mean((center - observed)^2)),
    log_score = mean(log(rowMeans(dnorm(observed, mean, sd)))),
    coverage = lapply(quantiles, \(q) 100 * mean(q[1, ] <= observed & observed <= q[2, ]))
  )
}

colours <- c(
  "90 % band" = "#CCE3F0",
  "50 % band" = "#7FB8D8",
  "predictive mean" = "#0072B2",
  "total uncertainty" = "#B2D4E7",
  "epistemic: networks differ" = "#E69F00"
)
look <- list(
  theme_minimal(base_size = 13),
  theme(
    legend.position = "top",
    legend.justification = "left",
    legend.margin = margin(),
    legend.title = element_blank(),
    legend.text = element_text(margin = margin(r = 18)),
    panel.grid.minor = element_blank()
  ),
  scale_x_continuous(breaks = seq(2000, 2010, 2), expand = expansion(0.01))
)

draw_picture <- function(time, observed, forecast, file) {
  pdf(NULL) # text is measured on a device, and the default one would leave a file
  on.exit(dev.off())
  ribbon <- function(name) {
    band <- forecast$bands[[name]]
    geom_ribbon(aes(ymin = band[1, ], ymax = band[2, ], fill = paste(name, "% band")))
  }
  top <- ggplot(mapping = aes(time)) +
    ribbon("90") +
    ribbon("50") +
    geom_line(aes(y = forecast$mean, colour = "predictive mean")) +
    geom_point(aes(y = observed, shape = "observed"), size = 1.4) +
    scale_fill_manual(values = colours[1:2], breaks = names(colours)) +
    scale_colour_manual(values = colours) +
    labs(title = title, x = NULL, y = "temperature (\u00b0C)") +
    look +
    theme(axis.text.x = element_blank())
  bottom <- ggplot(mapping = aes(time)) +
    geom_area(aes(y = forecast$total, fill = "total uncertainty")) +
    geom_area(aes(y = forecast$epistemic, fill = "epistemic: networks differ")) +
    scale_fill_manual(values = colours[4:5], breaks = names(colours)) +
    labs(x = "year", y = "predictive sd (\u00b0C)") +
    look
  panels <- rbind(ggplotGrob(top), ggplotGrob(bottom), size = "max")
  panels$heights[grid::unitType(panels$heights) == "null"] <- grid::unit(c(2.2, 1), "null")
  dir.create(dirname(file), showWarnings = FALSE)
  ggsave(file, panels, width = 10, height = 6, dpi = 100, bg = "white")
}

main <- function() {
  set_random_seed(1)
  series <- read.csv(file.path(here, "el_nino.csv"))
  learnt <- series$temperature[series$year < first_held_out_year]
  center <- round(mean(learnt), 2)
  spread <- round(sd(learnt), 2)

  windows <- make_windows(series$month, (series$temperature - center) / spread)
  target <- series[-seq_len(window), ]
  held_out <- target$year >= first_held_out_year
  model <- build_model(n = sum(!held_out))
  train(model, windows$x[!held_out, , ], windows$y[!held_out, , drop = FALSE])

  draw <- draw_forecasts(model, windows$x[held_out, , ])
  target <- target[held_out, ]
  forecast <- summarise(center + spread * draw$mean, spread * draw$sd, target$temperature)
  time <- target$year + (target$month - 0.5) / 12
  draw_picture(time, target$temperature, forecast, file.path(here, "output", "el_nino-r.png"))
  cat(sprintf(
    paste0(
      "test RMSE %.3f degrees C, log score %.3f, ",
      "coverage of the 50 %% band %.1f %%, of the 90 %% band %.1f %%\n"
    ),
    forecast$rmse, forecast$log_score, forecast$coverage[["50"]], forecast$coverage[["90"]]
  ))
}

main()
