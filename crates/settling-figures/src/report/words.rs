//! What a report says whatever the records hold.

pub(super) const INTRODUCTION: &str = "How the layers of language models settle over pre-training, and what goes with it: how similar \
    each layer's activations are to those of the last checkpoint, and how many directions its weights and gradients use. Everything \
    here is computed from the tables of a study; the figures can be drawn again from them.";

/// What holds under every protocol.
pub(super) const DEFINITIONS: [(&str, &str); 6] = [
    (
        "CKA",
        "linear centered kernel alignment (Kornblith et al. 2019) of a site's activations at a \
         checkpoint with those at the last checkpoint of the same model, on the same token rows. At \
         the last checkpoint it is 1 by definition. The debiased estimate (Song et al. 2012) is 0 on \
         average for unrelated features and may be below 0; the biased one is not.",
    ),
    (
        "Floor",
        "what the biased CKA of independent features of the same shape would be. It grows with the \
         directions that the features use and shrinks with the number of observations: for 128 \
         observations of 512 equally used directions it is 0.80.",
    ),
    (
        "Effective rank",
        "the exponential of the entropy of the singular values divided by their sum (Roy & Vetterli \
         2007).",
    ),
    (
        "PER",
        "proportional effective rank: the effective rank divided by the largest one that the matrix \
         can have, or by what the protocol names instead.",
    ),
    (
        "Settling step",
        "the first measured step from which on the CKA reaches a threshold and never falls below it \
         again. A layer that reaches it only at the last step is not settled.",
    ),
    (
        "MCC",
        "Matthews correlation over the layers of a model of large PER (predicted) with early \
         convergence (actual): 1 if they are the same layers, 0 if unrelated. It is undefined, not \
         0, if all layers agree in one of the two.",
    ),
];

pub(super) const SUPPORTED: [&str; 3] = [
    "How similar each layer's output on these token rows is to what it is at the end of this training run, at the measured steps.",
    "How evenly the singular values of each layer's weights and gradients are spread, and how that changes.",
    "Whether, in these models and under these thresholds, the layers with a large PER are the ones that converge early; the table \
     beside each coefficient says on how many layers that rests.",
];

pub(super) const UNSUPPORTED: [&str; 10] = [
    "Layers of one model are not independent observations: they are trained together, and neighbors resemble each other. \
     Intervals are too narrow and p-values too small, by an unknown factor.",
    "The biased CKA with few observations confounds width with convergence: its floor rises with the width of the model, so that a \
     larger model looks converged before training has begun. Compare it with the floor, or use the debiased CKA.",
    "A CKA with the last checkpoint is 1 at the end by definition, whatever the layer has learned. It measures closeness to the \
     end of this run, not quality, and not closeness to what longer training would give.",
    "Both checkpoints see the same token rows. The numbers speak about these rows; rows that were trained on are not held-out text, \
     and other text may give other numbers.",
    "An undefined correlation is not a correlation of 0. Where all layers converge early, or none does, the table cannot speak about \
     the question; counting only models with a defined one selects among them.",
    "A few models are not a scaling law. Models of a suite differ in depth, width, learning rate and batch as well as in size, and \
     here each size is as a rule one run: differences between sizes include differences between seeds.",
    "Models that were trained on identical data in identical order may resemble each other for that reason.",
    "Between measured steps nothing is known. A settling step is that of the first measurement, and checkpoints that are far apart \
     can hide a layer that left its place and came back.",
    "PER says how evenly singular values are spread, not which directions they belong to or whether the model uses them. That it \
     goes with convergence does not make either the cause of the other.",
    "Thresholds are choices. A coefficient that changes with them, as the surfaces show, is a statement about the threshold too. \
     And of many coefficients some are large by chance.",
];
