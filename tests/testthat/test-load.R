# Each of these looks at a fresh R session, without the Python that this one has started.
in_fresh_r <- function(code, env = character(), before = character()) {
  script <- withr::local_tempfile(fileext = ".R", lines = c(before, load_package(), code))
  rscript <- file.path(R.home("bin"), "Rscript")
  arguments <- c("--vanilla", shQuote(script))
  # With R's own packages alone, whatever this session was started with.
  env <- c(R_DEFAULT_PACKAGES = NA, env)
  # A status that is not zero comes as a warning; what the session said is looked at instead.
  suppressWarnings(
    withr::with_envvar(env, system2(rscript, arguments, stdout = TRUE, stderr = TRUE))
  )
}

# However wide the lines are.
said <- function(output) {
  gsub("[[:space:]]+", " ", paste(output, collapse = " "))
}

package_path <- function() {
  getNamespaceInfo("bayeslayers", "path")
}

is_source <- function() {
  dir.exists(file.path(package_path(), "inst"))
}

# Under `test_local()` the package is loaded from its sources, and may not be installed.
load_package <- function() {
  path <- package_path()
  libraries <- sprintf(".libPaths(%s)", paste(deparse(.libPaths()), collapse = ""))
  if (is_source()) {
    return(c(libraries, sprintf("pkgload::load_all(%s, quiet = TRUE)", deparse(path))))
  }
  c(libraries, sprintf("library(bayeslayers, lib.loc = %s)", deparse(dirname(path))))
}

test_that("library() starts no Python and needs none", {
  output <- in_fresh_r(
    "cat('python:', reticulate::py_available(), '\\n')",
    env = c(RETICULATE_PYTHON = "/nowhere/python")
  )
  expect_match(output, "python: FALSE", all = FALSE)
})

test_that("library() does not load reticulate, whose requirements are declared once it is", {
  skip_if(is_source(), "load_all() itself loads what a package imports")
  output <- in_fresh_r(c(
    "cat('at library():', isNamespaceLoaded('reticulate'), '\\n')",
    "cat('required:', any(grepl('^keras', reticulate::py_require()$packages)), '\\n')"
  ))
  expect_match(output, "at library(): FALSE", fixed = TRUE, all = FALSE)
  expect_match(output, "required: TRUE", all = FALSE)
})

# A model with its file, and what a session that loads the file has to print.
saved_model <- function(env = parent.frame()) {
  model <- plain_model() |> layer_dense_local_reparameterization(units = 2, activation = "tanh")
  files <- lapply(c(".keras", ".weights.h5"), function(extension) {
    withr::local_tempfile(fileext = extension, .local_envir = env)
  })
  model$save(files[[1]])
  model$save_weights(files[[2]])
  list(file = files[[1]], weights = files[[2]], sum = sum_of_weights(model))
}

sum_of_weights <- function(model) {
  weights <- Filter(is.double, model$get_weights())
  sprintf("sum of weights: %.5f", sum(unlist(lapply(weights, abs))))
}

test_that("a new session loads a saved model before a function of ours is used", {
  skip_without_core()
  saved <- saved_model()
  code <- c(
    "keras <- reticulate::import('keras')",
    sprintf("model <- keras$models$load_model('%s')", saved$file),
    sprintf("sum_of_weights <- %s", paste(deparse(sum_of_weights), collapse = "\n")),
    "cat(sum_of_weights(model), '\\n')",
    "again <- keras$models$clone_model(model)",
    sprintf("again$load_weights('%s')", saved$weights),
    "cat('again,', sum_of_weights(again), '\\n')",
    "config <- keras$saving$serialize_keras_object(model$layers[[1]])",
    "cat(class(keras$saving$deserialize_keras_object(config))[[1]], '\\n')",
    "print(warnings())"
  )
  in_python <- "reticulate::py_run_string('import keras')"
  for (session in list(
    list(code = code),
    list(code = c(in_python, code)),
    list(code = code, before = "reticulate::import('keras')")
  )) {
    output <- do.call(in_fresh_r, session)
    expect_match(output, paste0("^", saved$sum), all = FALSE)
    expect_match(output, paste0("^again, ", saved$sum), all = FALSE)
    expect_match(output, "bayeslayers.layers.dense.DenseFlipout", fixed = TRUE, all = FALSE)
    expect_no_match(output, "^Warning|Keras can't load")
  }
})

test_that("a Keras that our layers don't run on is loaded with a warning", {
  skip_without_core()
  folder <- withr::local_tempdir()
  stand_in <- c("class backend:", "    backend = staticmethod(lambda: 'numpy')")
  writeLines(stand_in, file.path(folder, "keras.py"))
  output <- in_fresh_r(
    c("keras <- reticulate::import('keras')", "cat('backend:', keras$backend$backend(), '\\n')"),
    env = c(PYTHONPATH = folder)
  )
  expect_match(output, "Keras can't load models with layers of bayeslayers", all = FALSE)
  expect_match(said(output), "already running on 'numpy'")
  expect_match(output, "backend: numpy", all = FALSE)
})

test_that("where Python is missing, the message names the command that mends it", {
  output <- in_fresh_r(
    "layer_conv_1d_flipout(filters = 8, kernel_size = 5)",
    env = c(RETICULATE_PYTHON = "/nowhere/python")
  )
  expect_match(output, "install_bayeslayers(backend = ", fixed = TRUE, all = FALSE)
  expect_match(output, "layer_conv_1d_flipout\\(\\)", all = FALSE)
})

test_that("where Keras is missing, the message says so and names the command", {
  skip_without_core()
  folder <- withr::local_tempdir()
  # A package of this name that can't be imported stands for one that is not there.
  stand_in <- "raise ModuleNotFoundError(\"No module named 'keras'\")"
  writeLines(stand_in, file.path(folder, "keras.py"))
  output <- in_fresh_r(
    "layer_conv_1d_flipout(filters = 8, kernel_size = 5)",
    env = c(PYTHONPATH = folder)
  )
  expect_match(output, "No module named 'keras'", all = FALSE)
  expect_match(output, "install_bayeslayers(backend = ", fixed = TRUE, all = FALSE)
})

test_that("another backend is refused by name, with those that there are", {
  skip_without_core()
  output <- in_fresh_r(
    "layer_conv_1d_flipout(filters = 8, kernel_size = 5)",
    env = c(KERAS_BACKEND = "numpy")
  )
  expect_match(said(output), "Received: KERAS_BACKEND='numpy'")
  expect_match(said(output), 'choose "tensorflow", "jax", or "torch"')
  expect_no_match(said(output), "BackendError")
})

test_that("a backend that is not installed is named with the command that installs it", {
  skip_without_core()
  folder <- withr::local_tempdir()
  # A package of this name that can't be imported stands for one that is not there.
  writeLines("raise ModuleNotFoundError(name='jax')", file.path(folder, "jax.py"))
  output <- in_fresh_r(
    "layer_conv_1d_flipout(filters = 8, kernel_size = 5)",
    env = c(KERAS_BACKEND = "jax", PYTHONPATH = folder)
  )
  expect_match(said(output), "Keras is to run on 'jax'.* but it is not installed[.] ")
  expect_match(said(output), 'Run `bayeslayers::install_bayeslayers[(]backend = "jax"[)]`')
  expect_no_match(said(output), "pip install|BackendError")
})

test_that("reticulate is asked for the packages of the chosen backend, until Python starts", {
  # A Python that is not there does not start, but what is asked for is known by then.
  output <- in_fresh_r(
    c(
      "short <- function(packages) sub('[<>=].*', '', packages)",
      "installed <- function(packages, ...) cat('installed', short(packages), '\\n')",
      "asked_for <- function() sort(unique(short(reticulate::py_require()$packages)))",
      "asked <- function() cat('asked for', asked_for(), '\\n')",
      "asked()",
      "Sys.setenv(KERAS_BACKEND = 'jax')",
      "try(reticulate::py_eval('1'), silent = TRUE)",
      "asked()",
      "utils::assignInNamespace('py_install', installed, 'reticulate')",
      "install_bayeslayers('folder')",
      "install_bayeslayers('folder', backend = 'tensorflow')"
    ),
    env = c(KERAS_BACKEND = "torch", RETICULATE_PYTHON = "/nowhere/python")
  )
  for_all <- "keras numpy pandas scipy scoringrules"
  expect_identical(grep("^asked|^installed", output, value = TRUE), c(
    "asked for keras numpy pandas scipy scoringrules torch ",
    "asked for jax keras numpy pandas scipy scoringrules tensorflow-probability ",
    paste("installed", for_all, "jax tensorflow-probability "),
    paste("installed", for_all, "tensorflow-probability tensorflow tf-keras ")
  ))
})

test_that("KERAS_BACKEND chooses the backend, failing that Keras's configuration file", {
  folder <- withr::local_tempdir()
  withr::local_envvar(KERAS_BACKEND = "", KERAS_HOME = folder)
  expect_identical(chosen_backend(), "tensorflow")
  configured <- c("{", '  "floatx": "float32",', '  "backend": "torch"', "}")
  writeLines(configured, file.path(folder, "keras.json"))
  expect_identical(chosen_backend(), "torch")
  withr::local_envvar(KERAS_BACKEND = "jax")
  expect_identical(chosen_backend(), "jax")
  withr::local_envvar(KERAS_BACKEND = "")
  writeLines("{}", file.path(folder, "keras.json"))
  expect_identical(chosen_backend(), "tensorflow")
})

test_that("a backend may be chosen while Python runs, until Keras is loaded", {
  skip_without_core()
  other <- if (running_backend() == "jax") "tensorflow" else "jax"
  skip_if_not(reticulate::py_module_available(other), other)
  output <- in_fresh_r(
    c(
      "invisible(reticulate::py_eval('1'))",
      sprintf("Sys.setenv(KERAS_BACKEND = '%s')", other),
      "layer <- layer_dense_flipout(units = 1)",
      "cat('runs on', reticulate::import('keras')$backend$backend(), '\\n')",
      "Sys.setenv(KERAS_BACKEND = 'torch')",
      "layers <- list(layer_dense_flipout(units = 1), layer_dense_flipout(units = 1))"
    ),
    env = c(KERAS_BACKEND = "")
  )
  expect_match(output, paste("^runs on", other), all = FALSE)
  expect_length(grep(sprintf('Keras runs on "%s", not on "torch"', other), output), 1)
})

# What asks a network, or starts a Python, says so instead.
refuse_downloads <- c(
  "refuse <- function(...) { cat('asked for a download\\n'); stop('asked for a download') }",
  "utils::assignInNamespace('uv_get_or_create_env', refuse, 'reticulate')",
  "utils::assignInNamespace('py_initialize', refuse, 'reticulate')"
)
is_available_in <- function(env, code = character()) {
  folder <- withr::local_tempdir()
  # A folder without an environment of its own, which reticulate would take.
  here <- sprintf("invisible(setwd(%s))", deparse(folder))
  output <- in_fresh_r(
    c(here, refuse_downloads, code, "cat('available:', bayeslayers_available(), '\\n')"),
    env = c(RETICULATE_PYTHON = NA, VIRTUAL_ENV = NA, WORKON_HOME = folder, env)
  )
  expect_no_match(output, "asked for a download|^Error")
  grepl("TRUE", grep("^available: ", output, value = TRUE), fixed = TRUE)
}

test_that("bayeslayers_available() downloads nothing and starts no Python", {
  for (env in list(
    character(),
    c(RETICULATE_PYTHON = "/nowhere/python"),
    c(RETICULATE_PYTHON = "managed"),
    c(RETICULATE_USE_MANAGED_VENV = "yes"),
    c(RETICULATE_USE_MANAGED_VENV = "no", PATH = R.home("bin")),
    c(KERAS_BACKEND = "numpy", RETICULATE_PYTHON = Sys.getenv("RETICULATE_PYTHON"))
  )) {
    expect_false(is_available_in(env))
  }
})

test_that("an example downloads nothing where there is no Python", {
  output_of <- function(code) {
    folder <- withr::local_tempdir()
    here <- sprintf("invisible(setwd(%s))", deparse(folder))
    in_fresh_r(
      c(here, refuse_downloads, sprintf("try(%s)", code), "cat('ended')"),
      env = c(RETICULATE_PYTHON = NA, VIRTUAL_ENV = NA, WORKON_HOME = folder)
    )
  }
  call <- "layer_dense_flipout(units = 1)"
  # As a help page has it, and without the question.
  asked_first <- output_of(sprintf("if (bayeslayers_available()) %s", call))
  expect_match(asked_first, "ended", all = FALSE)
  expect_no_match(asked_first, "asked for a download")
  expect_match(output_of(call), "asked for a download", all = FALSE)
})

test_that("bayeslayers_available() sees a Python that was chosen, and one that runs", {
  skip_without_core()
  python <- Sys.getenv("RETICULATE_PYTHON")
  expect_true(is_available_in(c(RETICULATE_PYTHON = python)))
  use <- sprintf("reticulate::use_python(%s)", deparse(python))
  expect_true(is_available_in(character(), use))
  expect_true(bayeslayers_available())
  reticulate::py_config()
  expect_true(bayeslayers_available())
})

test_that("bayeslayers_available() asks for the packages of the chosen backend", {
  skip_without_core()
  reticulate::py_config()
  withr::local_envvar(KERAS_BACKEND = "numpy")
  expect_false(bayeslayers_available())
  expect_true(running_python_has(modules_of("keras<4,>=3.7")))
  expect_false(running_python_has(c("keras", "no_such_module")))
  expect_identical(modules_of("tf-keras<3,>=2.16"), "tf_keras")
})

test_that("the frameworks take two threads at the most under R CMD check, unless told otherwise", {
  threads <- c("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "NPROC")
  withr::local_envvar(setNames(rep(NA, 4), threads))
  withr::local_envvar(`_R_CHECK_LIMIT_CORES_` = "false")
  limit_threads_under_check()
  expect_identical(unname(Sys.getenv(threads)), rep("", 4))
  withr::local_envvar(`_R_CHECK_LIMIT_CORES_` = "TRUE", NPROC = "5")
  limit_threads_under_check()
  expect_identical(unname(Sys.getenv(threads)), c("1", "1", "2", "5"))
})

test_that("Python and R are of one version", {
  skip_without_core()
  expect_identical(core_version, as.character(utils::packageVersion("bayeslayers")))
  expect_identical(core()[["__version__"]], core_version)
})

test_that("a core of another version is refused", {
  expect_error(
    check_core_version(list(`__version__` = "0.0.0"), call = NULL),
    "one version",
    class = "bayeslayers_no_core"
  )
})

test_that("install_bayeslayers() refuses what is not a name", {
  for (envname in list(1, NA_character_, c("a", "b"), "")) {
    expect_error(install_bayeslayers(envname), "envname", class = "bayeslayers_argument_error")
  }
})

test_that("install_bayeslayers() refuses what is no backend", {
  for (backend in list(1, NA_character_, c("jax", "torch"), "numpy")) {
    expect_error(
      install_bayeslayers("name", backend = backend), '"tensorflow", "jax", or "torch"',
      class = "bayeslayers_argument_error"
    )
  }
})
