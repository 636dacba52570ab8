# The tests use the Python that was chosen; failing that, the one that `make setup` made.
project_python <- file.path("..", "..", ".venv", "bin", "python")
if (!nzchar(Sys.getenv("RETICULATE_PYTHON")) && file.exists(project_python)) {
  Sys.setenv(RETICULATE_PYTHON = normalizePath(dirname(project_python)) |> file.path("python"))
}
# Without a chosen Python, reticulate would look for one on the network.
has_core <- nzchar(Sys.getenv("RETICULATE_PYTHON")) &&
  reticulate::py_module_available("keras") &&
  reticulate::py_module_available(Sys.getenv("KERAS_BACKEND", "tensorflow"))
