# What R does to a value before Python sees it. No rule is checked here: what fits no coercion goes
# to Python as it is, and the rule that it breaks is stated there, once for both languages.

# `other` is what is done to the arguments that are not in the table `coercions`.
coerce_argument <- function(
  name,
  value,
  other = as_python_value,
  coercions = argument_coercions
) {
  kind <- if (name %in% names(coercions)) coercions[[name]] else "other"
  switch(kind,
    whole_number = as_whole_numbers(value),
    shape = as_shape(value),
    closure = as_closure(value, name),
    closures = as_closures(value, name),
    place = as_place(value),
    data = as_data(value),
    other = other(value)
  )
}

# 8 -> 8, c(3, 3) and list(3, 3) -> (3, 3); of a matrix each row
as_whole_numbers <- function(value) {
  if (is.matrix(value) && is_whole(value)) {
    value <- lapply(seq_len(nrow(value)), function(row) value[row, ])
  }
  if (is.list(value)) {
    return(as_tuple(lapply(value, as_whole_numbers)))
  }
  if (!is_whole(value)) {
    return(as_python_value(value))
  }
  if (length(value) == 1) as.integer(value) else as_tuple(as.integer(value))
}

# c(10, 2) -> (10, 2), c(NA, 2) and list(NULL, 2) -> (None, 2)
as_shape <- function(value) {
  if (is.null(value) || inherits(value, "python.builtin.object")) {
    return(value)
  }
  as_size <- function(size) if (is_missing_value(size)) NULL else as_whole_numbers(size)
  as_tuple(lapply(value, as_size))
}

# A place, which R counts from 1 and Python from 0; a name stays a name.
as_place <- function(value) {
  if (is_whole(value) && length(value) == 1) as.integer(value) - 1L else as_python_value(value)
}

as_closure <- function(value, argument) {
  if (!is.function(value) || inherits(value, "python.builtin.object")) {
    return(as_python_value(value))
  }
  of_python <- python_function_behind(value)
  if (is.null(of_python)) core()$shim$RClosure(for_python(value, argument), argument) else of_python
}

# Functions, however deep in lists, which show the names of their arguments: a joint distribution
# looks for the draws of those names. Numbers beside them have no dtype.
as_closures <- function(value, argument) {
  if (is.object(value)) {
    value
  } else if (is.list(value)) {
    lapply(value, as_closures, argument)
  } else if (is.function(value)) {
    closure <- for_python(value, argument)
    core()$shim$RClosure(closure, argument, as.list(names(formals(value))))
  } else {
    as_numbers(value)
  }
}

for_python <- function(fun, argument) {
  remember_failure(function(...) as_numbers(fun(...), number_of_result), argument)
}

# A function of keras3 is a call of Python's, which can be saved by its name. The last line has it:
# `do.call(keras$activations$relu, args)` in `activation_relu()`, `ops$relu(x)` in `op_relu()`.
python_function_behind <- function(fun) {
  home <- environment(fun)
  if (is.null(home) || environmentName(home) != "keras3") {
    return(NULL)
  }
  last <- body(fun)
  if (rlang::is_call(last, "{")) {
    last <- last[[length(last)]]
  }
  callee <- if (rlang::is_call(last, "do.call")) last[[2]] else if (is.call(last)) last[[1]]
  found <- if (rlang::is_call(callee, "$")) tryCatch(eval(callee, home), error = identity)
  if (inherits(found, "python.builtin.object")) found
}

# Numbers, however deep in lists, have no dtype: Python gives them that of what is beside them.
as_numbers <- function(value, one = number) {
  if (is.object(value)) {
    value
  } else if (is.list(value)) {
    lapply(value, as_numbers, one)
  } else if (is.numeric(value)) {
    one(value)
  } else {
    as_python_value(value)
  }
}

number <- function(value) {
  if (is_missing_value(value)) as_python_value(value) else core()$shim$Numbers(value)
}

# Of what an R function returns, an integer is a number like any other: 0L stands for 0.
number_of_result <- function(value) {
  storage.mode(value) <- "double"
  core()$shim$Numbers(value)
}

# reticulate turns NA into TRUE or a number; no rule accepts what stands for it here.
as_python_value <- function(value) {
  if (is_missing_value(value)) core()$shim$NotAvailable() else value
}

as_tuple <- function(values) {
  reticulate::tuple(as.list(values))
}

# A factor or a date is stored as numbers, and means something else.
is_whole <- function(value) {
  !is.object(value) && rlang::is_integerish(value) &&
    length(value) > 0 &&
    all(is.finite(value)) &&
    all(abs(value) <= .Machine$integer.max)
}

is_missing_value <- function(value) {
  is.atomic(value) && length(value) == 1 && is.na(value) && !is.nan(value)
}
