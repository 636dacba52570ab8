#' Draws in the formats of the package posterior
#'
#' \preformatted{w_d ~ q;   f_d(x) = model(x; w_d),   d = 1, ..., draws}
#'
#' `posterior::as_draws()` of a Keras 3 model draws all of its random weights, which are named after
#' their layer: `dense_flipout.kernel[1,2]`. Of what [predict_draws()] returned it makes variables
#' `y[i]`, or `y[i,j]` for the output j of the example i. Through it `as_draws_df()`,
#' `as_draws_matrix()`, `as_draws_array()`, `as_draws_rvars()` and `summarise_draws()` of posterior
#' work as well, and bayesplot and ggdist take what they return. There is one chain, whose draws are
#' independent.
#'
#' @param x A Keras 3 model, or what [predict_draws()] returned for a model of one output.
#' @param draws Positive whole number: how many draws.
#' @param seed Whole number that the draws follow from, or `NULL`. The same number stands for the
#'   same draws of the weights in [predict_draws()].
#' @param ... Not used.
#' @returns A `draws_matrix`.
#' @section Errors:
#' If the model has no layer with a posterior that is built, or an argument breaks a rule that is
#' stated here.
#' @references Buerkner, P.-C., Gabry, J., Kay, M., and Vehtari, A. (2023). posterior: Tools for
#'   Working with Posterior Distributions. <https://mc-stan.org/posterior/>
#' @seealso [posterior_draws()], [predict_draws()]
#' @examplesIf reticulate::py_module_available("keras") && requireNamespace("posterior")
#' keras <- reticulate::import("keras")
#' model <- keras$Sequential() |>
#'   layer_dense_flipout(units = 1, name = "out", input_shape = 2)
#' posterior::summarise_draws(posterior::as_draws(model, draws = 50), "mean", "sd")
#' @name posterior-methods
NULL

# The generics are those of a package that need not be there, and the class of a model has the name
# that Python gives it.
# nolint start: object_name_linter, object_length_linter.

#' @rdname posterior-methods
#' @exportS3Method posterior::as_draws
as_draws.keras.src.models.model.Model <- function(x, draws = 1000, seed = NULL, ...) {
  weights <- posterior_draws(x, draws = draws, seed = seed)
  posterior::as_draws_matrix(do.call(cbind, Map(as_variables, weights, names(weights))))
}

#' @rdname posterior-methods
#' @exportS3Method posterior::as_draws
as_draws.bayeslayers_draws <- function(x, ...) {
  posterior::as_draws_matrix(as_variables(unclass(x), "y"))
}

# nolint end

# An array (draws, ...) -> a matrix with a column for each of its numbers: name[1,2]
as_variables <- function(draws, name) {
  sizes <- dim(draws)
  if (length(sizes) < 2) {
    return(matrix(draws, ncol = 1, dimnames = list(NULL, name)))
  }
  indices <- arrayInd(seq_len(prod(sizes[-1])), sizes[-1])
  columns <- sprintf("%s[%s]", name, apply(indices, 1, paste, collapse = ","))
  matrix(draws, nrow = sizes[[1]], dimnames = list(NULL, columns))
}
