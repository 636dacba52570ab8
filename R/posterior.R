#' Draws in the formats of the package posterior
#'
#' \preformatted{model:           w_d ~ q,               variables layer.kernel[1,2]
#' predict_draws(): f_d(x) = model(x; w_d), variables y[example] or y[example,value]}
#'
#' With these methods of `posterior::as_draws()`, the functions of the package posterior work with a
#' model, whose draws are those of its weights, and with the result of [predict_draws()]:
#' `summarise_draws()`, `as_draws_df()`, `as_draws_rvars()` and the others. So do bayesplot and
#' ggdist. In the formulas, w_d is draw d of the weights and q their posterior. The draws are
#' independent: there is one chain, in no order.
#'
#' A weight without a spread, such as a bias by default, is a variable that does not vary. Its
#' diagnostics are `NA`; `posterior::subset_draws()` leaves it out. With the same `seed`, draw d of
#' the weights is the one behind draw d of the predictions.
#'
#' The package posterior has to be installed.
#'
#' @param x A Keras 3 model, sequential, functional or subclassed, with a layer of this package; or
#'   the array that [predict_draws()] returned, or the list of them for several outputs.
#' @param draws Positive whole number: how many draws there are.
#' @param seed Whole number: the same seed gives the same draws. With `NULL` it is drawn from
#'   Keras's generator, which `keras3::set_random_seed()` sets, or without keras3
#'   `keras$utils$set_random_seed(1L)`; `set.seed()` has no effect on it.
#' @param variable Text: the name of the variables of predictions. Several outputs have the names of
#'   the outputs, or `y1`, `y2` and so on where these have none.
#' @param ... `draws` and `seed`, in the functions that do not name them; nothing else.
#' @returns `as_draws()` returns a `draws_matrix`, with a row for each draw and a column for each
#'   number. The others return the format that they are named after.
#' @section Errors:
#' If the model has no layer with a posterior, or an argument breaks a rule that is stated here.
#' @references Buerkner, P.-C., Gabry, J., Kay, M., and Vehtari, A. (2023). posterior: Tools for
#'   Working with Posterior Distributions. <https://mc-stan.org/posterior/>
#' @seealso [posterior_draws()], [predict_draws()]
#' @examplesIf bayeslayers_available() && rlang::is_installed(c("keras3", "posterior"))
#' library(keras3)
#' model <- keras_model_sequential(input_shape = 3) |>
#'   layer_dense_flipout(units = 2, name = "out")
#' weights <- posterior::as_draws(model, draws = 200, seed = 1)
#' posterior::summarise_draws(weights, "mean", "sd")
#'
#' predictions <- predict_draws(model, array(1, c(4, 3)), draws = 200, seed = 1)
#' posterior::summarise_draws(predictions, "mean", "sd")
#' @name posterior-methods
NULL

#' @rdname posterior-methods
#' @method as_draws keras.src.models.model.Model
#' @exportS3Method posterior::as_draws keras.src.models.model.Model
as_draws.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    x, draws = 1000, seed = NULL, ...) {
  call <- rlang::current_env()
  rlang::check_dots_empty(call = call)
  posterior::as_draws_matrix(matrix_of_weights(x, draws, seed, call, c(model = "x")))
}

# A row for each draw, and a column for each number in a weight.
matrix_of_weights <- function(model, draws, seed, call, spelling) {
  arguments <- list(model = model, draws = draws, seed = seed)
  weights <- call_python(core(call)$posterior_draws, arguments, call, spelling)
  do.call(cbind, unname(Map(as_variables, weights, names(weights))))
}

# posterior's own methods would drop `draws` and `seed` on the way.
#' @rdname posterior-methods
#' @method as_draws_matrix keras.src.models.model.Model
#' @exportS3Method posterior::as_draws_matrix keras.src.models.model.Model
as_draws_matrix.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    x, ...) {
  posterior::as_draws_matrix(posterior::as_draws(x, ...))
}

#' @rdname posterior-methods
#' @method as_draws_array keras.src.models.model.Model
#' @exportS3Method posterior::as_draws_array keras.src.models.model.Model
as_draws_array.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    x, ...) {
  posterior::as_draws_array(posterior::as_draws(x, ...))
}

#' @rdname posterior-methods
#' @method as_draws_df keras.src.models.model.Model
#' @exportS3Method posterior::as_draws_df keras.src.models.model.Model
as_draws_df.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    x, ...) {
  posterior::as_draws_df(posterior::as_draws(x, ...))
}

#' @rdname posterior-methods
#' @method as_draws_rvars keras.src.models.model.Model
#' @exportS3Method posterior::as_draws_rvars keras.src.models.model.Model
as_draws_rvars.keras.src.models.model.Model <- function( # nolint: object_name, object_length.
    x, ...) {
  posterior::as_draws_rvars(posterior::as_draws(x, ...))
}

#' @rdname posterior-methods
#' @method as_draws bayeslayers_draws
#' @exportS3Method posterior::as_draws bayeslayers_draws
as_draws.bayeslayers_draws <- function(x, variable = "y", ...) { # nolint: object_name.
  rlang::check_dots_empty()
  posterior::as_draws_matrix(predicted_variables(x, variable))
}

# Those of several outputs are called by their names, or numbered.
predicted_variables <- function(draws, name) {
  if (is.list(draws)) {
    numbered <- paste0(name, seq_along(draws))
    of_outputs <- if (is.null(names(draws))) numbered else names(draws)
    return(do.call(cbind, unname(Map(predicted_variables, draws, of_outputs))))
  }
  # A column of one value an example is no dimension of its own.
  as_variables(by_example(unclass(draws)), name)
}

# An array, draws x ..., as a matrix with a column for each number: `name[1,2]`.
as_variables <- function(draws, name) {
  size <- dim(draws)[-1]
  if (length(size) > 0) {
    indices <- arrayInd(seq_len(prod(size)), size)
    name <- sprintf("%s[%s]", name, apply(indices, 1, paste, collapse = ","))
  }
  matrix(draws, nrow = NROW(draws), dimnames = list(NULL, name))
}
