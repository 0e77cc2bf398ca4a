"""The step decorator: a pattern is about the whole text (behave adds the anchors)."""
import behave


def step(pattern):
    behave.use_step_matcher("re")
    return behave.step(pattern)
