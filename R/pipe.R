#' Pipe
#'
#' The pipe of the magrittr package: `x %>% f(y)` is `f(x, y)`.
#'
#' @param lhs A value.
#' @param rhs A call, which receives the value as its first argument.
#' @returns What the call returns.
#' @name %>%
#' @rdname pipe
#' @importFrom magrittr %>%
#' @export
#' @examples
#' c(1, 4) %>% sum()
NULL
