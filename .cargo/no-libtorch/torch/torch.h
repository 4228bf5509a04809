// Found only where there is no libtorch, whose header of this name comes first: .cargo/config.toml.
// An include of what is not there is what compilers stop at; after an #error they go on for pages.
#include "there is no libtorch: run `cargo xtask libtorch`, or set LIBTORCH (docs/LIBTORCH.md)"
