#' Install what Python must hold
#'
#' Installs Keras 3 and the packages of one of its backends into a virtual environment: TensorFlow,
#' JAX or PyTorch. On TensorFlow and on JAX, TensorFlow Probability is among them. With a network
#' this is not needed: reticulate makes an environment of its own when the package is first used.
#' Restart R afterwards.
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
#' What reticulate puts into an environment of its own follows this choice. It holds until R is
#' restarted.
#'
#' @param envname Name or path of the virtual environment, made if it is not there. `NULL` is the
#'   environment of the Python that was chosen with `RETICULATE_PYTHON` or that is running;
#'   otherwise `"r-bayeslayers"`, where reticulate looks for this package's Python.
#' @param backend The backend of Keras whose packages are installed: "tensorflow", "jax" or "torch".
#'   Without it, the one that is chosen.
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
