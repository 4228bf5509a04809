//! What a build without a part has in the place of the commands that need it.

#[cfg(not(feature = "capture"))]
pub(crate) mod libtorch {
    //! A command that runs models.

    use std::ffi::OsString;

    use crate::exit::{Failure, Outcome};

    const HOW: &str = "this build has no libtorch, which runs models: cargo install settling-cli --features capture";

    /// Whatever it is given.
    #[derive(clap::Args)]
    #[command(after_help = HOW)]
    pub(crate) struct Args {
        #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    }

    pub(crate) fn run(args: Args) -> Outcome {
        let _ = args.arguments;
        Err(Failure::usage(HOW).into())
    }
}

/// What a build without the hub says of a command, or of an option, that needs it.
#[cfg(not(feature = "hub"))]
pub(crate) const NO_HUB: &str =
    "this build has no Hugging Face hub: cargo install settling-cli --features hub";

#[cfg(not(feature = "hub"))]
pub(crate) mod hub {
    //! A command that asks the hub.

    use std::ffi::OsString;

    use super::NO_HUB;
    use crate::exit::{Failure, Outcome};

    /// Whatever it is given.
    #[derive(clap::Args)]
    #[command(after_help = NO_HUB)]
    pub(crate) struct Args {
        #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    }

    pub(crate) fn run(args: Args) -> Outcome {
        let _ = args.arguments;
        Err(Failure::usage(NO_HUB).into())
    }
}
