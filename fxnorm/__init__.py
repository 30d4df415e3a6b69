"""Effect normalisation of one stem: arrays in, arrays out.

Method: Martínez-Ramírez et al., "Automatic music mixing with deep learning and out-of-domain data", ISMIR 2022
(arXiv 2208.11428), called "the paper" in this package. Audio is float32 of shape (samples, 2), full scale 1.0,
44 100 Hz.
"""
