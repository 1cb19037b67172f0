"""What a model sees of a state. Each row maps `States` to named arrays."""

ENCODINGS = {
    "loops": "toponn.encodings.loops:loops",
    "occupied": "toponn.encodings.occupied:occupied",
    "projector": "toponn.encodings.projectors:projectors",
    "cell_image": "toponn.encodings.cell_image:cell_image",
}
"""Signature ``(states, **options) -> dict[str, ndarray]``; arrays named in `SHARED` do not run over samples."""

SHARED = ("coordinates",)
