"""Learnable maps from a state to a distribution over integers.

- `base`: the interface of a model; `head`: from its value f to a distribution over integers
- `ring`, `wavefunction`: tensor rings; `site_tensors`, `wedges`: their parts; `density`: the share of each site in f
- `closed_forms`: weights at which a ring is the invariant
- `network`: how to write a model of torch layers; `minimal_filtering`: its fast convolution
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
