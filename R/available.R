#' Are the Python packages for the layers available?
#'
#' Returns whether the Python that is running, or that reticulate is told to use, has Keras and the
#' packages of the chosen backend. Examples, tests and vignettes call this before they use a layer.
#'
#' The function imports nothing, starts no Python in this session, and never downloads or installs
#' anything. So it also returns `FALSE` where reticulate would first have to make its own
#' environment, which it does at the first use of a layer. See [install_bayeslayers()] for the ways
#' to choose a Python.
#'
#' @returns `TRUE` or `FALSE`.
#' @export
#' @examples
#' bayeslayers_available()
bayeslayers_available <- function() {
  needed <- required_of_backend[[chosen_backend()]]
  if (is.null(needed)) {
    return(FALSE)
  }
  modules <- modules_of(c(required_packages, needed))
  if (reticulate::py_available()) {
    return(running_python_has(modules))
  }
  python <- python_at_hand()
  !is.null(python) && python_has(python, modules)
}

# The modules that packages are imported by: all of them have the name of their package.
modules_of <- function(packages) {
  gsub("-", "_", sub("[^A-Za-z0-9_-].*", "", packages), fixed = TRUE)
}

running_python_has <- function(modules) {
  find <- reticulate::import("importlib.util")$find_spec
  found <- function(module) {
    tryCatch(!is.null(find(module)), error = function(condition) FALSE)
  }
  all(vapply(modules, found, NA))
}

# In a process of its own, as this session's Python stays the user's to choose.
python_has <- function(python, modules) {
  code <- "import sys, importlib.util as u; sys.exit(not all(map(u.find_spec, sys.argv[1:])))"
  arguments <- c("-c", shQuote(code), modules)
  isTRUE(suppressWarnings(system2(python, arguments, stdout = FALSE, stderr = FALSE)) == 0)
}

# The Python that reticulate is told to use, or `NULL`. Left to itself, reticulate makes an
# environment of what packages ask for, which it downloads. Here it is told not to: it then takes
# any Python on the PATH, which it would not use otherwise.
python_at_hand <- function() {
  own_environment <- tolower(Sys.getenv("RETICULATE_USE_MANAGED_VENV"))
  asks_for_one <- own_environment %in% c("true", "1", "yes")
  if (asks_for_one || Sys.getenv("RETICULATE_PYTHON") == "managed") {
    return(NULL)
  }
  config <- discovered_without_download()
  does_without <- own_environment %in% c("false", "0", "no")
  if (is.list(config) && (does_without || is_chosen(config))) config$python
}

# What reticulate finds, or something else than a list. It prints every Python that it can't use.
discovered_without_download <- function() {
  before <- Sys.getenv("RETICULATE_USE_MANAGED_VENV", unset = NA)
  silent <- options(show.error.messages = FALSE)
  on.exit({
    options(silent)
    Sys.unsetenv("RETICULATE_USE_MANAGED_VENV")
    if (!is.na(before)) Sys.setenv(RETICULATE_USE_MANAGED_VENV = before)
  })
  Sys.setenv(RETICULATE_USE_MANAGED_VENV = "no")
  suppressWarnings(tryCatch(reticulate::py_discover_config(), error = function(condition) NULL))
}

# Whether a Python was chosen, and not met on the PATH. reticulate says how, but for its environment
# "r-reticulate".
is_chosen <- function(config) {
  how <- config$forced
  if (is.null(how)) {
    return(startsWith(config$python, path.expand(reticulate::virtualenv_root())))
  }
  !how %in% c("PATH", "Windows Registry")
}
