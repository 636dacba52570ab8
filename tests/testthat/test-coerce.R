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

# A shape as the framework below Keras has it; JAX's are tuples.
native_shape <- function(...) {
  switch(running_backend(),
    tensorflow = reticulate::import("tensorflow")$TensorShape(list(...)),
    torch = reticulate::import("torch", convert = FALSE)$Size(list(...)),
    jax = reticulate::tuple(...)
  )
}

test_that("shapes of the framework and of keras3 are shapes", {
  skip_without_core()
  tensor <- function(...) keras()$ops$convert_to_tensor(c(...))
  # What the function shape() of keras3 returns; that of tensorflow returns TensorFlow's own.
  of_keras3 <- function(...) structure(list(...), class = "keras_shape")
  input_shape_of <- function(shape) {
    model <- keras()$Sequential() |> layer_dense_flipout(units = 1, input_shape = shape)
    model$input_shape[-1]
  }
  shapes <- list(
    c(12, 2), of_keras3(12L, 2L), native_shape(12L, 2L),
    tensor(12L, 2L), list(tensor(12L), 2), reticulate::np_array(c(12L, 2L))
  )
  for (shape in shapes) {
    expect_identical(input_shape_of(shape), list(12L, 2L))
    variable <- layer_variable(shape = shape)
    expect_identical(variable$get_config()$shape, list(12L, 2L))
    conv <- layer_conv_2d_flipout(filters = 2, kernel_size = shape, strides = shape)
    expect_identical(conv$get_config()[c("kernel_size", "strides")], list(
      kernel_size = list(12L, 2L), strides = list(12L, 2L)
    ))
    hidden <- layer_autoregressive(params = 2, event_shape = 3, hidden_units = shape)
    expect_identical(hidden$get_config()$hidden_units, list(12L, 2L))
  }
  for (shape in list(of_keras3(NULL, 2L), of_keras3(NA, 2), list(NULL, 2L))) {
    expect_identical(input_shape_of(shape), list(NULL, 2L))
    expect_error(layer_variable(shape = shape), "shape", class = "bayeslayers_argument_error")
  }
  for (shape in list(of_keras3(3L), native_shape(3L), tensor(3L))) {
    layer <- layer_autoregressive(
      params = 2, event_shape = shape, conditional = TRUE, conditional_event_shape = shape
    )
    expect_identical(layer$get_config()$event_shape, list(3L))
    expect_identical(layer$get_config()$conditional_event_shape, list(3L))
  }
})

test_that("a shape of TensorFlow may hold unknown sizes, but not an unknown number of them", {
  skip_without_core()
  skip_unless_on("tensorflow")
  tf <- reticulate::import("tensorflow")
  unknown <- tf$TensorShape(list(NULL, 2L))
  model <- keras()$Sequential() |> layer_dense_flipout(units = 1, input_shape = unknown)
  expect_identical(model$input_shape, list(NULL, NULL, 2L))
  expect_error(layer_variable(shape = unknown), "shape", class = "bayeslayers_argument_error")
  expect_error(
    layer_dense_flipout(units = 1, input_shape = tf$TensorShape(NULL)),
    "input_shape",
    class = "bayeslayers_argument_error"
  )
})

# As the functions of keras3 are written.
like_keras3 <- function(body) {
  namespace <- new.env()
  attr(namespace, "name") <- "keras3"
  namespace$keras <- keras()
  namespace$ops <- keras()$ops
  namespace$capture_args <- function() NULL
  as.function(list(body), namespace)
}

test_that("a function of keras3 is the function of Keras that it calls, and is saved by its name", {
  skip_without_core()
  relu <- like_keras3(quote({
    args <- capture_args()
    do.call(keras$activations$relu, args)
  }))
  model <- sequential(3L) |> layer_dense_flipout(units = 2, activation = relu)
  file <- withr::local_tempfile(fileext = ".keras")
  model$save(file)
  loaded <- keras()$models$load_model(file)
  x <- inputs_of_five() * 20
  expect_identical(numbers(loaded(x)), numbers(model(x)))
  expect_true(min(numbers(model(x))) >= 0)
  by_operation <- layer_dense_flipout(units = 2, activation = like_keras3(quote(ops$relu(x))))
  expect_identical(by_operation$get_config()$activation, "relu")

  # A function that makes an object is the class of the object.
  of_class <- list(
    kernel_initializer = quote(do.call(keras$initializers$Zeros, args)),
    kernel_regularizer = quote(do.call(keras$regularizers$L2, args)),
    kernel_constraint = quote(do.call(keras$constraints$NonNeg, args))
  )
  made <- rlang::exec(
    layer_autoregressive,
    params = 2, event_shape = 2, !!!lapply(of_class, like_keras3)
  )
  classes <- vapply(made$get_config()[names(of_class)], function(config) config$class_name, "")
  expect_identical(unname(classes), c("Zeros", "L2", "NonNeg"))
  variable <- layer_variable(shape = 2, initializer = like_keras3(of_class$kernel_initializer))
  expect_identical(variable$get_config()$initializer$class_name, "Zeros")
})

test_that("any other R function stays one", {
  skip_without_core()
  not_one_call <- list(
    function(x) keras()$activations$relu(x), like_keras3(quote(do.call(callable, args))),
    like_keras3(quote(x)), like_keras3(quote(do.call("sum", args))), like_keras3(quote(f(x))), sum
  )
  for (fun in not_one_call) {
    expect_s3_class(coerce_argument("activation", fun), "bayeslayers.shim.RClosure")
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
