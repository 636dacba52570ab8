# The tests use the Python that was chosen; failing that, the one that `make setup` made.
project_python <- file.path("..", "..", ".venv", "bin", "python")
if (!nzchar(Sys.getenv("RETICULATE_PYTHON")) && file.exists(project_python)) {
  Sys.setenv(RETICULATE_PYTHON = normalizePath(dirname(project_python)) |> file.path("python"))
}
# Asked once, as it takes a process.
has_core <- bayeslayers_available()
