"""Tables to figures: one file a figure, over one `style`.

`record` says what a figure is given, `looks` which colour and marker a variant has, `words` what its axes are called.
"""

FIGURES = {
    "phase_map": "toponn.figures.phase_map:phase_map_figure",
    "convergence": "toponn.figures.convergence:convergence_figure",
    "ceiling": "toponn.figures.ceiling:ceiling_figure",
    "learning_curves": "toponn.figures.learning_curves:learning_curves_figure",
    "success": "toponn.figures.success:success_figure",
    "sizes": "toponn.figures.sizes:sizes_figure",
    "generalization": "toponn.figures.generalization_matrix:generalization_figure",
    "left_out": "toponn.figures.generalization_matrix:left_out_figure",
    "superiority": "toponn.figures.superiority:superiority_figure",
    "transfer": "toponn.figures.transfer:transfer_figure",
    "interface": "toponn.figures.interface:interface_figure",
    "beyond_dense": "toponn.figures.beyond_dense:beyond_dense_figure",
    "site_tensors": "toponn.figures.site_tensors:site_tensors_figure",
    "curves": "toponn.figures.curves:curves_figure",
    "hessian": "toponn.figures.spectra:hessian_figure",
    "kernel": "toponn.figures.spectra:kernel_figure",
    "landscape": "toponn.figures.landscape:landscape_figure",
    "remedies": "toponn.figures.remedies:remedies_figure",
    "decoupling": "toponn.figures.decoupling:decoupling_figure",
    "proxies": "toponn.figures.proxies:proxies_figure",
    "overlap": "toponn.figures.overlap:overlap_figure",
}
"""Functions ``(given: Given) -> Figure`` under `toponn.figures.record.figure`, by kind: a file's name begins with it.

Figures of the kind ``curves`` have the names that the records of the diagnostics give them instead.
"""
