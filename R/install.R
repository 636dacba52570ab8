#' Install the Python packages
#'
#' Installs Keras 3 and the packages of one of its backends, TensorFlow, JAX or PyTorch, into a
#' virtual environment. On TensorFlow and on JAX, these include TensorFlow Probability. With a
#' connection to the internet this is not needed: reticulate makes its own environment when the
#' package is first used. Restart R afterwards.
#'
#' @section The backend:
#' Keras runs on TensorFlow unless another backend is chosen before its first use, by
#' `keras3::use_backend("jax")`, or without keras3 by the environment variable `KERAS_BACKEND`:
#'
#' ```r
#' Sys.setenv(KERAS_BACKEND = "jax") # or "torch", "tensorflow"
#' library(bayeslayers)
#' ```
#'
#' The environment that reticulate makes has the packages of this backend. The choice holds until R
#' is restarted.
#'
#' @param envname Name or path of the virtual environment, which is made if it does not exist.
#'   `NULL` is the environment of the Python that was chosen with `RETICULATE_PYTHON` or that is
#'   running; otherwise `"r-bayeslayers"`, where reticulate looks for this package's Python.
#' @param backend The backend of Keras whose packages are installed: "tensorflow", "jax" or "torch".
#'   By default it is the chosen one.
#' @param ... Passed on to [reticulate::py_install()], such as `pip_options`, which can name
#'   the index of PyTorch's build for CPUs alone.
#' @returns `NULL`, invisibly.
#' @export
#' @examples
#' \dontrun{
#' install_bayeslayers()
#' install_bayeslayers(backend = "jax")
#' }
install_bayeslayers <- function(
    envname = NULL, backend = c("tensorflow", "jax", "torch"), ...) {
  if (missing(backend)) {
    backend <- chosen_backend()
  }
  if (is.null(envname)) {
    envname <- chosen_environment()
  }
  call <- rlang::current_env()
  is_name <- is.character(envname) && length(envname) == 1 && !is.na(envname) && nzchar(envname)
  rule <- "must be the name or the path of one virtual environment, or `NULL`"
  check_rule(is_name, "envname", envname, rule, call)
  is_backend <- is.character(backend) && length(backend) == 1 && backend %in% supported_backends()
  rule <- cli::format_inline("must be {.or {.val {supported_backends()}}}")
  check_rule(is_backend, "backend", backend, rule, call)
  packages <- c(required_packages, required_of_backend[[backend]])
  reticulate::py_install(packages, envname = envname, method = "virtualenv", ...)
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
