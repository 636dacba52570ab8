# Data as `predict()` of keras3 takes them, and as R has classes.

# reticulate would send a vector as a list of single numbers, `NA` as `TRUE` or -2147483648, and a
# factor as text without its levels.
as_data <- function(value) {
  if (inherits(value, "python.builtin.object")) {
    return(value)
  }
  if (is.factor(value)) {
    return(as_categories(value))
  }
  if (is.data.frame(value)) {
    is_of_numbers <- length(value) > 0 && all(vapply(value, is_of_numbers, logical(1)))
    return(if (is_of_numbers) as_array(as.matrix(value)) else value)
  }
  if (is.list(value)) {
    return(lapply(value, as_data))
  }
  if (is_of_numbers(value) && !is_missing_value(value)) as_array(value) else as_python_value(value)
}

is_of_numbers <- function(value) {
  is.numeric(value) || is.logical(value)
}

# A vector of n numbers becomes an array of n examples; TRUE is 1, and what is missing NaN. R's own
# `NA` is a NaN, too, of which NumPy warns.
as_array <- function(values) {
  size <- if (is.null(dim(values))) length(values) else dim(values)
  numbers <- if (is.logical(values)) as.integer(values) else values
  if (is.object(values)) {
    numbers <- as.double(values)
  }
  if (anyNA(numbers)) {
    numbers[is.na(numbers)] <- NaN
  }
  array(numbers, size)
}

# The levels of a factor, in order, and the place of each value among them. Newer versions of
# reticulate would turn what pandas returns into a factor again.
as_categories <- function(value) {
  pandas <- reticulate::import("pandas", convert = FALSE)
  pandas$Categorical$from_codes(
    array(places_of(value)),
    categories = as.list(levels_of(value)),
    ordered = is.ordered(value)
  )
}

# From 0, as classes are counted; -1 for what is missing.
places_of <- function(factor) {
  match(as.character(factor), levels_of(factor), nomatch = 0L) - 1L
}

# `NA` may be a level, and is no class.
levels_of <- function(factor) {
  levels(factor)[!is.na(levels(factor))]
}
