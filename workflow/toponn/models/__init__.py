"""Learnable maps from a state to a distribution over integers.

`base` says what a model is, `network` how to write one of torch layers; rings stand in `ring` and `wavefunction`.
"""

MODELS = {
    "coordinate_ring": "toponn.models.ring:CoordinateRing",
    "free_ring": "toponn.models.ring:FreeRing",
    "wavefunction_ring": "toponn.models.wavefunction:Wavefunction",
    "cnn": "toponn.models.cnn:CNN",
    "resnet": "toponn.models.resnet:ResNet",
    "mlp": "toponn.models.mlp:MLP",
    "loop_ridge": "toponn.models.loop_ridge:LoopRidge",
}
