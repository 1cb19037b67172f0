"""Learnable maps from a state to a distribution over integers."""

MODELS = {
    "ring": "toponn.models.ring:Ring",
    "cnn": "toponn.models.cnn:CNN",
    "resnet": "toponn.models.resnet:ResNet",
    "mlp": "toponn.models.mlp:MLP",
    "loop_ridge": "toponn.models.loop_ridge:LoopRidge",
}
