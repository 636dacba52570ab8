.onLoad <- function(libname, pkgname) {
  # Only declares: Python starts at the first use of a function.
  reticulate::py_require(required_packages, python_version = required_python)
}
