"""Python's signature, R's formals and Rd's usage hold the same names, order and defaults."""

import inspect
import json
import re
from pathlib import Path

import pytest

import bayeslayers

# Those that R has, too: pictures and ArviZ are Python's.
FUNCTIONS = [name for name in bayeslayers.__all__ if hasattr(getattr(bayeslayers, name), "page")]

# R's word for Python's, where a default is a function: read off tfprobability's documentation.
KERNELS = (
    *("kernel", "depthwise", "pointwise", "recurrent", "embeddings"),
    *("query", "key", "value", "output"),
)
OF_KERNEL = {
    "posterior_fn": "tfp$layers$util$default_mean_field_normal_fn()",
    "posterior_tensor_fn": "function(d) d %>% tfd_sample()",
    "prior_fn": "tfp$layers$util$default_multivariate_normal_fn",
    "divergence_fn": "function(q, p, ignore) tfd_kl_divergence(q, p)",
}
# A trained kernel has two factors, whose posterior and prior have names for defaults.
FACTORS = tuple(
    f"{'' if kernel == 'kernel' else f'{kernel}_'}{factor}"
    for kernel in KERNELS
    for factor in ("alpha", "gamma")
)
FUNCTIONS_IN_R = {
    **{
        f"{kernel}_{what}": value
        for kernel in (*KERNELS, *FACTORS)
        for what, value in OF_KERNEL.items()
    },
    "bias_posterior_fn": "tfp$layers$util$default_mean_field_normal_fn(is_singular = TRUE)",
    "bias_posterior_tensor_fn": "function(d) d %>% tfd_sample()",
    "bias_divergence_fn": "function(q, p, ignore) tfd_kl_divergence(q, p)",
    "convert_to_tensor_fn": "tfp$distributions$Distribution$sample",
    "test_points_fn": "tf$convert_to_tensor",
}
VALUES_IN_R = {
    "(0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)": "c(0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)",
    "(0.05, 0.95)": "c(0.05, 0.95)",
    "(1.0, 0.0024787521766663585)": "c(1, exp(-6))",
    "(0.5, 0.9)": "c(0.5, 0.9)",
    "(3, 3)": "c(3, 3)",
    "(32, 32, 3)": "c(32, 32, 3)",
    "(-1,)": "c(-1)",
    "((0, 1),)": "list(c(0, 1))",
    "None": "NULL",
    "True": "TRUE",
    "False": "FALSE",
    "()": "list()",
}
# Functions of TensorFlow Probability that R's formals name, and Python leaves to it.
OF_THE_LIBRARY = {
    ("tfd_poisson_log_normal_quadrature_compound", "quadrature_fn"): (
        "tfp$distributions$quadrature_scheme_lognormal_quantiles"
    ),
    ("tfd_vector_diffeomixture", "quadrature_fn"): (
        "tfp$distributions$quadrature_scheme_softmaxnormal_quantiles"
    ),
    ("tfb_ffjord", "trace_augmentation_fn"): "tfp$bijectors$ffjord$trace_jacobian_hutchinson",
}


def python_signature(name):
    """Return (name, default) pairs, with each default as R spells it."""
    pairs = []
    for argument in inspect.signature(getattr(bayeslayers, name)).parameters.values():
        if argument.kind is inspect.Parameter.VAR_KEYWORD:
            pairs.append(["...", ""])
        elif argument.default is inspect.Parameter.empty:
            pairs.append([argument.name, ""])
        elif callable(argument.default):
            pairs.append([argument.name, FUNCTIONS_IN_R[argument.name]])
        elif isinstance(argument.default, str):
            pairs.append([argument.name, f'"{argument.default}"'])
        elif (name, argument.name) in OF_THE_LIBRARY:
            pairs.append([argument.name, OF_THE_LIBRARY[name, argument.name]])
        else:
            text = repr(argument.default).removesuffix(".0")
            pairs.append([argument.name, VALUES_IN_R.get(text, text)])
    return pairs


def r_formals(r, function):
    """Return (name, default) pairs of an R function, each default in one line."""
    code = f"""
        arguments <- formals({function})
        defaults <- vapply(arguments, function(x) paste(deparse(x), collapse = " "), "")
        unname(Map(c, names(arguments), trimws(gsub("\\\\s+", " ", defaults))))
    """
    return r.json(code)


def page_of(name):
    """Return the name of the help page that a function is on."""
    return getattr(bayeslayers, name).page.group or name


def rd_usage(r, name):
    """Return what the usage section of a help page says of a function of that name."""
    usages = r.text(f"""
        page <- help_pages()[["{page_of(name)}.Rd"]]
        usage <- page[[which(vapply(page, attr, "", "Rd_tag") == "\\\\usage")]]
        paste(unlist(usage), collapse = "")
    """)
    [usage] = re.findall(rf"^{name}\(.*?\)$(?=\s*\Z|\s*^\w+\()", usages, re.MULTILINE | re.DOTALL)
    return usage


def test_every_function_is_exported_by_r(r):
    exported = set(r.json('getNamespaceExports("bayeslayers")'))
    of_r_alone = {"%>%", "tfp", "bayeslayers_available", "install_bayeslayers"}
    assert exported == {*FUNCTIONS, *of_r_alone}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_python_signature_equals_r_formals(r, name):
    assert r_formals(r, name) == python_signature(name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rd_usage_equals_r_formals(r, name):
    usage = rd_usage(r, name).strip()
    assert usage.startswith(f"{name}(")
    documented = re.sub(rf"^{name}\(", "function(", usage) + " NULL"
    assert r_formals(r, f"({documented})") == r_formals(r, name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_is_documented_in_both_languages(r, name):
    arguments = [argument for argument, _ in python_signature(name)]
    documented = r.json(f"""
        page <- help_pages()[["{page_of(name)}.Rd"]]
        tags <- vapply(page, attr, "", "Rd_tag")
        items <- page[[which(tags == "\\\\arguments")]]
        items <- Filter(function(item) identical(attr(item, "Rd_tag"), "\\\\item"), items)
        lapply(items, function(item) {{
          first <- item[[1]][[1]]
          if (identical(attr(first, "Rd_tag"), "\\\\dots")) "..." else as.character(first)
        }})
    """)
    if page_of(name) == name:
        assert documented == arguments
    else:
        # A page of several functions says of each argument once what it is.
        kin = [other for other in FUNCTIONS if page_of(other) == page_of(name)]
        of_all = {argument for other in kin for argument, _ in python_signature(other)}
        assert set(documented) == of_all
        assert len(documented) == len(of_all)
    docstring = inspect.getdoc(getattr(bayeslayers, name))
    for argument in arguments:
        spelt = "**kwargs" if argument == "..." else argument
        assert re.search(rf"^    {re.escape(spelt)}: \S", docstring, re.MULTILINE)


# The names, order and defaults of tfprobability 0.15.2, which `formals()` gave for its functions.
TFPROBABILITY = json.loads((Path(__file__).parent / "tfprobability.json").read_text("utf-8"))
# Defaults that are ours on purpose: what tfprobability's stand for, without Python being asked.
OWN_DEFAULTS = {
    # Dtypes and functions of TensorFlow by their names.
    "tf$int32": '"int32"',
    "tf$float32": '"float32"',
    "tf$nn$relu": '"relu"',
    # R's numbers are whole by their value.
    "0L": "0",
    "1L": "1",
    "-1L": "-1",
    # TensorFlow Probability's own, which is the same name.
    'paste0("Independent", distribution$name)': "NULL",
}


@pytest.mark.parametrize("name", TFPROBABILITY)
def test_arguments_are_those_of_tfprobability(r, name):
    expected = [
        [argument, OWN_DEFAULTS.get(default, default)] for argument, default in TFPROBABILITY[name]
    ]
    # It takes what every layer takes, too.
    expected += [["...", ""]] if name == "layer_variational_gaussian_process" else []
    assert r_formals(r, name) == expected


def rd_code(r):
    """Return for each help page what it shows as code, and all of its text but the examples."""
    return r.json("""
        text_of <- function(part) paste(unlist(part), collapse = "")
        code_of <- function(part) {
          if (identical(attr(part, "Rd_tag"), "\\\\code")) return(list(text_of(part)))
          if (is.list(part)) unlist(lapply(part, code_of), recursive = FALSE)
        }
        lapply(help_pages(), function(page) {
          tags <- vapply(page, attr, "", "Rd_tag")
          page <- page[!tags %in% c("\\\\examples", "\\\\references")]
          list(code = as.list(unlist(lapply(page, code_of))), text = text_of(page))
        })
    """)


def test_no_help_page_of_r_is_in_pythons_words(r):
    found = []
    for name, page in rd_code(r).items():
        # The names with a dot that are R's.
        code = re.sub(r"\bset\.seed\(|\bSys\.setenv\(", "", " ".join(page["code"]))
        found += [(name, call) for call in re.findall(r"[\w.]*\w\.\w+\(", code)]
        found += [(name, path) for path in re.findall(r"\b(?:keras|tf|tfp|np)\.\w[\w.]*", code)]
        found += [(name, word) for word in re.findall(r"\b(?:None|True|False|lambda)\b", code)]
        found += [(name, word) for word in re.findall(r"dictionar\w+|NumPy|pandas", page["text"])]
    assert not found


# Of TensorFlow Probability's, a seed is its own affair.
SEEDED = [
    name
    for name in FUNCTIONS
    if "seed" in getattr(bayeslayers, name).page.arguments and page_of(name) == name
]


@pytest.mark.parametrize("page", [*SEEDED, "posterior-methods", "rstantools-methods"])
def test_every_help_page_with_a_seed_says_which_generator_it_is_drawn_from(r, page):
    text = " ".join(rd_code(r)[f"{page}.Rd"]["text"].split())
    assert "set.seed()" in text
    assert "keras3::set_random_seed()" in text
    assert "keras$utils$set_random_seed(1L)" in text
