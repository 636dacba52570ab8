# Every page begins with this. A page holds its code in both languages: this is the R half's, so
# that Python's chunks leave nothing behind, and R's are shown alone where Python lacks the core.
knitr::knit_engines$set(python = function(options) "")
knitr::opts_chunk$set(
  eval = bayeslayers::bayeslayers_available() && requireNamespace("ggplot2", quietly = TRUE),
  comment = "#>",
  fig.width = 7,
  fig.height = 4,
  out.width = "100%"
)
