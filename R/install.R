#' Install what Python must hold
#'
#' Installs TensorFlow, Keras 3 and TensorFlow Probability into a virtual environment. With a
#' network this is not needed: reticulate makes an environment of its own when the package is first
#' used. Restart R afterwards.
#'
#' @param envname Name or path of the virtual environment, made if it is not there. `NULL` is the
#'   environment of the Python that was chosen with `RETICULATE_PYTHON` or that is running;
#'   otherwise `"r-bayeslayers"`, where reticulate looks for this package's Python.
#' @param ... Passed on to [reticulate::py_install()], such as `pip_options`.
#' @returns `NULL`, invisibly.
#' @export
#' @examples
#' \dontrun{
#' install_bayeslayers()
#' }
install_bayeslayers <- function(envname = NULL, ...) {
  if (is.null(envname)) {
    envname <- chosen_environment()
  }
  if (!is.character(envname) || length(envname) != 1 || is.na(envname) || !nzchar(envname)) {
    cli::cli_abort(c(
      "{.arg envname} must be the name or the path of one virtual environment, or `NULL`.",
      x = "Received: {.code {describe(envname)}}."
    ))
  }
  reticulate::py_install(required_packages, envname = envname, method = "virtualenv", ...)
  invisible()
}

chosen_environment <- function() {
  python <- Sys.getenv("RETICULATE_PYTHON")
  if (reticulate::py_available()) {
    python <- reticulate::py_config()$python
  }
  folder <- dirname(dirname(python))
  if (file.exists(file.path(folder, "pyvenv.cfg"))) folder else "r-bayeslayers"
}
