"""gapt: a live chord partner, and Generative Adversarial Post-Training, which made it.

Importing this package, `gapt.music` or `gapt.live` never imports torch: players do not install it.
"""

__version__ = "0.1.0"
