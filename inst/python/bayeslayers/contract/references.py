"""Sources that several docstrings name: a docstring has the short form, its page the long one."""

from __future__ import annotations

REFERENCES = {
    "Blundell et al. (2015)": (
        "Blundell, C., Cornebise, J., Kavukcuoglu, K., and Wierstra, D. (2015). Weight Uncertainty "
        "in Neural Networks. International Conference on Machine Learning. "
        "https://arxiv.org/abs/1505.05424"
    ),
    "Depeweg et al. (2018)": (
        "Depeweg, S., Hernandez-Lobato, J. M., Doshi-Velez, F., and Udluft, S. (2018). "
        "Decomposition of Uncertainty in Bayesian Deep Learning for Efficient and Risk-sensitive "
        "Learning. International Conference on Machine Learning. https://arxiv.org/abs/1710.07283"
    ),
    "Dillon et al. (2017)": (
        "Dillon, J. V., Langmore, I., Tran, D., Brevdo, E., Vasudevan, S., Moore, D., Patton, B., "
        "Alemi, A., Hoffman, M., and Saurous, R. A. (2017). TensorFlow Distributions. "
        "https://arxiv.org/abs/1711.10604"
    ),
    "Dusenberry et al. (2020)": (
        "Dusenberry, M. W., Jerfel, G., Wen, Y., Ma, Y., Snoek, J., Heller, K., Lakshminarayanan, "
        "B., and Tran, D. (2020). Efficient and Scalable Bayesian Neural Nets with Rank-1 Factors. "
        "International Conference on Machine Learning. https://arxiv.org/abs/2005.07186"
    ),
    "Fu et al. (2019)": (
        "Fu, H., Li, C., Liu, X., Gao, J., Celikyilmaz, A., and Carin, L. (2019). Cyclical "
        "Annealing Schedule: A Simple Approach to Mitigating KL Vanishing. North American Chapter "
        "of the Association for Computational Linguistics. https://arxiv.org/abs/1903.10145"
    ),
    "Gal and Ghahramani (2016)": (
        "Gal, Y., and Ghahramani, Z. (2016). Dropout as a Bayesian Approximation: Representing "
        "Model Uncertainty in Deep Learning. International Conference on Machine Learning. "
        "https://arxiv.org/abs/1506.02142"
    ),
    "Gneiting and Raftery (2007)": (
        "Gneiting, T., and Raftery, A. E. (2007). Strictly Proper Scoring Rules, Prediction, and "
        "Estimation. Journal of the American Statistical Association 102(477), 359-378. "
        "https://doi.org/10.1198/016214506000001437"
    ),
    "Guo et al. (2017)": (
        "Guo, C., Pleiss, G., Sun, Y., and Weinberger, K. Q. (2017). On Calibration of Modern "
        "Neural Networks. International Conference on Machine Learning. "
        "https://arxiv.org/abs/1706.04599"
    ),
    "Krishnan et al. (2020)": (
        "Krishnan, R., Subedar, M., and Tickoo, O. (2020). Specifying Weight Priors in Bayesian "
        "Deep Neural Networks with Empirical Bayes. AAAI Conference on Artificial Intelligence. "
        "https://arxiv.org/abs/1906.05323"
    ),
    "Lakshminarayanan et al. (2017)": (
        "Lakshminarayanan, B., Pritzel, A., and Blundell, C. (2017). Simple and Scalable "
        "Predictive Uncertainty Estimation using Deep Ensembles. Advances in Neural Information "
        "Processing Systems 30. https://arxiv.org/abs/1612.01474"
    ),
    "Wenzel et al. (2020)": (
        "Wenzel, F., Roth, K., Veeling, B. S., Swiatkowski, J., Tran, L., Mandt, S., Snoek, J., "
        "Salimans, T., Jenatton, R., and Nowozin, S. (2020). How Good is the Bayes Posterior in "
        "Deep Neural Networks Really? International Conference on Machine Learning. "
        "https://arxiv.org/abs/2002.02405"
    ),
}


def spelt_out(text: str) -> str:
    """Put the long forms of sources into a text that has their short ones, each with a full stop.

    "Guo et al. (2017)." stands for the whole entry.
    """
    for short, long in REFERENCES.items():
        text = text.replace(f"{short}.", long)
    return text
