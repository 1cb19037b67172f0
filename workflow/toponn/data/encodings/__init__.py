"""What a model sees of a state. Each row maps `Samples` to named arrays."""

ENCODINGS = {
    "loops": "toponn.data.encodings.loops:loops",
    "occupied": "toponn.data.encodings.occupied:occupied",
    "projector": "toponn.data.encodings.projectors:projectors",
    "cell_image": "toponn.data.encodings.cell_image:cell_image",
}
"""Signature ``(samples, **options) -> dict[str, ndarray]``; a model's option of the same name is passed on."""

SHARED = ("coordinates",)
"""Arrays (N, d) of the one geometry of a batch, which do not run over samples; (B, N, d) where each has its own."""


def is_shared(name: str, axes: int) -> bool:
    """Return whether the array `name` with so many axes belongs to all samples of a batch.

    Examples
    --------
    >>> is_shared("coordinates", 2), is_shared("coordinates", 3), is_shared("loops", 2)
    (True, False, False)
    """
    return name in SHARED and axes == 2
