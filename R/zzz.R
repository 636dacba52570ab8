.onLoad <- function(libname, pkgname) {
  # Only declares: Python starts at the first use of a function. And reticulate, which takes longer
  # to load than all the rest, is loaded at that use, too.
  if (isNamespaceLoaded("reticulate")) {
    declare_to_reticulate()
  } else {
    setHook(packageEvent("reticulate", "onLoad"), function(...) declare_to_reticulate())
  }
}

declare_to_reticulate <- function() {
  reticulate::py_require(required_packages, python_version = required_python)
  require_backend()
  require_backend_at_start()
  when_keras_is_loaded(register_layers)
}

# Keras loads a saved model only where it knows the classes of the layers, and whoever loads one may
# not have used a function of this package before.
register_layers <- function() {
  tryCatch(core(), bayeslayers_no_core = warn_unregistered)
}

warn_unregistered <- function(condition) {
  cli::cli_warn(
    "Keras can't load models with layers of bayeslayers.",
    parent = condition,
    class = "bayeslayers_unregistered"
  )
}

when_keras_is_loaded <- function(hook) {
  if ("py_register_load_hook" %in% getNamespaceExports("reticulate")) {
    register <- getExportedValue("reticulate", "py_register_load_hook")
    register("keras", hook)
  } else if (python_has_keras()) {
    hook()
  } else {
    # What the function above does, which reticulate keeps to itself before version 1.42.
    setHook("reticulate::keras::load", function(...) hook())
  }
  invisible()
}

python_has_keras <- function() {
  reticulate::py_available() && "keras" %in% names(reticulate::import("sys")$modules)
}
