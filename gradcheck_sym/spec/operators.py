"""The operators of torch that a spec's `torch:` may call, by name: data only.

Listed are functions of tensors that return what they compute: nothing that is random by
default, writes in place, does input or output, or sets state. Functions without a derivative
stand here where they serve inside a differentiable expression, such as comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_ELEMENTWISE = """
abs absolute acos acosh add addcdiv addcmul angle arccos arccosh arcsin arcsinh arctan arctan2
arctanh asin asinh atan atan2 atanh ceil clamp clamp_max clamp_min clip clone complex conj
conj_physical copysign cos cosh deg2rad detach digamma div divide erf erfc erfinv exp exp2 expm1
fix float_power floor floor_divide fmax fmin fmod frac frexp heaviside hypot i0 igamma igammac
imag ldexp lerp lgamma log log10 log1p log2 logaddexp logaddexp2 logit masked_fill maximum minimum
mul multiply mvlgamma nan_to_num neg negative nextafter polar polygamma positive pow rad2deg real
reciprocal remainder resolve_conj resolve_neg round rsqrt rsub sgn sigmoid sign sin sinc sinh sqrt
square sub subtract tan tanh true_divide trunc view_as_complex view_as_real where xlogy
"""

_CONDITIONS = """
all any argwhere bincount bucketize eq ge greater greater_equal gt histc isclose isfinite isin
isinf isnan isneginf isposinf isreal le less less_equal logical_and logical_not logical_or
logical_xor lt ne nonzero not_equal searchsorted signbit unique_consecutive
"""

_REDUCTIONS = """
amax amin aminmax argmax argmin argsort corrcoef cosine_similarity count_nonzero cov cummax cummin
cumprod cumsum cumulative_trapezoid diff dist frobenius_norm gradient kthvalue logcumsumexp
logsumexp max mean median min mode msort nanmean nanmedian nanquantile nansum native_norm norm
norm_except_dim nuclear_norm pairwise_distance prod quantile renorm sort std std_mean sum topk
trapezoid trapz var var_mean
"""

_LINEAR_ALGEBRA = """
addbmm addmm addmv addr baddbmm bilinear block_diag bmm cdist chain_matmul cholesky
cholesky_inverse cholesky_solve cross det dot einsum ger inner inverse kron lobpcg logdet lu
lu_solve lu_unpack matmul matrix_exp matrix_power mm mv orgqr ormqr outer pdist pinverse qr slogdet
svd tensordot trace triangular_solve vander vdot
"""

_SHAPE_AND_INDEXING = """
adjoint alias_copy as_strided as_strided_copy as_strided_scatter atleast_1d atleast_2d atleast_3d
broadcast_tensors broadcast_to cartesian_prod cat channel_shuffle chunk column_stack combinations
concat concatenate constant_pad_nd detach_copy diag diag_embed diagflat diagonal diagonal_copy
diagonal_scatter dsplit dstack expand_copy flatten flip fliplr flipud gather hsplit hstack
index_add index_copy index_fill index_put index_reduce index_select masked_scatter masked_select
meshgrid moveaxis movedim narrow narrow_copy permute permute_copy pixel_shuffle pixel_unshuffle put
ravel repeat_interleave reshape roll rot90 row_stack scatter scatter_add scatter_reduce
segment_reduce select select_copy select_scatter slice_copy slice_inverse slice_scatter split
split_copy split_with_sizes split_with_sizes_copy squeeze squeeze_copy stack swapaxes swapdims t
t_copy take take_along_dim tensor_split tile transpose transpose_copy tril triu unbind unbind_copy
unflatten unfold_copy unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze unsqueeze_copy
view_as_complex_copy view_as_real_copy vsplit vstack
"""

_CONSTRUCTORS = """
arange eye full full_like linspace logspace ones ones_like tril_indices triu_indices zeros
zeros_like
"""

_NORMALIZATION_AND_MORE = """
_weight_norm adaptive_avg_pool1d adaptive_max_pool1d affine_grid_generator avg_pool1d batch_norm
binary_cross_entropy_with_logits celu conv1d conv2d conv3d conv_tbc conv_transpose1d
conv_transpose2d conv_transpose3d convolution cosine_embedding_loss ctc_loss embedding
embedding_bag fake_quantize_per_channel_affine fake_quantize_per_tensor_affine grid_sampler
grid_sampler_2d grid_sampler_3d group_norm gru gru_cell hardshrink hinge_embedding_loss
instance_norm istft kl_div layer_norm log_softmax lstm lstm_cell margin_ranking_loss max_pool1d
max_pool1d_with_indices max_pool2d max_pool3d native_batch_norm native_channel_shuffle
native_group_norm native_layer_norm poisson_nll_loss prelu relu rms_norm rnn_relu rnn_relu_cell
rnn_tanh rnn_tanh_cell selu softmax stft threshold triplet_margin_loss
"""

_FUNCTIONAL = """
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
adaptive_max_pool1d_with_indices adaptive_max_pool2d adaptive_max_pool2d_with_indices
adaptive_max_pool3d adaptive_max_pool3d_with_indices affine_grid avg_pool1d avg_pool2d avg_pool3d
batch_norm bilinear binary_cross_entropy binary_cross_entropy_with_logits celu channel_shuffle
conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d
cosine_embedding_loss cosine_similarity cross_entropy ctc_loss elu embedding embedding_bag fold
fractional_max_pool2d fractional_max_pool2d_with_indices fractional_max_pool3d
fractional_max_pool3d_with_indices gaussian_nll_loss gelu glu grid_sample group_norm grouped_mm
hardshrink hardsigmoid hardswish hardtanh hinge_embedding_loss huber_loss instance_norm interpolate
kl_div l1_loss layer_norm leaky_relu linear linear_cross_entropy local_response_norm log_softmax
logsigmoid lp_pool1d lp_pool2d lp_pool3d margin_ranking_loss max_pool1d max_pool1d_with_indices
max_pool2d max_pool2d_with_indices max_pool3d max_pool3d_with_indices max_unpool1d max_unpool2d
max_unpool3d mish mse_loss multi_margin_loss multilabel_margin_loss
multilabel_soft_margin_loss native_channel_shuffle nll_loss normalize one_hot pad pairwise_distance
pdist pixel_shuffle pixel_unshuffle poisson_nll_loss prelu relu relu6 rms_norm
scaled_dot_product_attention selu sigmoid silu smooth_l1_loss soft_margin_loss softmax softmin
softplus softshrink softsign tanh tanhshrink threshold triplet_margin_loss
triplet_margin_with_distance_loss unfold upsample upsample_bilinear upsample_nearest
"""

_LINALG = """
cholesky cholesky_ex cond cross det diagonal eig eigh eigvals eigvalsh householder_product inv
inv_ex ldl_factor ldl_factor_ex ldl_solve lstsq lu lu_factor lu_factor_ex lu_solve matmul
matrix_exp matrix_norm matrix_power matrix_rank multi_dot norm pinv qr slogdet solve solve_ex
solve_triangular svd svdvals tensorinv tensorsolve vander vecdot vector_norm
"""

_SPECIAL = """
airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u
chebyshev_polynomial_v chebyshev_polynomial_w digamma entr erf erfc erfcx erfinv exp2 expit expm1
gammainc gammaincc gammaln hermite_polynomial_h hermite_polynomial_he i0 i0e i1 i1e
laguerre_polynomial_l legendre_polynomial_p log1p log_ndtr log_softmax logit logsumexp
modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 multigammaln ndtr ndtri
polygamma psi round scaled_modified_bessel_k0 scaled_modified_bessel_k1
shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v
shifted_chebyshev_polynomial_w sinc softmax spherical_bessel_j0 xlog1py xlogy zeta
"""

_FFT = """
fft fft2 fftfreq fftn fftshift hfft hfft2 hfftn ifft ifft2 ifftn ifftshift ihfft ihfft2 ihfftn
irfft irfft2 irfftn rfft rfft2 rfftfreq rfftn
"""

# Methods of tensors that no function of torch stands for, called as torch.Tensor.unfold(x, ...).
_METHODS = """
contiguous expand expand_as repeat reshape_as sum_to_size type_as unfold view view_as
"""


def _named(prefix: str, *families: str) -> frozenset[str]:
    return frozenset(f"{prefix}.{name}" for family in families for name in family.split())


OPERATORS = (
    _named(
        "torch",
        _ELEMENTWISE,
        _CONDITIONS,
        _REDUCTIONS,
        _LINEAR_ALGEBRA,
        _SHAPE_AND_INDEXING,
        _CONSTRUCTORS,
        _NORMALIZATION_AND_MORE,
    )
    | _named("F", _FUNCTIONAL)
    | _named("torch.linalg", _LINALG)
    | _named("torch.special", _SPECIAL)
    | _named("torch.fft", _FFT)
    | _named("torch.Tensor", _METHODS)
)

# Options that write somewhere, draw random numbers, or choose what the checks choose.
FORBIDDEN_OPTIONS = frozenset(
    {
        "device",
        "dropout_p",
        "dtype",
        "generator",
        "inplace",
        "layout",
        "max_norm",
        "memory_format",
        "out",
        "pin_memory",
        "requires_grad",
    }
)

_PLACES: Mapping[str, Mapping[str, int]] = {
    "dropout_p": {"F.scaled_dot_product_attention": 4},
    "dtype": {
        "F.log_softmax": 3,
        "F.softmax": 3,
        "F.softmin": 3,
        "torch.log_softmax": 2,
        "torch.native_norm": 4,
        "torch.softmax": 2,
        "torch.special.softmax": 2,
    },
    "inplace": {
        "F.celu": 2,
        "F.elu": 2,
        "F.hardsigmoid": 1,
        "F.hardswish": 1,
        "F.hardtanh": 3,
        "F.leaky_relu": 2,
        "F.mish": 1,
        "F.relu": 1,
        "F.relu6": 1,
        "F.selu": 1,
        "F.silu": 1,
        "F.threshold": 3,
    },
    "max_norm": {"F.embedding": 3, "F.embedding_bag": 3},
    "out": {"F.normalize": 4, "torch.norm": 4, "torch.tensordot": 3},
}

# The operators that take such an option by position, too: after how many arguments, and which.
FORBIDDEN_PLACES: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        operator: (place, option)
        for option, places in _PLACES.items()
        for operator, place in places.items()
    }
)

_PREFIXES = ("torch.nn.functional.", "nn.functional.")


def canonical(name: str) -> str:
    """The name under which the table lists an operator: F. for torch.nn.functional."""
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return f"F.{name.removeprefix(prefix)}"
    return name


def path(operator: str) -> tuple[str, ...]:
    """The attributes that lead from the module torch to an operator of the table."""
    head, _, rest = operator.partition(".")
    return ("nn", "functional", rest) if head == "F" else tuple(rest.split("."))
