.onLoad <- function(libname, pkgname) {
  # Only declares: Python starts at the first use of a function. And reticulate, which takes longer
  # to load than all the rest, is loaded at that use, too.
  if (isNamespaceLoaded("reticulate")) {
    declare_requirements()
  } else {
    setHook(packageEvent("reticulate", "onLoad"), function(...) declare_requirements())
  }
}

declare_requirements <- function() {
  reticulate::py_require(required_packages, python_version = required_python)
}
