#' The generics of rstantools for models
#'
#' \preformatted{posterior_epred:     E(y | x, w_d)
#' posterior_linpred:   eta_d = A(h(x; w_d), w_d),   E(y | x, w_d) = link inverse of eta_d
#' posterior_predict:   y_d ~ p(y | x, w_d)
#' predictive_error:    y - y_d
#' predictive_interval: [quantile((1 - prob) / 2), quantile((1 + prob) / 2)] of the y_d
#' posterior_interval:  the same quantiles of the weights w_d
#' log_lik:             log p(y | x, w_d),     w_d ~ q,   d = 1, ..., draws}
#'
#' These generics work for a Keras model as they do for a model of rstanarm or brms. Unlike those, a
#' Keras model does not keep its training data, so `newdata` has to be given. In the formulas, w_d
#' is draw d of the weights, q their posterior, h(x) the input of the last layer, and A its linear
#' map.
#'
#' A model that ends in a tensor does not describe the noise. `posterior_epred()` gives the draws of
#' its outputs. `posterior_predict()`, `predictive_error()`, `predictive_interval()` and `log_lik()`
#' need a distribution, such as that of [layer_distribution_lambda()]. `log_lik()` also takes a
#' tensor for classes, if `outputs` says what its numbers are.
#'
#' An interval lies between two quantiles of the draws of the outcome that `posterior_predict()`
#' returns, both ends included. [predictive_summary()] has the quantiles of the mixture over draws
#' of the weights, without the sampling error of one outcome a draw.
#'
#' If the model ends in a categorical distribution, `posterior_epred()` gives the probabilities of
#' the classes; there are no intervals and no errors. Classes are counted from 0, as in `fit()`,
#' both in the result of `posterior_predict()` and in the `y` of `log_lik()`, which may also be a
#' factor. If the model ends in a Bernoulli distribution, outcomes are 0 and 1, and the probability
#' is that of 1.
#'
#' The linear predictor is the result of the last dense layer or convolution of a model, before an
#' activation and before a distribution: the logits of classes, the logarithm of a rate, or all
#' parameters of a distribution as the network computes them. A model that ends in another layer,
#' such as a recurrent one, has no linear predictor; neither has one that is neither sequential nor
#' functional. With `transform` the result is that of `posterior_epred()`.
#'
#' The package rstantools, which has the generics, has to be installed.
#'
#' @param object A Keras 3 model, sequential, functional or subclassed.
#' @param newdata Inputs: an array, a tensor or a data frame of numbers, or a list or named list of
#'   them for a model of several inputs. A vector of n numbers stands for n examples. It may also be
#'   batches of inputs, or of inputs and targets: a `tf$data$Dataset`, a `PyDataset`, or a generator
#'   that ends.
#' @param y Targets, one for each example: an array or a tensor; or a list or named list that holds
#'   them for each output. Classes may also be a factor: its levels, as many as the model has
#'   classes, are the classes 0, 1, ... in this order. With `NULL` the targets are those that come
#'   with `newdata`.
#' @param draws Positive whole number: how many draws there are.
#' @param prob Number above 0 and below 1: the probability of the central interval.
#' @param transform `TRUE` or `FALSE`: whether the link function is undone. It comes before
#'   `newdata`, as in rstanarm and brms, so `newdata` is best given by name.
#' @param ... Not used.
#' @param outputs What the numbers in an output are, where it is a tensor: "values", or
#'   "probabilities" or "logits" of classes; "auto" means values. For a distribution, leave "auto".
#' @param batch_size Positive whole number: how many examples are computed at once, which limits the
#'   memory. With `NULL` it is as in [predict_draws()]. Must be `NULL` where `newdata` comes in
#'   batches.
#' @param seed Whole number: the same seed gives the same draws of the weights in all of these
#'   functions, in [predict_draws()] and in [posterior_draws()]. With `NULL` it is drawn from
#'   Keras's generator, which `keras3::set_random_seed()` sets, or without keras3
#'   `keras$utils$set_random_seed(1L)`; `set.seed()` has no effect on it.
#' @param verbose Whether to show progress: 0 (no), 1 (yes), or "auto" (if there are several steps).
#' @param output Which of several outputs of the model is meant: its name, or its place, counted
#'   from 1. With `NULL`, `posterior_epred()`, `posterior_predict()` and `predictive_interval()`
#'   return all of them; the others need a model of one output. The argument `outputs` is another
#'   one: it says what the numbers in an output are.
#' @returns For one value an example, `posterior_epred()`, `posterior_linpred()`,
#'   `posterior_predict()` and `predictive_error()` return a matrix, draws x examples; otherwise an
#'   array, draws x examples x values. `log_lik()` returns a matrix, draws x examples.
#'   `predictive_interval()` returns a matrix with a row for each example and two columns, such as
#'   "5%" and "95%"; for several values an example an array, examples x values x 2.
#'   `posterior_interval()` returns such a matrix with a row for each number in a weight, named as
#'   `posterior::as_draws()` names it: `out.kernel[1,2]`. Several outputs come in a list, or in a
#'   named list where the model has names for them.
#' @section Errors:
#' If `newdata` is missing, or `y` where `newdata` does not hold the targets; if the model, or the
#' output that is meant, is a tensor where a distribution is needed, or classes where an interval or
#' an error is asked for; if there is no linear predictor or no layer with a posterior where one is
#' asked for; or if an argument breaks a rule that is stated here.
#' @references Gabry, J., Goodrich, B., Lysy, M., and Johnson, A. (2022). rstantools: Tools for
#'   Developing R Packages Interfacing with Stan. <https://mc-stan.org/rstantools/>
#' @seealso [predict_draws()], [predictive_summary()], [log_likelihood()],
#'   [`loo()`][loo-methods]
#' @examplesIf bayeslayers_available() && rlang::is_installed(c("keras3", "rstantools"))
#' library(rstantools)
#' library(keras3)
#' model <- keras_model_sequential(input_shape = 3) |>
#'   layer_dense_flipout(units = 1, name = "out") |>
#'   layer_distribution_lambda(function(t) tfd_poisson(log_rate = t))
#' x <- array(rnorm(15), c(5, 3))
#' y <- rpois(5, 1)
#' dim(posterior_epred(model, x, draws = 100, seed = 1))
#' log_rates <- posterior_linpred(model, newdata = x, draws = 100, seed = 1)
#' all.equal(exp(log_rates), posterior_epred(model, x, draws = 100, seed = 1), tolerance = 1e-5)
#' dim(posterior_predict(model, x, draws = 100, seed = 1))
#' dim(predictive_error(model, x, y, draws = 100, seed = 1))
#' predictive_interval(model, x, prob = 0.9, draws = 100, seed = 1)
#' posterior_interval(model, prob = 0.9, draws = 100, seed = 1)
#' dim(log_lik(model, x, y, draws = 100, seed = 1))
#' @name rstantools-methods
NULL

#' @rdname rstantools-methods
#' @method posterior_epred keras.src.models.model.Model
#' @exportS3Method rstantools::posterior_epred keras.src.models.model.Model
posterior_epred.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    object, newdata, draws = 1000, ...,
    batch_size = NULL, seed = NULL, verbose = "auto", output = NULL) {
  call <- rlang::current_env()
  settings <- checked_settings(missing(newdata), call)
  by_example(means(object, newdata, settings, call))
}

#' @rdname rstantools-methods
#' @method posterior_predict keras.src.models.model.Model
#' @exportS3Method rstantools::posterior_predict keras.src.models.model.Model
posterior_predict.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    object, newdata, draws = 1000, ...,
    batch_size = NULL, seed = NULL, verbose = "auto", output = NULL) {
  call <- rlang::current_env()
  settings <- checked_settings(missing(newdata), call)
  by_example(outcomes(object, newdata, in_order = FALSE, settings, call))
}

#' @rdname rstantools-methods
#' @method posterior_linpred keras.src.models.model.Model
#' @exportS3Method rstantools::posterior_linpred keras.src.models.model.Model
posterior_linpred.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    object, transform = FALSE, newdata, draws = 1000, ...,
    batch_size = NULL, seed = NULL, verbose = "auto", output = NULL) {
  call <- rlang::current_env()
  check_true_or_false(transform, "transform", call)
  settings <- checked_settings(missing(newdata), call)
  if (transform) {
    return(by_example(means(object, newdata, settings, call)))
  }
  arguments <- c(list(model = object, x = newdata), settings)
  by_example(call_python(core(call)$shim$linear_predictors, arguments, call, generics_spelling))
}

#' @rdname rstantools-methods
#' @method predictive_error keras.src.models.model.Model
#' @exportS3Method rstantools::predictive_error keras.src.models.model.Model
predictive_error.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    object, newdata, y = NULL, draws = 1000, ...,
    batch_size = NULL, seed = NULL, verbose = "auto", output = NULL) {
  call <- rlang::current_env()
  settings <- checked_settings(missing(newdata), call)
  arguments <- c(list(model = object, x = newdata, y = y), settings)
  by_example(call_python(core(call)$shim$predictive_errors, arguments, call, generics_spelling))
}

#' @rdname rstantools-methods
#' @method posterior_interval keras.src.models.model.Model
#' @exportS3Method rstantools::posterior_interval keras.src.models.model.Model
posterior_interval.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    object, prob = 0.9, draws = 1000, ..., seed = NULL) {
  call <- rlang::current_env()
  rlang::check_dots_empty(call = call)
  check_inner_probability(prob, call)
  weights <- matrix_of_weights(object, draws, seed, call, generics_spelling)
  rstantools::posterior_interval(weights, prob = prob)
}

#' @rdname rstantools-methods
#' @method predictive_interval keras.src.models.model.Model
#' @exportS3Method rstantools::predictive_interval keras.src.models.model.Model
predictive_interval.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    object, newdata, prob = 0.9, draws = 1000, ...,
    batch_size = NULL, seed = NULL, verbose = "auto", output = NULL) {
  call <- rlang::current_env()
  settings <- checked_settings(missing(newdata), call)
  check_inner_probability(prob, call)
  drawn <- by_example(outcomes(object, newdata, in_order = TRUE, settings, call))
  central_intervals(drawn, prob)
}

#' @rdname rstantools-methods
#' @method log_lik keras.src.models.model.Model
#' @exportS3Method rstantools::log_lik keras.src.models.model.Model
log_lik.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    object, newdata, y = NULL, draws = 1000, ...,
    outputs = "auto", batch_size = NULL, seed = NULL, verbose = "auto", output = NULL) {
  call <- rlang::current_env()
  settings <- checked_settings(missing(newdata), call)
  log_likelihoods(object, newdata, y, settings, call, generics_spelling)
}

# What the generics call the core's arguments.
generics_spelling <- c(model = "object", x = "newdata")

means <- function(object, newdata, settings, call) {
  arguments <- c(list(model = object, x = newdata), settings)
  call_python(core(call)$predict_draws, arguments, call, generics_spelling)
}

outcomes <- function(object, newdata, in_order, settings, call) {
  arguments <- c(list(model = object, x = newdata, in_order = in_order), settings)
  call_python(core(call)$shim$outcomes, arguments, call, generics_spelling)
}

log_likelihoods <- function(model, newdata, y, settings, call, spelling) {
  arguments <- c(list(model = model, x = newdata, y = y), settings)
  call_python(core(call)$log_likelihood, arguments, call, spelling)
}

# Checks what all generics that need inputs check, and returns what the core is sent as it is.
checked_settings <- function(is_without_newdata, call) {
  if (is_without_newdata) {
    cli::cli_abort(
      "{.arg newdata} must be given: the inputs, as a Keras model keeps no data of its training.",
      call = call,
      class = "bayeslayers_argument_error",
      argument = "newdata"
    )
  }
  rlang::check_dots_empty(env = call, call = call)
  settings <- c("draws", "outputs", "batch_size", "seed", "verbose", "output")
  mget(intersect(settings, names(call)), envir = call)
}

check_inner_probability <- function(prob, call) {
  is_fine <- is.numeric(prob) && length(prob) == 1 && !is.na(prob) && prob > 0 && prob < 1
  check_rule(is_fine, "prob", prob, "must be a number above 0 and below 1", call)
}

check_true_or_false <- function(value, argument, call) {
  is_fine <- is.logical(value) && length(value) == 1 && !is.na(value)
  check_rule(is_fine, argument, value, "must be true or false", call)
}

# For arguments of R alone, which the core never sees.
check_rule <- function(is_fine, argument, value, rule, call) {
  if (!is_fine) {
    cli::cli_abort(
      c(
        "{.arg {argument}} {rule}.",
        x = "Received: {.code {argument} = {describe(value)}}."
      ),
      call = call,
      class = "bayeslayers_argument_error",
      argument = argument,
      rule = rule
    )
  }
}

# One value an example is a matrix, draws x examples, whether the model has it in a column or not.
by_example <- function(draws) {
  if (is.list(draws)) {
    return(lapply(draws, by_example))
  }
  size <- dim(draws)
  last <- length(size)
  if (last > 2 && size[[last]] == 1) array(draws, size[-last]) else draws
}

# The quantiles over the first dimension of draws, in the last of the result.
central_intervals <- function(draws, prob) {
  if (is.list(draws)) {
    return(lapply(draws, central_intervals, prob))
  }
  size <- dim(draws)
  intervals <- rstantools::predictive_interval(matrix(draws, nrow = size[[1]]), prob = prob)
  if (length(size) == 2) {
    return(intervals)
  }
  names <- c(vector("list", length(size) - 1), list(colnames(intervals)))
  array(intervals, c(size[-1], 2), dimnames = names)
}
