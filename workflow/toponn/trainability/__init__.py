"""Diagnostics of what is learned and how often: one file each, with its record above it (`record`).

`subject` is what they look at; `summary`, `success` and `half_success` make the trainability table of their rows;
`curvature`, `alignment`, `alternating` and `growing` are the algebra. `expressivity` and `site_tensors` are measured
once for a task.
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
