#' Leave-one-out cross-validation and WAIC of models
#'
#' \preformatted{elpd_loo = sum over i of log p(y_i | x_i, all data but i)
#' elpd_waic = sum over i of log E_w[p(y_i | x_i, w)] - Var_w[log p(y_i | x_i, w)]}
#'
#' `loo()` estimates how well a model predicts data that it has not seen, from its training data and
#' without training it again: Pareto-smoothed importance sampling weights the draws of the weights w
#' as if example i had been left out. Its diagnostic, Pareto k, shows for which examples this fails.
#' `waic()` is an older approximation of the same. The package loo computes both from the
#' log-likelihood, which is that of `rstantools::log_lik()` under the same `seed`.
#' `loo::loo_compare()` compares models.
#'
#' `newdata` and `y` must be the training data, which a Keras model does not keep. The draws come
#' from the approximate posterior, but are treated as draws from the exact one. They are
#' independent, so their relative efficiency is 1. If the model was trained with a divergence that
#' is not scaled to the number of examples (see [scale_kl()]), its posterior differs, and so do the
#' figures.
#'
#' The package loo has to be installed.
#'
#' @param x A Keras 3 model, sequential, functional or subclassed.
#' @inheritParams rstantools-methods
#' @param save_psis `TRUE` or `FALSE`: whether the smoothed weights are kept in the result.
#' @param cores Positive whole number: how many cores the package loo uses.
#' @param output Which of several outputs of the model is meant: its name, or its place, counted
#'   from 1. With `NULL` the model must have one output. The argument `outputs` is another one: it
#'   says what the numbers in an output are.
#' @returns What `loo::loo()` and `loo::waic()` return for a matrix, draws x examples.
#' @section Errors:
#' If `newdata` is missing, or `y` where `newdata` does not hold the targets; if the output is a
#' tensor of values, which has no likelihood; or if an argument breaks a rule that is stated here.
#' @references Vehtari, A., Gelman, A., and Gabry, J. (2017). Practical Bayesian Model Evaluation
#'   Using Leave-one-out Cross-validation and WAIC. Statistics and Computing 27, 1413-1432.
#'   \doi{10.1007/s11222-016-9696-4}
#' @seealso [log_likelihood()], [predictive_scores()], [`log_lik()`][rstantools-methods]
#' @examplesIf bayeslayers_available() && rlang::is_installed(c("keras3", "loo"))
#' library(keras3)
#' model <- keras_model_sequential(input_shape = 1) |>
#'   layer_dense_flipout(units = 1) |>
#'   layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
#' x <- seq(-1, 1, length.out = 20)
#' y <- x + rnorm(20, sd = 0.5)
#' model |> scale_kl(num_examples = 20)
#' model |> compile("adam", loss = function(y, rv) -tfd_log_prob(rv, y))
#' history <- model |> fit(matrix(x), matrix(y), epochs = 5, verbose = 0)
#' loo::loo(model, x, y, draws = 500, seed = 1)
#' loo::waic(model, x, y, draws = 500, seed = 1)
#' @name loo-methods
NULL

#' @rdname loo-methods
#' @method loo keras.src.models.model.Model
#' @exportS3Method loo::loo keras.src.models.model.Model
loo.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    x, newdata, y = NULL, draws = 1000, ...,
    outputs = "auto", batch_size = NULL, seed = NULL, verbose = "auto",
    save_psis = FALSE, cores = getOption("mc.cores", 1), output = NULL) {
  call <- rlang::current_env()
  settings <- checked_settings(missing(newdata), call)
  check_true_or_false(save_psis, "save_psis", call)
  found <- log_likelihoods_of_draws(x, newdata, y, settings, call)
  # The draws are independent.
  loo::loo(found, r_eff = rep(1, ncol(found)), save_psis = save_psis, cores = cores)
}

#' @rdname loo-methods
#' @method waic keras.src.models.model.Model
#' @exportS3Method loo::waic keras.src.models.model.Model
waic.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    x, newdata, y = NULL, draws = 1000, ...,
    outputs = "auto", batch_size = NULL, seed = NULL, verbose = "auto", output = NULL) {
  call <- rlang::current_env()
  settings <- checked_settings(missing(newdata), call)
  found <- log_likelihoods_of_draws(x, newdata, y, settings, call)
  loo::waic(found)
}

log_likelihoods_of_draws <- function(x, newdata, y, settings, call) {
  found <- log_likelihoods(x, newdata, y, settings, call, loo_spelling)
  rule <- "must be 2 or more, as both figures need the variance over the draws"
  check_rule(nrow(found) > 1, "draws", settings$draws, rule, call)
  found
}

# What the generics of loo call the core's arguments.
loo_spelling <- c(model = "x", x = "newdata")
