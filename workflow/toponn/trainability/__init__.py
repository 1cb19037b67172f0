"""Diagnostics of what is learned and how often."""

COLUMNS = "task model form diagnostic size condition n_seeds value low high".split()
"""Of the trainability table."""

UNIT = "task model form diagnostic size condition seed value".split()
"""Of the table of diagnostics, a row for each seed."""

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
"""Signature ``(subject, **options) -> Measured``; the options are the keys of ``trainability.<name>`` in the config."""
