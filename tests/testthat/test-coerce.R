test_that("whole numbers become Python's integers and tuples", {
  skip_without_core()
  expect_identical(coerce_argument("filters", 8), 8L)
  expect_identical(coerce_argument("filters", 8L), 8L)
  for (value in list(c(3, 5), list(3, 5), c(3L, 5L))) {
    coerced <- coerce_argument("kernel_size", value)
    expect_s3_class(coerced, "python.builtin.tuple")
    expect_identical(reticulate::py_to_r(coerced), list(3L, 5L))
  }
  expect_identical(reticulate::py_to_r(coerce_argument("kernel_size", list(3))), list(3L))
})

test_that("what is not whole goes to Python as it is", {
  for (value in list(1.5, "8", TRUE, Inf, NaN, 1e12, NULL, c(1, 1.5))) {
    expect_identical(coerce_argument("filters", value), value)
  }
})

test_that("a factor or a date is no number, whatever it is stored as", {
  skip_without_core()
  values <- list(factor("a"), factor(3), Sys.Date(), as.POSIXct(0, origin = "1970-01-01"))
  for (value in values) {
    expect_error(
      layer_conv_1d_flipout(filters = value, kernel_size = 3),
      "filters",
      class = "bayeslayers_argument_error"
    )
  }
})

test_that("an NA of any type is refused, and shown as NA", {
  skip_without_core()
  for (value in list(NA, NA_integer_, NA_real_, NA_character_)) {
    condition <- expect_error(
      layer_conv_1d_flipout(filters = value, kernel_size = 3),
      class = "bayeslayers_argument_error"
    )
    expect_match(condition$received[["filters"]], "^NA")
  }
  expect_error(
    layer_conv_1d_flipout(filters = 4, kernel_size = 3, padding = NA_character_),
    class = "bayeslayers_argument_error"
  )
})

test_that("unknown sizes in a shape become None", {
  skip_without_core()
  for (value in list(c(NA, 2), list(NULL, 2), list(NA, 2))) {
    expect_identical(reticulate::py_to_r(coerce_argument("input_shape", value)), list(NULL, 2L))
  }
})

test_that("R functions are wrapped, Python functions are not", {
  skip_without_core()
  expect_s3_class(coerce_argument("activation", function(x) x), "bayeslayers.shim.RClosure")
  relu <- keras()$activations$relu
  expect_identical(coerce_argument("activation", relu), relu)
  expect_identical(coerce_argument("activation", "relu"), "relu")
})

test_that("arguments that are not listed are left alone", {
  expect_identical(coerce_argument("padding", "same"), "same")
  expect_identical(coerce_argument("trainable", FALSE), FALSE)
  expect_null(coerce_argument("name", NULL))
})
