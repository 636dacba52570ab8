# The expected values are the files that the cross-language tests write: what Python gives.

layer_cases <- read_cases("layers.json")
error_cases <- read_cases("errors.json")

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
    expect_identical(condition$argument, expected$argument, info = case)
    expect_identical(condition$rule, expected$rule, info = case)
    expect_identical(condition$hint, expected$hint, info = case)
    expect_identical(
      as.list(condition$received),
      as.list(expected$received_in_r),
      ignore_attr = TRUE,
      info = case
    )
    expect_identical(as.character(condition$call[[1]]), "layer_conv_1d_flipout", info = case)
  }
})
