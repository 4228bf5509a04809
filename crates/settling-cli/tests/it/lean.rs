//! A build without libtorch, or without the hub: it says how to get what it lacks.

use crate::program::{run, settling, succeed};

#[test]
fn a_command_that_runs_models_says_how_to_get_it() {
    for (command, arguments) in [
        ("study", &["--suite", "runs", "--models", "a", "--out", "out"][..]),
        ("capture", &["model", "--tokens", "rows.npy", "--out", "x.safetensors"]),
        ("gradients", &["model", "--tokens", "rows.npy"]),
        ("gpu-check", &["--quick"]),
    ] {
        let (code, stdout, stderr) = run(&mut settling(command, arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{command}: {stderr}");
        assert!(stderr.contains("cargo install settling-cli --features capture"), "{stderr}");
        assert!(succeed(&mut settling(command, &["--help"])).contains("--features capture"));
    }
}

#[cfg(not(feature = "hub"))]
#[test]
fn a_command_that_asks_the_hub_says_how_to_get_it() {
    for (command, arguments) in
        [("rows", &["--out", "rows.npy"][..]), ("audit", &["--hub", "OWNER/NAME"])]
    {
        let (code, stdout, stderr) = run(&mut settling(command, arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{command}: {stderr}");
        assert!(stderr.contains("cargo install settling-cli --features hub"), "{stderr}");
    }
}
