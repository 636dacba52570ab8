#' Pictures of predictive distributions, calibration, posteriors and training
#'
#' \preformatted{values:   outer band [q_low, q_high],   inner band mean +- z sd_epistemic
#' classes:  entropy = (entropy - mutual information) + mutual information
#' weights:  snr = |mean| / sd
#' training: loss = negative_log_likelihood + kl_divergence}
#'
#' `autoplot()` makes a ggplot of the result of [predictive_summary()], [conformal_interval()] of
#' values, [reliability_curve()], [compare_predictive()], [posterior_summary()] or
#' [training_history()]; `plot()` prints it.
#'
#' * A summary of values is drawn as bands. The outer band reaches from the lowest to the highest
#'   quantile of the outcome. The inner band, at the same level (z = 1.64 for 90 %), shows the
#'   uncertainty of the mean that is due to the weights. If the model ends in a tensor, the noise is
#'   not known, and there is only the inner band. Each of several values has its own panel.
#' * Conformal intervals are drawn as one band around the mean.
#' * A summary of classes is drawn as the two parts of the entropy. Points further to the right are
#'   examples of which the model is less sure; for points further up, more of this is due to the
#'   weights. On the dashed line all of it is.
#' * A reliability curve is drawn with the diagonal on which a calibrated model lies. For classes,
#'   the area of a point shows its number of examples.
#' * A summary of the posterior is drawn as histograms of mean, standard deviation and
#'   signal-to-noise ratio (on a logarithmic axis), in a row for each weight. Weights without a
#'   spread are left out.
#' * A comparison has a panel for each score, and one each for the parameters and the seconds. A
#'   dashed line shows what a coverage shall be.
#' * The history of a training has a panel with its own axis for each figure.
#'
#' The package ggplot2 has to be installed. Its functions change the picture, such as `+
#' ggplot2::labs(x = "time")`.
#'
#' @param object,x The result of one of these functions. In `autoplot()` of a summary or of
#'   intervals of values, `x` gives the horizontal axis: a number or a date for each example. With
#'   `NULL` it is the number of the example. `plot()` takes it by position: `plot(summary, time)`.
#' @param y Observations, as `fit()` takes them: a number for each example, or a matrix with a
#'   column for each value; for classes, numbers from 0, or a factor with a level for each class; or
#'   `NULL`.
#' @param weight The weights to draw, such as `"dense.kernel"`; with `NULL` all of them.
#' @param ... Passed on by `plot()`; otherwise not used.
#' @returns `autoplot()` returns a ggplot. `plot()` returns its argument, invisibly.
#' @section Errors:
#' If columns are missing, if `x` or `y` does not have a number for each example, if there is no
#' such weight, or if ggplot2 is not installed.
#' @references Kendall, A., and Gal, Y. (2017). What Uncertainties Do We Need in Bayesian Deep
#'   Learning for Computer Vision? Advances in Neural Information Processing Systems 30.
#'   <https://arxiv.org/abs/1703.04977>
#'
#'   Guo, C., Pleiss, G., Sun, Y., and Weinberger, K. Q. (2017). On Calibration of Modern Neural
#'   Networks. International Conference on Machine Learning. <https://arxiv.org/abs/1706.04599>
#'
#'   Blundell, C., Cornebise, J., Kavukcuoglu, K., and Wierstra, D. (2015). Weight Uncertainty in
#'   Neural Networks. International Conference on Machine Learning.
#'   <https://arxiv.org/abs/1505.05424>
#' @examplesIf bayeslayers_available() && rlang::is_installed(c("keras3", "ggplot2"))
#' library(ggplot2)
#' library(keras3)
#' model <- keras_model_sequential(input_shape = 1) |>
#'   layer_dense_flipout(units = 1) |>
#'   layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
#' x <- seq(-1, 1, length.out = 20)
#' y <- x + rnorm(20)
#' summary <- predictive_summary(model, matrix(x), draws = 100, verbose = 0)
#' autoplot(summary, x = x, y = y)
#'
#' curve <- reliability_curve(model, matrix(x), matrix(y), draws = 100, verbose = 0)
#' autoplot(curve)
#' autoplot(posterior_summary(model))
#'
#' classifier <- keras_model_sequential(input_shape = 1) |>
#'   layer_dense_flipout(units = 3)
#' autoplot(
#'   predictive_summary(classifier, matrix(x), outputs = "logits", draws = 100, verbose = 0)
#' )
#'
#' autoplot(training_history(list(loss = c(2, 1.5), val_loss = c(2.5, 2))))
#' @name pictures
NULL

# In an `aes()`, `.data` is the data that is drawn.
utils::globalVariables(".data")

# Okabe and Ito's colours, which the colour-blind can tell apart.
okabe_ito <- c(blue = "#0072B2", sky = "#56B4E9", orange = "#E69F00", black = "#222222")

#' @rdname pictures
#' @method autoplot bayeslayers_summary
#' @exportS3Method ggplot2::autoplot bayeslayers_summary
autoplot.bayeslayers_summary <- function( # nolint: object_name.
    object, x = NULL, y = NULL, ...) {
  call <- rlang::current_env()
  rlang::check_dots_empty(call = call)
  if ("mutual_information" %in% names(object)) {
    return(plot_of_classes(object, x, y, call))
  }
  plot_of_values(object, x, y, call)
}

#' @rdname pictures
#' @method autoplot bayeslayers_interval
#' @exportS3Method ggplot2::autoplot bayeslayers_interval
autoplot.bayeslayers_interval <- function( # nolint: object_name.
    object, x = NULL, y = NULL, ...) {
  call <- rlang::current_env()
  rlang::check_dots_empty(call = call)
  columns <- c("example", "variable", "mean", "lower", "upper")
  check_columns(object, columns, "conformal_interval()", call)
  table <- at_places(as.data.frame(object), x, call)
  picture <- ggplot2::ggplot(table, ggplot2::aes(.data[["at"]])) +
    band_of_values("lower", "upper", "conformal interval")
  with_values(picture, table, x, y, c("conformal interval" = okabe_ito[["sky"]]), call)
}

#' @rdname pictures
#' @method autoplot bayeslayers_reliability
#' @exportS3Method ggplot2::autoplot bayeslayers_reliability
autoplot.bayeslayers_reliability <- function(object, ...) { # nolint: object_name, object_length.
  call <- rlang::current_env()
  rlang::check_dots_empty(call = call)
  is_values <- "level" %in% names(object)
  columns <- if (is_values) c("level", "coverage") else c("confidence", "accuracy", "n")
  check_columns(object, columns, "reliability_curve()", call)
  said <- columns[[1]]
  true <- columns[[2]]
  mapping <- ggplot2::aes(.data[[said]], .data[[true]])
  picture <- ggplot2::ggplot(as.data.frame(object), mapping) +
    ggplot2::geom_abline(linetype = "dashed", colour = okabe_ito[["black"]], linewidth = 0.4)
  # A line through one point would be a message of ggplot2's.
  if (nrow(object) > 1) {
    picture <- picture + ggplot2::geom_line(colour = okabe_ito[["blue"]])
  }
  if (is_values) {
    picture <- picture + ggplot2::geom_point(colour = okabe_ito[["blue"]], size = 2)
  } else {
    picture <- picture +
      ggplot2::geom_point(ggplot2::aes(size = .data[["n"]]), colour = okabe_ito[["blue"]]) +
      ggplot2::scale_size_area(name = "examples", breaks = whole_breaks, max_size = 5)
  }
  picture +
    ggplot2::coord_equal(xlim = c(0, 1), ylim = c(0, 1), expand = FALSE, clip = "off") +
    ggplot2::labs(
      x = if (is_values) "nominal level of the central interval" else "mean confidence",
      y = if (is_values) "observed coverage" else "observed accuracy"
    ) +
    paper_theme()
}

#' @rdname pictures
#' @method autoplot bayeslayers_comparison
#' @exportS3Method ggplot2::autoplot bayeslayers_comparison
autoplot.bayeslayers_comparison <- function(object, ...) { # nolint: object_name, object_length.
  call <- rlang::current_env()
  rlang::check_dots_empty(call = call)
  costs <- c("parameters", "seconds")
  check_columns(object, c("model", costs), "compare_predictive()", call)
  columns <- setdiff(names(object), c("model", "n", "draws"))
  titles <- gsub("_", " ", columns, fixed = TRUE)
  # As in the table, from the top.
  models <- factor(object$model, rev(object$model))
  tables <- lapply(columns, function(column) {
    data.frame(model = models, value = object[[column]], is_cost = column %in% costs)
  })
  panel <- rep(factor(titles, titles), each = nrow(object))
  table <- cbind(do.call(rbind, tables), panel = panel)
  picture <- ggplot2::ggplot(table, ggplot2::aes(.data[["value"]], .data[["model"]]))
  is_coverage <- startsWith(columns, "coverage_")
  if (any(is_coverage)) {
    levels <- data.frame(
      panel = factor(titles[is_coverage], titles),
      level = as.numeric(sub("coverage_", "", columns[is_coverage], fixed = TRUE)) / 100
    )
    picture <- picture + ggplot2::geom_vline(
      ggplot2::aes(xintercept = .data[["level"]]), levels,
      linetype = "dashed", colour = okabe_ito[["black"]], linewidth = 0.4
    )
  }
  picture +
    ggplot2::geom_point(ggplot2::aes(colour = .data[["is_cost"]]), size = 2) +
    ggplot2::facet_wrap(
      ggplot2::vars(.data[["panel"]]),
      nrow = 1, scales = "free_x", strip.position = "bottom"
    ) +
    ggplot2::scale_colour_manual(
      values = c("FALSE" = okabe_ito[["blue"]], "TRUE" = okabe_ito[["orange"]]), guide = "none"
    ) +
    ggplot2::labs(x = NULL, y = NULL) +
    paper_theme() +
    # The strips below are the titles of the axes.
    ggplot2::theme(strip.placement = "outside")
}

#' @rdname pictures
#' @method autoplot bayeslayers_posterior
#' @exportS3Method ggplot2::autoplot bayeslayers_posterior
autoplot.bayeslayers_posterior <- function(object, weight = NULL, ...) { # nolint: object_name.
  call <- rlang::current_env()
  rlang::check_dots_empty(call = call)
  check_columns(object, c("layer", "weight", "mean", "sd", "snr"), "posterior_summary()", call)
  bars <- bars_of_posterior(weights_with_spread(object, weight, call))
  mapping <- ggplot2::aes(
    xmin = .data[["lower"]], xmax = .data[["upper"]], ymin = 0, ymax = .data[["share"]]
  )
  ggplot2::ggplot(bars, mapping) +
    ggplot2::geom_rect(
      fill = okabe_ito[["blue"]], colour = okabe_ito[["blue"]], alpha = 0.35, linewidth = 0.3
    ) +
    ggplot2::facet_grid(
      rows = ggplot2::vars(.data[["name"]]), cols = ggplot2::vars(.data[["panel"]]),
      scales = "free", switch = "x"
    ) +
    ggplot2::labs(x = NULL, y = "share of the weight's numbers") +
    paper_theme() +
    # The strips below are the titles of the axes.
    ggplot2::theme(strip.placement = "outside")
}

#' @rdname pictures
#' @method autoplot bayeslayers_history
#' @exportS3Method ggplot2::autoplot bayeslayers_history
autoplot.bayeslayers_history <- function(object, ...) { # nolint: object_name.
  call <- rlang::current_env()
  rlang::check_dots_empty(call = call)
  check_columns(object, c("epoch", "data", "figure", "value"), "training_history()", call)
  table <- as.data.frame(object)
  figures <- unique(table$figure)
  # What the loss is made of behind it, and then other figures.
  known <- intersect(names(titles_of_figures), figures)
  others <- setdiff(figures, known)
  figures <- c(known, others)
  titles <- c(titles_of_figures[known], others)
  table$figure <- factor(table$figure, figures, titles)
  mapping <- ggplot2::aes(.data[["epoch"]], .data[["value"]], colour = .data[["data"]])
  lines <- if (max(table$epoch) > 1) ggplot2::geom_line() else ggplot2::geom_point()
  ggplot2::ggplot(table, mapping) +
    lines +
    ggplot2::facet_wrap(ggplot2::vars(.data[["figure"]]), scales = "free_y") +
    ggplot2::scale_colour_manual(
      name = NULL,
      values = c(training = okabe_ito[["blue"]], validation = okabe_ito[["orange"]]),
      guide = if (length(unique(table$data)) > 1) "legend" else "none"
    ) +
    ggplot2::scale_x_continuous(breaks = whole_breaks) +
    ggplot2::labs(x = "epoch", y = "mean over the epoch") +
    paper_theme() +
    ggplot2::theme(legend.position = "bottom")
}

#' @rdname pictures
#' @export
plot.bayeslayers_summary <- function(x, ...) {
  print_picture(x, ...)
}

#' @rdname pictures
#' @export
plot.bayeslayers_interval <- plot.bayeslayers_summary

#' @rdname pictures
#' @export
plot.bayeslayers_reliability <- plot.bayeslayers_summary

#' @rdname pictures
#' @export
plot.bayeslayers_comparison <- plot.bayeslayers_summary

#' @rdname pictures
#' @export
plot.bayeslayers_posterior <- plot.bayeslayers_summary

#' @rdname pictures
#' @export
plot.bayeslayers_history <- plot.bayeslayers_summary

print_picture <- function(x, ..., call = rlang::caller_env()) {
  rlang::check_installed("ggplot2", "to draw pictures.", version = "3.4.0", call = call)
  print(ggplot2::autoplot(x, ...))
  invisible(x)
}

titles_of_figures <- c(
  loss = "Loss",
  negative_log_likelihood = "Negative log-likelihood",
  kl_divergence = "KL divergence in the loss"
)

paper_theme <- function() {
  ggplot2::theme_bw(base_size = 11) +
    ggplot2::theme(
      panel.grid.minor = ggplot2::element_blank(),
      strip.background = ggplot2::element_blank(),
      legend.key = ggplot2::element_blank()
    )
}

plot_of_values <- function(object, x, y, call) {
  columns <- c("example", "variable", "mean", "sd_epistemic", "sd_aleatoric")
  check_columns(object, columns, "predictive_summary()", call)
  table <- at_places(as.data.frame(object), x, call)
  band <- outer_quantiles(table, call)
  level <- sprintf("%g %%", band$percent)
  spread <- stats::qnorm(0.5 + band$percent / 200) * table$sd_epistemic
  table <- cbind(table, lower = table$mean - spread, upper = table$mean + spread)
  labels <- c(outcome = paste0("outcome, ", level), mean = paste0("mean, ", level))
  picture <- ggplot2::ggplot(table, ggplot2::aes(.data[["at"]]))
  if (!anyNA(table$sd_aleatoric)) {
    picture <- picture + band_of_values(band$low, band$high, labels[["outcome"]])
  }
  picture <- picture + band_of_values("lower", "upper", labels[["mean"]])
  with_values(picture, table, x, y, stats::setNames(okabe_ito[c("sky", "blue")], labels), call)
}

at_places <- function(table, x, call) {
  examples <- unique(table$example)
  table$at <- at_examples(x, examples, call)[match(table$example, examples)]
  table
}

band_of_values <- function(lower, upper, label) {
  mapping <- ggplot2::aes(ymin = .data[[lower]], ymax = .data[[upper]], fill = label)
  ggplot2::geom_ribbon(mapping, alpha = 0.35)
}

# The mean, what was observed, a panel for each output, and the legends: `fills` are the colours of
# the bands by their labels.
with_values <- function(picture, table, x, y, fills, call) {
  picture <- picture +
    ggplot2::geom_line(
      ggplot2::aes(y = .data[["mean"]], linetype = "mean"),
      colour = okabe_ito[["blue"]], linewidth = 0.7
    )
  if (!is.null(y)) {
    table$observed <- observed_values(y, table, call)
    picture <- picture +
      ggplot2::geom_point(
        ggplot2::aes(y = .data[["observed"]], shape = "observed"),
        data = table, colour = okabe_ito[["black"]], size = 1, alpha = 0.7
      )
  }
  if (length(unique(table$variable)) > 1) {
    panels <- ggplot2::vars(factor(.data[["variable"]], unique(.data[["variable"]])))
    picture <- picture + ggplot2::facet_wrap(panels, scales = "free_y")
  }
  picture +
    ggplot2::scale_fill_manual(name = NULL, breaks = names(fills), values = fills) +
    ggplot2::scale_linetype_manual(name = NULL, values = c(mean = "solid")) +
    ggplot2::scale_shape_manual(name = NULL, values = c(observed = 16)) +
    ggplot2::guides(
      fill = ggplot2::guide_legend(order = 1),
      linetype = ggplot2::guide_legend(order = 2),
      shape = ggplot2::guide_legend(order = 3)
    ) +
    ggplot2::labs(x = if (is.null(x)) "example" else "x", y = "y") +
    paper_theme() +
    ggplot2::theme(legend.position = "bottom")
}

# The part of the entropy that the weights leave open, against all of it.
plot_of_classes <- function(object, x, y, call) {
  check_columns(object, c("class", "entropy"), "predictive_summary()", call)
  if (!is.null(x)) {
    abort_picture("{.arg x} has no place in the picture of classes.", call)
  }
  table <- as.data.frame(object)
  mapping <- ggplot2::aes(.data[["entropy"]], .data[["mutual_information"]])
  if (is.null(y)) {
    points <- ggplot2::geom_point(colour = okabe_ito[["blue"]], alpha = 0.6)
  } else {
    classes <- sum(startsWith(names(table), "p["))
    is_right <- table$class == observed_classes(y, nrow(table), classes, call) + 1
    table$prediction <- ifelse(is_right, "right", "wrong")
    # Few are wrong as a rule: they are drawn on top.
    table <- table[order(is_right, decreasing = TRUE), ]
    points <- ggplot2::geom_point(
      ggplot2::aes(colour = .data[["prediction"]], shape = .data[["prediction"]]),
      alpha = 0.7
    )
  }
  ggplot2::ggplot(table, mapping) +
    ggplot2::geom_abline(linetype = "dashed", colour = okabe_ito[["black"]], linewidth = 0.4) +
    points +
    ggplot2::scale_colour_manual(
      name = "prediction",
      values = c(right = okabe_ito[["blue"]], wrong = okabe_ito[["orange"]])
    ) +
    ggplot2::scale_shape_manual(name = "prediction", values = c(right = 16, wrong = 17)) +
    ggplot2::expand_limits(x = 0, y = 0) +
    ggplot2::labs(
      x = "entropy of the prediction (nats)",
      y = "mutual information with the weights (nats)"
    ) +
    paper_theme()
}

at_examples <- function(x, examples, call) {
  if (is.null(x)) {
    return(examples)
  }
  # A column is no vector, but a date has to stay one.
  values <- if (is.null(dim(x))) x else as.vector(x)
  if (length(values) != length(examples)) {
    abort_picture(
      c(
        "{.arg x} must hold a number or a date for each of the {length(examples)} examples.",
        x = "Received: {length(values)} value{?s}."
      ),
      call
    )
  }
  values
}

# In the order of the rows, where an example's values stand one after the other.
observed_values <- function(y, table, call) {
  if (length(y) != nrow(table)) {
    abort_picture(
      c(
        "{.arg y} must hold a number for each of the {nrow(table)} rows of the summary.",
        x = "Received: {length(y)} value{?s}."
      ),
      call
    )
  }
  size <- dim(y)
  as.vector(if (length(size) > 1) aperm(y) else y)
}

observed_classes <- function(y, n, classes, call) {
  if (is.factor(y) && length(levels_of(y)) != classes) {
    abort_picture(
      c(
        "{.arg y} must have as many levels as there are classes, {classes}.",
        x = "Received: {length(levels_of(y))} level{?s}, {.val {levels_of(y)}}."
      ),
      call
    )
  }
  labels <- if (is.factor(y)) places_of(y) else as.vector(y)
  labels <- if (is.logical(labels)) as.integer(labels) else labels
  is_fine <- length(labels) == n && rlang::is_integerish(labels) && !anyNA(labels) &&
    all(labels >= 0 & labels < classes)
  if (!is_fine) {
    abort_picture(
      c(
        "{.arg y} must hold for each example a whole number from 0 to {classes - 1}, its class.",
        x = "Received: {length(labels)} label{?s}, such as {.val {utils::head(unique(labels), 5)}}."
      ),
      call
    )
  }
  labels
}

outer_quantiles <- function(table, call) {
  names <- grep("^q[0-9.]+$", names(table), value = TRUE)
  percents <- as.numeric(substring(names, 2))
  if (length(names) < 2) {
    abort_picture(
      c(
        "The summary must hold two quantiles.",
        i = "Give {.fn predictive_summary} two {.arg probs}, such as {.code c(0.05, 0.95)}."
      ),
      call
    )
  }
  list(
    low = names[[which.min(percents)]],
    high = names[[which.max(percents)]],
    percent = diff(range(percents))
  )
}

weights_with_spread <- function(object, weight, call) {
  table <- as.data.frame(object)
  table$name <- paste(table$layer, table$weight, sep = ".")
  table <- table[is.finite(table$snr) & table$snr > 0, ]
  known <- unique(table$name)
  shown <- if (is.null(weight)) known else weight
  if (length(shown) == 0 || !all(shown %in% known)) {
    abort_picture(
      c(
        "{.arg weight} must be among the weights with a spread: {.val {known}}.",
        x = "Received: {.code weight = {describe(weight)}}."
      ),
      call
    )
  }
  table <- table[table$name %in% shown, ]
  table$name <- factor(table$name, shown)
  table
}

# Histograms whose panels have scales of their own, in shares, as weights differ in size.
bars_of_posterior <- function(table) {
  values <- list(
    "posterior mean" = table$mean,
    "posterior sd" = table$sd,
    "signal-to-noise ratio (log10)" = log10(table$snr)
  )
  bars <- lapply(names(values), function(panel) {
    edges <- edges_of_bins(values[[panel]])
    of_weight <- lapply(split(values[[panel]], table$name), function(group) {
      counts <- tabulate(findInterval(group, edges, all.inside = TRUE), length(edges) - 1)
      data.frame(lower = edges[-length(edges)], upper = edges[-1], share = counts / length(group))
    })
    names <- rep(names(of_weight), vapply(of_weight, nrow, 1L))
    cbind(panel = panel, name = names, do.call(rbind, unname(of_weight)))
  })
  bars <- do.call(rbind, bars)
  bars <- bars[bars$share > 0, ]
  bars$panel <- factor(bars$panel, names(values))
  bars$name <- factor(bars$name, levels(table$name))
  bars
}

edges_of_bins <- function(values) {
  bins <- min(max(floor(sqrt(length(values))), 10), 60)
  ends <- range(values)
  if (ends[[1]] == ends[[2]]) {
    ends <- ends + c(-0.5, 0.5) * max(abs(ends[[1]]), 1)
  }
  seq(ends[[1]], ends[[2]], length.out = bins + 1)
}

whole_breaks <- function(limits) {
  breaks <- unique(round(pretty(limits)))
  breaks[breaks >= limits[[1]] & breaks <= limits[[2]]]
}

check_columns <- function(object, columns, source, call) {
  lacking <- setdiff(columns, names(object))
  if (length(lacking) > 0) {
    abort_picture(
      c(
        "The picture needs the columns of what {.code {source}} returned.",
        x = "Missing: {.field {lacking}}."
      ),
      call
    )
  }
}

# Messages are put together where their values are.
abort_picture <- function(message, call) {
  cli::cli_abort(
    message,
    call = call,
    .envir = parent.frame(),
    class = "bayeslayers_argument_error"
  )
}
