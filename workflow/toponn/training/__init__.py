"""From a dataset to trained weights.

- `protocol`: variants, settings and the criterion of success
- `views`: the model of a variant, and the encoded inputs that it reads of a dataset
- `loop`: the training loop, all seeds of a block at once; `block`: the seeds that one job trains; `checkpoints`
- `search`: learning rate and weight decay, on the validation split
- `runs`: a run's folder; `saved`: reading it back; `devices`
"""
