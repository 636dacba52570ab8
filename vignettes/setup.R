# Every page begins with this. A page holds its code in both languages: this is the R half's, so
# that Python's chunks leave nothing behind, and R's are shown without results where Python lacks
# the core, or R a package that they need.
knitr::knit_engines$set(python = function(options) "")
knitr::opts_chunk$set(
  eval = requireNamespace("keras3", quietly = TRUE) &&
    requireNamespace("ggplot2", quietly = TRUE) &&
    bayeslayers::bayeslayers_available(),
  comment = "#>",
  fig.width = 7,
  fig.height = 4,
  out.width = "100%"
)
