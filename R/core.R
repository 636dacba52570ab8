# The Python core of this very package, loaded at the first use and kept.
the <- new.env(parent = emptyenv())

core <- function(call = rlang::caller_env()) {
  if (is.null(the$core)) {
    the$core <- load_core(call)
  }
  the$core
}

load_core <- function(call) {
  quieten_tensorflow()
  module <- tryCatch(
    reticulate::import_from_path("bayeslayers", path = core_folder()),
    error = function(condition) abort_without_core(condition, call)
  )
  check_core_version(module, call)
  module
}

core_folder <- function() {
  system.file("python", package = "bayeslayers")
}

# TensorFlow tells of the processors that it found or missed, unless it is asked not to.
quieten_tensorflow <- function() {
  if (!nzchar(Sys.getenv("TF_CPP_MIN_LOG_LEVEL"))) {
    Sys.setenv(TF_CPP_MIN_LOG_LEVEL = "2")
  }
}

abort_without_core <- function(condition, call) {
  reason <- strsplit(conditionMessage(condition), "\n")[[1]][[1]]
  if (inherits(condition, "bayeslayers.backend.choice.BackendError")) {
    advice <- "Set it with `Sys.setenv(KERAS_BACKEND = \"tensorflow\")`, and restart R."
  } else {
    advice <- "Run {.run bayeslayers::install_bayeslayers()}, and restart R."
  }
  cli::cli_abort(
    c(
      "bayeslayers can't load its Python core.",
      x = "{reason}",
      i = python_in_use(),
      i = advice
    ),
    call = call,
    class = "bayeslayers_no_core"
  )
}

python_in_use <- function() {
  if (!reticulate::py_available()) {
    return("No Python could be started.")
  }
  python <- reticulate::py_config()$python
  cli::format_inline("Python in use: {.file {python}}")
}

# Where Python had already loaded a bayeslayers of its own, that one is in use.
check_core_version <- function(module, call) {
  found <- module[["__version__"]]
  if (!identical(found, core_version)) {
    cli::cli_abort(
      c(
        "The R package and its Python core must be of one version.",
        x = "R has {core_version}, Python had already loaded {found}.",
        i = "Restart R, and load the R package before the Python one."
      ),
      call = call,
      class = "bayeslayers_no_core"
    )
  }
}
