"""Guards: one small pure module each; they cap an intent and never widen it.

`judge` of a module returns a `Verdict`: the most of |quantity| that may pass
and, if that is less than all, why. All guards always run and every one
reports; what passes is the minimum of what they allow.
"""
