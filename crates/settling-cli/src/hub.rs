//! The hub of the environment; its downloads show as bars on a terminal.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use settling::hub::{Error, Event, Hub, HubSettings};

/// The hub of the environment, whose downloads show among `bars`.
pub(crate) fn from_env(bars: &MultiProgress) -> Result<Hub, Error> {
    let bars = bars.clone();
    let of_files: Mutex<HashMap<String, ProgressBar>> = Mutex::default();
    Hub::with_listener(HubSettings::from_env()?, move |event| {
        let mut of_files = of_files.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Download { repository, file, size, there } => {
                let style = ProgressStyle::with_template(
                    "fetching {bar:32} {bytes}/{total_bytes}  {eta} left  {msg}",
                );
                let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
                let bar = bars.add(
                    ProgressBar::new(*size)
                        .with_style(style)
                        .with_message(format!("{repository} {file}")),
                );
                bar.set_position(*there);
                of_files.insert((*file).to_owned(), bar);
            }
            Event::Advance { file, bytes } => {
                if let Some(bar) = of_files.get(*file) {
                    bar.inc(*bytes);
                }
            }
            Event::Done { file, .. } => {
                if let Some(bar) = of_files.remove(*file) {
                    bar.finish_and_clear();
                }
            }
            Event::Retrying { reason, wait, .. } => {
                // Printed above the bars, or as a line of its own where there is no terminal.
                bars.suspend(|| eprintln!("{reason}; again in {:.1} s", wait.as_secs_f64()));
            }
            Event::Damaged { path } => {
                bars.suspend(|| eprintln!("{} is damaged: fetched again", path.display()))
            }
            Event::Waiting { file } => {
                bars.suspend(|| eprintln!("waiting for another process that fetches {file}"))
            }
            _ => {}
        }
    })
}
