# What Python returns, as an R user knows it.

as_kl_divergence <- function(result) {
  parts <- list(
    total = result$total,
    loss = result$loss,
    table = as_data_frame(result$table)
  )
  structure(parts, class = "bayeslayers_kl_divergence")
}

#' @export
print.bayeslayers_kl_divergence <- function(x, ...) {
  totals <- format(c(x$total, x$loss), digits = 6, trim = TRUE)
  cat(sprintf("KL divergence %s nats, of which %s in the loss\n", totals[[1]], totals[[2]]))
  print(x$table, row.names = FALSE, ...)
  invisible(x)
}

as_summary <- function(result) {
  with_class(one_based(as_data_frame(result)), "bayeslayers_summary")
}

as_interval <- function(result) {
  with_class(one_based(as_data_frame(result)), "bayeslayers_interval")
}

as_reliability <- function(result) {
  with_class(as_data_frame(result), "bayeslayers_reliability")
}

as_posterior_summary <- function(result) {
  with_class(one_based(as_data_frame(result)), "bayeslayers_posterior")
}

as_comparison <- function(result) {
  with_class(as_data_frame(result), "bayeslayers_comparison")
}

as_training_history <- function(result) {
  with_class(as_data_frame(result), "bayeslayers_history")
}

# As `fit()` of keras3 returns it, so that its methods show it; with what was chosen beside it.
as_fit_history <- function(result) {
  temperatures <- result$temperatures
  parts <- list(
    params = result$params,
    metrics = result$history,
    temperature = result$temperature,
    temperatures = if (!is.null(temperatures)) as_data_frame(temperatures)
  )
  structure(parts, class = "keras_training_history")
}

as_scores <- function(result) {
  one_based(as_data_frame(result))
}

# A model of several outputs has an array of draws for each.
as_predictive_draws <- function(result) {
  if (is.list(result)) {
    result <- lapply(result, as_predictive_draws)
  }
  structure(result, class = c("bayeslayers_draws", class(result)))
}

# An array or a list like any other, whose class is no part of what is shown.
#' @export
print.bayeslayers_draws <- function(x, ...) {
  print(unclass(x), ...)
  invisible(x)
}

with_class <- function(table, class) {
  class(table) <- c(class, class(table))
  table
}

as_data_frame <- function(table) {
  columns <- if (is.data.frame(table)) as.list(table) else core()$shim$columns(table)
  columns <- lapply(columns, function(column) if (is.list(column)) unlist(column) else c(column))
  as.data.frame(columns, optional = TRUE, stringsAsFactors = FALSE)
}

# Python counts examples, outputs and classes from 0.
one_based <- function(summary) {
  for (name in intersect(c("example", "class"), names(summary))) {
    summary[[name]] <- as.integer(summary[[name]]) + 1L
  }
  names(summary) <- one_based_names(names(summary))
  if ("variable" %in% names(summary)) {
    summary$variable <- one_based_names(summary$variable)
  }
  summary
}

# "y[0,2]" -> "y[1,3]"
one_based_names <- function(names) {
  pattern <- "^(.*)\\[([0-9,]+)\\]$"
  is_indexed <- grepl(pattern, names)
  indices <- strsplit(sub(pattern, "\\2", names[is_indexed]), ",")
  raised <- vapply(indices, function(i) paste(as.integer(i) + 1L, collapse = ","), character(1))
  names[is_indexed] <- sprintf("%s[%s]", sub(pattern, "\\1", names[is_indexed]), raised)
  names
}
