#' TensorFlow Probability, with this package's layers in it
#'
#' A handle to a Python module. `tfp$layers` holds the layers of this package, and `tfp$layers$util`
#' the makers of posteriors and priors. `tfp$distributions`, `tfp$bijectors` and every other name
#' are TensorFlow Probability's own, on JAX those of its build for JAX. TensorFlow Probability does
#' not run on PyTorch: use `reticulate::import("torch")$distributions` there. Python starts when a
#' name is first used.
#'
#' @format A handle: `$` returns the object of a name.
#' @export
#' @examplesIf bayeslayers_available()
#' tfp$distributions$Normal(loc = 0, scale = 1)
tfp <- structure(list(), class = "bayeslayers_tfp")

#' @export
`$.bayeslayers_tfp` <- function(x, name) {
  call <- rlang::current_env()
  module <- core(call)$tfp
  tryCatch(
    rethrow_python_errors(reticulate::py_get_attr(module, name), list(), call),
    bayeslayers_python_error = function(condition) {
      if (!grepl("^AttributeError", conditionMessage(condition))) stop(condition)
      cli::cli_abort("{.code tfp} has no name {.val {name}}.", call = call)
    }
  )
}

#' @export
`[[.bayeslayers_tfp` <- `$.bayeslayers_tfp`

#' @export
print.bayeslayers_tfp <- function(x, ...) {
  cat("<tfp: the layers of bayeslayers, and TensorFlow Probability>\n")
  invisible(x)
}

#' @export
names.bayeslayers_tfp <- function(x) {
  # Where TensorFlow Probability does not run, there are the layers alone.
  tryCatch(names(core()$tfp), error = function(condition) "layers")
}

# Completion must not start Python behind the user's back.
#' @importFrom utils .DollarNames
#' @export
.DollarNames.bayeslayers_tfp <- function(x, pattern = "") { # nolint: object_name_linter.
  if (is.null(the$core)) {
    return(grep(pattern, c("bijectors", "distributions", "layers"), value = TRUE))
  }
  grep(pattern, names(x), value = TRUE)
}

# The default of an argument names TensorFlow's module, as tfprobability has it. It is read and
# never evaluated: an argument that is not supplied is not sent.
utils::globalVariables("tf")
