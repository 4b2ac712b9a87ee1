"""`tandem demo`: the main job end to end against the sandbox, told as it happens. The people in it are `actors`, the plot is `story`."""
