# The expected values are the files that the cross-language tests write: what Python gives.

layer_cases <- read_cases("layers.json")
error_cases <- read_cases("errors.json")
family <- read_cases("family.json")

expected_of <- function(name) {
  jsonlite::fromJSON(test_path("parity", "expected", paste0(name, ".json")), simplifyVector = FALSE)
}

# What numpy.sin(numpy.arange(n)).reshape(shape) is, or arange(n) % vocabulary: row after row.
inputs_of_shape <- function(shape, vocabulary = NULL) {
  counted <- seq_len(prod(shape)) - 1
  values <- if (is.null(vocabulary)) sin(counted) else counted %% vocabulary
  aperm(array(values, rev(shape)))
}

# Dictionaries come without an order; the files have the alphabet's.
sorted <- function(value) {
  if (!is.list(value)) return(value)
  if (!is.null(names(value))) value <- value[order(names(value), method = "radix")]
  lapply(value, sorted)
}

expect_same_error <- function(condition, expected, name, info) {
  expect_identical(condition$argument, expected$argument, info = info)
  expect_identical(condition$rule, expected$rule, info = info)
  expect_identical(condition$hint, expected$hint, info = info)
  expect_identical(
    sorted(as.list(condition$received)),
    sorted(as.list(expected$received_in_r)),
    ignore_attr = TRUE,
    info = info
  )
  expect_identical(as.character(condition$call[[1]]), name, info = info)
}

# Row after row, as the files list them.
row_major <- function(values) {
  if (is.null(dim(values))) values else as.vector(aperm(values))
}

test_that("a layer has the outputs and losses that Python gives", {
  skip_without_core()
  for (case in names(layer_cases)) {
    layer <- do.call(layer_conv_1d_flipout, c(layer_cases[[case]], seed = 7, name = "layer"))
    outputs <- row_major(numbers(layer(example_inputs())))
    losses <- vapply(layer$losses, function(loss) as.numeric(numbers(loss)), 0)
    expected <- read.csv(expected_path(case, "numbers.csv"))
    # Another processor may round the last bits differently.
    expect_equal(outputs, expected$outputs, tolerance = 1e-4, info = case)
    expected_losses <- if (is.null(expected$losses)) numeric() else na.omit(expected$losses)
    expect_equal(losses, as.numeric(expected_losses), tolerance = 1e-4, info = case)
  }
})

test_that("a layer has the configuration that Python gives", {
  skip_without_core()
  json <- reticulate::import("json")
  for (case in names(layer_cases)) {
    layer <- do.call(layer_conv_1d_flipout, c(layer_cases[[case]], seed = 7, name = "layer"))
    as_json <- reticulate::py_to_r(json$dumps(layer$get_config(), indent = 1L, sort_keys = TRUE))
    expected <- readLines(expected_path(case, "config.json"))
    expect_equal(
      jsonlite::fromJSON(as_json),
      jsonlite::fromJSON(paste(expected, collapse = "\n")),
      info = case
    )
  }
})

test_that("bad input gets the error that Python gives, in R's words", {
  skip_without_core()
  for (case in names(error_cases)) {
    condition <- expect_error(
      do.call("layer_conv_1d_flipout", as.list(error_cases[[case]])),
      class = "bayeslayers_argument_error"
    )
    expected <- jsonlite::fromJSON(expected_path(case, "error.json"))
    expect_same_error(condition, expected, "layer_conv_1d_flipout", case)
  }
})

test_that("every layer of the family has the outputs and losses that Python gives", {
  skip_without_core()
  for (name in names(family)) {
    expected <- expected_of(name)$layers
    for (case in names(family[[name]]$layers)) {
      info <- paste(name, case)
      layer <- do.call(name, c(family[[name]]$layers[[case]], seed = 7, name = "layer"))
      inputs <- inputs_of_shape(family[[name]]$inputs, family[[name]]$vocabulary)
      outputs <- row_major(numbers(layer(inputs)))
      losses <- vapply(layer$losses, function(loss) as.numeric(numbers(loss)), 0)
      # Another processor may round the last bits differently.
      expect_equal(outputs, as.numeric(expected[[case]]$outputs), tolerance = 1e-4, info = info)
      expect_equal(losses, as.numeric(expected[[case]]$losses), tolerance = 1e-4, info = info)
    }
  }
})

test_that("every layer of the family has the configuration that Python gives", {
  skip_without_core()
  json <- reticulate::import("json")
  for (name in names(family)) {
    expected <- expected_of(name)$layers
    for (case in names(family[[name]]$layers)) {
      layer <- do.call(name, c(family[[name]]$layers[[case]], seed = 7, name = "layer"))
      config <- jsonlite::fromJSON(json$dumps(layer$get_config()), simplifyVector = FALSE)
      expect_equal(sorted(config), sorted(expected[[case]]$config), info = paste(name, case))
    }
  }
})

test_that("every layer of the family gives the errors that Python gives, in R's words", {
  skip_without_core()
  for (name in names(family)) {
    expected <- expected_of(name)$errors
    for (case in names(family[[name]]$errors)) {
      condition <- expect_error(
        do.call(name, as.list(family[[name]]$errors[[case]])),
        class = "bayeslayers_argument_error"
      )
      expect_same_error(condition, expected[[case]], name, paste(name, case))
    }
  }
})
