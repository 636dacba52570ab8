# Which backend Keras runs on: the environment variable KERAS_BACKEND says so, which `use_backend()`
# of keras3 sets; failing that, Keras's configuration file.

supported_backends <- function() {
  names(required_of_backend)
}

chosen_backend <- function() {
  chosen <- c(Sys.getenv("KERAS_BACKEND"), configured_backend(), "tensorflow")
  chosen[nzchar(chosen)][[1]]
}

# What Keras finds where it looks for its file: `"backend": "jax"`.
configured_backend <- function() {
  file <- file.path(Sys.getenv("KERAS_HOME", "~/.keras"), "keras.json")
  if (!file.exists(file)) {
    return("")
  }
  text <- paste(readLines(file, warn = FALSE), collapse = " ")
  entry <- regmatches(text, regexec('"backend"\\s*:\\s*"([^"]*)"', text))[[1]]
  if (length(entry) > 0) entry[[2]] else ""
}

# Declares what the chosen backend needs, in place of what another one did that was chosen before.
require_backend <- function() {
  if (reticulate::py_available()) {
    return(invisible())
  }
  needed <- required_of_backend[[chosen_backend()]]
  not_needed <- setdiff(the$required, needed)
  if (length(not_needed) > 0) {
    reticulate::py_require(not_needed, action = "remove")
  }
  if (length(needed) > 0) {
    reticulate::py_require(needed)
  }
  the$required <- needed
  invisible()
}

# A backend may be chosen up to the moment when Python starts, by whomever it is started.
require_backend_at_start <- function() {
  others <- getOption("reticulate.python.beforeInitialized")
  options(reticulate.python.beforeInitialized = function() {
    require_backend()
    if (is.function(others)) others()
  })
}

# A Python that is running has a copy of the environment variables that it started with.
tell_python_of_backend <- function() {
  backend <- Sys.getenv("KERAS_BACKEND")
  if (nzchar(backend) && reticulate::py_available() && !python_has_keras()) {
    reticulate::import("os")$environ$update(list(KERAS_BACKEND = backend))
  }
}

# Keras stays on the backend on which it was loaded.
warn_of_other_backend <- function() {
  asked <- Sys.getenv("KERAS_BACKEND")
  if (nzchar(asked) && asked != the$backend) {
    cli::cli_warn(
      c(
        "Keras runs on {.val {the$backend}}, not on {.val {asked}}.",
        i = "It was loaded before {.envvar KERAS_BACKEND} was set: restart R, and set it first."
      ),
      class = "bayeslayers_other_backend",
      .frequency = "once",
      .frequency_id = paste("bayeslayers_other_backend", asked)
    )
  }
}
