//! Lets the program find libtorch when it is started without cargo; nothing in a build without it.

fn main() {
    if let Ok(link) = std::env::var("DEP_SETTLING_CAPTURE_LINK") {
        println!("cargo::rustc-link-arg={link}");
    }
}
