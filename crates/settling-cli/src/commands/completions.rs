//! `settling completions`: what a shell needs to complete the command line.

use clap::Command;
use clap_complete::Shell;

use crate::exit::{Exit, Outcome};

/// Prints completions for a shell.
#[derive(clap::Args)]
#[command(after_long_help = "\
Gives: a script on the standard output, for the place where the shell looks for it:
  settling completions bash > ~/.local/share/bash-completion/completions/settling
  settling completions zsh  > ~/.zfunc/_settling        (with fpath+=~/.zfunc in .zshrc)
  settling completions fish > ~/.config/fish/completions/settling.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: Args, mut command: Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "settling", &mut script);
    print!("{}", String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
