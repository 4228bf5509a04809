//! Lets binaries of this package find libtorch when they are started without cargo.

fn main() {
    if let Ok(link) = std::env::var("DEP_SETTLING_CAPTURE_LINK") {
        println!("cargo::rustc-link-arg={link}");
    }
}
