# Estimate the joint density of the sea-surface temperature now and two months later by a flow.
#
# The pairs lie on a ring, which the year runs through once. A masked autoregressive flow, four
# networks in a row, bends a standard normal distribution to them. It learns from 1950 to 1999, and
# is scored on 2000 to 2010, beside a normal distribution and a kernel density estimate.
#
# Data: monthly means, Pacific region Nino 1+2, 1950 to 2010. Source: NOAA, ERSST V3b, as shipped
# with statsmodels. Licence: public domain. See ../el_nino/README.md.
#
# Run, from the root of the repository: Rscript examples/el_nino_density/el_nino_density.R

library(keras3)
library(bayeslayers)
library(ggplot2)

first_held_out_year <- 2000
lag <- 2 # months
orders <- rep(c("left-to-right", "right-to-left"), 2) # one network for each
passes <- 20 # an epoch, so one progress bar, is 20 passes over the data
epochs <- 5
batch <- 64
draws <- 20000 # from a distribution, to find its regions of highest density
step <- 0.05 # of the grid, in degrees C
grid <- expand.grid(now = seq(14, 34.95, step), later = seq(14, 34.95, step))
seen <- c(17.5, 30.5) # the part of it in the picture
progress <- if (isatty(stdout())) 1 else 2 # a bar, or in a log file one line for each
title <- "Sea-surface temperature off Peru, a month and the second after it"

# Pair each month's value with that two months later.
make_pairs <- function(value) cbind(now = head(value, -lag), later = tail(value, -lag))

tensor <- function(values) op_convert_to_tensor(values, "float32")

standard_normal <- function(inputs) {
  tfd_multivariate_normal_diag(op_zeros_like(inputs), tensor(c(1, 1)))
}

# Stack networks on a standard normal; each takes the two variables in the other order.
build_flow <- function() {
  add_transform <- function(model, order) {
    made <- layer_autoregressive(
      params = 2,
      hidden_units = c(32, 32),
      activation = "tanh",
      input_order = order
    )
    layer_autoregressive_transform(model, made)
  }
  model <- keras_model_sequential(input_shape = 2) |>
    layer_distribution_lambda(standard_normal)
  Reduce(add_transform, orders, model)
}

negative_log_likelihood <- function(observed, distribution) -tfd_log_prob(distribution, observed)

# The distribution that the flow makes of a standard normal, fitted to pairs.
fit_flow <- function(pairs) {
  model <- build_flow()
  steps <- (epochs * passes * nrow(pairs)) %/% batch
  rate <- learning_rate_schedule_cosine_decay(0.005, steps)
  model |> compile(optimizer_adam(rate), loss = negative_log_likelihood)
  targets <- pairs[rep(seq_len(nrow(pairs)), times = passes), ]
  # The distribution depends on no input: that only says how many rows there are.
  inputs <- 0 * targets
  model |> fit(inputs, targets, batch_size = batch, epochs = epochs, verbose = progress)
  model(tensor(matrix(0, 1, 2)))
}

fit_normal <- function(pairs) {
  tfd_multivariate_normal_tri_l(tensor(colMeans(pairs)), tensor(t(chol(cov(pairs)))))
}

# A normal kernel on each pair, as wide as Scott's rule says.
fit_kernels <- function(pairs) {
  width <- apply(pairs, 2, sd) * nrow(pairs)^(-1 / 6)
  kernels <- tfd_multivariate_normal_diag(tensor(pairs), tensor(unname(width)))
  tfd_mixture_same_family(tfd_categorical(tensor(numeric(nrow(pairs)))), kernels)
}

log_density <- function(distribution, points) {
  distribution |> tfd_log_prob(tensor(points)) |> op_convert_to_array() |> as.vector()
}

# How much of the distribution is denser than at each point: up to 0.9 lies the 90 % region of
# highest density, the smallest that holds 90 %.
denser_share <- function(distribution, points) {
  ranked <- distribution |>
    tfd_sample(draws, seed = c(0, 1)) |>
    log_density(distribution = distribution) |>
    sort()
  1 - findInterval(log_density(distribution, points), ranked) / draws
}

draw_picture <- function(shares, learnt, held_out, file) {
  density <- data.frame(
    grid,
    share = unlist(shares),
    panel = rep(names(shares), each = nrow(grid))
  )
  period <- function(pairs, name) data.frame(pairs, period = name)
  points <- rbind(period(learnt, "1950 to 1999"), period(held_out, "2000 to 2010, held out"))
  region <- function(levels) c("50 % region", "90 % region")[seq_along(levels)]
  picture <- ggplot(mapping = aes(now, later)) +
    geom_contour_filled(aes(z = share), density, breaks = c(-1, 0.5, 0.9)) +
    geom_point(aes(colour = period, size = period), points) +
    facet_wrap(~panel) +
    scale_fill_manual(values = c("#7FB8D8", "#CCE3F0"), labels = region) +
    scale_colour_manual(values = c("#888888AA", "black")) +
    scale_size_manual(values = c(0.7, 1.3)) +
    scale_x_continuous(breaks = seq(18, 30, 2)) +
    scale_y_continuous(breaks = seq(18, 30, 2)) +
    coord_cartesian(xlim = seen, ylim = seen, expand = FALSE) +
    labs(title = title, x = "temperature (\u00b0C)", y = "temperature two months later (\u00b0C)") +
    theme_minimal(base_size = 13) +
    theme(
      legend.position = "bottom",
      legend.title = element_blank(),
      panel.grid.minor = element_blank(),
      panel.spacing = unit(1.5, "lines"),
      strip.text = element_text(size = 13)
    )
  dir.create(dirname(file), showWarnings = FALSE)
  ggsave(file, picture, width = 10, height = 5.9, dpi = 100, bg = "white")
}

main <- function() {
  set_random_seed(1)
  series <- read.csv(file.path("examples", "el_nino", "el_nino.csv"))
  is_held_out <- series$year >= first_held_out_year
  temperature <- series$temperature
  center <- round(mean(temperature[!is_held_out]), 2)
  spread <- round(sd(temperature[!is_held_out]), 2)

  # No pair spans the two periods.
  learnt <- make_pairs((temperature[!is_held_out] - center) / spread)
  held_out <- make_pairs((temperature[is_held_out] - center) / spread)
  flow <- fit_flow(learnt)
  normal <- fit_normal(learnt)
  kernels <- fit_kernels(learnt)

  # Per degree squared, not per spread squared.
  score <- function(distribution) mean(log_density(distribution, held_out)) - 2 * log(spread)
  scores <- vapply(list(flow, normal, kernels), score, numeric(1))
  share <- denser_share(flow, held_out)
  points <- (as.matrix(grid) - center) / spread
  total <- sum(exp(log_density(flow, points))) * (step / spread)^2
  shares <- list(flow = denser_share(flow, points), normal = denser_share(normal, points))
  file <- file.path("examples", "el_nino_density", "output", "el_nino_density-r.png")
  draw_picture(shares, center + spread * learnt, center + spread * held_out, file)
  cat(sprintf(
    paste0(
      "test log score: flow %.3f, normal %.3f, kernels %.3f; ",
      "coverage of the flow's 50 %% region %.1f %%, of its 90 %% region %.1f %%; ",
      "its density sums to %.3f\n"
    ),
    scores[1], scores[2], scores[3], 100 * mean(share <= 0.5), 100 * mean(share <= 0.9), total
  ))
}

main()
