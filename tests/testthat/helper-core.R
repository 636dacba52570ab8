skip_without_core <- function() {
  skip_if_not(
    has_core,
    "Python with Keras 3 and its backend; set RETICULATE_PYTHON, or run make setup"
  )
}

# What takes long is not tested twice. R itself sets the variable; skip_on_cran() does not hold
# where files are read in several processes.
skip_in_r_cmd_check <- function() {
  skip_if(nzchar(Sys.getenv("_R_CHECK_PACKAGE_NAME_")), "R CMD check, as make test has run it")
}

keras <- function() {
  reticulate::import("keras")
}

running_backend <- function() {
  keras()$backend$backend()
}

skip_unless_on <- function(...) {
  skip_if_not(running_backend() %in% c(...), paste("Keras on", paste(c(...), collapse = " or ")))
}

# JAX computes in double precision where it was told to before its first use.
float_types <- function() {
  c("float16", "float32", if (running_backend() != "jax") "float64")
}

dtype_of <- function(object) {
  keras()$backend$standardize_dtype(object$dtype)
}

set_seed <- function(seed) {
  keras()$utils$set_random_seed(as.integer(seed))
}

# What numpy.sin(numpy.arange(72)).reshape(2, 6, 6) is: row after row.
example_inputs <- function() {
  aperm(array(sin(0:71), c(6, 6, 2)))
}

# With plain numbers, as an R user types them.
read_cases <- function(file) {
  cases <- jsonlite::fromJSON(test_path("parity", file), simplifyVector = TRUE)
  rapply(cases, as.numeric, classes = "integer", how = "replace")
}

expected_path <- function(case, what) {
  test_path("parity", "expected", paste0(gsub(" ", "-", case), "-", what))
}

sequential <- function(input_shape = c(6L, 6L)) {
  keras()$Sequential(list(keras()$Input(reticulate::tuple(as.list(input_shape)))))
}

numbers <- function(tensor) {
  keras()$ops$convert_to_numpy(tensor)
}

# The R package keras3 itself. Pages are also run with a stand-in of that name, of a lower version.
has_keras3 <- function() {
  requireNamespace("keras3", quietly = TRUE) && utils::packageVersion("keras3") >= "1.0.0"
}

# Attaches it for the rest of the test.
local_keras3 <- function(env = parent.frame()) {
  skip_if_not(has_keras3(), "The R package keras3")
  skip_without_core()
  withr::local_package("keras3", .local_envir = env)
}
