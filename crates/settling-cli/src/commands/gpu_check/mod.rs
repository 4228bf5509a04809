//! `settling gpu-check`: a GPU held to the CPU, on random models of the shapes of real ones.

mod card;
mod parity;
mod random;
mod speed;

use settling::capture::{Device, LIBTORCH, Precision, set_threads};

use crate::exit::{Exit, Fallible, Outcome};

/// Holds a GPU to the CPU, and times it.
#[derive(clap::Args)]
#[command(after_long_help = "\
Needs: libtorch 2.11.0 with CUDA at run time only. Build anywhere, copy the one file to a machine
       with a GPU and `pip install torch==2.11.0`, and let that PyTorch's libraries be found:

         lib=$(python3 -c 'import torch; print(torch.__path__[0])')/lib
         LD_LIBRARY_PATH=$lib LD_PRELOAD=$lib/libtorch_cuda.so ./settling gpu-check

       Nothing is downloaded. With --device cpu it checks the CPU against itself.
Gives: one table: the same activations, gradients, spectra and CKA; what a GPU does when its
       memory runs out; and how fast it all is. It exits with 0 if every check holds, 1 if one
       does not, 4 without a device.")]
pub(crate) struct Args {
    /// Where: auto, cpu, cuda:N or mps
    #[arg(long, default_value = "auto")]
    device: Device,
    /// Smaller sizes: seconds on any machine
    #[arg(long)]
    quick: bool,
    /// Checks only, no timings
    #[arg(long)]
    no_timings: bool,
    /// Threads of the CPU [default: all]
    #[arg(long)]
    threads: Option<usize>,
}

pub(crate) fn run(args: Args) -> Outcome {
    Ok(if check(&args)? { Exit::Done } else { Exit::Other })
}

/// Whether everything holds.
fn check(args: &Args) -> Fallible<bool> {
    if let Some(threads) = args.threads {
        set_threads(threads);
    }
    // Before anything is computed on the processor.
    args.device.product_speed(Precision::F32)?;
    let index = match args.device {
        Device::Cuda(index) => Some(index),
        _ => None,
    };
    let name = index.and_then(card::describe).map(|card| format!(": {card}")).unwrap_or_default();
    println!("libtorch {LIBTORCH} on {}{name}\n", args.device);

    println!("{:<56} {:>10} {:>10}", "check, device against CPU", "found", "allowed");
    let mut failures = 0;
    parity::all(args.device, args.quick, &mut |check| {
        let verdict = if check.holds() { "" } else { "   FAILED" };
        failures += usize::from(!check.holds());
        let parity::Check { name, found, allowed, note } = check;
        let line = format!("{name:<56} {found:>10.1e} {allowed:>10.0e}{verdict}   {note}");
        println!("{}", line.trim_end());
    })?;
    println!("\n{}", if failures == 0 { "every check holds" } else { "SOME CHECKS FAILED" });

    if !args.no_timings {
        println!(
            "\n{:<56} {:>10} {:>10} {:>7} {:>12} {:>6} {:>9}",
            "time of one pass, the best of several",
            "CPU",
            "device",
            "ratio",
            "tokens/s",
            "busy",
            "memory"
        );
        speed::all(args.device, index, args.quick, &mut |row| println!("{row}"))?;
        if index.is_some() {
            println!(
                "busy and memory: nvidia-smi's, mean and maximum, of all processes on the card"
            );
        }
    }
    Ok(failures == 0)
}
