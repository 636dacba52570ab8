# The Python core of this very package, loaded at the first use and kept.
the <- new.env(parent = emptyenv())

core <- function(call = rlang::caller_env()) {
  if (is.null(the$core)) {
    the$core <- load_core(call)
  }
  warn_of_other_backend()
  the$core
}

load_core <- function(call) {
  quieten_tensorflow()
  limit_threads_under_check()
  require_backend()
  tell_python_of_backend()
  module <- tryCatch(
    reticulate::import_from_path("bayeslayers", path = core_folder()),
    error = function(condition) abort_without_core(condition, call)
  )
  check_core_version(module, call)
  the$backend <- reticulate::import("keras")$backend$backend()
  module
}

core_folder <- function() {
  system.file("python", package = "bayeslayers")
}

# TensorFlow tells of the processors that it found or missed, unless it is asked not to; and JAX,
# which is compiled from the same sources.
quieten_tensorflow <- function() {
  if (!nzchar(Sys.getenv("TF_CPP_MIN_LOG_LEVEL"))) {
    Sys.setenv(TF_CPP_MIN_LOG_LEVEL = "2")
  }
}

# CRAN allows two threads to its checks, and the frameworks take one for each core. They read these
# variables when they are loaded: TensorFlow, PyTorch and NumPy, JAX.
limit_threads_under_check <- function() {
  if (!tolower(Sys.getenv("_R_CHECK_LIMIT_CORES_")) %in% c("true", "warn", "error")) {
    return(invisible())
  }
  limits <- c(
    TF_NUM_INTRAOP_THREADS = "1", TF_NUM_INTEROP_THREADS = "1", OMP_NUM_THREADS = "2",
    OPENBLAS_NUM_THREADS = "2", MKL_NUM_THREADS = "2", NPROC = "2"
  )
  not_set <- limits[!nzchar(Sys.getenv(names(limits)))]
  if (length(not_set) > 0) {
    do.call(Sys.setenv, as.list(not_set))
  }
  invisible()
}

abort_without_core <- function(condition, call) {
  cli::cli_abort(
    c(
      "bayeslayers can't load its Python core.",
      x = "{reason_without_core(condition)}",
      i = python_in_use(),
      advice_without_core(condition)
    ),
    call = call,
    class = "bayeslayers_no_core"
  )
}

reason_without_core <- function(condition) {
  if (inherits(condition, "bayeslayers.backend.choice.MissingBackendError")) {
    return(condition$reason)
  }
  line <- strsplit(conditionMessage(condition), "\n")[[1]][[1]]
  sub("^bayeslayers[.][a-z.]*BackendError: ", "", line)
}

advice_without_core <- function(condition) {
  backends <- supported_backends()
  backend <- intersect(c(chosen_backend(), "tensorflow"), backends)[[1]]
  command <- cli::format_inline(
    "{.run bayeslayers::install_bayeslayers(backend = \"{backend}\")}"
  )
  advice <- c(i = sprintf("Run %s, and restart R.", command))
  if (inherits(condition, "bayeslayers.backend.choice.BackendError")) {
    choice <- cli::format_inline(
      "To choose {.or {.val {backends}}}, restart R, and call first of all ",
      "{.code Sys.setenv(KERAS_BACKEND = \"{backend}\")}."
    )
    advice <- c(advice, i = choice)
  }
  advice
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
