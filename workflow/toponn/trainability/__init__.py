"""Diagnostics of what is learned and how often: one file each, with its record above it (`record`).

`subject` holds what they are given and the steps that they share; `summary`, `success` and `half_success` make the
trainability table from their rows; `curvature`, `alignment`, `alternating` and `growing` hold the linear algebra.
`expressivity` and `site_tensors` are measured once for a task.
"""

DIAGNOSTICS = {
    "learning_rates": "toponn.trainability.sweeps:learning_rates",
    "scales": "toponn.trainability.sweeps:scales",
    "sample_sizes": "toponn.trainability.sweeps:sample_sizes",
    "clean": "toponn.trainability.clean:clean",
    "gradients": "toponn.trainability.gradients:gradients",
    "basin": "toponn.trainability.basin:basin",
    "hessian": "toponn.trainability.hessian:hessian",
    "kernel": "toponn.trainability.kernel:kernel",
    "landscape": "toponn.trainability.landscape:landscape",
    "pruning": "toponn.trainability.pruning:pruning",
    "ablation": "toponn.trainability.ablation:ablation",
    "remedies": "toponn.trainability.remedies:remedies",
}
"""Functions ``(subject, *, …) -> Measured`` under `toponn.trainability.record.diagnostic`, by their keys in the config.

Their keyword-only arguments are the options of ``trainability.<name>``.
"""
