# What R does to a value before Python sees it. No rule is checked here: what fits no coercion goes
# to Python as it is, and the rule that it breaks is stated there, once for both languages.

coerce_argument <- function(name, value) {
  kind <- if (name %in% names(argument_coercions)) argument_coercions[[name]] else "as_is"
  switch(kind,
    whole_number = as_whole_numbers(value),
    shape = as_shape(value),
    closure = as_closure(value, name),
    place = as_place(value),
    as_is = as_python_value(value)
  )
}

# 8 -> 8, c(3, 3) and list(3, 3) -> (3, 3)
as_whole_numbers <- function(value) {
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
  if (is.function(value) && !inherits(value, "python.builtin.object")) {
    return(core()$shim$RClosure(remember_failure(value, argument)))
  }
  as_python_value(value)
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
