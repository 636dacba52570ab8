library(testthat)
library(bayeslayers)

test_check("bayeslayers")
