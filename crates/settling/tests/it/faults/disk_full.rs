//! A disk that is full in earnest, as far as one process can have it: files cannot grow beyond a
//! limit.

use super::child::{Child, scratch};
use super::tree::{assert_same, tree, unfinished};

#[test]
fn files_that_cannot_grow_are_an_error_and_leave_nothing() {
    let (out, whole) = (scratch(), scratch());
    assert!(Child::new(whole.path()).run().success());
    let whole = tree(whole.path());
    // One block, which is 512 or 1024 bytes: enough for a seal, not for the numbers.
    let child = Child::new(out.path());
    let status = child.after("ulimit -f 1; trap '' XFSZ").status().unwrap();
    assert_eq!(status.code(), Some(5), "{}", child.report());
    let report = child.report();
    assert!(report.starts_with("Output: cannot write"), "{report}");
    assert!(
        report.contains("m/step0/corrected: ") && report.contains("File too large"),
        "{report}"
    );
    assert_eq!(unfinished(&tree(out.path())), Vec::<&std::path::PathBuf>::new());
    assert!(Child::new(out.path()).run().success());
    assert_same(&tree(out.path()), &whole, "after the disk was full");
}
