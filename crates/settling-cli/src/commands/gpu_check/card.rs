//! What the driver says about a card while something runs on it.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Name and driver, or nothing where there is no `nvidia-smi`.
pub(super) fn describe(index: usize) -> Option<String> {
    ask(index, "name,driver_version,memory.total").map(|fields| fields.join(", "))
}

/// How busy a card was.
pub(super) struct Load {
    /// Mean of the samples, in percent.
    pub(super) utilisation: f64,
    /// The largest of the samples, in MiB, of all processes on the card.
    pub(super) memory: f64,
}

/// Samples the card while `work` runs. Short work may end before the first sample.
pub(super) fn watch<R>(index: Option<usize>, work: impl FnOnce() -> R) -> (R, Option<Load>) {
    let Some(index) = index else { return (work(), None) };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let mut samples = Vec::new();
            while !done.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(50));
                let Some(fields) = ask(index, "utilization.gpu,memory.used") else { break };
                let numbers: Vec<f64> = fields.iter().filter_map(|field| number(field)).collect();
                if let [utilisation, memory] = numbers[..] {
                    samples.push((utilisation, memory));
                }
            }
            samples
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        let samples = sampler.join().unwrap_or_default();
        let load = (!samples.is_empty()).then(|| Load {
            utilisation: samples.iter().map(|sample| sample.0).sum::<f64>() / samples.len() as f64,
            memory: samples.iter().map(|sample| sample.1).fold(0.0, f64::max),
        });
        (result, load)
    })
}

/// The leading number of `87 %` and the like.
fn number(field: &str) -> Option<f64> {
    field.split_whitespace().next()?.parse().ok()
}

fn ask(index: usize, fields: &str) -> Option<Vec<String>> {
    let output = Command::new("nvidia-smi")
        .args(["-i", &index.to_string(), "--format=csv,noheader"])
        .arg(format!("--query-gpu={fields}"))
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().split(", ").map(str::to_owned).collect())
}
