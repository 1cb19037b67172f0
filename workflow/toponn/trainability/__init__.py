"""Diagnostics of what is learned and how often; each returns rows of the trainability table."""

COLUMNS = "task model form diagnostic size condition n_seeds value low high".split()

DIAGNOSTICS = {
    "success": "toponn.trainability.success:success_rows",
    "start": "toponn.trainability.success:start_rows",
    "expressivity": "toponn.trainability.expressivity:expressivity_rows",
    "site_tensors": "toponn.trainability.site_tensors:site_tensor_rows",
}
