#' Pictures of predictive distributions, posteriors and training
#'
#' \preformatted{
#' outer band: [q_low, q_high];   inner band: mean +- z sd_epistemic,   z for the same level
#' snr = |mean| / sd;   loss = negative_log_likelihood + kl_divergence}
#'
#' Methods of [ggplot2::autoplot()], and of `plot()`, which prints the same picture:
#'
#' * of [predictive_summary()] for values: bands of the outcome, with what the weights leave open
#'   told apart, a panel for each output;
#' * of [predictive_summary()] for classes: the entropy of each example against the part of it that
#'   the weights leave open, by the class that is most probable;
#' * of [reliability_curve()]: what the model says against what comes true, with the diagonal of a
#'   calibrated model;
#' * of [posterior_summary()]: histograms of mean, standard deviation and signal-to-noise ratio of
#'   each weight that has a spread;
#' * of [training_history()]: each figure of the training over the epochs.
#'
#' @param object,x What one of these functions returned. `x` is that in `plot()`, and in
#'   `autoplot()` what the examples are drawn over: one number each, or `NULL` for their number.
#' @param y What was observed, or `NULL`: like `x` a number for each example or for each row of the
#'   summary, or a matrix with a column for each output.
#' @param ... Further arguments of `autoplot()`, of which most methods have none.
#' @returns `autoplot()` returns a ggplot, `plot()` what it was given, invisibly.
#' @section Errors:
#' If ggplot2 is not installed; if a summary has fewer than two quantiles; or if `x` or `y` does not
#' hold a number for each of its rows.
#' @references Kendall, A., and Gal, Y. (2017). What Uncertainties Do We Need in Bayesian Deep
#'   Learning for Computer Vision? Advances in Neural Information Processing Systems 30.
#'   <https://arxiv.org/abs/1703.04977>
#' @examplesIf reticulate::py_module_available("keras") && requireNamespace("ggplot2")
#' keras <- reticulate::import("keras")
#' model <- keras$Sequential() |>
#'   layer_dense_flipout(units = 1, input_shape = 1) |>
#'   layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
#' x <- matrix(seq(-2, 2, length.out = 50))
#' ggplot2::autoplot(predictive_summary(model, x, draws = 200, verbose = 0), x = x)
#' ggplot2::autoplot(posterior_summary(model))
#' @name pictures
NULL

# Okabe and Ito's colours, which the colour-blind can tell apart.
colours <- c(
  blue = "#0072B2",
  orange = "#E69F00",
  green = "#009E73",
  purple = "#CC79A7",
  sky = "#56B4E9",
  black = "#222222"
)

# The generic is that of a package that need not be there.
# nolint start: object_name_linter, object_length_linter.

#' @rdname pictures
#' @exportS3Method ggplot2::autoplot
autoplot.bayeslayers_summary <- function(object, x = NULL, y = NULL, ...) {
  if ("entropy" %in% names(object)) {
    return(picture_of_classes(object))
  }
  quantiles <- outer_quantiles(object)
  table <- data.frame(
    at = as_numbers(if (is.null(x)) object$example else x, "x", object),
    variable = object$variable,
    mean = object$mean,
    low = object[[quantiles$columns[[1]]]],
    high = object[[quantiles$columns[[2]]]],
    spread = stats::qnorm(0.5 + quantiles$percent / 200) * object$sd_epistemic
  )
  bands <- sprintf(c("outcome, %g %%", "mean, %g %%"), quantiles$percent)
  picture <- ggplot2::ggplot(table, ggplot2::aes(x = .data$at)) +
    ggplot2::geom_ribbon(
      ggplot2::aes(
        ymin = .data$mean - .data$spread,
        ymax = .data$mean + .data$spread,
        fill = bands[[2]]
      ),
      alpha = 0.4
    ) +
    ggplot2::geom_line(ggplot2::aes(y = .data$mean), colour = colours[["blue"]]) +
    ggplot2::scale_fill_manual(
      values = stats::setNames(colours[c("sky", "blue")], bands),
      name = NULL
    ) +
    ggplot2::labs(x = if (is.null(x)) "example" else "x", y = "y") +
    picture_theme()
  if (!anyNA(object$sd_aleatoric)) {
    outer <- ggplot2::geom_ribbon(
      ggplot2::aes(ymin = .data$low, ymax = .data$high, fill = bands[[1]]),
      alpha = 0.35
    )
    # Behind the others.
    picture$layers <- c(list(outer), picture$layers)
  }
  if (!is.null(y)) {
    observed <- data.frame(table[c("at", "variable")], y = as_numbers(y, "y", object))
    points <- ggplot2::aes(x = .data$at, y = .data$y)
    picture <- picture +
      ggplot2::geom_point(points, observed, size = 0.9, alpha = 0.7, colour = colours[["black"]])
  }
  if (length(unique(table$variable)) > 1) {
    picture <- picture + ggplot2::facet_wrap("variable", scales = "free_y")
  }
  picture
}

picture_of_classes <- function(object) {
  table <- data.frame(
    entropy = object$entropy,
    mutual_information = object$mutual_information,
    class = factor(object$class)
  )
  ggplot2::ggplot(
    table,
    ggplot2::aes(x = .data$entropy, y = .data$mutual_information, colour = .data$class)
  ) +
    ggplot2::geom_point(alpha = 0.7) +
    ggplot2::scale_colour_viridis_d(end = 0.9) +
    ggplot2::labs(
      x = "entropy (nats)",
      y = "of which the weights leave open (nats)",
      colour = "most probable\nclass"
    ) +
    picture_theme()
}

#' @rdname pictures
#' @exportS3Method ggplot2::autoplot
autoplot.bayeslayers_reliability <- function(object, ...) {
  is_values <- "level" %in% names(object)
  table <- data.frame(
    said = object[[if (is_values) "level" else "confidence"]],
    true = object[[if (is_values) "coverage" else "accuracy"]],
    n = object$n
  )
  points <- if (is_values) {
    ggplot2::geom_point(colour = colours[["blue"]], size = 2)
  } else {
    ggplot2::geom_point(ggplot2::aes(size = .data$n), colour = colours[["blue"]])
  }
  ggplot2::ggplot(table, ggplot2::aes(x = .data$said, y = .data$true)) +
    ggplot2::geom_abline(linetype = "dashed", colour = colours[["black"]]) +
    ggplot2::geom_line(colour = colours[["blue"]]) +
    points +
    ggplot2::scale_size_area(name = "examples") +
    ggplot2::coord_equal(xlim = c(0, 1), ylim = c(0, 1)) +
    ggplot2::labs(
      x = if (is_values) "nominal level of the interval" else "confidence",
      y = if (is_values) "observed coverage" else "observed accuracy"
    ) +
    picture_theme()
}

#' @rdname pictures
#' @exportS3Method ggplot2::autoplot
autoplot.bayeslayers_posterior <- function(object, ...) {
  spread <- object[!is.na(object$sd) & object$sd > 0 & object$snr > 0, ]
  if (nrow(spread) == 0) {
    cli::cli_abort(
      c(
        "{.arg object} must hold a weight with a spread.",
        x = "Received: {nrow(object)} number{?s} without one."
      ),
      class = "bayeslayers_argument_error"
    )
  }
  figures <- list(
    "posterior mean" = spread$mean,
    "posterior sd" = spread$sd,
    "log10 signal-to-noise ratio" = log10(spread$snr)
  )
  table <- data.frame(
    weight = paste(spread$layer, spread$weight, sep = "."),
    figure = factor(rep(names(figures), each = nrow(spread)), names(figures)),
    value = unlist(figures, use.names = FALSE)
  )
  bins <- min(max(ceiling(sqrt(nrow(spread))), 5), 60)
  ggplot2::ggplot(table, ggplot2::aes(x = .data$value, fill = .data$weight)) +
    ggplot2::geom_histogram(bins = bins, position = "identity", alpha = 0.5) +
    ggplot2::scale_fill_viridis_d(end = 0.9) +
    ggplot2::facet_wrap("figure", scales = "free") +
    ggplot2::labs(x = NULL, y = "weights", fill = NULL) +
    picture_theme()
}

#' @rdname pictures
#' @exportS3Method ggplot2::autoplot
autoplot.bayeslayers_history <- function(object, ...) {
  first <- c("loss", "negative_log_likelihood", "kl_divergence")
  figures <- unique(object$figure)
  figures <- c(intersect(first, figures), setdiff(figures, first))
  table <- data.frame(
    epoch = object$epoch,
    value = object$value,
    data = object$data,
    figure = factor(object$figure, figures, gsub("_", " ", figures))
  )
  ggplot2::ggplot(
    table,
    ggplot2::aes(x = .data$epoch, y = .data$value, colour = .data$data)
  ) +
    ggplot2::geom_line() +
    ggplot2::facet_wrap("figure", scales = "free_y") +
    ggplot2::scale_colour_manual(
      values = c(training = colours[["blue"]], validation = colours[["orange"]]),
      name = NULL
    ) +
    ggplot2::labs(x = "epoch", y = NULL) +
    picture_theme()
}

#' @rdname pictures
#' @export
plot.bayeslayers_summary <- function(x, ...) plot_by_ggplot(x, ...)

#' @rdname pictures
#' @export
plot.bayeslayers_reliability <- function(x, ...) plot_by_ggplot(x, ...)

#' @rdname pictures
#' @export
plot.bayeslayers_posterior <- function(x, ...) plot_by_ggplot(x, ...)

#' @rdname pictures
#' @export
plot.bayeslayers_history <- function(x, ...) plot_by_ggplot(x, ...)

# nolint end

plot_by_ggplot <- function(object, ...) {
  rlang::check_installed("ggplot2", "to draw this picture.", call = rlang::caller_env())
  print(ggplot2::autoplot(object, ...))
  invisible(object)
}

picture_theme <- function() {
  ggplot2::theme_bw() +
    ggplot2::theme(
      legend.position = "bottom",
      panel.grid.minor = ggplot2::element_blank(),
      strip.background = ggplot2::element_blank()
    )
}

# The columns of the lowest and the highest quantile, and how much lies between.
outer_quantiles <- function(object, call = rlang::caller_env()) {
  columns <- grep("^q[0-9.]+$", names(object), value = TRUE)
  percents <- as.numeric(substring(columns, 2))
  if (length(columns) < 2) {
    cli::cli_abort(
      c(
        "{.arg object} must hold two quantiles.",
        x = "Received: a summary with {length(columns)}.",
        i = "Give {.fn predictive_summary} two {.arg probs}."
      ),
      call = call,
      class = "bayeslayers_argument_error"
    )
  }
  list(
    columns = columns[c(which.min(percents), which.max(percents))],
    percent = diff(range(percents))
  )
}

# A number for each row of a summary: row by row, or one for each example, or a column of a matrix
# for each output.
as_numbers <- function(values, argument, object, call = rlang::caller_env()) {
  count <- nrow(object)
  numbers <- as.numeric(if (is.matrix(values)) t(values) else values)
  if (length(numbers) == length(unique(object$example))) {
    numbers <- numbers[match(object$example, unique(object$example))]
  }
  if (length(numbers) != count) {
    cli::cli_abort(
      c(
        "{.arg {argument}} must hold a number for each of the {count} row{?s} of the summary.",
        x = "Received: {length(numbers)} number{?s}."
      ),
      call = call,
      class = "bayeslayers_argument_error"
    )
  }
  numbers
}

# The data that ggplot2 looks a column up in.
utils::globalVariables(".data")
