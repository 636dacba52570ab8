#' Verbs of rstantools for Bayesian Keras models
#'
#' \preformatted{
#' posterior_epred      E(y | x, w_d)
#' posterior_predict    y_d ~ p(y | x, w_d)
#' predictive_interval  central interval of the y_d
#' log_lik              log p(y | x, w_d),   w_d ~ q,   d = 1, ..., draws}
#'
#' The generics of the package rstantools, which brms and rstanarm use, for any Keras 3 model that
#' holds layers of this package. They are there once rstantools is installed: call them as
#' `rstantools::posterior_predict()`, or load a package that exports them.
#'
#' A model without noise of its own, which ends in a tensor and not in a distribution (see
#' [layer_distribution_lambda()]), has `posterior_epred()` alone. Classes count from 0, as the
#' targets of `fit()` do; of a categorical distribution `posterior_epred()` gives the
#' probabilities of all classes.
#'
#' @param object A Keras 3 model, sequential, functional or subclassed.
#' @param newdata Inputs: an array or a tensor, or a list of them for a model of several inputs.
#' @param y Targets, one for each example: an array or a tensor.
#' @param draws Positive whole number: how many draws.
#' @param prob Number between 0 and 1: the probability of the interval.
#' @param seed Whole number that the draws follow from, or `NULL`. The same number stands for the
#'   same draws of the weights in all of these functions and in [predict_draws()].
#' @param ... Further arguments of [predict_draws()], `batch_size` and `verbose`; for `log_lik()`
#'   those of [log_likelihood()].
#' @returns A matrix with a row for each draw and a column for each example, or an array with a
#'   further dimension where an example has several outputs; of `predictive_interval()` a matrix
#'   with a row for each example, whose two columns are named after the quantiles.
#' @section Errors:
#' If `newdata` or `y` is missing, the model ends in a tensor where a distribution is needed, an
#' interval is asked for of several outputs, or an argument breaks a rule that is stated here.
#' @references Gabry, J., and Mahr, T. (2022). rstantools: Tools for Developing R Packages
#'   Interfacing with 'Stan'. <https://mc-stan.org/rstantools/>
#' @seealso [predict_draws()], [predictive_summary()], [predictive_scores()]
#' @examplesIf reticulate::py_module_available("keras") && requireNamespace("rstantools")
#' keras <- reticulate::import("keras")
#' model <- keras$Sequential() |>
#'   layer_dense_flipout(units = 1, input_shape = 3) |>
#'   layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
#' x <- array(1, c(8, 3))
#' dim(rstantools::posterior_epred(model, x, draws = 10))
#' rstantools::predictive_interval(model, x, draws = 10)
#' @name rstantools-methods
NULL

# The generics are those of a package that need not be there, and the class of a model has the name
# that Python gives it.
# nolint start: object_name_linter, object_length_linter.

#' @rdname rstantools-methods
#' @exportS3Method rstantools::posterior_epred
posterior_epred.keras.src.models.model.Model <- function(
  object,
  newdata,
  draws = 1000,
  ...,
  seed = NULL
) {
  rlang::check_required(newdata)
  at_caller(as_draws_of_examples(
    predict_draws(object, newdata, draws = draws, seed = seed, ...)
  ))
}

#' @rdname rstantools-methods
#' @exportS3Method rstantools::posterior_predict
posterior_predict.keras.src.models.model.Model <- function(
  object,
  newdata,
  draws = 1000,
  ...,
  seed = NULL
) {
  rlang::check_required(newdata)
  at_caller(as_draws_of_examples(
    predict_draws(object, newdata, draws = draws, kind = "sample", seed = seed, ...)
  ))
}

#' @rdname rstantools-methods
#' @exportS3Method rstantools::predictive_interval
predictive_interval.keras.src.models.model.Model <- function(
  object,
  newdata,
  prob = 0.9,
  draws = 1000,
  ...,
  seed = NULL
) {
  rlang::check_required(newdata)
  draws <- at_caller(as_draws_of_examples(
    predict_draws(object, newdata, draws = draws, kind = "sample", seed = seed, ...)
  ))
  if (!is.matrix(draws)) {
    cli::cli_abort(
      c(
        "{.arg object} must have one output for each example.",
        x = "Received: a model whose outputs have the shape {.val {dim(draws)[-1]}}.",
        i = "{.fn predictive_summary} has intervals for several."
      ),
      class = "bayeslayers_argument_error"
    )
  }
  rstantools::predictive_interval(draws, prob = prob)
}

#' @rdname rstantools-methods
#' @exportS3Method rstantools::log_lik
log_lik.keras.src.models.model.Model <- function(
  object,
  newdata,
  y,
  draws = 1000,
  ...,
  seed = NULL
) {
  rlang::check_required(newdata)
  rlang::check_required(y)
  at_caller(log_likelihood(object, newdata, y, draws = draws, seed = seed, ...))
}

# nolint end

# (draws, n, 1) -> a matrix, as rstantools has it
as_draws_of_examples <- function(draws) {
  if (is.list(draws)) {
    return(lapply(draws, as_draws_of_examples))
  }
  draws <- unclass(draws)
  sizes <- dim(draws)
  if (all(sizes[-(1:2)] == 1)) matrix(draws, sizes[[1]], sizes[[2]]) else draws
}

# Errors of the verbs of this package, in the names and at the line of the generic's caller.
at_caller <- function(expr, call = rlang::caller_env()) {
  tryCatch(expr, bayeslayers_argument_error = function(condition) {
    if (identical(condition$argument, "kind")) {
      cli::cli_abort(
        c(
          "{.arg object} must end in a distribution: see {.fn layer_distribution_lambda}.",
          x = "Received: a model that ends in a tensor."
        ),
        call = call,
        class = "bayeslayers_argument_error"
      )
    }
    for (name in names(names_of_generics)) {
      own <- names_of_generics[[name]]
      condition$message <- gsub(name, own, condition$message, fixed = TRUE)
    }
    condition$call <- rlang::error_call(call)
    rlang::cnd_signal(condition)
  })
}

names_of_generics <- c("`model` must" = "`object` must", "`x` must" = "`newdata` must")
