"""From a dataset to trained weights.

- `protocol`: variants, settings and the criterion of success
- `views`: what a variant sees of a dataset
- `loop`: the training loop, seeds batched; `block`: the seeds that one job trains; `checkpoints`
- `search`: learning rate and weight decay, on the validation split
- `runs`: a run's folder; `saved`: reading it back; `devices`
"""
